"""Where the docks go: the queue at the right, the uncertainty below the image, so that both fit a laptop."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import Qt

__all__ = ["show_docks"]

_PLUGIN = "napari-aleatoric"


def show_docks(viewer: Viewer) -> tuple[Any, Any]:
    """Open both docks, or bring them back.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The window.

    Returns
    -------
    tuple of QWidget
        The *Review* and the *Uncertainty* widget.
    """
    window = viewer.window._qt_window
    review_dock, review = viewer.window.add_plugin_dock_widget(_PLUGIN, "Review")
    uncertainty_dock, uncertainty = viewer.window.add_plugin_dock_widget(_PLUGIN, "Uncertainty")
    window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, uncertainty_dock)
    for dock in (review_dock, uncertainty_dock):
        dock.show()
    window.resizeDocks([review_dock], [390], Qt.Orientation.Horizontal)
    window.resizeDocks([uncertainty_dock], [uncertainty.sizeHint().height() + 30], Qt.Orientation.Vertical)
    return review, uncertainty
