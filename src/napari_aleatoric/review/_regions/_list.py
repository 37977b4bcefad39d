"""The regions of one label's map, with what was said of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.io import Workspace, read_map
from napari_aleatoric.model import WHOLE_CASE, Geometry, ItemKey
from napari_aleatoric.review._storage._region_log import RegionEntry
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import HotRegion, HotRegions, hot_regions

from ._settled import SettledRegion, SettledVoxels
from ._spec import RegionSpec

__all__ = ["ReviewedRegions", "list_regions", "review_regions"]


@dataclass(frozen=True, eq=False)
class ReviewedRegions:
    """Regions of a map and what was said of them.

    Parameters
    ----------
    found : HotRegions
        The heaviest first.
    settled : tuple of SettledRegion or None
        What holds for each; None for one that is open.
    geometry : Geometry
        The grid of the map, upright.
    """

    found: HotRegions
    settled: tuple[SettledRegion | None, ...]
    geometry: Geometry

    @property
    def regions(self) -> tuple[HotRegion, ...]:
        """The heaviest first."""
        return self.found.regions

    @property
    def n_open(self) -> int:
        """How many are not settled."""
        return sum(one is None for one in self.settled)


def review_regions(
    values_of: Callable[[int], NDArray[np.uint8]],
    class_indices: Sequence[int],
    geometry: Geometry,
    log: Iterable[RegionEntry],
    spec: RegionSpec,
) -> ReviewedRegions:
    """Find the regions of a map, and what a log says of them.

    Parameters
    ----------
    values_of, class_indices
        The map; see `hot_regions`. Classes that ``spec`` does not name are passed over.
    geometry : Geometry
        Its grid. Mass is in millilitres where its spacing is known, else in voxels.
    log : iterable of RegionEntry
        Of this label, oldest first.
    spec : RegionSpec
        What is a region.
    """
    wanted = [c for c in class_indices if c != WHOLE_CASE and (not spec.classes or c in spec.classes)]
    volume = geometry.voxel_volume_ml if geometry.spacing_known else 1.0
    found = hot_regions(values_of, wanted, spec.threshold, volume, least_part=spec.least_part, at_most=spec.at_most)
    voxels = SettledVoxels.of(log, spec.map_name)
    return ReviewedRegions(found, tuple(voxels.find(region) for region in found.regions), geometry)


def list_regions(
    workspace: Workspace, store: ReviewStore, key: ItemKey, spec: RegionSpec | None = None
) -> ReviewedRegions:
    """Find the regions of a label's map on the disk, and what was said of them.

    Raises
    ------
    NotFoundError
        If the label has no such map, or its reader must not see it.
    """
    spec = spec or RegionSpec()
    source = read_map(workspace, key, spec.map_name)
    return review_regions(source.of, source.class_indices, source.geometry, store.regions.of(key), spec)
