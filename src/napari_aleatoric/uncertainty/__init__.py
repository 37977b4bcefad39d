"""How doubtful a label is, how hard an image is, and in which order to look."""

from ._measures import LABEL_RISK_MAP, LABEL_RISK_PARTS, MEASURES
from ._rank import STRATEGIES, Ranking, Strategy, auv_of, label_risk, rank
from ._reason import place_in_words, reason, slices_in_words
from ._scale import (
    SCALE_FLOOR,
    auv,
    gram,
    perception_scale,
    scale_from_gram,
    scale_from_singular_values,
)
from ._spec import ScoreSpec
from ._table import ScoreTable, percentile_rank

__all__ = [
    "LABEL_RISK_MAP",
    "LABEL_RISK_PARTS",
    "MEASURES",
    "SCALE_FLOOR",
    "STRATEGIES",
    "Ranking",
    "ScoreSpec",
    "ScoreTable",
    "Strategy",
    "auv",
    "auv_of",
    "gram",
    "label_risk",
    "percentile_rank",
    "perception_scale",
    "place_in_words",
    "rank",
    "reason",
    "scale_from_gram",
    "scale_from_singular_values",
    "slices_in_words",
]
