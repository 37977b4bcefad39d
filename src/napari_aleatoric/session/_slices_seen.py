"""Slices that a segmenter has looked at, and those it is to look at next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

from ._prompt_work import CaseInView, LoadedModel, SeenSlice, look_at
from ._prompt_worker import UrgencyWorker
from ._slice_plane import SlicePlane

__all__ = ["SlicesSeen"]

_LOOK, _AHEAD = 2, 3  # urgencies; loading and answering go first
_KEPT = 24  # slices
_QUICK_S = 0.5  # a segmenter that looks at a slice in less also looks at its neighbours ahead


class SlicesSeen:
    """The slices of one case under one segmenter. Main thread only.

    Parameters
    ----------
    model : LoadedModel
        Who looks.
    case : CaseInView
        At what.
    worker : UrgencyWorker
        Where it looks.
    looked : callable
        ``looked(plane, error)`` after a slice was looked at, error None if that went well; called by way of
        ``then``.
    then : callable
        ``then(future, call)`` calls ``call(future)`` in the main thread when the future is done.
    """

    def __init__(
        self,
        model: LoadedModel,
        case: CaseInView,
        worker: UrgencyWorker,
        looked: Callable[[SlicePlane, BaseException | None], None],
        then: Callable[[Future[Any], Callable[[Future[Any]], None]], None],
    ) -> None:
        self._model, self._case, self._worker = model, case, worker
        self._looked, self._then = looked, then
        self._slices: OrderedDict[SlicePlane, SeenSlice] = OrderedDict()
        self._looks: dict[SlicePlane, Future[Any]] = {}

    def has(self, plane: SlicePlane) -> bool:
        """Whether this slice was looked at."""
        look = self._looks.get(plane)
        return look is not None and look.done()

    def of(self, plane: SlicePlane) -> SeenSlice:
        """Return what is known of a slice; the one that was not asked for the longest is forgotten."""
        seen = self._slices.setdefault(plane, SeenSlice(plane, self._case))
        self._slices.move_to_end(plane)
        while len(self._slices) > _KEPT:
            self._forget(next(iter(self._slices)))
        return seen

    def look(self, plane: SlicePlane) -> None:
        """Look at this slice next, then at its neighbours; what is not begun of others is dropped."""
        near = plane.neighbours(self._case.volume.geometry.shape_zyx)
        self.drop(but=(plane, *near))
        if self.has(plane):
            self.look_ahead(plane)
        else:
            self._submit(plane, _LOOK)

    def look_ahead(self, plane: SlicePlane) -> None:
        """Look at the neighbours of a slice, where that costs little."""
        if self._model.seconds <= _QUICK_S:
            for near in plane.neighbours(self._case.volume.geometry.shape_zyx):
                self._submit(near, _AHEAD)

    def drop(self, but: Collection[SlicePlane] = ()) -> None:
        """Take back all looks that are not begun, but those at some slices."""
        for plane, look in list(self._looks.items()):
            if plane not in but and look.cancel():
                self._forget(plane)

    def close(self) -> None:
        """Forget all; looks that are begun end unheard."""
        for plane in list(self._slices):
            self._forget(plane)

    def _forget(self, plane: SlicePlane) -> None:
        self._slices.pop(plane, None)
        look = self._looks.pop(plane, None)
        if look is not None:
            look.cancel()

    def _submit(self, plane: SlicePlane, urgency: int) -> None:
        seen = self.of(plane)
        if plane in self._looks:
            return
        look = self._looks[plane] = self._worker.submit(urgency, lambda: look_at(self._model, seen))
        self._then(look, lambda done: self._done(plane, done))

    def _done(self, plane: SlicePlane, look: Future[Any]) -> None:
        if self._looks.get(plane) is look:  # else it was dropped meanwhile
            self._looked(plane, None if look.cancelled() else look.exception())
