"""Binds the key table to a window, and never over a key that napari has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from ._table import Binding, KeyTable, normalised

__all__ = ["Shortcuts", "keys_of_napari"]

_LAYERS_WE_SHOW = ("labels", "image")


def keys_of_napari() -> dict[str, str]:
    """Return the keys that napari binds for the viewer and for the layer types we show, with what they do."""
    from napari.settings import get_settings
    from napari.utils.action_manager import action_manager

    taken: dict[str, str] = {}
    for command, bindings in get_settings().shortcuts.shortcuts.items():
        provider = _provider_of(command)
        if provider not in ("viewer", *_LAYERS_WE_SHOW):
            continue
        action = action_manager._actions.get(command)
        words = action.description if action is not None else command.split(":")[-1].replace("_", " ")
        for binding in bindings:
            try:
                taken[normalised(str(binding).replace("Control", "Ctrl"))] = words.strip().rstrip(".")
            except ValueError:
                continue
    return taken


def _provider_of(command: str) -> str:
    """Which part of napari a command belongs to."""
    from napari.utils.action_manager import action_manager

    action = action_manager._actions.get(command)
    if action is None or action.keymapprovider is None:
        return "viewer"
    name = action.keymapprovider.__name__.lower()
    return "viewer" if "viewer" in name else name


class Shortcuts(QObject):
    """The live shortcuts of one window.

    Parameters
    ----------
    window : QWidget
        Keys work wherever the focus is in this window, except where text is typed.
    table : KeyTable
        Which keys.
    perform : mapping of str to callable
        What each action does.
    """

    def __init__(self, window: QWidget, table: KeyTable, perform: Mapping[str, Callable[[], None]]) -> None:
        super().__init__(window)
        self._window: Any = window
        self._table = table
        self._perform = perform
        self._live: list[QShortcut] = []
        self._borrowed: dict[str, Callable[[], None]] = {}
        self.bindings: tuple[Binding, ...] = ()
        self.rebuild()

    def taken(self) -> dict[str, str]:
        """Return keys of napari and of its menus."""
        taken = keys_of_napari()
        for action in self._window.findChildren(_action_class()):
            for sequence in action.shortcuts():
                text = sequence.toString(QKeySequence.SequenceFormat.PortableText)
                if text and "," not in text:
                    taken.setdefault(normalised(text), action.text().replace("&", ""))
        return taken

    def rebuild(self) -> None:
        """Bind again, after the table changed."""
        for shortcut in self._live:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._live = []
        self.bindings = self._table.bindings(self.taken())
        for binding in self.bindings:
            perform = self._perform.get(binding.action.name)
            if not binding.key or binding.conflict or perform is None or binding.key in self._borrowed:
                continue
            self._bind(binding.key, perform)
        for key, perform in self._borrowed.items():
            self._bind(key, perform)

    def _bind(self, key: str, perform: Callable[[], None]) -> None:
        shortcut = QShortcut(QKeySequence(key), self._window)
        shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
        shortcut.activated.connect(perform)
        self._live.append(shortcut)

    def borrow(self, keys: Mapping[str, Callable[[], None]]) -> None:
        """Give some keys another meaning for a while, whoever else has them: our own table or napari.

        Parameters
        ----------
        keys : mapping of str to callable
            Keys (normalised) and what they do meanwhile; none gives all of them back.
        """
        self._borrowed = dict(keys)
        if self._window is not None:
            self.rebuild()

    def close(self) -> None:
        """Unbind all, and let go of the window."""
        for shortcut in self._live:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._live = []
        self._perform, self._borrowed = {}, {}
        self._window = None


def _action_class() -> type:
    from qtpy.QtGui import QAction

    return QAction
