"""Figures and tables as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.io import write_whole
from napari_aleatoric.session import csv_bytes, parquet_bytes

__all__ = ["save_figure", "save_table", "sentence_of"]

_WIDTH_PX = 1600


def save_figure(plot: Any, path: Path, legend: str = "") -> Path:
    """Write a plot as a picture or a vector graphic, by the suffix; PNG without one.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget
        As it is on the screen.
    path : Path
        Where to.
    legend : str
        What stands above the plot, in Qt's rich text.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If the suffix is another one.
    WorkspaceError
        If it cannot be written.
    """
    path = path if path.suffix else path.with_suffix(".png")
    draw = {".png": _picture, ".svg": _vectors}.get(path.suffix.lower())
    if draw is None:
        raise DataError(f"Expected a name ending in .png or .svg for a figure, got {path.name}.")
    write_whole(path, _device_content(lambda device: draw(_Figure(plot, legend), device)))
    return path


class _Figure:
    """A plot with its legend, drawn by Qt: the exporter of vectors of the plot library stumbles over some shapes.

    The plot on the screen is not touched: a legend in it would move its axes.
    """

    def __init__(self, plot: Any, legend: str) -> None:
        from qtpy.QtGui import QTextDocument

        self._plot = plot
        item = plot.getPlotItem()
        self._source = item.mapRectToScene(item.boundingRect())
        self._words = QTextDocument()
        self._words.setDefaultFont(plot.font())
        self._words.setTextWidth(self._source.width())
        self._words.setHtml(legend)
        self._above = self._words.size().height() if legend else 0.0
        self.width, self.height = self._source.width(), self._source.height() + self._above
        self.dots_per_inch = plot.logicalDpiX()

    def draw(self, painter: Any, scale: float) -> None:
        """Draw on a device that has ``scale`` dots for each of the screen's."""
        from pyqtgraph.exporters import ImageExporter
        from qtpy.QtCore import QRectF

        painter.fillRect(QRectF(0, 0, self.width * scale, self.height * scale), self._plot.backgroundBrush())
        painter.save()
        painter.scale(scale, scale)
        self._words.drawContents(painter)
        painter.restore()
        size = self._source.size() * scale
        target = QRectF(0, self._above * scale, size.width(), size.height())
        mode = ImageExporter(self._plot.getPlotItem())
        options = {"antialias": True, "painter": painter, "resolutionScale": scale}
        mode.setExportMode(True, {**options, "background": self._plot.backgroundBrush().color()})
        try:
            self._plot.scene().render(painter, target, self._source)
        finally:
            mode.setExportMode(False)


def _picture(figure: _Figure, device: Any) -> None:
    from qtpy.QtGui import QImage, QPainter

    scale = _WIDTH_PX / figure.width
    image = QImage(_WIDTH_PX, round(figure.height * scale), QImage.Format.Format_RGB32)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    figure.draw(painter, scale)
    painter.end()
    image.save(device, "PNG")


def _vectors(figure: _Figure, device: Any) -> None:
    from qtpy.QtCore import QRectF, QSize
    from qtpy.QtGui import QPainter
    from qtpy.QtSvg import QSvgGenerator

    generator = QSvgGenerator()
    generator.setOutputDevice(device)
    generator.setResolution(figure.dots_per_inch)  # axes are drawn for the screen's, and must fit the points
    generator.setSize(QSize(round(figure.width), round(figure.height)))
    generator.setViewBox(QRectF(0, 0, figure.width, figure.height))
    painter = QPainter(generator)
    figure.draw(painter, 1.0)
    painter.end()


def _device_content(write: Callable[[Any], Any]) -> bytes:
    """Return what was written to a device of Qt."""
    from qtpy.QtCore import QBuffer, QByteArray, QIODevice

    store = QByteArray()
    buffer = QBuffer(store)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    write(buffer)
    buffer.close()
    return bytes(store)


def save_table(make: Callable[[], dict[str, list[Any]]], path: Path) -> Path:
    """Write a table as CSV or Parquet, by the suffix; CSV without one. Touches no widget.

    Raises
    ------
    AleatoricError
        If the suffix is another one, or what it needs is not installed, or it cannot be written.
    """
    path = path if path.suffix else path.with_suffix(".csv")
    kinds = {".csv": csv_bytes, ".parquet": parquet_bytes}
    if path.suffix.lower() not in kinds:
        raise DataError(f"Expected a name ending in .csv or .parquet for a table, got {path.name}.")
    write_whole(path, kinds[path.suffix.lower()](make()))
    return path


def sentence_of(error: BaseException) -> str:
    """Return what the user is told of an error."""
    return str(error) if isinstance(error, AleatoricError) else f"It could not be saved ({type(error).__name__})."
