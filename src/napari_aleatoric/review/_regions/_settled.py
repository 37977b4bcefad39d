"""Which regions are settled: those of which at least half lies in voxels that something was said of. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.review._storage._fold import effective
from napari_aleatoric.review._storage._region_log import RegionEntry, RegionKind, packed_voxels
from napari_aleatoric.uncertainty import HotRegion

__all__ = ["SettledRegion", "SettledVoxels", "entry_on"]

BoolArray = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class SettledRegion:
    """What holds for a region.

    Parameters
    ----------
    entry : RegionEntry
        The entry that most of its settled voxels belong to.
    part : float
        How much of the region is settled, 0.5..1.
    """

    entry: RegionEntry
    part: float


@dataclass(frozen=True, eq=False)
class SettledVoxels:
    """What was said of the voxels of one label because of one map, and still holds.

    Regions are found anew whenever the threshold moves or the case is scored; what was said stays with the voxels.
    It holds for regions of all classes: it speaks of the label there, and one label is right or wrong for all.

    Parameters
    ----------
    entries : tuple of RegionEntry
        Oldest first: of two on the same voxel the later one holds.
    """

    entries: tuple[RegionEntry, ...] = ()
    _masks: dict[str, BoolArray] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, log: Iterable[RegionEntry], map_name: str) -> SettledVoxels:
        """Take what still holds of a log, oldest first, of one map."""
        return cls(tuple(entry for entry in effective(list(log)) if entry.map_name == map_name))

    def find(self, region: HotRegion) -> SettledRegion | None:
        """Say what holds for a region; None while less than half of it is settled."""
        overlapping = [(n, box) for n, entry in enumerate(self.entries) if (box := _common(region, entry))]
        if not overlapping:
            return None
        by = np.full(region.inside.shape, -1, dtype=np.int32)
        for number, (here, there) in overlapping:
            by[here][self._mask(self.entries[number])[there]] = number
        numbers = by[region.inside]
        numbers = numbers[numbers >= 0]
        if not len(numbers) or 2 * len(numbers) < region.n_voxels:
            return None
        most = int(np.bincount(numbers).argmax())
        return SettledRegion(self.entries[most], len(numbers) / region.n_voxels)

    def _mask(self, entry: RegionEntry) -> BoolArray:
        if entry.decision_id not in self._masks:
            self._masks[entry.decision_id] = entry.inside
        return self._masks[entry.decision_id]


def _common(region: HotRegion, entry: RegionEntry) -> tuple[Box, Box] | None:
    """Return what the boxes of a region and an entry share, in the box of each; None if they do not meet."""
    ours, theirs = np.asarray(region.start_zyx), np.asarray(entry.start_zyx)
    first = np.maximum(ours, theirs)
    last = np.minimum(ours + region.inside.shape, theirs + entry.about["shape_zyx"])
    if (first >= last).any():
        return None
    return _box(first - ours, last - ours), _box(first - theirs, last - theirs)


def _box(first: NDArray[Any], last: NDArray[Any]) -> Box:
    z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return z, y, x


def entry_on(
    region: HotRegion,
    kind: RegionKind,
    *,
    case_id: str,
    label_reader: str,
    reader: str,
    map_name: str,
    threshold: float,
    label_version: str = "",
    barred: BoolArray | None = None,
    by_itself: bool = False,
) -> RegionEntry:
    """Make the entry that says something of a region.

    Parameters
    ----------
    region : HotRegion
        Of which.
    kind : str
        What.
    barred : numpy.ndarray of bool, optional
        Voxels of its box that are learned from no more because of this entry.
    by_itself : bool
        Whether the program saw it, and nobody said it.
    case_id, label_reader, reader, map_name, threshold, label_version
        See `RegionEntry`.
    """
    about = {
        "start_zyx": list(region.start_zyx),
        "shape_zyx": list(region.inside.shape),
        "centre_zyx": list(region.centre_zyx),
        "n_voxels": region.n_voxels,
        "mass": region.mass,
        "mean": region.mean,
        "top": region.top,
        "label_version": label_version,
        **({"by_itself": True} if by_itself else {}),
    }
    return RegionEntry(
        case_id=case_id,
        label_reader=label_reader,
        reader=reader,
        kind=kind,
        map_name=map_name,
        class_index=region.class_index,
        threshold=threshold,
        digest=region.digest,
        about=about,
        voxels=packed_voxels(region.inside),
        barred=None if barred is None else packed_voxels(barred),
    )
