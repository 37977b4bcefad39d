"""The ranked queue, decisions, corrections with history, and export."""

from ._correction_log import Correction
from ._decision_log import HistoryEntry
from ._fold import PENDING, ItemState, effective, fold
from ._store import ReviewStore

__all__ = [
    "PENDING",
    "Correction",
    "HistoryEntry",
    "ItemState",
    "ReviewStore",
    "effective",
    "fold",
]
