"""Where the readers of a case differ, on the canvas of one window and under its keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QTimer

from napari_aleatoric.session import Adjudicating, AdjudicationScene, AdjudicationView, ReviewSession
from napari_aleatoric.uncertainty import DisputedRegion
from napari_aleatoric.viewer import ReaderLayers, Stage, look_at_region

from .keys import ADJUDICATION_ACTIONS, Shortcuts

__all__ = ["Settling"]

_STROKE_MS = 400  # after which what was painted without the end of a stroke is kept, too


class Settling:
    """Wires the regions in which readers differ to layers, camera and keys.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    stage : Stage
        Its layers.
    session : ReviewSession
        What is on the screen.
    shortcuts : Shortcuts
        Lends its keys while a case is settled.
    deliver : callable
        Runs a function in the main thread.
    """

    def __init__(
        self,
        viewer: Any,
        stage: Stage,
        session: ReviewSession,
        shortcuts: Shortcuts,
        deliver: Callable[[Callable[[], None]], None],
    ) -> None:
        self._viewer: Any = viewer
        self._stage: Any = stage
        self._session, self._shortcuts = session, shortcuts
        self.state = Adjudicating(session, deliver)
        self.layers = ReaderLayers(
            viewer,
            lambda: self._stage.image_layer,
            self._painted,
            lambda: self.state.set_look(beside=""),
        )
        self._later = QTimer(singleShot=True, interval=_STROKE_MS)
        self._later.timeout.connect(self.state.painted)
        self._seen = AdjudicationView()
        self.state.scene_changed.connect(self._show)
        self.state.region_changed.connect(self._look_at)
        self.state.label_changed.connect(self._redraw)
        self.state.view_changed.connect(self._apply)

    def close(self) -> None:
        """Let go of window and threads."""
        self._later.stop()
        if self.state.scene is not None:
            self.state.painted()
        self._shortcuts.borrow({})
        self.state.close()
        self.layers.close()
        self._viewer = self._stage = None

    def performers(self) -> dict[str, Callable[[], None]]:
        """Return what each key does while a case is settled, by the name of its action."""
        state = self.state

        def take(number: int) -> Callable[[], None]:
            return lambda: state.choose_reader(number)

        return {
            **{f"take_reader_{n}": take(n) for n in range(1, 10)},
            "take_consensus": state.choose_consensus,
            "take_machine": state.choose_machine,
            "repaint": lambda: state.set_look(is_painting=not state.view.is_painting),
            "next_region": lambda: state.step(+1),
            "previous_region": lambda: state.step(-1),
            "undo_choice": state.undo,
            "finish_adjudication": lambda: state.finish(),
            "leave_adjudication": state.leave,
        }

    # -- state to window ------------------------------------------------------------------------------

    def _show(self, scene: AdjudicationScene | None) -> None:
        self._seen = self.state.view
        if scene is None:
            self._later.stop()
            self.layers.hide()
            self._shortcuts.borrow({})
            return
        self.layers.show(scene, self._session.classes)
        perform = self.performers()
        self._shortcuts.borrow({action.key: perform[action.name] for action in ADJUDICATION_ACTIONS})

    def _look_at(self, region: DisputedRegion) -> None:
        image, scene = self._stage.image_layer, self.state.scene
        if image is None or scene is None:
            return
        self.layers.mark(region, dimmed=self.state.view.is_dimmed)
        scale = tuple(float(s) for s in image.scale[-3:])
        look_at_region(self._viewer, region, scale, scene.shown.shape, self._stage.whole_zoom)
        if self.state.view.is_painting:
            self._take_brush()

    def _redraw(self, _: object) -> None:
        self.layers.redraw()

    def _apply(self, view: AdjudicationView) -> None:
        before, self._seen = self._seen, view
        if self.state.scene is None:
            return
        if view.beside != before.beside:
            self.layers.put_beside(view.beside)
        if (view.is_dimmed, view.beside) != (before.is_dimmed, before.beside) and self.state.scene.regions:
            self.layers.mark(self.state.scene.regions[view.row], dimmed=view.is_dimmed)
        if view.is_painting != before.is_painting:
            if view.is_painting:
                self._take_brush()
            else:
                self.layers.paint(None)

    def _take_brush(self) -> None:
        scene, row = self.state.scene, self.state.view.row
        if scene is not None and scene.regions:
            self.layers.paint(next(iter(scene.regions[row].classes), 1))

    def _painted(self, ended: bool) -> None:
        if ended:
            self._later.stop()
            self.state.painted()
        else:
            self._later.start()
