"""Keys: one editable table, bound to the window without overriding napari."""

from ._cheat_sheet import CheatSheet
from ._shortcuts import Shortcuts, keys_of_napari
from ._table import ACTIONS, Action, Binding, KeyTable, normalised

__all__ = ["ACTIONS", "Action", "Binding", "CheatSheet", "KeyTable", "Shortcuts", "keys_of_napari", "normalised"]
