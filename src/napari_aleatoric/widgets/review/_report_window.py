"""The window that asks what a report shall hold, starts it, and shows the way to it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status

if TYPE_CHECKING:
    from napari_aleatoric.session import ReviewSession

__all__ = ["ReportWindow", "ask_for_report"]

_DOOR = "report"


def ask_for_report(session: ReviewSession, parent: QWidget | None, *, of_case: bool) -> ReportWindow | None:
    """Open the window for a report of the case on the screen or of the whole review; None if nothing is open."""
    if session.workspace is None:
        return None
    window = ReportWindow(session, parent, of_case=of_case)
    window.show()
    return window


class ReportWindow(QDialog):
    """Collects a spec, starts the job and follows it.

    Parameters
    ----------
    session : ReviewSession
        A data set is open.
    parent : QWidget, optional
        The window.
    of_case : bool
        Whether the case on the screen is chosen at first, not the whole review.
    """

    def __init__(self, session: ReviewSession, parent: QWidget | None = None, *, of_case: bool = False) -> None:
        super().__init__(parent)
        self.setObjectName("aleatoric-report")
        self.setWindowTitle("Report")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._session = session
        self._written: Path | None = None
        self._started = False
        self._fields(of_case)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAccessibleName("How far the report is")
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.write = QPushButton("Write")
        self.write.setDefault(True)
        self.write.setToolTip("Write the report in the background; the review goes on meanwhile.")
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Stop writing; nothing of the report is kept.")
        self.show_it = QPushButton("Show")
        self.show_it.setToolTip("Open the report in the browser.")
        close = QPushButton("Close")
        close.setToolTip("Close this window; a report that is being written goes on.")
        row = QHBoxLayout()
        row.addStretch(1)
        for button in (self.write, self.stop, self.show_it, close):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addLayout(self._form)
        layout.addWidget(self.words)
        layout.addStretch(1)
        layout.addLayout(row)
        self.resize(480, 330)
        self.write.clicked.connect(self._start)
        self.stop.clicked.connect(session.cancel_job)
        self.show_it.clicked.connect(self._show_report)
        close.clicked.connect(self.close)
        session.job_changed.connect(self._show_job)
        self.finished.connect(lambda _: session.job_changed.disconnect(self._show_job))
        self._show_job(session.job_status)

    def _fields(self, of_case: bool) -> None:
        item = self._session.item
        self.what = QComboBox()
        self.what.setToolTip("Of one case, or of all, the worst first.")
        self.what.addItem("The whole review", ())
        if item is not None:
            self.what.addItem(f"This case: {item.key.case_id}", (item.key.case_id,))
            self.what.setCurrentIndex(int(of_case))
        self.folder = QLineEdit(str(self._free_folder()))
        self.folder.setToolTip("A new or empty folder, outside of the data set.")
        choose = QPushButton("Choose…")
        choose.setToolTip("Choose the folder in which the report gets a folder of its own.")
        choose.clicked.connect(self._choose)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(choose)
        self.pdf = QCheckBox("as PDF too")
        self.pdf.setChecked(True)
        self.pdf.setToolTip("Write report.pdf beside report.html.")
        self.identifiers = QCheckBox("name cases by their ids")
        self.identifiers.setToolTip("Ids may be names or numbers of patients; otherwise cases are numbered.")
        self.key_file = QCheckBox("tell in a file which number is which case")
        self.key_file.setToolTip("Writes key.csv beside the report. Keep it to yourself.")
        self.identifiers.toggled.connect(self.key_file.setDisabled)
        self.comments = QCheckBox("with readers' comments")
        self.comments.setChecked(True)
        self.comments.setToolTip("What readers wrote may hold names of patients.")
        self._form = QFormLayout()
        self._form.addRow("Of", self.what)
        self._form.addRow("Folder", place)
        for box in (self.pdf, self.identifiers, self.key_file, self.comments):
            self._form.addRow("", box)
        self.what.setAccessibleName("Of what")
        self.folder.setAccessibleName("Folder of the report")

    def spec(self) -> Any:
        """Return what was chosen, as the spec of the door."""
        from napari_aleatoric.review import ReportSpec

        session = self._session
        return ReportSpec(
            cases=tuple(self.what.currentData()),
            destination=self.folder.text().strip(),
            pdf=self.pdf.isChecked(),
            identifiers=self.identifiers.isChecked(),
            key_file=self.key_file.isChecked(),
            comments=self.comments.isChecked(),
            reader=session.reader,
            strategy=session.queue.strategy if session.queue is not None else "label_risk",
        )

    def _free_folder(self, parent: Path | None = None) -> Path:
        """Return a folder that is not there yet."""
        workspace = self._session.workspace
        assert workspace is not None  # the window is only opened where there is one
        stem = (parent or workspace.exports_dir) / f"report-{date.today():%Y-%m-%d}"
        found, n = stem, 1
        while found.exists():
            n += 1
            found = stem.with_name(f"{stem.name}-{n}")
        return found

    def _choose(self) -> None:
        parent = QFileDialog.getExistingDirectory(
            self, "Folder for the report", str(Path(self.folder.text()).parent)
        )
        if parent:
            self.folder.setText(str(self._free_folder(Path(parent))))

    def _start(self) -> None:
        self._written = None
        self._started = True
        self.words.setText("Starting …")
        self._session.start(_DOOR, self.spec())

    def _show_job(self, status: JobStatus | None) -> None:
        job = self._session.job
        busy = job is not None and status is not None and not status.is_over
        ours = job is not None and job.door == _DOOR
        self.write.setEnabled(not busy)
        self.stop.setVisible(busy and ours)
        if ours and status is not None and self._started:
            self._tell(status)
        elif busy and not ours:
            self.words.setText("Another piece of work is under way; wait for it.")
        self.show_it.setEnabled(self._written is not None)

    def _tell(self, status: JobStatus) -> None:
        if status.status is Status.COMPLETED:
            self._written = Path(self.folder.text().strip())
            self.words.setText(f"✓ The report is in {self._written.name}.")
        elif status.status is Status.FAILED:
            self.words.setText(f"✗ {status.error}")
        elif status.status is Status.CANCELLED:
            self.words.setText("Stopped; nothing was kept.")
        else:
            self.words.setText(status.sentence)

    def _show_report(self) -> None:
        page = None if self._written is None else self._written / "report.html"
        if page is None or not QDesktopServices.openUrl(QUrl.fromLocalFile(str(page))):
            self.words.setText(f"No program opens web pages here; the report is {page}.")
