"""Held-out cases as two networks see them, on the canvas of one window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_aleatoric.session import ComparedMasks, HeldOutCases, ReviewSession, Training
from napari_aleatoric.viewer import ComparedLayers, Stage

__all__ = ["Comparing"]


class Comparing:
    """Wires the held-out cases of the chosen training to layers.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    stage : Stage
        Its layers.
    session : ReviewSession
        What is on the screen.
    training : Training
        Whose chosen row.
    deliver : callable
        Runs a function in the main thread.
    """

    def __init__(
        self,
        viewer: Any,
        stage: Stage,
        session: ReviewSession,
        training: Training,
        deliver: Callable[[Callable[[], None]], None],
    ) -> None:
        self._stage: Any = stage
        self.cases = HeldOutCases(session, training, deliver)
        self.layers = ComparedLayers(
            viewer, lambda: self._stage.image_layer, lambda: self.cases.put_side_by_side(False)
        )
        self._jumped: tuple[Any, str, str] | None = None  # for what the slice was chosen
        self.cases.masks_changed.connect(self._show)

    def close(self) -> None:
        """Let go of window and threads."""
        self.cases.close()
        self.cases.masks_changed.disconnect(self._show)
        self.layers.close()
        self._stage = None

    def _show(self, masks: ComparedMasks | None) -> None:
        view = self.cases.view
        if masks is None:
            self._jumped = None
            self.layers.hide()
            return
        self.layers.show(masks, side_by_side=view.side_by_side)
        about = (masks.key, view.class_name, view.other)
        if about != self._jumped:
            self._jumped = about
            self._stage.go_to_slice(masks.slice_index)
