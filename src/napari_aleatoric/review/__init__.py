"""The ranked queue, decisions, corrections with history, and export."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._calibrate import calibrate
    from ._calibrate_order import calibration_folder, default_order, labels_digest, read_calibration, use_order
    from ._calibrate_record import CalibrationRecord, Figure, LineFigures, MeasureRow
    from ._calibrate_spec import CalibrateSpec, last_score_spec
    from ._calibrate_table import calibration_csv, calibration_markdown, question_in_words, weakest_in_words
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
    from ._filter import preview_filter
    from ._filter_cut import Cut, cut_at_percentiles
    from ._filter_export import FilterExportSummary, export_filtered
    from ._filter_preview import ClassCount, DroppedLabel, FilterPreview
    from ._filter_reason import FilterReason
    from ._filter_spec import EXPORT_LAYOUTS, FilterExportSpec, FilterSpec
    from ._filter_values import available_measures, measure_values
    from ._filter_words import ends_in_words, range_in_words, value_in_words
    from ._fold import PENDING, ItemState, effective, fold
    from ._journal import PendingStrokes, StrokeJournal
    from ._journal_file import Stroke
    from ._known_good import CheckResult, check_result, known_good
    from ._prompt_use import PromptUse, prompt_uses, prompt_words
    from ._queue import Progress, Queue, QueueRow, build_queue
    from ._queue_columns import QueueColumns
    from ._score import ScoreSummary, score_workspace
    from ._score_comparison import Comparison
    from ._score_reference import list_references, load_reference, make_reference
    from ._snapshot import COLUMNS
    from ._spectra import SpectraSpec, SpectraSummary, Spectrum, measure_spectra, read_spectra
    from ._store import ReviewStore
    from ._sweep import sweep_corrections

__all__ = [
    "COLUMNS",
    "EXPORT_LAYOUTS",
    "PENDING",
    "STATUSES",
    "CalibrateSpec",
    "CalibrationRecord",
    "CheckResult",
    "ClassCount",
    "ClassDiff",
    "Comparison",
    "Correction",
    "Cut",
    "DroppedLabel",
    "ExportSummary",
    "Figure",
    "FilterExportSpec",
    "FilterExportSummary",
    "FilterPreview",
    "FilterReason",
    "FilterSpec",
    "HistoryEntry",
    "ItemState",
    "LabelDiff",
    "LineFigures",
    "MeasureRow",
    "PendingStrokes",
    "Progress",
    "PromptUse",
    "Queue",
    "QueueColumns",
    "QueueRow",
    "ReviewStore",
    "ScoreSummary",
    "SpectraSpec",
    "SpectraSummary",
    "Spectrum",
    "Stroke",
    "StrokeJournal",
    "available_measures",
    "build_queue",
    "calibrate",
    "calibration_csv",
    "calibration_folder",
    "calibration_markdown",
    "check_result",
    "corrections",
    "current_label",
    "cut_at_percentiles",
    "default_order",
    "diff",
    "effective",
    "ends_in_words",
    "export_filtered",
    "export_reviewed",
    "fold",
    "known_good",
    "label_hash",
    "labels_digest",
    "last_score_spec",
    "list_references",
    "load_correction",
    "load_reference",
    "make_reference",
    "measure_spectra",
    "measure_values",
    "preview_filter",
    "prompt_uses",
    "prompt_words",
    "question_in_words",
    "range_in_words",
    "read_calibration",
    "read_spectra",
    "recover",
    "restore",
    "save_correction",
    "score_workspace",
    "sweep_corrections",
    "use_order",
    "value_in_words",
    "weakest_in_words",
]

_MODULES = {
    **dict.fromkeys(("CheckResult", "check_result", "known_good"), "_known_good"),
    "calibrate": "_calibrate",
    "CalibrateSpec": "_calibrate_spec",
    "last_score_spec": "_calibrate_spec",
    "CalibrationRecord": "_calibrate_record",
    "Figure": "_calibrate_record",
    "LineFigures": "_calibrate_record",
    "MeasureRow": "_calibrate_record",
    "default_order": "_calibrate_order",
    "read_calibration": "_calibrate_order",
    "use_order": "_calibrate_order",
    "question_in_words": "_calibrate_table",
    "weakest_in_words": "_calibrate_table",
    "calibration_csv": "_calibrate_table",
    "calibration_markdown": "_calibrate_table",
    "calibration_folder": "_calibrate_order",
    "labels_digest": "_calibrate_order",
    "ClassCount": "_filter_preview",
    "DroppedLabel": "_filter_preview",
    "FilterPreview": "_filter_preview",
    "preview_filter": "_filter",
    "Cut": "_filter_cut",
    "cut_at_percentiles": "_filter_cut",
    "EXPORT_LAYOUTS": "_filter_spec",
    "FilterExportSpec": "_filter_spec",
    "FilterSpec": "_filter_spec",
    "available_measures": "_filter_values",
    "measure_values": "_filter_values",
    "export_filtered": "_filter_export",
    "FilterExportSummary": "_filter_export",
    "FilterReason": "_filter_reason",
    "ends_in_words": "_filter_words",
    "range_in_words": "_filter_words",
    "value_in_words": "_filter_words",
    "QueueColumns": "_queue_columns",
    "build_queue": "_queue",
    "ClassDiff": "_diff",
    "COLUMNS": "_snapshot",
    "Comparison": "_score_comparison",
    "list_references": "_score_reference",
    "load_reference": "_score_reference",
    "make_reference": "_score_reference",
    "Correction": "_correction_log",
    "corrections": "_corrections",
    "current_label": "_corrections",
    "diff": "_diff",
    "effective": "_fold",
    "export_reviewed": "_export",
    "ExportSummary": "_export",
    "fold": "_fold",
    "HistoryEntry": "_decision_log",
    "ItemState": "_fold",
    "label_hash": "_corrections",
    "LabelDiff": "_diff",
    "load_correction": "_corrections",
    "PENDING": "_fold",
    "PendingStrokes": "_journal",
    "Progress": "_queue",
    "prompt_uses": "_prompt_use",
    "prompt_words": "_prompt_use",
    "PromptUse": "_prompt_use",
    "Queue": "_queue",
    "QueueRow": "_queue",
    "recover": "_corrections",
    "restore": "_corrections",
    "SpectraSpec": "_spectra",
    "SpectraSummary": "_spectra",
    "Spectrum": "_spectra",
    "measure_spectra": "_spectra",
    "read_spectra": "_spectra",
    "ReviewStore": "_store",
    "save_correction": "_corrections",
    "score_workspace": "_score",
    "ScoreSummary": "_score",
    "STATUSES": "_decision_log",
    "Stroke": "_journal_file",
    "StrokeJournal": "_journal",
    "sweep_corrections": "_sweep",
}
"""Where each name lives: loaded when asked for, so that a window opens before the database library is needed."""


def __getattr__(name: str) -> Any:
    """Load a part of the review when it is asked for."""
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
