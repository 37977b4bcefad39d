"""The page *Agreement*: how the readers agree over all cases, compared when it is asked for."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.session import AgreementView
from napari_aleatoric.widgets._hub import Hub
from napari_aleatoric.widgets._narrow_box import NarrowBox
from napari_aleatoric.widgets._progress_line import ProgressLine
from napari_aleatoric.widgets._whole_text import WholeText

from ._agreement_tables import CaseTable, PairTable, ReaderTable

__all__ = ["AgreementPage"]


class AgreementPage(QWidget):
    """Readers, or pairs of them, at the left, cases at the right; one structure at a time.

    Parameters
    ----------
    hub : Hub
        Of the window.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.setWindowTitle("Agreement")
        self.agreement = hub.agreement
        self.compare = QPushButton("Compare")
        self.compare.setToolTip(
            "Reads the label of every reader of every case, as it stands now, and compares them."
        )
        self.save = QPushButton("Save report …")
        self.save.setToolTip("Writes a page, tables and figures into a new folder.")
        self.classes = NarrowBox()
        self.classes.setAccessibleName("Structure that is shown")
        self.classes.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.show_readers, self.show_pairs = QPushButton("Readers"), QPushButton("Pairs")
        self.show_readers.setToolTip("What each reader is in the habit of, against the consensus of the others.")
        self.show_pairs.setToolTip("Mean Dice of every reader with every other.")
        self.headline = WholeText()
        self.headline.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.headline.setAccessibleName("Kappa and quality")
        self.progress = ProgressLine("comparing readers", "Stops reading; what was shown before stays.")
        self.readers, self.pairs, self.cases = ReaderTable(), PairTable(), CaseTable()
        self.stack, self.tables, self.rest = QStackedWidget(), QSplitter(Qt.Orientation.Horizontal), QWidget()
        self._build()
        self.compare.clicked.connect(self.agreement.compare)
        self.progress.cancel_requested.connect(self.agreement.cancel)
        self.classes.activated.connect(lambda _: self.agreement.choose(self.classes.currentText()))
        self.cases.picked.connect(self.agreement.go)
        self.save.clicked.connect(self._ask_where)
        self.agreement.view_changed.connect(self.show_view)
        self.show_view(self.agreement.view)

    def _build(self) -> None:
        choice = QButtonGroup(self)
        top = QHBoxLayout()
        top.setSpacing(6)
        for part in (self.compare, self.classes):
            top.addWidget(part)
        top.addStretch(1)
        for number, (button, table) in enumerate(
            ((self.show_readers, self.readers), (self.show_pairs, self.pairs))
        ):
            button.setCheckable(True)
            choice.addButton(button, number)
            self.stack.addWidget(table)
            top.addWidget(button)
        top.addWidget(self.save)
        choice.idClicked.connect(self.stack.setCurrentIndex)
        self.show_readers.setChecked(True)
        self.tables.addWidget(self.stack)
        self.tables.addWidget(self.cases)
        self.tables.setSizes([390, 210])
        self.tables.setChildrenCollapsible(False)
        self.progress.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.headline)
        layout.addWidget(self.progress)
        layout.addWidget(self.tables, 1)
        layout.addWidget(self.rest, 1)

    def show_view(self, view: AgreementView) -> None:
        """Show the comparison, or how far it is."""
        self.compare.setText("Compare again" if view.readers else "Compare")
        self.compare.setEnabled(view.is_open and not view.busy)
        self.save.setEnabled(bool(view.readers) and not view.busy)
        if [self.classes.itemText(i) for i in range(self.classes.count())] != list(view.class_names):
            self.classes.clear()
            self.classes.addItems(view.class_names)
        self.classes.setCurrentText(view.class_name)
        self.classes.setVisible(len(view.class_names) > 1)
        self.headline.setText(view.headline)
        self.headline.setVisible(bool(view.headline))
        self.progress.show_busy(view.busy, view.stopping)
        self.progress.show_fraction(view.fraction)
        self.progress.say(view.words)
        self.progress.words.setVisible(bool(view.words))
        self.tables.setVisible(bool(view.readers))
        self.rest.setVisible(not view.readers)
        for button in (self.show_readers, self.show_pairs):
            button.setVisible(bool(view.readers))
        self.readers.show_lines(view.readers, view.unit)
        names, colours = [r.name for r in view.readers], [r.colour for r in view.readers]
        self.pairs.show_cells(names, colours, view.pairs)
        self.cases.show_lines(view.cases)

    def _ask_where(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "New folder for the report", "readers-report", "Folder (*)")
        if path:
            self.save_to(Path(path))

    def save_to(self, folder: Path) -> None:
        """Write the report into a new folder."""
        self.agreement.save(folder, lambda files: self.progress.say(f"{folder.name}: {', '.join(files)}"))
