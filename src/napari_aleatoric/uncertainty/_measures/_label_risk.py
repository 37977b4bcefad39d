"""The measures of the first question: whether the label is wrong."""

from __future__ import annotations

from math import inf

from napari_aleatoric.model import Direction, Measure, Question

from ._maps import LABEL_RISK_MAP, OUTSIDE_SUBSPACE_MAP

__all__ = ["LABEL_RISK_PARTS", "TRAINED_RISK_PARTS", "of_label_risk"]

LABEL_RISK_PARTS = ("nll_union", "local_max", "dice_gap")
"""The raw measures whose largest percentile rank is the label risk, with the light classifier; see `risk_parts`."""

TRAINED_RISK_PARTS = ("softmin", "nll_union", "local_max")
"""The same with a network or probabilities of the user: there the soft minimum says more than the extent. Both were
chosen on planted errors."""

_RISK, _WORSE = Question.LABEL_RISK, Direction.HIGH_IS_WORSE

of_label_risk = (
    Measure(
        name="label_risk",
        title="Label risk",
        question=_RISK,
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
        question=_RISK,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="nat",
        sentence="Mean of −ln p(given label) over the label and the prediction together. High when the label "
        "contradicts the other cases over much of the structure.",
        finding="the label and what the rest of the data set teaches disagree most",
        map_name=LABEL_RISK_MAP,
    ),
    Measure(
        name="local_max",
        title="Worst place",
        question=_RISK,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Largest 3×3×3 mean of 1 − p(given label). High when one place contradicts the other cases, "
        "however small it is.",
        finding="one place of the label flatly contradicts what the rest of the data set teaches,",
        map_name=LABEL_RISK_MAP,
    ),
    Measure(
        name="dice_gap",
        title="Extent",
        question=_RISK,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − Dice between the label and the out-of-sample prediction (whole case: mean over the classes). "
        "High when the label has another extent than the other cases teach.",
        finding="the label has another extent than the rest of the data set teaches, most",
        map_name=LABEL_RISK_MAP,
    ),
    Measure(
        name="softmin",
        title="Soft minimum",
        question=_RISK,
        direction=Direction.HIGH_IS_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Softly the lowest p(given label) of all voxels, as cleanlab scores segmentations. Low when some "
        "voxels flatly contradict the other cases.",
        finding="single voxels of the label contradict what the rest of the data set teaches, most",
        map_name=LABEL_RISK_MAP,
    ),
    Measure(
        name="soft_dice_gap",
        title="Soft extent",
        question=_RISK,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − soft Dice between the label and the probabilities (whole case: mean over the classes). It "
        "also grows where the model is unsure, so it follows what readers disagree about; it depends on size.",
        finding="label and probabilities overlap little, least",
        map_name=LABEL_RISK_MAP,
    ),
    Measure(
        name="model_disagreement",
        title="Other than the trained model",
        question=_RISK,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − Dice between the label and what the model that was trained here would draw (whole case: mean "
        "over the classes). Of a case that the model learned from it is a lower end: it has seen the label.",
        finding="the model that was trained here would draw another label, most",
    ),
    Measure(
        name="outside_subspace",
        title="Features unlike their class",
        question=_RISK,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Part of the image features' energy under the label that the dominant directions of its class in "
        "the other cases do not explain. In our measurements it was near chance in finding wrong labels.",
        finding="the image under the label looks unlike the class elsewhere, most",
        map_name=OUTSIDE_SUBSPACE_MAP,
        detail=True,
    ),
)
