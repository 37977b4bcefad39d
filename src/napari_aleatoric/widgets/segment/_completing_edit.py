"""A line to type words in, with what may be meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qtpy.QtCore import QStringListModel, Qt
from qtpy.QtWidgets import QCompleter, QLineEdit, QWidget

__all__ = ["CompletingEdit"]


class CompletingEdit(QLineEdit):
    """A line whose completions come from a function.

    Parameters
    ----------
    complete : callable
        Returns what may be meant by what was typed so far, the best first.
    parent : QWidget, optional
        Qt's owner.
    """

    def __init__(self, complete: Callable[[str], Iterable[str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._complete = complete
        self._offers = QStringListModel(self)
        completer = QCompleter(self._offers, self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setCompleter(completer)
        self.textEdited.connect(self._offer)

    @property
    def offers(self) -> list[str]:
        """What is offered now."""
        return list(self._offers.stringList())

    def stop_offering(self) -> None:
        """Put the list of offers away: what was typed is taken."""
        completer = self.completer()
        if completer is not None:
            completer.popup().hide()

    def _offer(self, text: str) -> None:
        found = [each for each in self._complete(text) if each != text] if text.strip() else []
        self._offers.setStringList(found)
        completer = self.completer()
        if completer is None:
            return
        if found:
            completer.complete()
        else:
            self.stop_offering()
