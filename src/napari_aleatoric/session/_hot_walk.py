"""Walking the hot regions of the item on the screen: the state of one window, without Qt and napari."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.model import ItemKey

from ._hot_finder import FoundRegions, HotFinder
from ._hot_walk_view import HotWalkView, hot_rows, proposal_of, why_none
from ._hot_words import Bar, HotWords
from ._item import ItemData
from ._notice import Kind, Notice
from ._sentence import sentence_of
from ._training_work import Deliver, Worker, in_a_thread

if TYPE_CHECKING:
    from napari_aleatoric.review import SettledRegion
    from napari_aleatoric.uncertainty import HotRegion

    from ._session import ReviewSession

__all__ = ["HotWalk"]


class HotWalk:
    """Which regions the map on the screen has, which one is in question, what was said of them. Main thread only.

    Regions are looked for beside the main thread, and only while somebody walks them: between `turn_on` and
    `turn_off`. The threshold is that of the heatmap, so that what is drawn is what is listed.

    Attributes
    ----------
    view : HotWalkView
        What the list shows.
    later : callable
        Called when the wishes changed; `look` itself, or what calls it when they have come to rest.

    Parameters
    ----------
    session : ReviewSession
        What is on the screen.
    deliver, worker : callable, optional
        Run a function in the main thread, and elsewhere; the default in a thread.
    bar : callable, optional
        See `HotWords`.
    """

    view_changed = Signal(object)  # HotWalkView
    region_changed = Signal(object)  # HotRegion or None: the one in question
    looked = Signal(object)  # HotRegion: go there

    def __init__(
        self,
        session: ReviewSession,
        deliver: Deliver | None = None,
        worker: Worker = in_a_thread,
        bar: Bar | None = None,
    ) -> None:
        self._session = session
        self._finder = HotFinder(session, deliver or (lambda call: call()), worker, self._failed)
        self._words = HotWords(session, bar)
        self._before: NDArray[Any] | None = None  # the label as it was when the item came
        self._seen: set[str] = set()  # entries that the program made by itself since then
        self._barred: set[str] = set()  # exclusions since then
        self._goes_to_first = False
        self.is_on = False
        self.view = HotWalkView()
        self.later: Callable[[], None] = self.look
        self._finder.asked.connect(lambda: self._show(is_busy=True))
        self._finder.came.connect(self._came)
        self._links = (
            (session.item_changed, self._item_changed),
            (session.version_changed, self._changed),
            (session.view_changed, self._changed),
            (session.sight_changed, self._changed),
            (session.unsaved_changed, self._show_found),
            (session.history_changed, self._history_changed),
        )
        for signal, slot in self._links:
            signal.connect(slot)
        if session.item is not None:
            self._before = session.last_saved

    def close(self) -> None:
        """Stop looking."""
        self.is_on = False
        for signal, slot in self._links:
            signal.disconnect(slot)
        self._finder.close()

    # -- which regions --------------------------------------------------------------------------------

    def turn_on(self, *, go: bool = False) -> None:
        """Look for regions from now on; with ``go``, go to the first open one."""
        if not self.is_on:
            self.is_on, self._goes_to_first = True, go
            self.look()
        elif go and self._finder.found is None:
            self._goes_to_first = True
        elif go:
            self.go_to(self.view.row)

    def turn_off(self) -> None:
        """Look no more; what was said is kept."""
        self.is_on = self._goes_to_first = False
        self._forget("")

    def look(self) -> None:
        """Look for the regions of what is on the screen, unless they are known."""
        item = self._session.item
        if not self.is_on:
            return
        if item is None or (why := why_none(item, self._session.view)):
            self._forget("Open a case first." if item is None else why)
            return
        self._finder.look(item)

    def _forget(self, why: str) -> None:
        self._finder.forget()
        self._show(rows=(), row=-1, is_busy=False, proposal=None, smaller="", sentence=why)
        self.region_changed.emit(None)

    def _changed(self, _: object = None) -> None:
        if self.is_on:
            self.later()

    def _item_changed(self, item: ItemData) -> None:
        self._before = self._session.last_saved
        self._seen, self._barred = set(), set()
        if self.is_on:
            self._goes_to_first = True
            self._forget("")
            self.look()

    def _history_changed(self, key: ItemKey) -> None:
        if self._finder.found is not None and key == self._finder.found.key:
            self._finder.settle()
            self._show_found()

    def _came(self, found: FoundRegions) -> None:
        kept, regions = self.view.rows[self.view.row : self.view.row + 1], found.regions
        row = found.row_with(kept[0].centre_zyx, kept[0].class_index) if kept and not self._goes_to_first else -1
        if row < 0:
            row = next((n for n, one in enumerate(found.reviewed.settled) if one is None), 0 if regions else -1)
        n = found.reviewed.found.n_smaller
        self._show(
            row=row,
            is_busy=False,
            smaller=f"{n:,} smaller one{' is' if n == 1 else 's are'} not listed." if n else "",
            sentence="" if regions else f"Nothing of the map is at or above {found.spec.threshold:.2f} here.",
        )
        self._show_found()
        self.region_changed.emit(self.region)
        if self._goes_to_first and self.region is not None:
            self.looked.emit(self.region)
        self._goes_to_first = False
        self.follow()

    # -- walking --------------------------------------------------------------------------------------

    @property
    def region(self) -> HotRegion | None:
        """The region in question."""
        found = self._finder.found
        return found.regions[self.view.row] if found is not None and self.view.row >= 0 else None

    def go_on_at_the_end(self, wished: bool) -> None:
        """Choose whether the walk leads on to the next case."""
        self._show(goes_on=wished)

    def step(self, by: int) -> None:
        """Go to the next region (+1) or the one before (−1); behind the last one to the next case, if wished."""
        self.follow()
        row = self.view.row + by
        if self.view.rows and 0 <= row < len(self.view.rows):
            self.go_to(row)
        elif self.view.is_busy:
            return
        elif by > 0 and self.view.goes_on:
            self._session.next_item()
        elif self.view.rows:
            self._tell(f"This is the {'last' if by > 0 else 'first'} region of this case.")
        else:
            self._tell(self.view.sentence)

    def go_to(self, row: int) -> None:
        """Take a region of the list into question, and go there."""
        if 0 <= row < len(self.view.rows):
            self._show(row=row)
            self.region_changed.emit(self.region)
            self.looked.emit(self.region)

    def _go_on(self) -> None:
        """Go to the next region that is open; if there is none, say so."""
        rows, here = self.view.rows, self.view.row
        row = next((n for n in (*range(here + 1, len(rows)), *range(here)) if not rows[n].kind), None)
        if row is not None:
            self.go_to(row)
        elif self.view.proposal is not None:
            self._tell(f"{self.view.progress}: the label can be recorded as {self.view.proposal.value}.")

    # -- deciding -------------------------------------------------------------------------------------

    def say(self, kind: Literal["accepted", "repainted", "excluded"]) -> None:
        """Say of the region in question that its label is right, was repainted, or is not to be learned from.

        What is not to be learned from is barred, in one step that can be undone. The next open region follows.
        """
        self.follow()
        found, region = self._finder.found, self.region
        if found is None or region is None:
            self._tell(self.view.sentence or "There is no region in question.")
            return
        if kind == "excluded":
            entry = self._words.exclude(found, region)
            self._barred |= {entry.decision_id} if entry is not None else set()
        else:
            entry = self._words.append(found, region, kind)
        if entry is not None:
            self._settle()
            self._go_on()

    def undo(self) -> None:
        """Take back what this reader said of the region in question; both stay in the log."""
        settled = self._settled_of(self.view.row)
        if settled is None:
            self._tell("Nothing was said of this region that could be taken back.")
        elif settled.entry.reader != self._session.reader:
            self._tell(f"{settled.entry.reader} said so. Say what holds for you instead.")
        else:
            self._words.take_back(settled.entry)
            self._settle()

    def follow(self) -> None:
        """See which regions were repainted since the item came, or no longer are, and mark them so.

        An exclusion of which every voxel is learned from again (undone on its layer, or erased) is taken back.
        """
        item, found = self._session.item, self._finder.found
        if item is None or found is None or self._before is None or self._before.shape != item.label.shape:
            return
        for row, region in enumerate(found.regions):
            if self._follow(item, found, region, row):
                self._settle()

    def _follow(self, item: ItemData, found: FoundRegions, region: HotRegion, row: int) -> bool:
        """Follow one region; return whether anything was said of it."""
        settled, before = self._settled_of(row), self._before
        entry = None if settled is None else settled.entry
        if entry is not None and entry.kind == "excluded":
            if entry.decision_id in self._barred and self._words.is_learned_again(item, entry):
                self._words.take_back(entry)
                return True
            return False
        by_itself = entry is not None and entry.decision_id in self._seen
        if before is None or (entry is not None and entry.kind == "repainted" and not by_itself):
            return False
        changed = found.nearby[row].is_repainted(item.label, before, looked_at=by_itself or row == self.view.row)
        if changed and not by_itself:
            made = self._words.append(found, region, "repainted", by_itself=True)
            self._seen |= {made.decision_id} if made is not None else set()
            return made is not None
        if entry is not None and by_itself and not changed:
            self._words.take_back(entry)
            return True
        return False

    # -- showing --------------------------------------------------------------------------------------

    def _settled_of(self, row: int) -> SettledRegion | None:
        found = self._finder.found
        return found.reviewed.settled[row] if found is not None and 0 <= row < len(found.regions) else None

    def _settle(self) -> None:
        self._finder.settle()
        self._show_found()

    def _show_found(self, _: object = None) -> None:
        found, session = self._finder.found, self._session
        if found is None or session.item is None:
            return
        proposal = proposal_of(
            found.reviewed, is_unsaved=session.label_unsaved, has_version=bool(session.item.label_version)
        )
        self._show(rows=hot_rows(found.reviewed, session.classes), proposal=proposal)

    def _show(self, **changes: Any) -> None:
        view = replace(self.view, **changes)
        if view != self.view:
            self.view = view
            self.view_changed.emit(view)

    def _failed(self, error: BaseException) -> None:
        self._show(is_busy=False)
        self._tell(f"The regions could not be found. {sentence_of(error)}", Kind.ERROR)

    def _tell(self, text: str, kind: Kind = Kind.INFO) -> None:
        if text:
            self._session.notice.emit(Notice(text, kind))
