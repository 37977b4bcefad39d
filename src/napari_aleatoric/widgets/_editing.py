"""Correcting the label in one window: wires wishes, operations beside the window's thread, and the layer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.editing import Edit
from napari_aleatoric.errors import AleatoricError, Cancelled
from napari_aleatoric.session import (
    BRUSHES,
    OPERATIONS,
    EditTask,
    EditWishes,
    ItemData,
    Kind,
    Notice,
    ReviewSession,
    class_range,
    class_title,
    edit_sentence,
)
from napari_aleatoric.viewer import (
    PaintHook,
    Stage,
    plane_in_view,
    put_edit,
    voxel_at,
)

from ._background import run
from ._other_label import OtherLabel

__all__ = ["BRUSH_WORDS", "Editing", "edit_performers"]

BRUSH_WORDS = {
    "plain": ("Plain", "napari's own brush."),
    "range": ("Range", "Paints only where the intensity lies between two values."),
    "edge": ("Edge", "Paints the tissue at the brush's centre, up to where the image changes most."),
    "ball": ("Ball", "Paints through the slices, as round in millimetres as the circle is in the slice."),
}
_QUIET_S = 3.0  # a locked class is told of once in so many seconds


@dataclass(eq=False)
class _Running:
    """What is being worked out, and how far it is; the reporter of its thread."""

    task: EditTask
    fraction: float = 0.0
    words: str = ""
    is_cancelled: bool = field(default=False)

    def step(self, done: float, total: float, message: str = "") -> None:
        if self.is_cancelled:
            raise Cancelled("Stopped as asked.")
        self.fraction, self.words = done / total if total else 0.0, message

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Nothing is plotted."""


