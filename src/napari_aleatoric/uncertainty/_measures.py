"""The declarations of all measures: question, direction, unit and what to make of the number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

from napari_aleatoric.model import Direction, Measure, Question

from ._variants import SCALE_VARIANTS

__all__ = [
    "DIFFICULTY_MAP",
    "LABEL_RISK_MAP",
    "LABEL_RISK_PARTS",
    "MAPS",
    "MEASURES",
    "PROMPT_SPREAD_MAP",
    "TRAINED_RISK_PARTS",
    "VoxelMapInfo",
]

LABEL_RISK_MAP = "label_risk"
"""Name of the voxel map 1 − p(given label)."""

DIFFICULTY_MAP = "difficulty"
"""Name of the voxel map 1 − S of a sliding window over the decoded map."""

PROMPT_SPREAD_MAP = "prompt_spread"
"""Name of the voxel map of how far a segmenter's answer moves with its prompt."""

LABEL_RISK_PARTS = ("nll_union", "local_max", "dice_gap")
"""The raw measures whose largest percentile rank is the label risk, with the light classifier; see `risk_parts`."""

TRAINED_RISK_PARTS = ("softmin", "nll_union", "local_max")
"""The same with a network or probabilities of the user: there the soft minimum says more than the extent. Both were
chosen on planted errors."""

_WORSE, _BETTER = Direction.HIGH_IS_WORSE, Direction.HIGH_IS_BETTER


def _variant(name: str, words: str) -> Measure:
    return Measure(
        name=name,
        title=f"Perception scale: {words}",
        question=Question.DIFFICULTY,
        direction=_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence=f"A variant of the perception scale ({words}). It says nothing about the label.",
        map_name=DIFFICULTY_MAP,
        detail=True,
    )


@dataclass(frozen=True)
class VoxelMapInfo:
    """What a voxel map shows, in words.

    Parameters
    ----------
    name : str
        As stored.
    legend : str
        A few words: what the values are.
    low, high : str
        What 0 and 1 mean, a word each.
    sentence : str
        In full.
    """

    name: str
    legend: str
    low: str
    high: str
    sentence: str


_SCALE_OF_ALL = "The colours mean the same in every case; values below the threshold are not drawn."

MAPS: Mapping[str, VoxelMapInfo] = MappingProxyType(
    {
        info.name: info
        for info in (
            VoxelMapInfo(
                LABEL_RISK_MAP,
                "1 − p(given label)",
                "supported",
                "contradicted",
                "How little the rest of the data set supports what was drawn here: 0 = supported, 1 = "
                f"contradicted. Made by a judge that never saw this case. {_SCALE_OF_ALL}",
            ),
            VoxelMapInfo(
                DIFFICULTY_MAP,
                "local difficulty",
                "easy",
                "hard",
                "1 − perception scale of a small window of the frozen model's decoded map, along the border it "
                f"drew. It is about the image and says nothing about the label. {_SCALE_OF_ALL}",
            ),
            VoxelMapInfo(
                PROMPT_SPREAD_MAP,
                "spread of answers",
                "firm",
                "moves",
                "How far a frozen segmenter's answer moves here when its box is moved by a few voxels: twice the "
                f"standard deviation of its probabilities. It is about the image, not the label. {_SCALE_OF_ALL}",
            ),
        )
    }
)
"""The voxel maps by name."""


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
        "data set: the largest percentile rank of mean disagreement, worst place and extent (with a network: soft "
        "minimum). Look at the highest first.",
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
        sentence="Spectral entropy of a class's decoded map: high when its energy spreads over many directions, "
        "which goes with easy images. It says nothing about the label and grows with object size.",
        map_name=DIFFICULTY_MAP,
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
    *(
        _variant(name, variant.words)
        for name, variant in SCALE_VARIANTS.items()
        if name not in ("perception_scale", "perception_scale_sigma")
    ),
    Measure(
        name="feature_scale",
        title="Spread of features",
        question=Question.DIFFICULTY,
        direction=_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Spectral entropy of the frozen model's image features inside the mask: high when they differ in "
        "many directions. It follows size, and was not seen to find wrong labels.",
    ),
    Measure(
        name="effective_rank",
        title="Effective rank of features",
        question=Question.DIFFICULTY,
        direction=_BETTER,
        bounds=(0.0, inf),
        unit="",
        sentence="How many directions the frozen model's image features inside the mask take up: exp of the "
        "entropy of their singular values. It follows size.",
    ),
    Measure(
        name="prompt_spread",
        title="Prompt spread",
        question=Question.DIFFICULTY,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − mean Dice between a frozen segmenter's answers to boxes moved by a few voxels: high when the "
        "image does not say by itself where the object ends.",
        map_name=PROMPT_SPREAD_MAP,
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
        map_name=DIFFICULTY_MAP,
        stored=False,
    ),
    Measure(
        name="auv_size_adjusted",
        title="Difficulty beyond size",
        question=Question.DIFFICULTY,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="The AUV after what the object's size explains was taken out: the residual of ln S over ln voxels "
        "(our proposal).",
        map_name=DIFFICULTY_MAP,
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
