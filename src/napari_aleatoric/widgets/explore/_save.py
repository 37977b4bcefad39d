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


def save_figure(plot: Any, path: Path) -> Path:
    """Write a plot as a picture or a vector graphic, by the suffix; PNG without one.

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
    write_whole(path, draw(plot))
    return path


def _picture(plot: Any) -> bytes:
    from pyqtgraph.exporters import ImageExporter

    exporter = ImageExporter(plot.getPlotItem())
    exporter.parameters()["width"] = _WIDTH_PX
    image = exporter.export(toBytes=True)
    return _device_content(lambda device: image.save(device, "PNG"))


def _vectors(plot: Any) -> bytes:
    """Let Qt write the drawing; the exporter of the plot library stumbles over some shapes."""
    from pyqtgraph.exporters import ImageExporter
    from qtpy.QtCore import QRectF
    from qtpy.QtGui import QPainter
    from qtpy.QtSvg import QSvgGenerator

    item = plot.getPlotItem()
    source = item.mapRectToScene(item.boundingRect())
    target = QRectF(0, 0, source.width(), source.height())
    exporter = ImageExporter(item)

    def write(device: Any) -> None:
        generator = QSvgGenerator()
        generator.setOutputDevice(device)
        generator.setSize(target.size().toSize())
        generator.setViewBox(target)
        painter = QPainter(generator)
        painter.fillRect(target, plot.backgroundBrush())
        exporter.setExportMode(True, {"antialias": True, "painter": painter, "resolutionScale": 1.0})
        try:
            plot.scene().render(painter, target, source)
        finally:
            exporter.setExportMode(False)
            painter.end()

    return _device_content(write)


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
