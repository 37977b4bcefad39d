"""The table of keys on screen: read it, double-click a key to change it."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.errors import DataError

from ._adjudication_keys import ADJUDICATION_ACTIONS
from ._presets import PRESETS
from ._shortcuts import Shortcuts
from ._table import KeyTable

__all__ = ["CheatSheet"]

_FILES = "Tables of keys (*.json)"


class CheatSheet(QDialog):
    """Keys and what they do; changes are kept for the next start.

    Parameters
    ----------
    table : KeyTable
        Shown and changed.
    shortcuts : Shortcuts
        Bound again after a change.
    parent : QWidget
        The window, for its theme.
    """

    def __init__(self, table: KeyTable, shortcuts: Shortcuts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table, self._shortcuts = table, shortcuts
        self.setWindowTitle("Keys of Aleatoric Review")
        self.resize(520, 560)
        self._rows = QTableWidget(0, 3)
        self._rows.setHorizontalHeaderLabels(["Key", "Does", ""])
        self._rows.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._rows.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._rows.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._rows.verticalHeader().hide()
        header = self._rows.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self._edit = QKeySequenceEdit()
        self._edit.setAccessibleName("New key for the selected action")
        self._set = QPushButton("Use this key")
        self._clear = QPushButton("No key")
        self._presets = {name: QPushButton(f"All {name}") for name in PRESETS}
        self._save, self._load = QPushButton("Save…"), QPushButton("Load…")
        self._save.setToolTip("Write all keys into a file, for another computer.")
        self._load.setToolTip("Take the keys of a file that was saved here.")
        self._words = QLabel("Select an action, press its new key in the field, and use it.")
        self._words.setWordWrap(True)
        row = QHBoxLayout()
        for widget in (self._edit, self._set, self._clear):
            row.addWidget(widget)
        tables = QHBoxLayout()
        for name, button in self._presets.items():
            button.setToolTip("Every key as in this preset; what you changed is gone.")
            button.clicked.connect(lambda _=False, n=name: self._all_of(n))
            tables.addWidget(button)
        for button in (self._save, self._load):
            tables.addWidget(button)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self._rows)
        layout.addLayout(row)
        layout.addLayout(tables)
        layout.addWidget(self._words)
        layout.addWidget(buttons)
        self._set.clicked.connect(lambda: self._change(self._edit.keySequence()))
        self._clear.clicked.connect(lambda: self._change(QKeySequence()))
        self._save.clicked.connect(self._ask_where)
        self._load.clicked.connect(self._ask_which)
        self._fill()

    def _fill(self) -> None:
        bindings = self._shortcuts.bindings
        self._rows.setRowCount(len(bindings) + len(ADJUDICATION_ACTIONS))
        for row, binding in enumerate(bindings):
            note = f"not bound; {binding.conflict}" if binding.conflict else binding.action.group
            for column, text in enumerate((binding.key or "–", binding.action.title, note)):
                cell = QTableWidgetItem(text)
                cell.setData(Qt.ItemDataRole.UserRole, binding.action.name)
                self._rows.setItem(row, column, cell)

        for row, action in enumerate(ADJUDICATION_ACTIONS, start=len(bindings)):
            for column, text in enumerate((action.key, action.title, action.group)):
                self._rows.setItem(row, column, QTableWidgetItem(text))

    def _change(self, sequence: QKeySequence) -> None:
        row = self._rows.currentRow()
        if row < 0:
            self._words.setText("Select an action in the table first.")
            return
        name = self._rows.item(row, 0).data(Qt.ItemDataRole.UserRole)
        if name is None:
            self._words.setText("These keys hold only while differences are settled, and stay as they are.")
            return
        key = sequence.toString(QKeySequence.SequenceFormat.PortableText).split(",")[0].strip()
        try:
            self._table.change(name, key, self._shortcuts.taken())
        except DataError as error:
            self._words.setText(str(error))
            return
        self._shortcuts.rebuild()
        self._fill()
        self._rows.selectRow(row)
        self._words.setText("Changed, and kept for the next start.")

    def _all_of(self, preset: str) -> None:
        self._table.reset(preset)
        self._shortcuts.rebuild()
        self._fill()
        self._words.setText(f"All keys are {preset} now.")

    def _ask_where(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the table of keys", "keys.json", _FILES)
        if path:
            self.save_to(Path(path))

    def save_to(self, path: Path) -> None:
        """Write all keys into a file."""
        try:
            self._table.export(path)
        except OSError as error:
            self._words.setText(f"The keys were not saved: {error.strerror or error}.")
            return
        self._words.setText(f"Saved as {path.name}.")

    def _ask_which(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a table of keys", "", _FILES)
        if path:
            self.load_from(Path(path))

    def load_from(self, path: Path) -> None:
        """Take the keys of a file; one that cannot be is refused as a whole."""
        try:
            left_out = self._table.take(path, self._shortcuts.taken())
        except DataError as error:
            self._words.setText(str(error))
            return
        self._shortcuts.rebuild()
        self._fill()
        self._words.setText(" ".join([f"The keys of {path.name} hold now.", *left_out[:3]]))
