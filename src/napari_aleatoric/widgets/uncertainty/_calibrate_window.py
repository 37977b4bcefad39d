"""*Which measure works on my data?*: what may be chosen, how far it is, what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_aleatoric.jobs import JobStatus
from napari_aleatoric.model import Status
from napari_aleatoric.session import CalibrationNews, calibration_news, calibration_spec
from napari_aleatoric.widgets._background import run
from napari_aleatoric.widgets._progress_line import ProgressLine
from napari_aleatoric.widgets._whole_text import WholeText

from ._calibrate_card import CalibrateCard

if TYPE_CHECKING:
    from napari_aleatoric.widgets._hub import Hub

__all__ = ["CalibrateWindow", "beside_calibration", "calibrate_button", "open_calibration"]

_TITLE = "Which measure works on my data?"
_NAME = "aleatoric-calibrate"
_WORDS = (
    "Errors of known kinds (drift, too large, too small, missing slices, part of a class dropped, classes swapped, "
    "shifted, extra blob) are planted into a private copy of your labels, and every measure is asked to find them. "
    "Your files are only read. It takes about as long as scoring, once for every round."
)


def calibrate_button(hub: Hub) -> QPushButton:
    """Make the button that opens the window; its text is short, for it stands in a dock."""
    button = QPushButton("Which works?")
    button.setAccessibleName(_TITLE)
    button.setToolTip(f"{_TITLE} {_WORDS}")
    button.clicked.connect(lambda: open_calibration(hub))
    return button


def beside_calibration(hub: Hub, widget: QWidget) -> QHBoxLayout:
    """Put a widget and, at its right, the button that opens the window into a row."""
    row = QHBoxLayout()
    row.setSpacing(4)
    row.addWidget(widget, 1)
    row.addWidget(calibrate_button(hub))
    return row


def open_calibration(hub: Hub) -> CalibrateWindow:
    """Show the one window of a hub."""
    window = hub.window.findChild(QDialog, _NAME)
    if not isinstance(window, CalibrateWindow):
        window = CalibrateWindow(hub)
    window.show()
    window.raise_()
    return window


class CalibrateWindow(QDialog):
    """Starts a calibration of the open data set as a job and shows the last one's result.

    Parameters
    ----------
    hub : Hub
        Of the napari window.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub.window)
        self._hub, self._session = hub, hub.session
        self._calibrating = False
        self.setObjectName(_NAME)
        self.setWindowTitle(_TITLE)
        self.resize(980, 600)
        words = WholeText(_WORDS)
        self.rounds = _number(
            "Rounds", 1, 20, 3, "", "The first half chooses the order, the others report figures."
        )
        self.fraction = _number(
            "Cases with an error", 5, 50, 20, " %", "Part of the cases that gets one error each."
        )
        self.rate = _number(
            "Labels you expect to be wrong",
            1,
            90,
            20,
            " %",
            "Turns places in the queue into words. To change only this takes seconds: finished rounds are kept.",
        )
        self.start = QPushButton("Calibrate")
        self.progress = ProgressLine("the calibration", "Stop it; finished rounds are kept.")
        self.card = CalibrateCard()
        row = QHBoxLayout()
        for box in (self.rounds, self.fraction, self.rate):
            row.addWidget(QLabel(box.accessibleName()))
            row.addWidget(box)
        row.addStretch(1)
        row.addWidget(self.start)
        layout = QVBoxLayout(self)
        layout.addWidget(words)
        layout.addLayout(row)
        layout.addWidget(self.progress)
        layout.addWidget(self.card, 1)
        layout.addStretch(0)
        self.start.clicked.connect(self._start)
        self.progress.cancel_requested.connect(self._session.cancel_job)
        self.card.order_wanted.connect(self._use)
        self._session.job_changed.connect(self._show_job)
        self._session.opened.connect(self._opened)
        self._show_job(self._session.job_status)
        self.look()

    def look(self) -> None:
        """Read the last calibration beside the window, and show it."""
        workspace, store = self._session.workspace, self._session.store
        if workspace is None or store is None:
            self.card.show_news(None)
            self.progress.say("Open a data set first.")
            return

        def came(news: CalibrationNews) -> None:
            if self._session.workspace is workspace and not self._hub.closed:
                self.card.show_news(news)

        run(lambda: calibration_news(workspace, store), came, lambda error: self.progress.say(str(error)))

    def _opened(self, workspace: object) -> None:
        self._show_job(None)
        self.look()

    def _start(self) -> None:
        workspace = self._session.workspace
        if workspace is None:
            return
        chosen = (self.rounds.value(), self.fraction.value() / 100, self.rate.value() / 100)
        self.start.setEnabled(False)
        self.progress.say("")
        self._session.start("calibrate", calibration_spec(workspace, *chosen))
        self._show_job(self._session.job_status)

    def _show_job(self, status: JobStatus | None) -> None:
        job = self._session.job if status is None or not status.is_over else None  # at its end it is still there
        ours = job is not None and job.door == "calibrate"
        self.start.setEnabled(self._session.workspace is not None and job is None)
        self.progress.show_busy(ours)
        if ours and status is not None:
            self._calibrating = True
            self.progress.show_fraction(status.fraction if status.total else None)
            self.progress.say(status.sentence)
        elif job is not None:
            self.progress.say("Another job is running; calibrate when it is over.")
        elif self._calibrating and status is not None:
            self._calibrating = False
            self.progress.say("" if status.status is Status.COMPLETED else status.sentence)
            self.look()
        elif not self._calibrating:
            self.progress.say("")

    def _use(self, order: str) -> None:
        from napari_aleatoric.review import use_order

        workspace = self._session.workspace
        if workspace is None:
            return

        def done(_: object) -> None:
            self._session.set_filter(strategy=order)
            self.look()

        run(lambda: use_order(workspace, order), done, lambda error: self.progress.say(str(error)))


def _number(name: str, low: int, high: int, value: int, unit: str, words: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setSuffix(unit)
    box.setToolTip(words)
    box.setAccessibleName(name)
    return box
