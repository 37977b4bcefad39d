"""The declarations of all measures: question, direction, unit and what to make of the number."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from types import MappingProxyType

from napari_aleatoric.model import Direction, Measure, Question

__all__ = ["LABEL_RISK_MAP", "LABEL_RISK_PARTS", "MEASURES"]

LABEL_RISK_MAP = "label_risk"
"""Name of the voxel map 1 − p(given label)."""

LABEL_RISK_PARTS = ("nll_union", "local_max", "dice_gap")
"""The raw measures whose largest percentile rank is the label risk."""

_WORSE, _BETTER = Direction.HIGH_IS_WORSE, Direction.HIGH_IS_BETTER


def _declare(*measures: Measure) -> Mapping[str, Measure]:
    return MappingProxyType({m.name: m for m in measures})


MEASURES: Mapping[str, Measure] = _declare(
    Measure(
        name="label_risk",
        title="Label risk",
        question=Question.LABEL_RISK,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="How strongly the label contradicts what the other cases teach, compared with the rest of this "
        "data set: the largest percentile rank of mean disagreement, worst place and extent. Look at the "
        "highest first.",
        map_name=LABEL_RISK_MAP,
        stored=False,
    ),
    Measure(
        name="nll_union",
        title="Mean disagreement",
        question=Question.LABEL_RISK,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="nat",
        sentence="Mean of −ln p(given label) over the label and the prediction together. High when the label "
        "contradicts the other cases over much of the structure.",
        map_name=LABEL_RISK_MAP,
    ),
    Measure(
        name="local_max",
        title="Worst place",
        question=Question.LABEL_RISK,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Largest 3×3×3 mean of 1 − p(given label). High when one place contradicts the other cases, "
        "however small it is.",
        map_name=LABEL_RISK_MAP,
    ),
    Measure(
        name="dice_gap",
        title="Extent",
        question=Question.LABEL_RISK,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − Dice between the label and the out-of-sample prediction (whole case: mean over the classes). "
        "High when the label has another extent than the other cases teach.",
        map_name=LABEL_RISK_MAP,
    ),
    Measure(
        name="softmin",
        title="Soft minimum",
        question=Question.LABEL_RISK,
        direction=_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Softly the lowest p(given label) of all voxels, as cleanlab scores segmentations. Low when some "
        "voxels flatly contradict the other cases.",
        map_name=LABEL_RISK_MAP,
    ),
    Measure(
        name="perception_scale",
        title="Perception scale",
        question=Question.DIFFICULTY,
        direction=_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Spectral entropy of a class's feature map: high when its energy spreads over many directions, "
        "which goes with easy images. It says nothing about the label and grows with object size.",
    ),
    Measure(
        name="perception_scale_sigma",
        title="Perception scale (released form)",
        question=Question.DIFFICULTY,
        direction=_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence="The same from singular values that are not squared, as in the released code; it reacts "
        "far more to noise.",
    ),
    Measure(
        name="auv",
        title="Difficulty (AUV)",
        question=Question.DIFFICULTY,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Aleatoric uncertainty value: the perception scale on a logarithmic scale between the easiest (0) "
        "and the hardest (1) image of this data set. It measures the image, not the label; read it beside the "
        "volume.",
        stored=False,
    ),
    Measure(
        name="volume_voxels",
        title="Size",
        question=Question.DIFFICULTY,
        direction=_BETTER,
        bounds=(0.0, inf),
        unit="voxels",
        sentence="Labelled voxels. Shown beside the AUV, which partly follows size.",
    ),
    Measure(
        name="volume_ml",
        title="Volume",
        question=Question.DIFFICULTY,
        direction=_BETTER,
        bounds=(0.0, inf),
        unit="ml",
        sentence="Labelled volume; not given where the voxel size is unknown.",
    ),
)
