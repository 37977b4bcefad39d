"""How doubtful a label is, how hard an image is, and in which order to look."""

from ._facts import ClassFacts, LabelFacts, label_facts
from ._folds import Folds, assign_folds
from ._geometry_checks import CHECKS, Cohort, check_geometry
from ._hot_spots import hot_spot
from ._label_risk import LabelRisk, label_risk_of, risk_map, smoothed, softmin
from ._light import LightClassifier
from ._measures import LABEL_RISK_MAP, LABEL_RISK_PARTS, MEASURES
from ._rank import STRATEGIES, Ranking, Strategy, auv_of, label_risk, rank
from ._reason import place_in_words, reason, slices_in_words
from ._samples import CaseSamples, draw_voxels, gather_features, look_box
from ._scale import (
    SCALE_FLOOR,
    auv,
    gram,
    perception_scale,
    scale_from_gram,
    scale_from_singular_values,
)
from ._score_label import CaseProbabilities, LabelScores, class_scale, score_label
from ._spec import ScoreSpec
from ._table import ScoreTable, percentile_rank

__all__ = [
    "CHECKS",
    "LABEL_RISK_MAP",
    "LABEL_RISK_PARTS",
    "MEASURES",
    "SCALE_FLOOR",
    "STRATEGIES",
    "CaseProbabilities",
    "CaseSamples",
    "ClassFacts",
    "Cohort",
    "Folds",
    "LabelFacts",
    "LabelRisk",
    "LabelScores",
    "LightClassifier",
    "Ranking",
    "ScoreSpec",
    "ScoreTable",
    "Strategy",
    "assign_folds",
    "auv",
    "auv_of",
    "check_geometry",
    "class_scale",
    "draw_voxels",
    "gather_features",
    "gram",
    "hot_spot",
    "label_facts",
    "label_risk",
    "label_risk_of",
    "look_box",
    "percentile_rank",
    "perception_scale",
    "place_in_words",
    "rank",
    "reason",
    "risk_map",
    "scale_from_gram",
    "scale_from_singular_values",
    "score_label",
    "slices_in_words",
    "smoothed",
    "softmin",
]
