"""Camera and slice for one region: in the middle, and large enough to judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from napari.components import ViewerModel

from napari_aleatoric.uncertainty import DisputedRegion

__all__ = ["look_at_region"]

_PART = 0.3  # of the canvas that a region takes up, about
_LARGEST = 8.0  # times the whole image
_NEAR = (0.7, 2.0)  # a zoom within these of the one that fits is left as it is


def look_at_region(
    viewer: ViewerModel, region: DisputedRegion, scale_zyx: Sequence[float], shape_zyx: Sequence[int], whole: float
) -> None:
    """Show the slice in the middle of a region, with the region in the middle of the canvas.

    A zoom that suits it already is kept.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    region : DisputedRegion
        On the grid that is shown.
    scale_zyx : sequence of float
        World units for a voxel.
    shape_zyx : sequence of int
        Of the image.
    whole : float
        Canvas pixels for a world unit at which the whole image is seen.
    """
    scale = np.asarray(scale_zyx, dtype=float)
    place = np.asarray(region.centre_zyx) * scale
    dims, camera = viewer.dims, viewer.scene.camera
    dims.set_point((0, 1, 2), tuple(map(float, place)))  # at once, so that the layers are sliced once
    if dims.ndisplay != 2:
        return
    shown = list(dims.displayed)
    extent = (np.asarray(region.inside.shape) * scale)[shown]
    image = (np.asarray(shape_zyx) * scale)[shown]
    wanted = whole * float(np.clip((_PART * image / extent).min(), 1.0, _LARGEST))
    if not _NEAR[0] <= camera.zoom / wanted <= _NEAR[1]:
        camera.zoom = wanted
    middle = ((np.asarray(region.start_zyx) + (np.asarray(region.inside.shape) - 1) / 2) * scale)[shown]
    camera.center = (0.0, float(middle[0]), float(middle[1]))
