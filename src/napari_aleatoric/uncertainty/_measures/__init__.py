"""The one table of measures: question, unit, direction, map and words of each; the window takes its words here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from napari_aleatoric.model import Measure

from ._ambiguity import of_ambiguity
from ._difficulty import of_difficulty
from ._disagreement import READER_MEASURES, of_disagreement
from ._label_risk import LABEL_RISK_PARTS, TRAINED_RISK_PARTS, of_label_risk
from ._maps import (
    AMBIGUITY_MAP,
    CONSENSUS_ENTROPY_MAP,
    DIFFICULTY_MAP,
    EXPECTED_ENTROPY_MAP,
    LABEL_RISK_MAP,
    MAPS,
    MUTUAL_INFORMATION_MAP,
    OUTSIDE_SUBSPACE_MAP,
    PREDICTIVE_ENTROPY_MAP,
    PROMPT_SPREAD_MAP,
    READER_DEPARTURE_MAP,
    READER_SPREAD_MAP,
    READER_UNCERTAINTY_MAP,
    VoxelMapInfo,
)

__all__ = [
    "AMBIGUITY_MAP",
    "CONSENSUS_ENTROPY_MAP",
    "DIFFICULTY_MAP",
    "EXPECTED_ENTROPY_MAP",
    "LABEL_RISK_MAP",
    "LABEL_RISK_PARTS",
    "MAPS",
    "MEASURES",
    "MUTUAL_INFORMATION_MAP",
    "OUTSIDE_SUBSPACE_MAP",
    "PREDICTIVE_ENTROPY_MAP",
    "PROMPT_SPREAD_MAP",
    "READER_DEPARTURE_MAP",
    "READER_MEASURES",
    "READER_SPREAD_MAP",
    "READER_UNCERTAINTY_MAP",
    "TRAINED_RISK_PARTS",
    "VoxelMapInfo",
]

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {m.name: m for m in (*of_label_risk, *of_ambiguity, *of_disagreement, *of_difficulty)}
)
"""Every measure of the project by name; each belongs to exactly one question."""
