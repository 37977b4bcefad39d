"""The measures of the second question: whether the image is ambiguous. They need no label."""

from __future__ import annotations

from math import inf

from napari_aleatoric.model import Direction, Measure, Question

from ._maps import (
    AMBIGUITY_MAP,
    EXPECTED_ENTROPY_MAP,
    MUTUAL_INFORMATION_MAP,
    PREDICTIVE_ENTROPY_MAP,
)

__all__ = ["of_ambiguity"]

_AMBIGUITY, _WORSE = Question.AMBIGUITY, Direction.HIGH_IS_WORSE

of_ambiguity = (
    Measure(
        name="levelset",
        title="Spread of level sets",
        question=_AMBIGUITY,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − mean Dice of the regions above probability 0.2, 0.4, 0.6 and 0.8 (whole case: mean over the "
        "classes). High where the extent of the class depends on how sure one wants to be; it looks at no label.",
        finding="how far the class extends{where} depends on how sure one wants to be, more than in {score:.0%} of "
        "the cases",
        map_name=AMBIGUITY_MAP,
    ),
    Measure(
        name="predictive_entropy",
        title="Entropy",
        question=_AMBIGUITY,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="nat",
        sentence="Entropy of the class's probability per expected voxel of the class (whole case: mean over the "
        "classes); of several networks, that of their mean. High where many voxels could as well be another thing.",
        finding="many voxels{where} could as well be something else, more than in {score:.0%} of the cases",
        map_name=AMBIGUITY_MAP,
    ),
    Measure(
        name="expected_entropy",
        title="Expected entropy",
        question=_AMBIGUITY,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="nat",
        sentence="Mean entropy of several networks per expected voxel of the class: what each finds ambiguous by "
        "itself, the aleatoric part.",
        finding="every network by itself is unsure{where}, more than in {score:.0%} of the cases",
        map_name=EXPECTED_ENTROPY_MAP,
    ),
    Measure(
        name="mutual_information",
        title="Mutual information",
        question=_AMBIGUITY,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="nat",
        sentence="Predictive minus expected entropy of several networks per expected voxel of the class: what they "
        "disagree about, the epistemic part.",
        finding="the networks disagree{where}, more than in {score:.0%} of the cases",
        map_name=MUTUAL_INFORMATION_MAP,
    ),
    Measure(
        name="member_spread",
        title="Spread of networks",
        question=_AMBIGUITY,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − Dice between the outlines of several networks, all pairs pooled. High where they draw the "
        "class differently.",
        finding="the networks draw the class differently{where}, more than in {score:.0%} of the cases",
        map_name=PREDICTIVE_ENTROPY_MAP,
    ),
    Measure(
        name="model_uncertainty",
        title="Entropy of the trained model",
        question=_AMBIGUITY,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="nat",
        sentence="Entropy of the class's probability per expected voxel of the class, by the model that was "
        "trained here (whole case: mean over the classes). High where it could as well be another thing.",
        finding="the model that was trained here is unsure{where}, more than in {score:.0%} of the cases",
        map_name=PREDICTIVE_ENTROPY_MAP,
    ),
    Measure(
        name="model_information",
        title="Mutual information of its checkpoints",
        question=_AMBIGUITY,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="nat",
        sentence="What the checkpoints of the model that was trained here disagree about, per expected voxel of "
        "the class: the epistemic part, which more labels like this one would lessen.",
        finding="the checkpoints of the model disagree{where}, more than in {score:.0%} of the cases",
        map_name=MUTUAL_INFORMATION_MAP,
    ),
)
