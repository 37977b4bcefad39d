"""The measures of the fourth question: whether the image is hard for a foundation model."""

from __future__ import annotations

from math import inf

from napari_aleatoric.model import Direction, Measure, Question
from napari_aleatoric.uncertainty._variants import SCALE_VARIANTS

from ._maps import DIFFICULTY_MAP, PROMPT_SPREAD_MAP

__all__ = ["of_difficulty"]

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


of_difficulty: tuple[Measure, ...] = (
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
        finding="the frozen model's outline moves with its prompt, more than in {score:.0%} of the cases",
        finding_against="the frozen model's outline moves with its prompt, more than in {score:.0%} of the cases "
        "of the reference '{reference}'",
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
        finding="hard for the frozen model (AUV {score:.2f})",
        finding_against="AUV {score:.2f} for the frozen model, harder than {place:d} of 100 cases of the reference "
        "'{reference}'",
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
        finding="harder for the frozen model than its size explains (AUV beyond size {score:.2f})",
        finding_against="AUV beyond size {score:.2f} for the frozen model, harder than {place:d} of 100 cases "
        "of the reference '{reference}'",
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
