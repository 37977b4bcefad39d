"""The held-out cases of the chosen training, and before and after of the one that is looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey

from ._compared_masks import Compared, ComparedMasks, read_compared
from ._held_out_view import ALL_CLASSES, OTHER_WORDS, HeldOutView, held_out_rows_of
from ._item import ItemData
from ._notice import Kind, Notice
from ._sentence import sentence_of
from ._switched_off import SwitchedOff
from ._training import Training
from ._training_view import TrainingView
from ._training_work import Beside, Deliver, Worker, in_a_thread

if TYPE_CHECKING:
    from napari_aleatoric.review import Judgement

    from ._session import ReviewSession

__all__ = ["HeldOutCases"]


@dataclass(frozen=True)
class _Wanted:
    """What is to be shown: one case as one model sees it."""

    model_id: str
    key: ItemKey


class HeldOutCases:
    """Which case is compared, and how. Main thread only; files are read beside it.

    While masks are shown, heatmap and label are switched off, and on again afterwards: the reference takes the
    label's place.

    Attributes
    ----------
    view : HeldOutView
        What the page shows.
    masks : ComparedMasks or None
        What is shown on the canvas.

    Parameters
    ----------
    session : ReviewSession
        Whose cases.
    training : Training
        Whose chosen row.
    deliver : callable, optional
        Runs a function in the main thread.
    worker : callable, optional
        Runs a function elsewhere; the default in a thread.
    """

    view_changed = Signal(object)  # HeldOutView
    masks_changed = Signal(object)  # ComparedMasks or None

    def __init__(
        self,
        session: ReviewSession,
        training: Training,
        deliver: Deliver | None = None,
        worker: Worker = in_a_thread,
    ) -> None:
        self._session = session
        self._files = Beside(deliver or (lambda call: call()), worker, self._refused)
        self._model_id = ""
        self._judgement: Judgement | None = None
        self._wanted: _Wanted | None = None
        self._whole: ComparedMasks | None = None  # with all classes
        self._others = SwitchedOff(session.options)
        self.view = HeldOutView()
        self.masks: ComparedMasks | None = None
        training.view_changed.connect(self._training_changed)
        session.opened.connect(self._opened)
        session.item_changed.connect(self._item_changed)
        session.sight_changed.connect(self._show_rows)
        self._training_changed(training.view)

    # -- wishing --------------------------------------------------------------------------------------

    def pick(self, case_id: str) -> None:
        """Go to a case and show reference, before and after of it."""
        key = self._key_of(case_id)
        if key is None or self._judgement is None:
            return
        self._clear()
        self._wanted = _Wanted(self._model_id, key)
        self._show(shown=case_id, is_busy=True, sentence="")
        item = self._session.item
        if item is not None and item.key == key:
            self._read(self._wanted, item)
        else:
            self._session.go(key)

    def turn_off(self) -> None:
        """Show the case as it was before."""
        self._wanted = None
        self._clear()
        self._show(shown="", is_busy=False, sentence="")

    def put_side_by_side(self, on: bool) -> None:
        """Show before and after beside each other, or over each other."""
        if on != self.view.side_by_side:
            self._show(side_by_side=on)
            if self.masks is not None:
                self.masks_changed.emit(self.masks)

    def choose_class(self, class_name: str) -> None:
        """Show one class alone; `ALL_CLASSES` for all."""
        if class_name in (ALL_CLASSES, *self.view.class_names) and class_name != self.view.class_name:
            self._show(class_name=class_name)
            self._show_rows()
            self._show_masks()

    def compare_with(self, other: str) -> None:
        """Choose which network is "before", one of ``view.others``."""
        if other in self.view.others and other != self.view.other:
            shown = self.view.shown
            self._show(other=other)
            self._show_rows()
            if shown:
                self.pick(shown)

    def close(self) -> None:
        """Let go."""
        self._files.close()
        self._wanted = None

    # -- which model ----------------------------------------------------------------------------------

    def _training_changed(self, view: TrainingView) -> None:
        model_id = view.chosen.model_id if view.chosen is not None else ""
        workspace = self._session.workspace
        if model_id == self._model_id or workspace is None:
            return
        self._model_id, self._judgement = model_id, None
        self.turn_off()
        self._show_rows()
        if model_id:
            self._files.ask("judgement", lambda: _judgement(workspace, model_id), self._judgement_came)

    def _judgement_came(self, found: tuple[Workspace, str, Judgement | None]) -> None:
        workspace, model_id, judgement = found
        if workspace is not self._session.workspace or model_id != self._model_id:
            return
        self._judgement = judgement
        others = tuple(name for name in OTHER_WORDS if judgement is not None and name in judgement.models)
        names = () if judgement is None else tuple(dict.fromkeys(row.class_name for row in judgement.rows))
        self._show(
            others=others,
            other=self.view.other if self.view.other in others else next(iter(others), ""),
            class_names=names,
            class_name=self.view.class_name if self.view.class_name in names else ALL_CLASSES,
        )
        self._show_rows()

    def _show_rows(self) -> None:
        found = self._judgement
        rows = () if found is None else held_out_rows_of(found, self.view.other, self.view.class_name)
        workspace = self._session.workspace
        if workspace is not None:  # what is to be read blinded is not told of
            rows = tuple(row for row in rows if not workspace.hides(row.case_id))
        self._show(rows=rows)

    def _opened(self, workspace: object) -> None:
        self._files.forget()
        self._model_id, self._judgement = "", None
        self.turn_off()
        self._show(rows=(), others=(), other="", class_names=(), class_name=ALL_CLASSES)

    # -- which case -----------------------------------------------------------------------------------

    def _key_of(self, case_id: str) -> ItemKey | None:
        """Return the label of a case that is shown: the one on the screen, else the first reader's."""
        workspace, item = self._session.workspace, self._session.item
        if workspace is None:
            return None
        if item is not None and item.key.case_id == case_id:
            return item.key
        return next((key for key in workspace.dataset.items if key.case_id == case_id), None)

    def _item_changed(self, item: ItemData) -> None:
        if self._wanted is not None and item.key == self._wanted.key:
            self._clear()
            self._read(self._wanted, item)
        elif self._wanted is not None:
            self.turn_off()

    def _read(self, wanted: _Wanted, item: ItemData) -> None:
        workspace, judgement, other = self._session.workspace, self._judgement, self.view.other
        row = next((row for row in self.view.rows if row.case_id == wanted.key.case_id), None)
        if workspace is not None and judgement is not None and row is not None:
            asked = (workspace, judgement, wanted.model_id, item, other, row)
            self._files.ask("masks", lambda: (wanted, read_compared(*asked)), self._masks_came)

    def _masks_came(self, came: tuple[_Wanted, Compared]) -> None:
        wanted, found = came
        item = self._session.item
        if wanted != self._wanted or item is None or item.key != wanted.key:
            return
        if found.masks is None:
            self._wanted = None
            self._show(shown="", is_busy=False, sentence=found.sentence)
            return
        self._whole = found.masks
        self._show(sentence=found.sentence)
        self._show_masks()

    # -- what is shown --------------------------------------------------------------------------------

    def _show_masks(self) -> None:
        whole, class_name = self._whole, self.view.class_name
        if whole is None:
            return
        class_index = next((c.class_index for c in self._session.classes if c.class_name == class_name), 0)
        self._show(is_busy=True)
        self._files.ask("class", lambda: (whole, whole.of_class(class_index)), self._class_came)

    def _class_came(self, came: tuple[ComparedMasks, ComparedMasks]) -> None:
        whole, masks = came
        if whole is not self._whole:  # another case, or none, by now
            return
        if self.masks is None:
            self._others.begin()
        self.masks = masks
        self._show(is_busy=False)
        self.masks_changed.emit(masks)

    def _clear(self) -> None:
        self._whole = None
        if self.masks is None:
            return
        self.masks = None
        self.masks_changed.emit(None)
        self._others.end()

    def _refused(self, error: BaseException) -> None:
        self._session.notice.emit(Notice(sentence_of(error), Kind.ERROR))

    def _show(self, **changes: Any) -> None:
        view = replace(self.view, **changes)
        if view != self.view:
            self.view = view
            self.view_changed.emit(view)


def _judgement(workspace: Workspace, model_id: str) -> tuple[Workspace, str, Judgement | None]:
    from napari_aleatoric.review import read_judgement

    return workspace, model_id, read_judgement(workspace, model_id)
