"""Prompts on the canvas become masks in the label: wires mouse, segmenter and layer together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psygnal import Signal

from napari_aleatoric.foundation import Prompt
from napari_aleatoric.session import (
    Clicks,
    ItemData,
    Kind,
    Notice,
    OwnTextProcess,
    PromptAnswer,
    Prompting,
    PromptTrail,
    ReviewSession,
    SegmenterHost,
    SlicePlane,
)
from napari_aleatoric.viewer import PromptMode, PromptPad, Stage, draw_slice, plane_in_view, put_mask

from ._canvas_marks import CanvasMarks
from ._text_segmenting import TextSegmenting

__all__ = ["Segmenting"]

_HINTS = {
    "box": "Drag a box round the object.",
    "points": "Click into the object; a right click says what is not part of it.",
}


@dataclass(eq=False)
class _Box:
    """One box, and the label value that was chosen when it was drawn."""

    value: int


class Segmenting:
    """Segmenting by prompts in one window.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    stage : Stage
        Its layers.
    session : ReviewSession
        What is on the screen.
    host : callable
        Where the segmenter of a name lives.
    deliver : callable
        Runs a function in the main thread.
    """

    mode_changed = Signal(str)
    status_changed = Signal(str)
    refused = Signal(object)  # Notice
    model_changed = Signal(str)

    def __init__(
        self,
        viewer: Any,
        stage: Stage,
        session: ReviewSession,
        host: Callable[[str], SegmenterHost],
        deliver: Callable[[Callable[[], None]], None],
    ) -> None:
        self._viewer, self._stage, self._session = viewer, stage, session
        self.prompting = Prompting(host, deliver)
        self.prompting.forbidden = lambda: session.no_models
        self._marks = CanvasMarks(viewer)
        self.pad = PromptPad(
            viewer, lambda: stage.label_layer, self._box_drawn, self._clicked, self._marks.show_marks, self.stop
        )
        self.words = TextSegmenting(viewer, stage, session, self.prompting, OwnTextProcess, deliver)
        self.words.refused.connect(self.refused.emit)
        self.replaces = False  # whether a mask is all of its class on the slice
        self._trail: PromptTrail | None = None
        self._drawing = False
        self._listening: Any = None
        self._before = ""  # the model to go back to, until the chosen one has answered
        self.prompting.status_changed.connect(self._prompting_changed)
        self.prompting.answered.connect(self._draw)
        self.prompting.unanswered.connect(self._unanswered)
        session.item_changed.connect(self._show)
        for event in (viewer.dims.events.point, viewer.dims.events.order, viewer.dims.events.ndisplay):
            event.connect(self._moved)

    # -- on and off -----------------------------------------------------------------------------------

    @property
    def mode(self) -> PromptMode:
        """'box', 'points' or '' = off."""
        return self.pad.mode

    def toggle(self, mode: PromptMode) -> None:
        """Turn a mode on, or off if it is on."""
        if mode == self.mode:
            self.stop()
        else:
            self.start(mode)

    def start(self, mode: PromptMode) -> None:
        """Take prompts of one kind."""
        if self._session.item is None or self._stage.label_layer is None:
            self.refused.emit(Notice("Open a case first; then segment in it.", Kind.WARNING))
            self.mode_changed.emit(self.mode)
            return
        if self._session.no_models:
            self.refused.emit(Notice(self._session.no_models, Kind.WARNING))
            self.mode_changed.emit(self.mode)
            return
        self._finish()
        self._listen()
        self.pad.mode = mode
        if not self.prompting.active:
            self.prompting.show(self._session.item.image)
            self.prompting.look_at(self.plane)
            self.prompting.start()
        self.mode_changed.emit(mode)
        self.status_changed.emit(self.sentence)

    def stop(self) -> None:
        """Take no more prompts."""
        self._finish()
        self.pad.mode = ""
        self.prompting.stop()
        self.mode_changed.emit("")
        self.status_changed.emit(self.sentence)

    def next_object(self) -> None:
        """Finish the object that is being clicked: the next click begins another."""
        self._finish()

    def close(self) -> None:
        """Let go of window and thread."""
        for event in (
            self._viewer.dims.events.point,
            self._viewer.dims.events.order,
            self._viewer.dims.events.ndisplay,
        ):
            event.disconnect(self._moved)
        self.words.close()
        self.prompting.close()
        self.pad.close()
        self._marks.let_go()
        self._trail = self._listening = None
        del self._viewer

    # -- which model ------------------------------------------------------------------------------------

    def use(self, name: str) -> None:
        """Take another segmenter; if it turns out to be of no use, the present one is taken again."""
        if name == self.prompting.model:
            return
        self._finish()
        self._before = self._before or self.prompting.model
        self.prompting.choose(name)
        self.model_changed.emit(name)

    def _go_back(self, why: str) -> None:
        name, mode = self.prompting.model, self.mode
        before, self._before = self._before, ""
        self.prompting.choose(before)
        self.model_changed.emit(before)
        text = f"{name} cannot be used, so the prompts go on with {before}. {why}"
        self.refused.emit(Notice(text, Kind.ERROR))
        if mode:
            self.start(mode)

    # -- what is said -----------------------------------------------------------------------------------

    @property
    def sentence(self) -> str:
        """What is going on, and what can be done."""
        status = self.prompting.status
        if status.phase == "failed":
            return status.sentence
        if not self.mode:
            return "Off."
        if status.phase == "ready":
            return f"{status.sentence} {_HINTS[self.mode]}"
        return status.sentence

    def _prompting_changed(self, status: Any) -> None:
        if status.phase == "failed" and self._before not in ("", self.prompting.model):
            self._go_back(status.sentence)
            return
        if status.phase in ("off", "failed") and self.mode:
            self._finish()
            self.pad.mode = ""
            self.mode_changed.emit("")
        self.status_changed.emit(self.sentence)

    # -- what is on the screen ----------------------------------------------------------------------------

    @property
    def plane(self) -> SlicePlane | None:
        """The slice on the screen."""
        layer = self._stage.label_layer
        return None if layer is None else plane_in_view(self._viewer, layer)

    def _show(self, item: ItemData) -> None:
        self._finish()
        if self.prompting.active:
            self._listen()
            self.prompting.show(item.image)
            self.prompting.look_at(self.plane)

    def _moved(self, event: Any = None) -> None:
        if not self.prompting.active:
            return
        plane = self.plane
        if self._trail is not None and self._trail.plane != plane:
            self._finish()
        self.prompting.look_at(plane)

    def _listen(self) -> None:
        """Hear when the label was changed by somebody else: undo, redo, the brush."""
        layer = self._stage.label_layer
        if layer is None or layer is self._listening:
            return
        layer.events.set_data.connect(self._label_changed)
        layer.events.labels_update.connect(self._label_changed)
        self._listening = layer

    def _label_changed(self, event: Any = None) -> None:
        trail, layer = self._trail, self._stage.label_layer
        if trail is None or layer is None or self._drawing:
            return
        before = trail.clicks
        if not trail.follow(trail.plane.cut(layer.data)):
            self._finish()
        elif trail.clicks != before:
            self.pad.show_points(trail.plane, trail.clicks)

    def _finish(self) -> None:
        self._trail = None
        self.pad.clear()

    # -- prompts and answers ------------------------------------------------------------------------------

    def _box_drawn(self, plane: SlicePlane, box: tuple[int, int, int, int]) -> None:
        layer = self._stage.label_layer
        if layer is not None:
            x0, y0, x1, y1 = (float(v) for v in box)
            self.prompting.ask(plane, Prompt(box_xyxy=(x0, y0, x1, y1)), about=_Box(int(layer.selected_label)))

    def _clicked(self, plane: SlicePlane, point: tuple[float, float], label: int) -> None:
        layer = self._stage.label_layer
        if layer is None:
            return
        trail, value = self._trail, int(layer.selected_label)
        now = plane.cut(layer.data)
        if trail is None or trail.plane != plane or trail.value != value or not trail.follow(now):
            if label == 0:
                self.refused.emit(Notice("Click into the object first; then say what is not part of it."))
                return
            trail = self._trail = PromptTrail(plane, now, value)
        prompt = trail.click(point, label)
        self.pad.show_points(plane, trail.clicks)
        self.prompting.ask(plane, prompt, about=trail)

    def _draw(self, answer: PromptAnswer) -> None:
        self._before = ""
        layer = self._stage.label_layer
        if layer is None:
            return
        self._drawing = True
        try:
            with self._session.drawing(answer):
                if isinstance(answer.about, PromptTrail):
                    self._draw_object(layer, answer, answer.about)
                elif isinstance(answer.about, _Box):
                    self.pad.clear()
                    put_mask(layer, answer.plane, answer.mask, answer.about.value, replace=self.replaces)
        finally:
            self._drawing = False

    def _draw_object(self, layer: Any, answer: PromptAnswer, trail: PromptTrail) -> None:
        now = answer.plane.cut(layer.data)
        if not trail.follow(now):  # somebody painted meanwhile: go on from there
            current, trail = trail is self._trail, PromptTrail(answer.plane, now, trail.value)
            if current:
                self._trail = trail
        wanted = trail.painted(answer.mask, replace=self.replaces, keep_others=bool(layer.preserve_labels))
        draw_slice(layer, answer.plane, wanted)
        trail.answered(Clicks(answer.prompt.points_xy, answer.prompt.point_labels), wanted, answer.logits)

    def _unanswered(self, about: object, why: str) -> None:
        if isinstance(about, PromptTrail):
            about.failed()
            if about is self._trail:
                self.pad.show_points(about.plane, about.clicks)
        else:
            self.pad.clear()
