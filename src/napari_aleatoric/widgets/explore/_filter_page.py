"""The filter in figures: what is kept, what becomes of verdicts, and the export of what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.widgets._progress_line import ProgressLine

from ._parts import choice, offer, words_of

if TYPE_CHECKING:
    from napari_aleatoric.review import FilterSpec

__all__ = ["FilterPage"]

_VERDICTS = ("rejected", "excluded")
_EVERYBODY = "all readers"
_LAYOUTS = (
    ("nnunet", "nnU-Net v2", "imagesTr, labelsTr and dataset.json of nnU-Net v2; files are linked."),
    ("msd", "Decathlon (MSD)", "imagesTr, labelsTr and a dataset.json that lists the cases; files are linked."),
    ("monai", "MONAI data list", "A dataset.json that names image and label files where they are."),
    ("split", "Split files", "splits_final.json for nnU-Net, and the kept and dropped cases as plain text."),
)


class FilterPage(QWidget):
    """Collects wishes; knows nothing of the session.

    Signals
    -------
    changed(dict)
        Fields of `FilterSpec`.
    export_requested(dict)
        ``destination``, ``layout``, ``files`` and ``replace`` of `FilterExportSpec`.
    """

    changed = Signal(dict)
    export_requested = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.low, self.high = (
            self._percent("Percentile from which labels are kept"),
            self._percent("Percentile up to"),
        )
        self.class_wise = QCheckBox("Class by class")
        self.class_wise.setToolTip(
            "Cut every class by its own distribution, then keep cases by the rule at the right."
        )
        self.rule = self._box(
            "Keep a case where any of its classes is within its cut, or only where all are",
            (("any class", "any"), ("all classes", "all")),
        )
        self.refused = self._box(
            "What becomes of rejected and excluded labels",
            (("drop", "drop"), ("like the others", "judge")),
        )
        self.trusted = self._box(
            "What becomes of accepted and corrected labels",
            (("like the others", "judge"), ("keep", "keep")),
        )
        self.unscored = self._box("What becomes of labels without a score", (("keep", "keep"), ("drop", "drop")))
        self.label_reader = self._box("Whose labels", ((_EVERYBODY, None),))
        self.layout_box = self._box(
            "What the kept set is written as", [(title, name) for name, title, _ in _LAYOUTS]
        )
        for i, (_, _, words) in enumerate(_LAYOUTS):
            self.layout_box.setItemData(i, words, Qt.ItemDataRole.ToolTipRole)
        self.copy = QCheckBox("copy files")
        self.copy.setToolTip("Copy images and labels instead of linking them: takes space, and stands by itself.")
        self.replace = QCheckBox("replace an earlier export")
        self.replace.setToolTip("Replace an earlier export of a filter, if nothing was added to its folder.")
        self.export = QPushButton("Export…")
        self.export.setToolTip("Write what is kept into a folder of its own, in the background.")
        self.progress = ProgressLine("the export", "Stop; nothing of it is kept.")
        self._fill()
        self._connect()

    def _percent(self, words: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(0, 100)
        box.setDecimals(1)
        box.setSuffix(" %")
        box.setKeyboardTracking(False)
        box.setAccessibleName(words)
        return box

    def _box(self, words: str, entries: Sequence[tuple[str, Any]]) -> QComboBox:
        box = choice(words)
        offer(box, entries, entries[0][1])
        return box

    def _fill(self) -> None:
        self.ends = words_of("What the percentiles mean")
        keep = QHBoxLayout()
        keep.setSpacing(4)
        for part in (QLabel("Keep"), self.low, QLabel("to"), self.high):
            keep.addWidget(part)
        keep.addStretch(1)
        self.whose = QLabel("labels by")
        grid = QGridLayout()
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[QWidget, QWidget], ...] = (
            (self.class_wise, self.rule),
            (QLabel("rejected, excluded"), self.refused),
            (QLabel("accepted, corrected"), self.trusted),
            (QLabel("without a score"), self.unscored),
            (self.whose, self.label_reader),
        )
        for place, (left, right) in enumerate(rows):
            grid.addWidget(left, place, 0)
            grid.addWidget(right, place, 1)
        how = QHBoxLayout()
        out = QHBoxLayout()
        for row in (how, out):
            row.setSpacing(4)
        for part in (self.copy, self.replace):
            how.addWidget(part)
        how.addStretch(1)
        out.addWidget(QLabel("As"))
        out.addWidget(self.layout_box, 1)
        out.addWidget(self.export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(keep)
        layout.addWidget(self.ends)
        layout.addLayout(grid)
        layout.addStretch(1)
        layout.addLayout(how)
        layout.addLayout(out)
        layout.addWidget(self.progress)
        self.progress.words.hide()
        self.show_readers(())

    def _connect(self) -> None:
        for box in (self.low, self.high):
            box.valueChanged.connect(self._range_changed)
        self.class_wise.toggled.connect(lambda on: self.changed.emit({"class_wise": on, "class_names": ()}))
        self.rule.activated.connect(lambda _: self.changed.emit({"class_rule": self.rule.currentData()}))
        self.refused.activated.connect(
            lambda _: self.changed.emit(
                {"drop_verdicts": _VERDICTS if self.refused.currentData() == "drop" else ()}
            )
        )
        self.trusted.activated.connect(
            lambda _: self.changed.emit(
                {"keep_verdicts": ("accepted", "corrected") if self.trusted.currentData() == "keep" else ()}
            )
        )
        self.unscored.activated.connect(lambda _: self.changed.emit({"unscored": self.unscored.currentData()}))
        self.label_reader.activated.connect(
            lambda _: self.changed.emit({"label_reader": self.label_reader.currentData()})
        )
        self.export.clicked.connect(lambda: self._ask_where())

    def _range_changed(self, *_: object) -> None:
        if self.low.value() < self.high.value():
            self.changed.emit({"percentiles": (self.low.value(), self.high.value())})

    # -- to the page --------------------------------------------------------------------------------

    def show_filter(self, spec: FilterSpec, ends: tuple[str, str]) -> None:
        """Show what is asked for, without telling anybody; ``ends`` are the words of the better and worse end."""
        for box, value in zip((self.low, self.high), spec.percentiles, strict=True):
            box.blockSignals(True)
            box.setValue(value)
            box.setEnabled(spec.values is None)
            box.blockSignals(False)
        self.ends.setText(f"0 % = the most {ends[0]}, 100 % = the most {ends[1]}")
        self.class_wise.blockSignals(True)
        self.class_wise.setChecked(spec.class_wise)
        self.class_wise.blockSignals(False)
        self.rule.setEnabled(spec.class_wise)
        self.rule.setCurrentIndex(self.rule.findData(spec.class_rule))
        self.refused.setCurrentIndex(0 if spec.drop_verdicts else 1)
        self.trusted.setCurrentIndex(1 if spec.keep_verdicts else 0)
        self.unscored.setCurrentIndex(self.unscored.findData(spec.unscored))

    def show_readers(self, readers: tuple[str, ...]) -> None:
        """Offer a choice of whose labels, where there are several."""
        chosen = self.label_reader.currentData()
        entries: list[tuple[str, Any]] = [(_EVERYBODY, None), *((r, r) for r in readers)]
        offer(self.label_reader, entries, chosen)
        for part in (self.whose, self.label_reader):
            part.setVisible(len(readers) > 1)

    def show_export(self, reason: str) -> None:
        """Turn the button on, or off where there is a reason."""
        self.export.setEnabled(not reason)
        self.export.setToolTip(reason or "Write what is kept into a folder of its own, in the background.")

    def show_job(self, status: JobStatus) -> None:
        """Show where an export is, and how it ended."""
        line = self.progress
        line.words.show()
        line.show_busy(not status.is_over)
        line.show_fraction(status.fraction if status.total else None)
        if status.status is Status.COMPLETED:
            result = status.result or {}
            line.say(" ".join(("✓", str(result.get("sentence", "")), *map(str, result.get("remarks", ())))))
        elif status.status is Status.CANCELLED:
            line.say("Stopped; nothing of it was kept.")
        else:
            line.say(f"✗ {status.error}" if status.status is Status.FAILED else status.sentence)

    # -- exporting ----------------------------------------------------------------------------------

    def _ask_where(self) -> None:
        options = QFileDialog.Option.DontConfirmOverwrite
        path, _ = QFileDialog.getSaveFileName(self, "Folder for the kept set", "kept", options=options)
        if path:
            self.ask_export(Path(path))

    def ask_export(self, folder: Path) -> None:
        """Ask for an export into a folder, as the page says."""
        self.export_requested.emit(
            {
                "destination": str(folder),
                "layout": self.layout_box.currentData(),
                "files": "copy" if self.copy.isChecked() else "link",
                "replace": self.replace.isChecked(),
            }
        )
