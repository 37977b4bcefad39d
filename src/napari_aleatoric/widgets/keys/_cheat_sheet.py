"""The table of keys on screen: read it, double-click a key to change it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
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
from ._shortcuts import Shortcuts
from ._table import KeyTable

__all__ = ["CheatSheet"]


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
        self._reset = QPushButton("All defaults")
        self._words = QLabel("Select an action, press its new key in the field, and use it.")
        self._words.setWordWrap(True)
        row = QHBoxLayout()
        for widget in (self._edit, self._set, self._clear, self._reset):
            row.addWidget(widget)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self._rows)
        layout.addLayout(row)
        layout.addWidget(self._words)
        layout.addWidget(buttons)
        self._set.clicked.connect(lambda: self._change(self._edit.keySequence()))
        self._clear.clicked.connect(lambda: self._change(QKeySequence()))
        self._reset.clicked.connect(self._all_defaults)
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

    def _all_defaults(self) -> None:
        self._table.reset()
        self._shortcuts.rebuild()
        self._fill()
        self._words.setText("All keys are back to their defaults.")