class Editing:
    """Correcting in one window. Main thread only.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    stage : Stage
        Its layers.
    session : ReviewSession
        What is on the screen.
    """

    changed = Signal()  # whether something runs, and what is said
    refused = Signal(object)  # Notice

    def __init__(self, viewer: Any, stage: Stage, session: ReviewSession) -> None:
        self._viewer, self._stage, self._session = viewer, stage, session
        self.wishes = EditWishes()
        self.sentence = ""
        self._running: _Running | None = None
        self._hooks: list[PaintHook] = []
        self._told = -_QUIET_S
        self.other = OtherLabel(viewer, stage, session)
        self.other.said.connect(self._say)
        self.other.refused.connect(self._refuse)
        self.other.clicked.connect(lambda place: self.perform("take_region", place))
        session.item_changed.connect(self._show)
        if session.item is not None:
            self._show(session.item)

    def close(self) -> None:
        """Let go of the window; what runs is not waited for."""
        self.cancel()
        self._session.item_changed.disconnect(self._show)
        for hook in self._hooks:
            hook.close()
        self._hooks = []
        self.other.close()
        del self._viewer

    # -- layers that are painted on -----------------------------------------------------------------------

    def attach(self, viewer: Any, layer: Any) -> None:
        """Let brushes and locks work in a layer, of this window or of another view of the same array."""
        if all(hook.layer is not layer for hook in self._hooks):
            self._hooks.append(PaintHook(viewer, layer, self.wishes, self._image, self._tell_locked))

    def detach(self, layer: Any) -> None:
        """Give a layer its own tools back."""
        for hook in [hook for hook in self._hooks if hook.layer is layer]:
            hook.close()
            self._hooks.remove(hook)

    def _image(self) -> NDArray[Any] | None:
        item = self._session.item
        return None if item is None else item.image.data

    def _tell_locked(self, value: int) -> None:
        now = time.monotonic()
        if now - self._told >= _QUIET_S:
            title = class_title(self._session.classes, value)
            self._refuse(f"{title[0].upper()}{title[1:]} is locked. Unlock it in the Edit dock to change it.")
        self._told = now

    # -- wishes -------------------------------------------------------------------------------------------

    @property
    def value(self) -> int:
        """Label value of the class that is corrected: the selected label."""
        layer = self._stage.label_layer
        return 0 if layer is None else int(layer.selected_label)

    def toggle_lock(self) -> None:
        """Lock the class, or unlock it."""
        value, locked = self.value, self.wishes.locked
        if value == 0:
            self._refuse("The background cannot be locked. Choose a class.")
        else:
            self.wishes.locked = locked - {value} if value in locked else locked | {value}

    def next_brush(self) -> None:
        """Take the next kind of brush."""
        self.wishes.brush = BRUSHES[(BRUSHES.index(self.wishes.brush) + 1) % len(BRUSHES)]
        self._say(f"Brush: {BRUSH_WORDS[self.wishes.brush][1]}")

    def range_of_class(self) -> None:
        """Take the range of intensities that the class has on this slice."""
        item, layer = self._session.item, self._stage.label_layer
        plane = None if layer is None else plane_in_view(self._viewer, layer)
        if item is None or layer is None or plane is None:
            return
        image = plane.cut(item.image.data)
        found = class_range(image.mean(axis=-1) if item.image.is_rgb else image, plane.cut(layer.data), self.value)
        if found is None:
            self._refuse(f"This slice has too little of {class_title(self._session.classes, self.value)}.")
        else:
            self.wishes.low, self.wishes.high = found

    # -- operations ---------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether something is being worked out."""
        return self._running is not None

    @property
    def progress(self) -> tuple[float, str]:
        """How far it is, 0 to 1, and at what."""
        running = self._running
        return (0.0, "") if running is None else (running.fraction, running.words)

    def perform(self, name: str, place: tuple[int, int, int] | None = None) -> None:
        """Begin an operation; the label is changed when it is worked out.

        Parameters
        ----------
        name : str
            One of `OPERATIONS`.
        place : tuple of int, optional
            The voxel that is pointed at.
        """
        item, layer = self._session.item, self._stage.label_layer
        plane = None if layer is None else plane_in_view(self._viewer, layer)
        if item is None or layer is None:
            self._refuse("Open a case first; then correct its label.")
            return
        if plane is None:
            self._refuse("Go back to a slice: the label is corrected in 2-D view.")
            return
        if self._running is not None:
            self._refuse(f"“{self._running.task.operation.title}” is still being worked out. Wait, or cancel it.")
            return
        task = EditTask(
            OPERATIONS[name],
            np.asarray(layer.data),
            item.image.geometry,
            self.value,
            plane,
            EditWishes(**self.wishes.model_dump()),
            self._session.classes,
            self.other.label,
            place,
        )
        running = self._running = _Running(task)
        self._say(f"{task.operation.title} …")
        run(
            lambda: task.work(running),
            lambda edit: self._done(running, edit),
            lambda error: self._failed(running, error),
        )

    def cancel(self) -> None:
        """Forget what is being worked out; its thread ends at its next step."""
        if self._running is not None:
            self._running.is_cancelled = True
            title = self._running.task.operation.title
            self._running = None
            self._say(f"{title}: cancelled, nothing was changed.")

    def _done(self, running: _Running, edit: Edit) -> None:
        if running is not self._running:
            return
        self._running = None
        layer, task = self._stage.label_layer, running.task
        if layer is None or layer.data is not task.label:
            self._say(f"{task.operation.title}: another case came to the screen meanwhile; nothing was changed.")
        elif put_edit(layer, edit):
            self._say(edit_sentence(task, edit))
        else:
            self._refuse(
                f"{task.operation.title}: the label was painted meanwhile where this would change it, so nothing "
                "was changed. Do it again."
            )

    def _failed(self, running: _Running, error: BaseException) -> None:
        if running is not self._running:
            return
        self._running = None
        words = str(error) if isinstance(error, AleatoricError) else f"{running.task.operation.title}: {error!r}"
        self._refuse(words)

    # -- regions of another label -------------------------------------------------------------------------

    def take_region(self) -> None:
        """Take over the region of the other label under the mouse."""
        layer = self._stage.label_layer
        place = None if layer is None else voxel_at(self._viewer, layer, self._viewer.cursor.position)
        self.perform("take_region", place)

    # -- what is on the screen ----------------------------------------------------------------------------

    def _show(self, item: ItemData) -> None:
        self.cancel()
        layer = self._stage.label_layer
        for hook in list(self._hooks):  # the Label layer may have been taken away and made anew
            if hook.layer is not layer and hook.layer.metadata.get("role") == "Label":
                self.detach(hook.layer)
        if layer is not None:
            self.attach(self._viewer, layer)
        self._say("")

    def _say(self, words: str) -> None:
        self.sentence = words
        self.changed.emit()

    def _refuse(self, words: str) -> None:
        self._say(words)
        self.refused.emit(Notice(words, Kind.WARNING))


def edit_performers(editing: Callable[[], Editing], show: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
    """Return what the actions of the *Edit* dock do.

    Parameters
    ----------
    editing : callable
        Returns the window's `Editing`.
    show : callable
        Brings the dock to the front.
    """

    def perform(name: str) -> Callable[[], None]:
        return lambda: editing().perform(name)

    operations = {f"edit_{name}": perform(name) for name in OPERATIONS if name != "take_region"}
    return {
        "show_edit": show,
        **operations,
        "edit_take_region": lambda: editing().take_region(),
        "edit_next_brush": lambda: editing().next_brush(),
        "edit_lock": lambda: editing().toggle_lock(),
    }
