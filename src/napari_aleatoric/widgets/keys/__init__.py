"""Keys: one editable table, bound to the window without overriding napari."""

from ._adjudication_keys import ADJUDICATION_ACTIONS
from ._cheat_sheet import CheatSheet
from ._shortcuts import Shortcuts, keys_of_napari
from ._table import ACTIONS, Action, Binding, KeyTable, normalised

__all__ = [
    "ACTIONS",
    "ADJUDICATION_ACTIONS",
    "Action",
    "Binding",
    "CheatSheet",
    "KeyTable",
    "Shortcuts",
    "keys_of_napari",
    "normalised",
]
