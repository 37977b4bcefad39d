"""What is not to be learned from, between session and layers."""

from __future__ import annotations

from contextlib import AbstractContextManager

from napari.viewer import Viewer

from napari_aleatoric.session import ItemData, Kind, Notice, ReviewSession, ViewState
from napari_aleatoric.viewer import BarredLayer, Stage

__all__ = ["BarredPainting"]


class BarredPainting:
    """Wires the layer of a window to its session.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The window.
    stage : Stage
        Its standing layers; an item is shown in them before it is shown here.
    session : ReviewSession
        Says what is shown, and is told what is painted.
    """

    def __init__(self, viewer: Viewer, stage: Stage, session: ReviewSession) -> None:
        self._session = session
        self.layer = BarredLayer(viewer, lambda: stage.label_layer, session.barred_painted, self._chosen)
        session.item_changed.connect(self._show)
        session.view_changed.connect(self._apply)

    def toggle(self) -> None:
        """Take the brush for it, or give it back to the label."""
        options, item = self._session.options, self._session.item
        if item is None or item.barred is None:
            self._session.notice.emit(Notice("Open a case first.", Kind.WARNING))
            return
        options.barring = not options.barring

    def held(self) -> AbstractContextManager[None]:
        """Keep the brush where it is while others choose layers within this block."""
        return self.layer.held()

    def close(self) -> None:
        """Let go of the window."""
        self._session.item_changed.disconnect(self._show)
        self._session.view_changed.disconnect(self._apply)
        self.layer.close()

    def _chosen(self, on: bool) -> None:
        self._session.options.barring = on

    def _show(self, item: ItemData) -> None:
        if self._session.view is not None:
            self.layer.show(item, self._session.view)

    def _apply(self, view: ViewState) -> None:
        self.layer.apply(view)
