"""The canvases of the planes beside the window's own: two by two, or one of them alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QSplitter, QWidget

from napari_aleatoric.session import PLANES, SPACE
from napari_aleatoric.viewer import LinkedPlanes

from ._crosshair_sheet import CrosshairSheet

__all__ = ["PlanePanel"]

_CORONAL, _SAGITTAL = PLANES[1], PLANES[2]


class PlanePanel(QObject):
    """Puts a canvas for each plane into the middle of a napari window.

    The window's own canvas stays where it is, at the upper left; the others stand round it.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    planes : LinkedPlanes
        What the canvases show.
    on_double_click : callable
        Called with the name of the plane whose canvas was clicked twice; returns whether that meant something.
    """

    def __init__(self, viewer: Any, planes: LinkedPlanes, on_double_click: Callable[[str], bool]) -> None:
        window = viewer.window._qt_window
        super().__init__(window)
        self._on_double_click = on_double_click
        # not of napari's open doors: the window's canvas stands in a splitter, that in the window's middle
        self._column: Any = viewer.window._qt_viewer
        self._main: Any = self._column.canvas.native.parentWidget()
        self._middle: Any = window.centralWidget().layout()
        models: dict[str, ViewerModel] = {plane.name: plane.viewer for plane in planes.flat}
        models[SPACE] = planes.space.viewer
        self.views: dict[str, QtViewer] = {name: _canvas_of(model, name) for name, model in models.items()}
        self._right = QSplitter(Qt.Orientation.Vertical)
        self._column.addWidget(self.views[_SAGITTAL])
        self._right.addWidget(self.views[_CORONAL])
        self._right.addWidget(self.views[SPACE])
        self._middle.addWidget(self._right)
        self._column.splitterMoved.connect(self._level_right)
        self._right.splitterMoved.connect(self._level_left)
        self.canvases: dict[str, Any] = {PLANES[0]: self._column.canvas.native}
        self.canvases.update({name: view.canvas.native for name, view in self.views.items()})
        sheets = {PLANES[0]: viewer, **{name: models[name] for name in (_CORONAL, _SAGITTAL)}}
        self.sheets = {name: CrosshairSheet(model, self.canvases[name]) for name, model in sheets.items()}
        for canvas in self.canvases.values():
            canvas.installEventFilter(self)
        self._show(False)

    def arrange(self, is_on: bool, largest: str) -> None:
        """Show the canvases: all, or one alone, or only the window's own."""
        shown = {name: is_on and largest in ("", name) for name in PLANES}
        shown[PLANES[0]] = not is_on or largest in ("", PLANES[0])
        self._main.setVisible(shown[PLANES[0]])
        for name, view in self.views.items():
            view.setVisible(shown[name])
        self._column.setVisible(shown[PLANES[0]] or shown[_SAGITTAL])
        self._right.setVisible(shown[_CORONAL] or shown[SPACE])
        share = 1 if is_on else 0
        self._middle.setStretch(self._middle.indexOf(self._column), share)
        self._middle.setStretch(self._middle.indexOf(self._right), share)
        if is_on and not largest:
            for splitter in (self._column, self._right):
                splitter.setSizes([10_000, 10_000])

    def close(self) -> None:
        """Take the canvases out of the window."""
        for canvas in self.canvases.values():
            canvas.removeEventFilter(self)
        for sheet in self.sheets.values():
            sheet.let_go()
        self.arrange(False, "")
        for view in self.views.values():
            view.close()
            view.setParent(None)
            view.deleteLater()
        self._right.setParent(None)
        self._right.deleteLater()
        self.views, self.sheets, self.canvases = {}, {}, {}
        self._on_double_click = lambda name: False
        self._column = self._main = self._middle = None
        self.deleteLater()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hear of double clicks before napari does: it would zoom."""
        if event is not None and event.type() == QEvent.Type.MouseButtonDblClick:
            name = next((name for name, canvas in self.canvases.items() if canvas is watched), "")
            if name and self._on_double_click(name):
                return True
        return super().eventFilter(watched, event)

    def _show(self, is_on: bool) -> None:
        self.arrange(is_on, "")

    def _level_right(self, *where: int) -> None:
        self._level(self._column, self._right)

    def _level_left(self, *where: int) -> None:
        self._level(self._right, self._column)

    def _level(self, moved: QSplitter, other: QSplitter) -> None:
        if all(view.isVisible() for view in self.views.values()):
            other.setSizes(moved.sizes())


def _canvas_of(model: ViewerModel, name: str) -> QtViewer:
    view = QtViewer(model)
    view.dims.hide()  # the wheel scrolls; the slider would take the room of the picture
    view.setMinimumSize(80, 60)
    _name(view.canvas.native, f"{name} plane" if name != SPACE else "3-D view")
    return view


def _name(widget: QWidget, name: str) -> None:
    widget.setAccessibleName(name)
    widget.setToolTip("")
