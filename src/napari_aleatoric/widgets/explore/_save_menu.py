"""The button that saves figures and tables."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from napari_aleatoric.session import can_write_parquet

__all__ = ["SaveMenu"]

_FIGURES = "Picture (*.png);;Vector graphic (*.svg)"
_WHAT = (
    ("distribution", "Histogram as figure…", _FIGURES, "distribution.png"),
    ("scatter", "Scatter plot as figure…", _FIGURES, "scatter.png"),
    ("spectrum", "Spectrum as figure…", _FIGURES, "spectrum.png"),
    ("table", "Table of all cases…", "", "scores.csv"),
)


class SaveMenu(QPushButton):
    """Asks for a name.

    Signals
    -------
    asked(str, Path)
        "distribution", "scatter", "spectrum" or "table", and where to.
    """

    asked = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Save", parent)
        self.setAccessibleName("Save a figure or a table")
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for what, words, _, _ in _WHAT:
            action = menu.addAction(words)
            action.triggered.connect(lambda _=False, w=what: self._ask(w))
            if what == "table" and not can_write_parquet():
                action.setToolTip("As CSV; Parquet as well where pyarrow is installed (pip install pyarrow).")
        self.setMenu(menu)

    def _ask(self, what: str) -> None:
        _, words, kinds, name = next(entry for entry in _WHAT if entry[0] == what)
        if what == "table":
            kinds = "Table (*.csv);;Parquet (*.parquet)" if can_write_parquet() else "Table (*.csv)"
        path, _ = QFileDialog.getSaveFileName(self, words.rstrip("…"), name, kinds)
        if path:
            self.asked.emit(what, Path(path))
