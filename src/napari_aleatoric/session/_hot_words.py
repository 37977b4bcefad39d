"""What a reader says of a hot region goes into the log, and what is not learned from with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError

from ._notice import Kind, Notice
from ._sentence import sentence_of

if TYPE_CHECKING:
    from napari_aleatoric.review import RegionEntry
    from napari_aleatoric.uncertainty import HotRegion

    from ._hot_finder import FoundRegions
    from ._item import ItemData
    from ._session import ReviewSession

__all__ = ["Bar", "HotWords"]

Box = tuple[slice, slice, slice]
Bar = Callable[[Box, NDArray[np.bool_], int], None]
"""Writes a value into some voxels of a box of what is not to be learned from."""


class HotWords:
    """Appends what is said of regions, and takes it back.

    Parameters
    ----------
    session : ReviewSession
        What is on the screen.
    bar : callable, optional
        Writes in one step that can be undone; by default straight into the array.
    """

    def __init__(self, session: ReviewSession, bar: Bar | None = None) -> None:
        self._session = session
        self._bar: Bar = bar or self._write

    def append(self, found: FoundRegions, region: HotRegion, kind: Any, **about: Any) -> RegionEntry | None:
        """Append an entry; None, and a notice, if it is not on the disk."""
        from napari_aleatoric.review import entry_on

        session, item = self._session, self._session.item
        if session.store is None or item is None:
            return None
        entry = entry_on(
            region,
            kind,
            case_id=item.key.case_id,
            label_reader=item.key.label_reader,
            reader=session.reader,
            map_name=found.spec.map_name,
            threshold=found.spec.threshold,
            label_version=item.label_version,
            **about,
        )
        try:
            session.store.regions.append(entry)
        except AleatoricError as error:
            self._tell(f"What you said of this region was not recorded. {sentence_of(error)}")
            return None
        return entry

    def exclude(self, found: FoundRegions, region: HotRegion) -> RegionEntry | None:
        """Append that nothing is to be learned from a region, and bar its voxels that were learned from."""
        item = self._session.item
        if item is None or item.barred is None or item.barred.problem:
            self._tell("What is not to be learned from cannot be changed here.", Kind.WARNING)
            return None
        newly = region.inside & (item.barred.mask[region.box] == 0)
        entry = self.append(found, region, "excluded", barred=newly)
        if entry is not None:
            self._session.bar_voxels(lambda: self._bar(region.box, newly, 1))
        return entry

    def take_back(self, entry: RegionEntry) -> None:
        """Append that an entry holds no more; what it barred is learned from again."""
        session, item = self._session, self._session.item
        if session.store is None or item is None:
            return
        try:
            session.store.regions.undo(item.key, entry.decision_id, session.reader)
        except AleatoricError as error:
            self._tell(f"Nothing was taken back. {sentence_of(error)}")
            return
        newly = entry.newly_barred
        if newly.any() and item.barred is not None:
            session.bar_voxels(lambda: self._bar(_box_of(entry), newly, 0))

    def is_learned_again(self, item: ItemData, entry: RegionEntry) -> bool:
        """Whether everything that an entry barred was erased since, or undone on the layer."""
        newly = entry.newly_barred
        return item.barred is not None and bool(newly.any()) and not item.barred.mask[_box_of(entry)][newly].any()

    def _write(self, box: Box, inside: NDArray[np.bool_], value: int) -> None:
        item = self._session.item
        if item is not None and item.barred is not None:
            item.barred.mask[box][inside] = value

    def _tell(self, text: str, kind: Kind = Kind.ERROR) -> None:
        self._session.notice.emit(Notice(text, kind))


def _box_of(entry: RegionEntry) -> Box:
    z, y, x = (slice(a, a + n) for a, n in zip(entry.start_zyx, entry.about["shape_zyx"], strict=True))
    return z, y, x
