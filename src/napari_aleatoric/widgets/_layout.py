"""Where the docks go: the queue at the right, the others below the image, so that all fit a laptop."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow

__all__ = [
    "show_docks",
    "show_edit",
    "show_explore",
    "show_measure",
    "show_models",
    "show_readers",
    "show_regions",
    "show_segment",
    "show_training",
]

_PLUGIN = "napari-aleatoric"


def show_docks(viewer: Viewer) -> tuple[Any, Any]:
    """Open the docks, or bring them back: *Segment* and *Edit* stand behind *Uncertainty*, as tabs.

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
    _tab_behind(window, uncertainty_dock, viewer.window.add_plugin_dock_widget(_PLUGIN, "Segment")[0])
    _show_plots(viewer, "Edit", uncertainty.sizeHint().height() + 30)
    uncertainty_dock.raise_()
    window.resizeDocks([review_dock], [390], Qt.Orientation.Horizontal)
    window.resizeDocks([uncertainty_dock], [uncertainty.sizeHint().height() + 30], Qt.Orientation.Vertical)
    return review, uncertainty


def show_segment(viewer: Viewer) -> Any:
    """Bring the *Segment* dock to the front; open it, behind *Uncertainty* where that is, if it is not open.

    Returns
    -------
    QWidget
        Its widget.
    """
    dock, segment = viewer.window.add_plugin_dock_widget(_PLUGIN, "Segment")
    dock.show()
    dock.raise_()
    return segment


def show_edit(viewer: Viewer) -> None:
    """Bring the *Edit* dock to the front, behind *Uncertainty* as a tab where that is; buttons get more height."""
    _show_plots(viewer, "Edit")


def show_explore(viewer: Viewer) -> None:
    """Bring the *Explore* dock to the front, behind *Uncertainty* as a tab where that is; plots get more height."""
    _show_plots(viewer, "Explore")


def show_training(viewer: Viewer) -> None:
    """Bring the *Training* dock to the front, behind *Uncertainty* as a tab where that is, as high as *Explore*."""
    _show_plots(viewer, "Training")


def show_readers(viewer: Viewer) -> None:
    """Bring the *Readers* dock to the front, behind *Uncertainty* as a tab where that is, as high as *Explore*."""
    _show_plots(viewer, "Readers")


def show_measure(viewer: Viewer) -> None:
    """Bring the *Measure* dock to the front, behind *Uncertainty* as a tab where that is."""
    _show_plots(viewer, "Measure")


def _show_plots(viewer: Viewer, name: str, otherwise: int | None = None) -> None:
    """Bring a dock to the front that needs more height; others have what they had then, or ``otherwise``."""
    window = viewer.window._qt_window
    opened = _opened(viewer, name)
    dock, widget = viewer.window.add_plugin_dock_widget(_PLUGIN, name)
    uncertainty = _opened(viewer, "Uncertainty")
    if opened is None and uncertainty is not None:
        _tab_behind(window, uncertainty, dock)
        heights = {True: widget.sizeHint().height() + 30, False: otherwise or uncertainty.height()}
        dock.visibilityChanged.connect(lambda in_front: _fit_height(dock, heights[in_front]))
    dock.show()
    dock.raise_()


def _fit_height(dock: Any, height: int) -> None:
    """Give a dock a height; the window is asked for anew, so that nobody keeps it alive."""
    window = dock.parentWidget()
    if isinstance(window, QMainWindow) and not dock.isFloating():  # a window that closes hands its docks on
        window.resizeDocks([dock], [height], Qt.Orientation.Vertical)


def show_models(viewer: Viewer) -> None:
    """Bring the *Models* dock to the front; open it, at the queue's place where that is, if it is not open."""
    _show_at_the_queue(viewer, "Models").look_again()


def show_regions(viewer: Viewer) -> None:
    """Bring the *Regions* dock to the front; open it, at the queue's place where that is, if it is not open."""
    _show_at_the_queue(viewer, "Regions")


def _show_at_the_queue(viewer: Viewer, name: str) -> Any:
    window = viewer.window._qt_window
    opened = _opened(viewer, name)
    dock, widget = viewer.window.add_plugin_dock_widget(_PLUGIN, name)
    review = _opened(viewer, "Review")
    if opened is None and review is not None:
        width = review.width()
        window.tabifyDockWidget(review, dock)
        window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
    dock.show()
    dock.raise_()
    return widget


def _opened(viewer: Viewer, name: str) -> Any:
    """Return the dock of ours that has this name, or None."""
    full = f"{name} ({_PLUGIN})"
    return viewer.window._qt_window.findChild(QDockWidget, full)


def _tab_behind(window: Any, front: Any, dock: Any) -> None:
    """Put a dock behind another as a tab, unless it has found its place before."""
    if front not in window.tabifiedDockWidgets(dock):
        window.tabifyDockWidget(front, dock)
    dock.show()
    front.raise_()
