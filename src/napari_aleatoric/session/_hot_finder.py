"""Looks for the hot regions of the item on the screen, beside the main thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_aleatoric.model import ItemKey

from ._hot_changes import Nearby, nearby_of
from ._item import ItemData
from ._training_work import Beside, Deliver, Worker

if TYPE_CHECKING:
    from napari_aleatoric.review import RegionSpec, ReviewedRegions
    from napari_aleatoric.uncertainty import HotRegion

    from ._session import ReviewSession

__all__ = ["FoundRegions", "HotFinder"]


@dataclass(frozen=True, eq=False)
class FoundRegions:
    """What was found in the map of one label.

    Parameters
    ----------
    key : ItemKey
        Of which label.
    spec : RegionSpec
        What was looked for.
    reviewed : ReviewedRegions
        The regions, and what holds for each.
    nearby : tuple of Nearby
        What lies near each.
    """

    key: ItemKey
    spec: RegionSpec
    reviewed: ReviewedRegions
    nearby: tuple[Nearby, ...]

    @property
    def regions(self) -> tuple[HotRegion, ...]:
        """The heaviest first."""
        return self.reviewed.regions

    def row_with(self, index_zyx: tuple[int, int, int], class_index: int) -> int:
        """Return the first region of a class that a voxel is in; −1 if it is in none."""
        for row, region in enumerate(self.regions):
            at = tuple(i - a for i, a in zip(index_zyx, region.start_zyx, strict=True))
            in_box = all(0 <= i < n for i, n in zip(at, region.inside.shape, strict=True))
            if region.class_index == class_index and in_box and region.inside[at]:
                return row
        return -1


class HotFinder:
    """Finds the regions that the wishes of a session ask for; of what was asked for meanwhile only the newest.

    Attributes
    ----------
    found : FoundRegions or None
        What was found for what is on the screen; None while it is not known.

    Parameters
    ----------
    session : ReviewSession
        What is on the screen.
    deliver, worker : callable
        Run a function in the main thread, and elsewhere.
    failed : callable
        Is given what went wrong.
    """

    asked = Signal()  # they are being looked for
    came = Signal(object)  # FoundRegions

    def __init__(
        self, session: ReviewSession, deliver: Deliver, worker: Worker, failed: Callable[[BaseException], None]
    ) -> None:
        self._session = session
        self._files = Beside(deliver, worker, failed)
        self._wish: tuple[ItemKey, RegionSpec, Any] | None = None
        self.found: FoundRegions | None = None

    def close(self) -> None:
        """Drop what is still to come."""
        self._files.close()

    def forget(self) -> None:
        """Know nothing any more."""
        self._wish = self.found = None
        self._files.forget()

    def look(self, item: ItemData) -> None:
        """Look for the regions of the map on the screen, unless they are known or on their way."""
        session, heat = self._session, item.heat
        if heat is None or session.view is None or session.store is None:
            return
        from napari_aleatoric.review import RegionSpec, review_regions

        key, shape, store, shown = item.key, item.label.shape, session.store, session.view.heatmap_classes
        spec = RegionSpec(map_name=item.map_name, threshold=session.options.threshold, classes=shown)
        wish = (key, spec, heat)
        if self._wish is not None and self._wish[:2] == wish[:2] and self._wish[2] is heat:
            return
        self._wish = wish
        self.asked.emit()

        def work() -> FoundRegions:
            reviewed = review_regions(heat.of, shown, heat.geometry, store.regions.of(key), spec)
            return FoundRegions(key, spec, reviewed, tuple(nearby_of(r, shape) for r in reviewed.regions))

        def done(found: FoundRegions) -> None:
            if self._wish is wish:
                self.found = found
                self.came.emit(found)

        self._files.ask("look", work, done)

    def settle(self) -> FoundRegions | None:
        """Read again what was said of the regions that are known, and return them."""
        found, store = self.found, self._session.store
        if found is None or store is None:
            return None
        from napari_aleatoric.review import SettledVoxels

        voxels = SettledVoxels.of(store.regions.of(found.key), found.spec.map_name)
        settled = tuple(voxels.find(region) for region in found.regions)
        self.found = replace(found, reviewed=replace(found.reviewed, settled=settled))
        return self.found
