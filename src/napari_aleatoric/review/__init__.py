"""The ranked queue, decisions, corrections with history, and export."""

from ._correction_log import Correction
from ._decision_log import STATUSES, HistoryEntry
from ._fold import PENDING, ItemState, effective, fold
from ._queue import Progress, Queue, QueueRow, build_queue
from ._snapshot import COLUMNS
from ._store import ReviewStore

__all__ = [
    "COLUMNS",
    "PENDING",
    "STATUSES",
    "Correction",
    "HistoryEntry",
    "ItemState",
    "Progress",
    "Queue",
    "QueueRow",
    "ReviewStore",
    "build_queue",
    "effective",
    "fold",
]
