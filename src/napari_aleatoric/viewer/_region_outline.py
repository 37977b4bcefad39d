"""The outline of the hot region in question, over the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_aleatoric.uncertainty import HotRegion

__all__ = ["HOT_REGION", "RegionOutline"]

HOT_REGION = "Region"
_OWNER = "napari-aleatoric-region"
_COLOUR = "#ffffff"  # no class and no heat is white


class RegionOutline:
    """Shows one region at a time, in a layer no larger than it: scrolling through a large volume costs no more.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    image : callable
        Returns the layer of the image, on whose grid regions lie.
    """

    def __init__(self, viewer: ViewerModel, image: Callable[[], Image | None]) -> None:
        self._viewer, self._image = viewer, image
        viewer.dims.events.ndisplay.connect(self._turned)

    @property
    def layer(self) -> Labels | None:
        """The layer; None while no region is shown."""
        for layer in self._viewer.layers:
            if layer.metadata.get("owner") == _OWNER:
                return layer if isinstance(layer, Labels) else None
        return None

    def show(self, region: HotRegion | None) -> None:
        """Show a region instead of the one before; None shows none."""
        image = self._image()
        if region is None or image is None:
            self._drop()
            return
        shape = image.data.shape[:3]
        low = [max(0, a - 1) for a in region.start_zyx]  # room for the outline, within the image
        high = [min(n, s.stop + 1) for n, s in zip(shape, region.box, strict=True)]
        mask = np.zeros([b - a for a, b in zip(low, high, strict=True)], dtype=np.uint8)
        mask[tuple(slice(s.start - a, s.stop - a) for s, a in zip(region.box, low, strict=True))] = region.inside
        scale = np.asarray(image.scale[-3:], dtype=float)
        translate = np.asarray(image.translate[-3:], dtype=float) + scale * low
        layer = self.layer
        if layer is not None:
            layer.locked = False
            layer.scale, layer.units, layer.translate = scale, image.units, translate
            layer.data = mask
            layer.locked = True
            return
        layer = Labels(
            mask,
            name=HOT_REGION,
            colormap=DirectLabelColormap(color_dict={0: "transparent", None: _COLOUR}),
            opacity=1.0,
            scale=scale,
            translate=translate,
            units=image.units,
            axis_labels=image.axis_labels,
            metadata={"owner": _OWNER},
        )
        layer.editable = False
        layer.locked = True
        active = self._viewer.layers.selection.active
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = active
        self._turned()

    def close(self) -> None:
        """Take the outline away and let go of the viewer."""
        self._viewer.dims.events.ndisplay.disconnect(self._turned)
        self._drop()
        del self._viewer

    def _drop(self) -> None:
        layer = self.layer
        if layer is not None:
            layer.locked = False
            active = self._viewer.layers.selection.active
            self._viewer.layers.remove(layer)
            if active is not layer and active in self._viewer.layers:
                self._viewer.layers.selection.active = active

    def _turned(self, event: Any = None) -> None:
        """Between 2-D and 3-D: an outline, or the voxels themselves."""
        layer = self.layer
        if layer is None:
            return
        flat = self._viewer.dims.ndisplay == 2
        layer.contour = 1 if flat else 0
        layer.opacity = 1.0 if flat else 0.4
        layer.blending = "translucent" if flat else "translucent_no_depth"
