"""How doubtful a label is, how hard an image is, and in which order to look."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._folds import Folds, assign_folds
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

if TYPE_CHECKING:
    from ._facts import ClassFacts, LabelFacts, label_facts
    from ._geometry_checks import CHECKS, Cohort, check_geometry
    from ._hot_spots import hot_spot
    from ._label_risk import LabelRisk, label_risk_of, risk_map, smoothed, softmin
    from ._light import LightClassifier
    from ._samples import CaseSamples, draw_voxels, gather_features, look_box
    from ._score_label import CaseProbabilities, LabelScores, class_scale, score_label

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

_LATER = {
    "ClassFacts": "_facts",
    "LabelFacts": "_facts",
    "label_facts": "_facts",
    "CHECKS": "_geometry_checks",
    "Cohort": "_geometry_checks",
    "check_geometry": "_geometry_checks",
    "hot_spot": "_hot_spots",
    "LabelRisk": "_label_risk",
    "label_risk_of": "_label_risk",
    "risk_map": "_label_risk",
    "smoothed": "_label_risk",
    "softmin": "_label_risk",
    "LightClassifier": "_light",
    "CaseSamples": "_samples",
    "draw_voxels": "_samples",
    "gather_features": "_samples",
    "look_box": "_samples",
    "CaseProbabilities": "_score_label",
    "LabelScores": "_score_label",
    "class_scale": "_score_label",
    "score_label": "_score_label",
}
"""Names whose modules need scipy or scikit-learn: loaded when asked for, so that a window opens without them."""


def __getattr__(name: str) -> Any:
    """Load what is only needed for measuring when it is asked for."""
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
