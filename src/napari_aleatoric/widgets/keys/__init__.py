"""Keys: one editable table, bound to the window without overriding napari."""

from ._action import Action
from ._adjudication_keys import ADJUDICATION_ACTIONS
from ._cheat_sheet import CheatSheet
from ._habit_keys import HABIT_ACTIONS, N_WINDOWS
from ._presets import PRESETS
from ._shortcuts import Shortcuts, keys_of_napari
from ._table import ACTIONS, Binding, KeyTable, normalised

__all__ = [
    "ACTIONS",
    "ADJUDICATION_ACTIONS",
    "HABIT_ACTIONS",
    "N_WINDOWS",
    "PRESETS",
    "Action",
    "Binding",
    "CheatSheet",
    "KeyTable",
    "Shortcuts",
    "keys_of_napari",
    "normalised",
]
