"""What happens when a person closes the window: strokes are saved, and a training of this window is asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from qtpy.QtCore import QEvent, QObject, QThread, QTimer
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_aleatoric.session import ReviewSession

__all__ = ["Closing", "Wish", "ask_about_training"]

Wish = Literal["go on", "stop", "stay"]
_ABOUT = (
    "It goes on in the background without the window, and the next window finds it again. If it is stopped, what "
    "it has learned is kept, and it can go on later."
)


def ask_about_training(window: QWidget, progress: str) -> Wish:
    """Ask what becomes of a training that is under way; Escape keeps the window open.

    Parameters
    ----------
    window : QWidget
        That is being closed.
    progress : str
        How far the training is.
    """
    box = QMessageBox(window)
    box.setObjectName("aleatoric-closing")
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("A training is running")
    box.setText(f"A training that was started here is running{progress and f': {progress}'}.")
    box.setInformativeText(_ABOUT)
    roles = QMessageBox.ButtonRole
    wishes: list[tuple[Any, Wish]] = [
        (box.addButton("Close, let it go &on", roles.AcceptRole), "go on"),
        (box.addButton("&Stop it and close", roles.DestructiveRole), "stop"),
        (box.addButton("&Keep the window open", roles.RejectRole), "stay"),
    ]
    box.setDefaultButton(wishes[0][0])
    box.setEscapeButton(wishes[2][0])
    box.exec()
    return next((wish for button, wish in wishes if button is box.clickedButton()), "stay")


class Closing(QObject):
    """Watches one window being closed.

    A person is asked, a script is not: it closes a window outside of any event loop.

    Parameters
    ----------
    window : QWidget
        Which.
    session : ReviewSession
        What is in it.
    ask : callable
        ``ask(window, progress)`` says what becomes of a training.
    """

    def __init__(
        self, window: QWidget, session: ReviewSession, ask: Callable[[QWidget, str], Wish] = ask_about_training
    ) -> None:
        super().__init__(window)
        self._window: Any = window
        self._session: Any = session
        self.ask = ask
        self._is_asking = False
        window.installEventFilter(self)

    _window: Any = None  # after Python let go of an object that Qt still has

    def close(self) -> None:
        """Watch no more."""
        if self._window is not None:
            self._window.removeEventFilter(self)
        self._window = self._session = None

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Ask, then save what is unsaved; swallow the event where the window is to stay."""
        window, session = self._window, self._session
        if window is None or watched is not window or event is None or event.type() != QEvent.Type.Close:
            return False
        if self._is_asking or not self._may_close(event):
            event.ignore()
            return True
        session.keep_strokes()
        session.leave()
        QTimer.singleShot(0, self._look_whether_it_stayed)
        return False

    def _may_close(self, event: QEvent) -> bool:
        session = self._session
        is_by_hand = event.spontaneous() or QThread.currentThread().loopLevel() > 0
        if session.own_job is None or session.own_job.door != "train" or not is_by_hand:
            return True
        self._is_asking = True
        try:
            status = session.job_status
            wish = self.ask(self._window, "" if status is None else status.sentence)
        finally:
            self._is_asking = False
        if wish == "stop":
            session.cancel_job()  # its own process sees to that
        return wish != "stay"

    def _look_whether_it_stayed(self) -> None:
        """Take the case up again where napari asked too, and the window was not closed after all."""
        if self._window is not None and self._window.isVisible():
            self._session.come_back()
