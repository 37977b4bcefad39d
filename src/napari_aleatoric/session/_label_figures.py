"""Figures of the label on the screen, before and after: worked out beside the window."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace

from ._item import ItemData
from ._label_statistics import ClassStatistics, label_statistics

if TYPE_CHECKING:
    from ._session import ReviewSession

__all__ = ["LabelFigures"]

_Figures = tuple[ClassStatistics, ...]


class LabelFigures:
    """Statistics of every class, of the data set's own label and of the label on the screen. Main thread only.

    Nothing is worked out before somebody asks; a late answer about another case is dropped.

    Attributes
    ----------
    before : tuple of ClassStatistics
        Of the label as the data set has it; empty while it is not known, or where there is none.
    after : tuple of ClassStatistics
        Of the label on the screen, as it was at the last look.

    Parameters
    ----------
    session : ReviewSession
        Says what is on the screen.
    deliver : callable
        Runs a function in the main thread.
    """

    changed = Signal()

    def __init__(self, session: ReviewSession, deliver: Callable[[Callable[[], None]], None]) -> None:
        self._session, self._deliver = session, deliver
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="label-figures")
        self._item: ItemData | None = None
        self._is_busy = self._is_stale = False
        self.before: _Figures = ()
        self.after: _Figures = ()

    def close(self) -> None:
        """Drop what is still worked out, and let go."""
        self._item = None
        self._worker.shutdown(wait=True, cancel_futures=True)

    def look(self) -> None:
        """Work out the figures of what is on the screen; one look at a time, and one more if asked meanwhile."""
        item, workspace = self._session.item, self._session.workspace
        if item is None or workspace is None:
            return
        if self._item is None or self._item.key != item.key or self._item.label is not item.label:
            self.before = self.after = ()
            self.changed.emit()
        self._item = item
        if self._is_busy:
            self._is_stale = True
            return
        self._is_busy, self._is_stale = True, False
        classes, before = self._session.classes, self.before

        def work() -> tuple[_Figures, _Figures]:
            first = before
            if not before:
                label = _original(item, workspace)
                first = () if label is None else label_statistics(label, item.image, classes)
            return first, label_statistics(item.label, item.image, classes)

        future = self._worker.submit(work)
        future.add_done_callback(lambda done: self._deliver(lambda: self._looked(item, done)))

    def _looked(self, item: ItemData, done: Future[tuple[_Figures, _Figures]]) -> None:
        self._is_busy = False
        if self._item is None or done.cancelled():
            return
        now = self._session.item
        if now is not None and now.key == item.key and now.label is item.label and done.exception() is None:
            self.before, self.after = done.result()
            self.changed.emit()
        if self._is_stale:
            self.look()


def _original(item: ItemData, workspace: Workspace) -> NDArray[Any] | None:
    """Return the label as the data set has it, upright; None where there is none."""
    if item.original is not None:
        return item.original
    try:
        found = workspace.load_label(*item.key, warn=False).upright().data
    except AleatoricError:
        return None
    return found if found.shape == item.label.shape else None
