"""Frozen nouns and protocols: what everything else speaks of. numpy and pydantic only."""

from ._case import CaseFiles, Dataset, ItemKey, LabelFiles, Problem
from ._classes import ClassInfo, ClassTable
from ._decision import Decision, Status, Verdict
from ._display_range import display_range, sample_of
from ._geometry import Geometry, Reorientation
from ._measurement import MEASURE_KINDS, MeasureKind, Measurement, area_of, length_of
from ._patient_letters import EdgeLetters, edge_letters, patient_letters
from ._picture_colours import HEAT_COLOURS, class_colour
from ._reader_colours import CONSENSUS_COLOUR, READER_COLOURS, reader_colours
from ._reporter import RecordingReporter, Reporter, SilentReporter, SubReporter
from ._scores import (
    WHOLE_CASE,
    Direction,
    Flag,
    HotSpot,
    ItemScores,
    Measure,
    Question,
    ScoreValue,
)
from ._spec import Spec
from ._volume import LabelMap, Volume, describe

__all__ = [
    "CONSENSUS_COLOUR",
    "HEAT_COLOURS",
    "MEASURE_KINDS",
    "READER_COLOURS",
    "WHOLE_CASE",
    "CaseFiles",
    "ClassInfo",
    "ClassTable",
    "Dataset",
    "Decision",
    "Direction",
    "EdgeLetters",
    "Flag",
    "Geometry",
    "HotSpot",
    "ItemKey",
    "ItemScores",
    "LabelFiles",
    "LabelMap",
    "Measure",
    "MeasureKind",
    "Measurement",
    "Problem",
    "Question",
    "RecordingReporter",
    "Reorientation",
    "Reporter",
    "ScoreValue",
    "SilentReporter",
    "Spec",
    "Status",
    "SubReporter",
    "Verdict",
    "Volume",
    "area_of",
    "class_colour",
    "describe",
    "display_range",
    "edge_letters",
    "length_of",
    "patient_letters",
    "reader_colours",
    "sample_of",
]
