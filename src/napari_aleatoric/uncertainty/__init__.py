"""How doubtful a label is, how hard an image is, and in which order to look."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._auv_of import adjusted_auv_of, auv_of, reference_place
from ._blocks import classes_in
from ._folds import Folds, assign_folds
from ._judges import JUDGES, judge_in_words, risk_parts
from ._measures import (
    AMBIGUITY_MAP,
    CONSENSUS_ENTROPY_MAP,
    DIFFICULTY_MAP,
    EXPECTED_ENTROPY_MAP,
    LABEL_RISK_MAP,
    LABEL_RISK_PARTS,
    MAPS,
    MEASURES,
    MUTUAL_INFORMATION_MAP,
    OUTSIDE_SUBSPACE_MAP,
    PREDICTIVE_ENTROPY_MAP,
    PROMPT_SPREAD_MAP,
    READER_DEPARTURE_MAP,
    READER_MEASURES,
    READER_SPREAD_MAP,
    READER_UNCERTAINTY_MAP,
    TRAINED_RISK_PARTS,
    VoxelMapInfo,
)
from ._percentile import percentile_rank
from ._questions import QUESTIONS, QuestionInfo, measures_of
from ._quick_spec import QuickNetSpec
from ._rank import Ranking, rank
from ._reason import place_in_words, reason, slices_in_words
from ._reference import (
    ADJUSTED,
    REFERENCE_SETTINGS,
    BoundReference,
    ClassReference,
    Reference,
    made_reference,
    read_reference,
)
from ._scale import (
    SCALE_FLOOR,
    auv,
    gram,
    perception_scale,
    scale_from_gram,
    scale_from_singular_values,
    size_adjusted,
    size_line,
    spectrum,
)
from ._size_removed import size_removed
from ._spec import ScoreSpec
from ._spread_out import spread_out, with_honeypots
from ._strategies import STRATEGIES, strategy_of
from ._strategy import Strategy, label_risk
from ._table import ScoreTable
from ._variants import SCALE_VARIANTS, ScaleVariant

if TYPE_CHECKING:
    from ._ambiguity import LEVELS, AmbiguityScorer, AmbiguityScores, levelset_spread, mean_entropy
    from ._difficulty import DifficultyScorer, DifficultyScores, mask_limits, scale_spectrum, score_difficulty
    from ._ensemble import EnsembleMaps, EnsembleSums, binary_entropy, ensemble_maps, entropy, normalised
    from ._evidence import DetectionCurve, auroc, average_precision, detection_curve, precision_at, voxel_auroc
    from ._evidence_choice import (
        OrderChoice,
        QueueLine,
        choose_order,
        in_ten,
        line_of,
        lines_of,
        seeds_for_choosing,
    )
    from ._evidence_intervals import Estimate, Trial, estimates, least_cases, score_interval, widened
    from ._facts import ClassFacts, LabelFacts, label_facts
    from ._feature_spectrum import effective_rank, feature_spectrum
    from ._geometry_checks import CHECKS, Cohort, check_geometry
    from ._hot_regions import HotRegion, HotRegions, hot_regions, side_in_words
    from ._hot_spots import hot_spot
    from ._label_risk import LabelRisk, label_risk_of, risk_map, smoothed, softmin
    from ._light import LightClassifier
    from ._local_scale import local_difficulty
    from ._overlap_and_outline import SurfaceFigures, compare_surfaces, dice, surface_points
    from ._packed import map_rows
    from ._readers import READER_MAPS, ReaderScores, score_readers
    from ._reading._agreement import KappaSums, kappa_sums, mean_interval, pooled_kappa
    from ._reading._consensus import CONSENSUS_METHODS, Consensus, ConsensusMethod, ReaderSkill, consensus
    from ._reading._departure import Departure, consensus_entropy, departure, reader_weights
    from ._reading._habits import ReaderHabit, boundary_offset, reader_habits
    from ._reading._pairs import PairFigures, compare_pairs
    from ._reading._readings import band
    from ._reading._regions import DisputedRegion, disputed_regions
    from ._reading._standing import Standing
    from ._rim import near_rim, rank_product, rim_distance
    from ._samples import CaseSamples, draw_voxels, gather_features, look_box
    from ._score_label import CaseProbabilities, LabelScorer, LabelScores, class_scale, score_label
    from ._slabs import Slab, evened
    from ._soft_overlap import SoftOverlap, soft_dice_gap
    from ._subspace import ClassSubspaces, SubspaceScores, score_subspace

__all__ = [
    "ADJUSTED",
    "AMBIGUITY_MAP",
    "CHECKS",
    "CONSENSUS_ENTROPY_MAP",
    "CONSENSUS_METHODS",
    "DIFFICULTY_MAP",
    "EXPECTED_ENTROPY_MAP",
    "JUDGES",
    "LABEL_RISK_MAP",
    "LABEL_RISK_PARTS",
    "LEVELS",
    "MAPS",
    "MEASURES",
    "MUTUAL_INFORMATION_MAP",
    "OUTSIDE_SUBSPACE_MAP",
    "PREDICTIVE_ENTROPY_MAP",
    "PROMPT_SPREAD_MAP",
    "QUESTIONS",
    "READER_DEPARTURE_MAP",
    "READER_MAPS",
    "READER_MEASURES",
    "READER_SPREAD_MAP",
    "READER_UNCERTAINTY_MAP",
    "REFERENCE_SETTINGS",
    "SCALE_FLOOR",
    "SCALE_VARIANTS",
    "STRATEGIES",
    "TRAINED_RISK_PARTS",
    "AmbiguityScorer",
    "AmbiguityScores",
    "BoundReference",
    "CaseProbabilities",
    "CaseSamples",
    "ClassFacts",
    "ClassReference",
    "ClassSubspaces",
    "Cohort",
    "Consensus",
    "ConsensusMethod",
    "Departure",
    "DetectionCurve",
    "DifficultyScorer",
    "DifficultyScores",
    "DisputedRegion",
    "EnsembleMaps",
    "EnsembleSums",
    "Estimate",
    "Folds",
    "HotRegion",
    "HotRegions",
    "KappaSums",
    "LabelFacts",
    "LabelRisk",
    "LabelScorer",
    "LabelScores",
    "LightClassifier",
    "OrderChoice",
    "PairFigures",
    "QuestionInfo",
    "QueueLine",
    "QuickNetSpec",
    "Ranking",
    "ReaderHabit",
    "ReaderScores",
    "ReaderSkill",
    "Reference",
    "ScaleVariant",
    "ScoreSpec",
    "ScoreTable",
    "Slab",
    "SoftOverlap",
    "Standing",
    "Strategy",
    "SubspaceScores",
    "SurfaceFigures",
    "Trial",
    "VoxelMapInfo",
    "adjusted_auv_of",
    "assign_folds",
    "auroc",
    "auv",
    "auv_of",
    "average_precision",
    "band",
    "binary_entropy",
    "boundary_offset",
    "check_geometry",
    "choose_order",
    "class_scale",
    "classes_in",
    "compare_pairs",
    "compare_surfaces",
    "consensus",
    "consensus_entropy",
    "departure",
    "detection_curve",
    "dice",
    "disputed_regions",
    "draw_voxels",
    "effective_rank",
    "ensemble_maps",
    "entropy",
    "estimates",
    "evened",
    "feature_spectrum",
    "gather_features",
    "gram",
    "hot_regions",
    "hot_spot",
    "in_ten",
    "judge_in_words",
    "kappa_sums",
    "label_facts",
    "label_risk",
    "label_risk_of",
    "least_cases",
    "levelset_spread",
    "line_of",
    "lines_of",
    "local_difficulty",
    "look_box",
    "made_reference",
    "map_rows",
    "mask_limits",
    "mean_entropy",
    "mean_interval",
    "measures_of",
    "near_rim",
    "normalised",
    "percentile_rank",
    "perception_scale",
    "place_in_words",
    "pooled_kappa",
    "precision_at",
    "rank",
    "rank_product",
    "read_reference",
    "reader_habits",
    "reader_weights",
    "reason",
    "reference_place",
    "rim_distance",
    "risk_map",
    "risk_parts",
    "scale_from_gram",
    "scale_from_singular_values",
    "scale_spectrum",
    "score_difficulty",
    "score_interval",
    "score_label",
    "score_readers",
    "score_subspace",
    "seeds_for_choosing",
    "side_in_words",
    "size_adjusted",
    "size_line",
    "size_removed",
    "slices_in_words",
    "smoothed",
    "soft_dice_gap",
    "softmin",
    "spectrum",
    "spread_out",
    "strategy_of",
    "surface_points",
    "voxel_auroc",
    "widened",
    "with_honeypots",
]

_LATER = {
    **dict.fromkeys(
        ("LEVELS", "AmbiguityScorer", "AmbiguityScores", "levelset_spread", "mean_entropy"), "_ambiguity"
    ),
    **dict.fromkeys(("near_rim", "rank_product", "rim_distance"), "_rim"),
    **dict.fromkeys(("ClassSubspaces", "SubspaceScores", "score_subspace"), "_subspace"),
    **dict.fromkeys(("READER_MAPS", "ReaderScores", "score_readers"), "_readers"),
    **dict.fromkeys(("KappaSums", "kappa_sums", "mean_interval", "pooled_kappa"), "_reading._agreement"),
    **dict.fromkeys(
        ("CONSENSUS_METHODS", "Consensus", "ConsensusMethod", "ReaderSkill", "consensus"), "_reading._consensus"
    ),
    **dict.fromkeys(("Departure", "consensus_entropy", "departure", "reader_weights"), "_reading._departure"),
    **dict.fromkeys(("ReaderHabit", "boundary_offset", "reader_habits"), "_reading._habits"),
    **dict.fromkeys(("PairFigures", "compare_pairs"), "_reading._pairs"),
    "band": "_reading._readings",
    "Standing": "_reading._standing",
    **dict.fromkeys(("DisputedRegion", "disputed_regions"), "_reading._regions"),
    **dict.fromkeys(("SurfaceFigures", "compare_surfaces", "dice", "surface_points"), "_overlap_and_outline"),
    **dict.fromkeys(("SoftOverlap", "soft_dice_gap"), "_soft_overlap"),
    "DetectionCurve": "_evidence",
    "auroc": "_evidence",
    "average_precision": "_evidence",
    "detection_curve": "_evidence",
    "precision_at": "_evidence",
    "voxel_auroc": "_evidence",
    "OrderChoice": "_evidence_choice",
    "QueueLine": "_evidence_choice",
    "choose_order": "_evidence_choice",
    "in_ten": "_evidence_choice",
    "line_of": "_evidence_choice",
    "lines_of": "_evidence_choice",
    "seeds_for_choosing": "_evidence_choice",
    "Estimate": "_evidence_intervals",
    "Trial": "_evidence_intervals",
    "estimates": "_evidence_intervals",
    "least_cases": "_evidence_intervals",
    "score_interval": "_evidence_intervals",
    "widened": "_evidence_intervals",
    "DifficultyScorer": "_difficulty",
    "DifficultyScores": "_difficulty",
    "effective_rank": "_feature_spectrum",
    "feature_spectrum": "_feature_spectrum",
    "local_difficulty": "_local_scale",
    "mask_limits": "_difficulty",
    "scale_spectrum": "_difficulty",
    "score_difficulty": "_difficulty",
    **dict.fromkeys(
        ("EnsembleMaps", "EnsembleSums", "binary_entropy", "ensemble_maps", "entropy", "normalised"), "_ensemble"
    ),
    "ClassFacts": "_facts",
    "LabelFacts": "_facts",
    "label_facts": "_facts",
    "CHECKS": "_geometry_checks",
    "Cohort": "_geometry_checks",
    "check_geometry": "_geometry_checks",
    **dict.fromkeys(("HotRegion", "HotRegions", "hot_regions", "side_in_words"), "_hot_regions"),
    "hot_spot": "_hot_spots",
    "LabelRisk": "_label_risk",
    "label_risk_of": "_label_risk",
    "risk_map": "_label_risk",
    "smoothed": "_label_risk",
    "softmin": "_label_risk",
    "LightClassifier": "_light",
    "map_rows": "_packed",
    "CaseSamples": "_samples",
    "draw_voxels": "_samples",
    "gather_features": "_samples",
    "look_box": "_samples",
    "CaseProbabilities": "_score_label",
    "LabelScorer": "_score_label",
    "LabelScores": "_score_label",
    "class_scale": "_score_label",
    "score_label": "_score_label",
    "Slab": "_slabs",
    "evened": "_slabs",
}
"""Names whose modules need scipy or scikit-learn: loaded when asked for, so that a window opens without them."""


def __getattr__(name: str) -> Any:
    """Load what is only needed for measuring when it is asked for."""
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
