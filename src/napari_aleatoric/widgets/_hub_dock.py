"""What both docks are: a scrolling panel on the hub of its window."""

from __future__ import annotations

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea

from ._hub import hub_of

__all__ = ["HubDock"]


class HubDock(QScrollArea):
    """A panel that scrolls down but never sideways.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window; napari finds this argument by its name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.hub = hub_of(napari_viewer)
        self.session = self.hub.session
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
