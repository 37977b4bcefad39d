"""The ranked queue, decisions, corrections with history, and export."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._adjudicating._adjudication import Adjudication, adjudicate, adjudication_records
    from ._adjudicating._case import CaseToDecide, make_case
    from ._adjudicating._fold import ADJUDICATED, Choices, fold_choices, outcome
    from ._adjudicating._read import CaseDifferences, list_differences
    from ._adjudicating._record import AdjudicationRecord, CorrectionRecord, RegionRecord
    from ._adjudicating._spec import AdjudicateSpec
    from ._calibration._order import calibration_folder, default_order, labels_digest, read_calibration, use_order
    from ._calibration._record import CalibrationRecord, Figure, LineFigures, MeasureRow
    from ._calibration._run import calibrate
    from ._calibration._spec import CalibrateSpec
    from ._calibration._table import calibration_csv, calibration_markdown, question_in_words, weakest_in_words
    from ._exporting._run import ExportSummary, export_reviewed
    from ._filtering._cut import Cut, cut_at_percentiles
    from ._filtering._export import FilterExportSummary, export_filtered
    from ._filtering._preview import ClassCount, DroppedLabel, FilterPreview
    from ._filtering._reason import FilterReason
    from ._filtering._run import preview_filter
    from ._filtering._spec import EXPORT_LAYOUTS, FilterExportSpec, FilterSpec
    from ._filtering._values import available_measures, measure_values
    from ._filtering._words import ends_in_words, range_in_words, value_in_words
    from ._labels._corrections import (
        corrections,
        current_label,
        label_hash,
        load_correction,
        recover,
        restore,
        save_correction,
    )
    from ._labels._diff import ClassDiff, LabelDiff, diff
    from ._labels._journal import PendingStrokes, StrokeJournal
    from ._labels._journal_file import Stroke
    from ._labels._learning_weight import WEIGHT_MAP, has_learning_weight, read_barred, save_barred
    from ._labels._sweep import sweep_corrections
    from ._page_style import PAGE_STYLE
    from ._ranking._known_good import CheckResult, check_result, known_good
    from ._ranking._queue import Progress, Queue, QueueRow, build_queue
    from ._ranking._queue_columns import QueueColumns
    from ._reading._consensus_files import ConsensusSummary, write_consensus
    from ._reading._disputes import Dispute, describe_region, list_disputes
    from ._reading._figures import readers_figures
    from ._reading._page import readers_html
    from ._reading._record import HabitSummary, PairSummary, ReadCase, ReadersReport, StructureSummary
    from ._reading._report_files import write_readers_report
    from ._reading._run import report_readers
    from ._reading._spec import ReadersSpec
    from ._reading._tables import readers_csv
    from ._regions._list import ReviewedRegions, list_regions, review_regions
    from ._regions._settled import SettledRegion, SettledVoxels, entry_on
    from ._regions._spec import RegionSpec
    from ._reporting._run import ReportSummary, write_report
    from ._reporting._spec import ReportSpec
    from ._retraining._compare import ModelComparison, compare_judgements, compare_models
    from ._retraining._held_out_masks import read_held_out_masks
    from ._retraining._judge import judge
    from ._retraining._judge_spec import JudgeSpec
    from ._retraining._judgement import CaseRow, ClassRow, ComparisonRow, Judgement
    from ._retraining._judgement_words import judgement_csv, judgement_markdown
    from ._retraining._nnunet import export_nnunet
    from ._retraining._planning import plan_retraining
    from ._retraining._predict import PredictSummary, predict_all
    from ._retraining._registry import (
        ModelRecord,
        find_model,
        list_models,
        model_folder,
        prediction_folder,
        promote,
        promoted_model,
        read_judgement,
        roll_back,
    )
    from ._retraining._run import NETWORK_FOLDER, RetrainOutcome, retrain
    from ._retraining._selection import LearnedCase, Selection, preview_retraining
    from ._retraining._since import SinceTraining, changes_since
    from ._retraining._spec import PredictSpec, RetrainSpec
    from ._retraining._split import HeldOut, read_held_out
    from ._scoring._comparison import Comparison
    from ._scoring._last_spec import last_score_spec
    from ._scoring._reference import list_references, load_reference, make_reference
    from ._scoring._run import ScoreSummary, score_workspace
    from ._scoring._spectra import SpectraSpec, SpectraSummary, Spectrum, measure_spectra, read_spectra
    from ._storage._adjudication_log import AdjudicationEntry
    from ._storage._blind_store import BlindStore, blind_store, whole_store
    from ._storage._conflicts import Conflict
    from ._storage._correction_log import Correction
    from ._storage._decision_log import STATUSES, HistoryEntry
    from ._storage._fold import PENDING, ItemState, effective, fold
    from ._storage._prompt_use import PromptUse, prompt_uses, prompt_words
    from ._storage._region_log import RegionEntry
    from ._storage._snapshot import COLUMNS
    from ._storage._store import ReviewStore
    from ._study._assign import Assigned, assign, honeypots, second_readings
    from ._study._assignment import Assignment
    from ._study._blindness import hidden_cases, models_forbidden, only_own
    from ._study._honeypot_report import HoneypotReport, HoneypotReportSpec, honeypot_report
    from ._study._progress import ReaderProgress, progress_of, study_progress
    from ._study._reveal import Beside, beside_answer
    from ._study._spec import AssignSpec, HoneypotSpec, SecondSpec
    from ._study._steps import (
        answer_assignment,
        assignments,
        begin_assignment,
        find_assignment,
        hand_over,
        my_assignments,
        reveal_assignment,
        take_back,
        undo_assignment,
        version_mark,
    )
    from ._team._link import LinkState
    from ._team._migrate import Migrated, migrate_store
    from ._team._status import StoreStatus, store_status
    from ._team._team_store import TeamStore, open_store

__all__ = [
    "ADJUDICATED",
    "COLUMNS",
    "EXPORT_LAYOUTS",
    "NETWORK_FOLDER",
    "PAGE_STYLE",
    "PENDING",
    "STATUSES",
    "WEIGHT_MAP",
    "AdjudicateSpec",
    "Adjudication",
    "AdjudicationEntry",
    "AdjudicationRecord",
    "AssignSpec",
    "Assigned",
    "Assignment",
    "Beside",
    "BlindStore",
    "CalibrateSpec",
    "CalibrationRecord",
    "CaseDifferences",
    "CaseRow",
    "CaseToDecide",
    "CheckResult",
    "Choices",
    "ClassCount",
    "ClassDiff",
    "ClassRow",
    "Comparison",
    "ComparisonRow",
    "Conflict",
    "ConsensusSummary",
    "Correction",
    "CorrectionRecord",
    "Cut",
    "Dispute",
    "DroppedLabel",
    "ExportSummary",
    "Figure",
    "FilterExportSpec",
    "FilterExportSummary",
    "FilterPreview",
    "FilterReason",
    "FilterSpec",
    "HabitSummary",
    "HeldOut",
    "HistoryEntry",
    "HoneypotReport",
    "HoneypotReportSpec",
    "HoneypotSpec",
    "ItemState",
    "JudgeSpec",
    "Judgement",
    "LabelDiff",
    "LearnedCase",
    "LineFigures",
    "LinkState",
    "MeasureRow",
    "Migrated",
    "ModelComparison",
    "ModelRecord",
    "PairSummary",
    "PendingStrokes",
    "PredictSpec",
    "PredictSummary",
    "Progress",
    "PromptUse",
    "Queue",
    "QueueColumns",
    "QueueRow",
    "ReadCase",
    "ReaderProgress",
    "ReadersReport",
    "ReadersSpec",
    "RegionEntry",
    "RegionRecord",
    "RegionSpec",
    "ReportSpec",
    "ReportSummary",
    "RetrainOutcome",
    "RetrainSpec",
    "ReviewStore",
    "ReviewedRegions",
    "ScoreSummary",
    "SecondSpec",
    "Selection",
    "SettledRegion",
    "SettledVoxels",
    "SinceTraining",
    "SpectraSpec",
    "SpectraSummary",
    "Spectrum",
    "StoreStatus",
    "Stroke",
    "StrokeJournal",
    "StructureSummary",
    "TeamStore",
    "adjudicate",
    "adjudication_records",
    "answer_assignment",
    "assign",
    "assignments",
    "available_measures",
    "begin_assignment",
    "beside_answer",
    "blind_store",
    "build_queue",
    "calibrate",
    "calibration_csv",
    "calibration_folder",
    "calibration_markdown",
    "changes_since",
    "check_result",
    "compare_judgements",
    "compare_models",
    "corrections",
    "current_label",
    "cut_at_percentiles",
    "default_order",
    "describe_region",
    "diff",
    "effective",
    "ends_in_words",
    "entry_on",
    "export_filtered",
    "export_nnunet",
    "export_reviewed",
    "find_assignment",
    "find_model",
    "fold",
    "fold_choices",
    "hand_over",
    "has_learning_weight",
    "hidden_cases",
    "honeypot_report",
    "honeypots",
    "judge",
    "judgement_csv",
    "judgement_markdown",
    "known_good",
    "label_hash",
    "labels_digest",
    "last_score_spec",
    "list_differences",
    "list_disputes",
    "list_models",
    "list_references",
    "list_regions",
    "load_correction",
    "load_reference",
    "make_case",
    "make_reference",
    "measure_spectra",
    "measure_values",
    "migrate_store",
    "model_folder",
    "models_forbidden",
    "my_assignments",
    "only_own",
    "open_store",
    "outcome",
    "plan_retraining",
    "predict_all",
    "prediction_folder",
    "preview_filter",
    "preview_retraining",
    "progress_of",
    "promote",
    "promoted_model",
    "prompt_uses",
    "prompt_words",
    "question_in_words",
    "range_in_words",
    "read_barred",
    "read_calibration",
    "read_held_out",
    "read_held_out_masks",
    "read_judgement",
    "read_spectra",
    "readers_csv",
    "readers_figures",
    "readers_html",
    "recover",
    "report_readers",
    "restore",
    "retrain",
    "reveal_assignment",
    "review_regions",
    "roll_back",
    "save_barred",
    "save_correction",
    "score_workspace",
    "second_readings",
    "store_status",
    "study_progress",
    "sweep_corrections",
    "take_back",
    "undo_assignment",
    "use_order",
    "value_in_words",
    "version_mark",
    "weakest_in_words",
    "whole_store",
    "write_consensus",
    "write_readers_report",
    "write_report",
]

_MODULES = {
    **dict.fromkeys(("Beside", "beside_answer"), "_study._reveal"),
    **dict.fromkeys(("Assigned", "assign", "honeypots", "second_readings"), "_study._assign"),
    **dict.fromkeys(("Assignment",), "_study._assignment"),
    **dict.fromkeys(("hidden_cases", "models_forbidden", "only_own"), "_study._blindness"),
    **dict.fromkeys(("HoneypotReport", "HoneypotReportSpec", "honeypot_report"), "_study._honeypot_report"),
    **dict.fromkeys(("ReaderProgress", "progress_of", "study_progress"), "_study._progress"),
    **dict.fromkeys(("AssignSpec", "HoneypotSpec", "SecondSpec"), "_study._spec"),
    **dict.fromkeys(
        (
            "answer_assignment",
            "assignments",
            "begin_assignment",
            "find_assignment",
            "hand_over",
            "my_assignments",
            "reveal_assignment",
            "take_back",
            "undo_assignment",
            "version_mark",
        ),
        "_study._steps",
    ),
    **dict.fromkeys(("BlindStore", "blind_store", "whole_store"), "_storage._blind_store"),
    **dict.fromkeys(("Adjudication", "adjudicate", "adjudication_records"), "_adjudicating._adjudication"),
    **dict.fromkeys(("CaseToDecide", "make_case"), "_adjudicating._case"),
    **dict.fromkeys(("ADJUDICATED", "Choices", "fold_choices", "outcome"), "_adjudicating._fold"),
    **dict.fromkeys(("CaseDifferences", "list_differences"), "_adjudicating._read"),
    **dict.fromkeys(("AdjudicationRecord", "CorrectionRecord", "RegionRecord"), "_adjudicating._record"),
    **dict.fromkeys(("ReviewedRegions", "list_regions", "review_regions"), "_regions._list"),
    **dict.fromkeys(("SettledRegion", "SettledVoxels", "entry_on"), "_regions._settled"),
    "RegionSpec": "_regions._spec",
    "RegionEntry": "_storage._region_log",
    "AdjudicateSpec": "_adjudicating._spec",
    "AdjudicationEntry": "_storage._adjudication_log",
    **dict.fromkeys(("ConsensusSummary", "write_consensus"), "_reading._consensus_files"),
    **dict.fromkeys(("Dispute", "describe_region", "list_disputes"), "_reading._disputes"),
    **dict.fromkeys(
        ("HabitSummary", "PairSummary", "ReadCase", "ReadersReport", "StructureSummary"), "_reading._record"
    ),
    "PAGE_STYLE": "_page_style",
    "readers_figures": "_reading._figures",
    "readers_html": "_reading._page",
    "write_readers_report": "_reading._report_files",
    "report_readers": "_reading._run",
    "ReadersSpec": "_reading._spec",
    "readers_csv": "_reading._tables",
    **dict.fromkeys(("ReportSummary", "write_report"), "_reporting._run"),
    "ReportSpec": "_reporting._spec",
    "judge": "_retraining._judge",
    "JudgeSpec": "_retraining._judge_spec",
    "export_nnunet": "_retraining._nnunet",
    **dict.fromkeys(("PredictSummary", "predict_all"), "_retraining._predict"),
    "read_held_out_masks": "_retraining._held_out_masks",
    **dict.fromkeys(("ModelComparison", "compare_judgements", "compare_models"), "_retraining._compare"),
    **dict.fromkeys(
        (
            "ModelRecord",
            "find_model",
            "list_models",
            "model_folder",
            "prediction_folder",
            "promote",
            "promoted_model",
            "read_judgement",
            "roll_back",
        ),
        "_retraining._registry",
    ),
    **dict.fromkeys(("NETWORK_FOLDER", "RetrainOutcome", "retrain"), "_retraining._run"),
    "plan_retraining": "_retraining._planning",
    **dict.fromkeys(("LearnedCase", "Selection", "preview_retraining"), "_retraining._selection"),
    **dict.fromkeys(("SinceTraining", "changes_since"), "_retraining._since"),
    **dict.fromkeys(("PredictSpec", "RetrainSpec"), "_retraining._spec"),
    **dict.fromkeys(("HeldOut", "read_held_out"), "_retraining._split"),
    **dict.fromkeys(("CaseRow", "ClassRow", "ComparisonRow", "Judgement"), "_retraining._judgement"),
    **dict.fromkeys(("judgement_csv", "judgement_markdown"), "_retraining._judgement_words"),
    **dict.fromkeys(("CheckResult", "check_result", "known_good"), "_ranking._known_good"),
    "calibrate": "_calibration._run",
    "CalibrateSpec": "_calibration._spec",
    "last_score_spec": "_scoring._last_spec",
    "CalibrationRecord": "_calibration._record",
    "Figure": "_calibration._record",
    "LineFigures": "_calibration._record",
    "MeasureRow": "_calibration._record",
    "default_order": "_calibration._order",
    "read_calibration": "_calibration._order",
    "use_order": "_calibration._order",
    "question_in_words": "_calibration._table",
    "weakest_in_words": "_calibration._table",
    "calibration_csv": "_calibration._table",
    "calibration_markdown": "_calibration._table",
    "calibration_folder": "_calibration._order",
    "labels_digest": "_calibration._order",
    "ClassCount": "_filtering._preview",
    "DroppedLabel": "_filtering._preview",
    "FilterPreview": "_filtering._preview",
    "preview_filter": "_filtering._run",
    "Cut": "_filtering._cut",
    "cut_at_percentiles": "_filtering._cut",
    "EXPORT_LAYOUTS": "_filtering._spec",
    "FilterExportSpec": "_filtering._spec",
    "FilterSpec": "_filtering._spec",
    "available_measures": "_filtering._values",
    "measure_values": "_filtering._values",
    "export_filtered": "_filtering._export",
    "FilterExportSummary": "_filtering._export",
    "FilterReason": "_filtering._reason",
    "ends_in_words": "_filtering._words",
    "range_in_words": "_filtering._words",
    "value_in_words": "_filtering._words",
    "QueueColumns": "_ranking._queue_columns",
    "build_queue": "_ranking._queue",
    "ClassDiff": "_labels._diff",
    "COLUMNS": "_storage._snapshot",
    "Comparison": "_scoring._comparison",
    "list_references": "_scoring._reference",
    "load_reference": "_scoring._reference",
    "make_reference": "_scoring._reference",
    "Correction": "_storage._correction_log",
    "corrections": "_labels._corrections",
    "current_label": "_labels._corrections",
    "diff": "_labels._diff",
    "effective": "_storage._fold",
    "export_reviewed": "_exporting._run",
    "ExportSummary": "_exporting._run",
    "fold": "_storage._fold",
    "HistoryEntry": "_storage._decision_log",
    "ItemState": "_storage._fold",
    "label_hash": "_labels._corrections",
    "LabelDiff": "_labels._diff",
    "load_correction": "_labels._corrections",
    **dict.fromkeys(
        ("WEIGHT_MAP", "has_learning_weight", "read_barred", "save_barred"), "_labels._learning_weight"
    ),
    "PENDING": "_storage._fold",
    "PendingStrokes": "_labels._journal",
    "Progress": "_ranking._queue",
    "prompt_uses": "_storage._prompt_use",
    "prompt_words": "_storage._prompt_use",
    "PromptUse": "_storage._prompt_use",
    "Queue": "_ranking._queue",
    "QueueRow": "_ranking._queue",
    "recover": "_labels._corrections",
    "restore": "_labels._corrections",
    "SpectraSpec": "_scoring._spectra",
    "SpectraSummary": "_scoring._spectra",
    "Spectrum": "_scoring._spectra",
    "measure_spectra": "_scoring._spectra",
    "read_spectra": "_scoring._spectra",
    "ReviewStore": "_storage._store",
    "save_correction": "_labels._corrections",
    "score_workspace": "_scoring._run",
    "ScoreSummary": "_scoring._run",
    "STATUSES": "_storage._decision_log",
    "Stroke": "_labels._journal_file",
    "StrokeJournal": "_labels._journal",
    "sweep_corrections": "_labels._sweep",
    "Conflict": "_storage._conflicts",
    "LinkState": "_team._link",
    **dict.fromkeys(("TeamStore", "open_store"), "_team._team_store"),
    **dict.fromkeys(("Migrated", "migrate_store"), "_team._migrate"),
    **dict.fromkeys(("StoreStatus", "store_status"), "_team._status"),
}
"""Where each name lives: loaded when asked for, so that a window opens before the database library is needed."""


def __getattr__(name: str) -> Any:
    """Load a part of the review when it is asked for."""
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
