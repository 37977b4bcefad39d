"""Synthetic anatomy with known truth: CT-like abdomens, three readers, label errors of known kind."""

from ._case import SampleCase, make_case
from ._files import is_complete, read_truth, write_samples
from ._open_sample import open_sample_case, open_sample_readers, open_sample_set, sample_set_folder
from ._planting import ErrorKind, ErrorRecord, Severity, plant_error
from ._readers import HABITS, Habit
from ._spec import SAMPLE_CLASSES, CasePlan, SampleSpec, plan_cases

__all__ = [
    "HABITS",
    "SAMPLE_CLASSES",
    "CasePlan",
    "ErrorKind",
    "ErrorRecord",
    "Habit",
    "SampleCase",
    "SampleSpec",
    "Severity",
    "is_complete",
    "make_case",
    "open_sample_case",
    "open_sample_readers",
    "open_sample_set",
    "plan_cases",
    "plant_error",
    "read_truth",
    "sample_set_folder",
    "write_samples",
]
