"""The button that saves figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from napari_aleatoric.session import can_write_parquet

__all__ = ["TABLE", "SaveMenu"]

TABLE = "table"
_FIGURES = "Picture (*.png);;Vector graphic (*.svg)"


class SaveMenu(QPushButton):
    """Asks for a name.

    Signals
    -------
    asked(str, Path)
        What, and where to.

    Parameters
    ----------
    entries : sequence of (str, str, str)
        What can be saved, in words, and the name of the file that is offered. What is called `TABLE` is one, all
        else are figures.
    """

    asked = Signal(str, object)

    def __init__(self, entries: Sequence[tuple[str, str, str]], parent: QWidget | None = None) -> None:
        super().__init__("Save", parent)
        self.setAccessibleName("Save a figure or a table")
        self._entries = tuple(entries)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for what, words, _ in self._entries:
            action = menu.addAction(words)
            action.triggered.connect(lambda _=False, w=what: self._ask(w))
            if what == TABLE and not can_write_parquet():
                action.setToolTip("As CSV; Parquet as well where pyarrow is installed (pip install pyarrow).")
        self.setMenu(menu)

    def _ask(self, what: str) -> None:
        _, words, name = next(entry for entry in self._entries if entry[0] == what)
        kinds = _FIGURES
        if what == TABLE:
            kinds = "Table (*.csv);;Parquet (*.parquet)" if can_write_parquet() else "Table (*.csv)"
        path, _ = QFileDialog.getSaveFileName(self, words.rstrip("…"), name, kinds)
        if path:
            self.asked.emit(what, Path(path))
