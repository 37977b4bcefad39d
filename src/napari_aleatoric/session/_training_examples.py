"""What a network drew of one slice at every look of its training, as pictures that appear while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.io import Workspace

from ._training import Training
from ._training_work import Beside, Deliver, Worker, in_a_thread

if TYPE_CHECKING:
    from napari_aleatoric.training import ExampleSlice

    from ._session import ReviewSession

__all__ = ["ExampleView", "TrainingExamples", "example_picture"]

_PIXELS = 320  # of the longer side of a picture, at least: outlines are thin lines then
_LABEL, _FOUND = (255, 255, 255), (63, 184, 255)


@dataclass(frozen=True, eq=False)
class ExampleView:
    """One picture, and which others there are.

    Parameters
    ----------
    steps : tuple of int
        Of all looks.
    step : int
        Of this one; −1 where there is none.
    picture : numpy.ndarray of uint8, shape (H, W, 3), or None
        The slice with outlines: label white, prediction blue.
    aspect : float
        Width over height that it is to be shown with.
    """

    steps: tuple[int, ...] = ()
    step: int = -1
    picture: NDArray[np.uint8] | None = None
    aspect: float = 1.0


class TrainingExamples:
    """The example of the chosen training. Main thread only; files are read beside it.

    Attributes
    ----------
    view : ExampleView
        What is shown.

    Parameters
    ----------
    session : ReviewSession
        Whose data set.
    training : Training
        Whose chosen row.
    deliver, worker : callable, optional
        As for `Training`.
    """

    view_changed = Signal(object)  # ExampleView

    def __init__(
        self,
        session: ReviewSession,
        training: Training,
        deliver: Deliver | None = None,
        worker: Worker = in_a_thread,
    ) -> None:
        self._session, self._training = session, training
        self._files = Beside(deliver or (lambda call: call()), worker, lambda _: None)
        self._key = ""
        self._wanted: int | None = None  # None = the newest
        self.view = ExampleView()
        training.view_changed.connect(self._look)
        training.curves_changed.connect(self._look)
        session.opened.connect(self._forget)
        self._look()

    def choose(self, step: int) -> None:
        """Show an earlier look, or the newest; that one is followed by those that come."""
        if step in self.view.steps and step != self.view.step:
            self._wanted = None if step == self.view.steps[-1] else step
            self._look()

    def close(self) -> None:
        """Let go."""
        self._files.close()

    def _forget(self, *_: object) -> None:
        self._files.forget()
        self._key, self._wanted = "", None
        self._show(ExampleView())

    def _look(self, *_: object) -> None:
        workspace, row = self._session.workspace, self._training.view.chosen
        if workspace is None or row is None:
            return
        if row.key != self._key:
            self._key, self._wanted = row.key, None
            self._show(ExampleView())
        key, wanted, before = row.key, self._wanted, self.view
        self._files.ask("example", lambda: (key, wanted, _read(workspace, key, wanted, before)), self._came)

    def _came(self, found: tuple[str, int | None, ExampleView]) -> None:
        key, wanted, view = found
        if key == self._key and wanted == self._wanted and view is not self.view:
            self._show(view)

    def _show(self, view: ExampleView) -> None:
        if (view.steps, view.step) != (self.view.steps, self.view.step):
            self.view = view
            self.view_changed.emit(view)


def _read(workspace: Workspace, model_id: str, wanted: int | None, before: ExampleView) -> ExampleView:
    """Read the look that is wanted, unless it was read before."""
    from napari_aleatoric.review import NETWORK_FOLDER, model_folder
    from napari_aleatoric.training import EXAMPLE_FOLDER, ExampleShelf

    shelf = ExampleShelf(model_folder(workspace, model_id) / NETWORK_FOLDER / EXAMPLE_FOLDER)
    steps = shelf.steps()
    if not steps:
        return ExampleView()
    step = wanted if wanted in steps else steps[-1]
    if step == before.step and before.picture is not None:
        return replace(before, steps=steps)
    case, found = shelf.slice(), shelf.found(step)
    if case is None or found is None or found.shape != case.label.shape:
        return ExampleView()
    height, width = case.label.shape
    y, x = case.spacing_yx
    return ExampleView(steps, step, example_picture(case, found), width * x / (height * y))


def example_picture(case: ExampleSlice, found: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Return a slice with the outlines of its label (white) and of what was found (blue, twice as wide, below).

    Parameters
    ----------
    case : ExampleSlice
        Image and label.
    found : numpy.ndarray of integer, shape (Y, X)
        Class indices.

    Returns
    -------
    numpy.ndarray of uint8, shape (H, W, 3)
        Every pixel of the slice is a square of as many as make it large enough.
    """
    fold = max(1, -(-_PIXELS // max(case.label.shape)))

    def larger(values: NDArray[Any]) -> NDArray[Any]:
        return values.repeat(fold, axis=0).repeat(fold, axis=1)

    grey = np.moveaxis(case.image if len(case.image) == 3 else case.image[[0, 0, 0]], 0, -1)
    picture = np.ascontiguousarray(larger(grey))
    line = max(1, fold // 3)
    picture[_outline(larger(np.asarray(found)), 2 * line)] = _FOUND
    picture[_outline(larger(case.label), line)] = _LABEL
    return picture


def _outline(values: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """Return the pixels of structures that lie within so many of another value."""
    found = np.zeros(values.shape, dtype=bool)
    for shift in range(1, width + 1):
        for axis in (0, 1):
            near, far = [slice(None)] * 2, [slice(None)] * 2
            near[axis], far[axis] = slice(shift, None), slice(None, -shift)
            differs = values[tuple(near)] != values[tuple(far)]
            found[tuple(near)] |= differs
            found[tuple(far)] |= differs
    return found & (values > 0)
