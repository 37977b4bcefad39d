"""A second training beside the chosen one: its curves, and what the two come to on the cases that they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace

from ._training import Training
from ._training_curves import TrainingCurves
from ._training_rows import TrainingRow
from ._training_shelf import TrainingShelf
from ._training_work import Beside, Deliver, Worker, in_a_thread

if TYPE_CHECKING:
    from ._session import ReviewSession

__all__ = ["TrainingPair", "TrainingPairView"]


@dataclass(frozen=True)
class TrainingPairView:
    """The second training.

    Parameters
    ----------
    key : str
        Its row; "" where none is chosen.
    title : str
        When it began.
    curves : TrainingCurves
        Its curves.
    sentence : str
        The chosen one against it, on the held-out cases that they share.
    """

    key: str = ""
    title: str = ""
    curves: TrainingCurves = field(default_factory=TrainingCurves)
    sentence: str = ""


class TrainingPair:
    """Puts a second training beside the chosen one. Main thread only; files are read beside it.

    Attributes
    ----------
    view : TrainingPairView
        What is shown of it.

    Parameters
    ----------
    session : ReviewSession
        Whose data set.
    training : Training
        Which one is chosen.
    deliver, worker : callable, optional
        As for `Training`.
    """

    view_changed = Signal(object)  # TrainingPairView

    def __init__(
        self,
        session: ReviewSession,
        training: Training,
        deliver: Deliver | None = None,
        worker: Worker = in_a_thread,
    ) -> None:
        self._session, self._training = session, training
        self._files = Beside(deliver or (lambda call: call()), worker, self._refused)
        self._shelf: TrainingShelf | None = None
        self._asked: tuple[TrainingRow, TrainingRow] | None = None
        self._wanted = ""
        self.view = TrainingPairView()
        training.view_changed.connect(self._look)
        session.opened.connect(self._forget)

    def compare(self, key: str) -> None:
        """Put a row beside the chosen one; "" = none."""
        if key != self._wanted:
            self._wanted = key
            self._look()

    def close(self) -> None:
        """Let go."""
        self._files.close()

    def _forget(self, *_: object) -> None:
        self._files.forget()
        self._shelf, self._asked, self._wanted = None, None, ""
        self._show(TrainingPairView())

    def _look(self, *_: object) -> None:
        view, workspace = self._training.view, self._session.workspace
        other = next((row for row in view.rows if row.key == self._wanted), None)
        if workspace is None or view.chosen is None or other is None or other.key == view.chosen.key:
            self._asked = None
            self._show(TrainingPairView())
            return
        pair = (view.chosen, other)
        if pair == self._asked and "training" not in (row.state for row in pair):
            return
        self._asked = pair
        if self._shelf is None:
            self._shelf = TrainingShelf(workspace)
        shelf = self._shelf
        self._files.ask("pair", lambda: (pair, _read(workspace, shelf, *pair)), self._came)

    def _came(self, found: tuple[tuple[TrainingRow, TrainingRow], TrainingPairView]) -> None:
        pair, view = found
        if pair == self._asked:
            self._show(view)

    def _refused(self, error: BaseException) -> None:
        self._show(TrainingPairView())

    def _show(self, view: TrainingPairView) -> None:
        if view != self.view:
            self.view = view
            self.view_changed.emit(view)


def _read(workspace: Workspace, shelf: TrainingShelf, chosen: TrainingRow, other: TrainingRow) -> TrainingPairView:
    from napari_aleatoric.review import compare_models

    title = f"{other.when.astimezone():%d %b %H:%M}"
    try:
        curves = shelf.read(other.key).curves
        sentence = compare_models(workspace, chosen.key, other.key).sentence
    except AleatoricError as error:
        return TrainingPairView(other.key, title, TrainingCurves(), str(error))
    return TrainingPairView(other.key, title, curves, sentence)
