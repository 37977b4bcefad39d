"""A chip that says that the queue is narrowed to what was selected in a plot, and ends that."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton, QWidget

from napari_aleatoric.session import ReviewSession

__all__ = ["SelectionChip"]


class SelectionChip(QPushButton):
    """Hidden while nothing is selected; a click lets the queue show everything again.

    Parameters
    ----------
    session : ReviewSession
        Whose queue.
    words : str
        What stands behind the number.
    """

    def __init__(
        self, session: ReviewSession, words: str = "selected in the plot", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._words = session, words
        self.setAccessibleName("End the selection made in the plot")
        self.setToolTip("The queue shows only what was selected in the plot. Click to show everything again.")
        self.clicked.connect(lambda: self._session.set_filter(keys=None))
        session.queue_changed.connect(self._look)
        self._look()

    def _look(self, *_: object) -> None:
        keys = self._session.filter.keys
        self.setVisible(keys is not None)
        if keys is not None:
            self.setText(f"✕  {len(keys):,} {self._words}".rstrip())
