"""The ranked queue, decisions, corrections with history, and export."""

from typing import TYPE_CHECKING, Any

from ._correction_log import Correction
from ._corrections import (
    corrections,
    current_label,
    label_hash,
    load_correction,
    recover,
    restore,
    save_correction,
)
from ._decision_log import STATUSES, HistoryEntry
from ._diff import ClassDiff, LabelDiff, diff
from ._export import ExportSummary, export_reviewed
from ._fold import PENDING, ItemState, effective, fold
from ._journal import PendingStrokes, StrokeJournal
from ._journal_file import Stroke
from ._queue import Progress, Queue, QueueRow, build_queue
from ._snapshot import COLUMNS
from ._store import ReviewStore

if TYPE_CHECKING:
    from ._score import ScoreSummary, score_workspace

__all__ = [
    "COLUMNS",
    "PENDING",
    "STATUSES",
    "ClassDiff",
    "Correction",
    "ExportSummary",
    "HistoryEntry",
    "ItemState",
    "LabelDiff",
    "PendingStrokes",
    "Progress",
    "Queue",
    "QueueRow",
    "ReviewStore",
    "ScoreSummary",
    "Stroke",
    "StrokeJournal",
    "build_queue",
    "corrections",
    "current_label",
    "diff",
    "effective",
    "export_reviewed",
    "fold",
    "label_hash",
    "load_correction",
    "recover",
    "restore",
    "save_correction",
    "score_workspace",
]


def __getattr__(name: str) -> Any:
    """Load the scoring door, and what it needs, when it is asked for."""
    if name in ("ScoreSummary", "score_workspace"):
        from . import _score

        return getattr(_score, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
