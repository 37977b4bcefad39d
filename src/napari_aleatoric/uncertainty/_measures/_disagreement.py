"""The measures of the third question: whether the readers disagree. They need several labels of a case."""

from __future__ import annotations

from math import inf

from napari_aleatoric.model import Direction, Measure, Question

from ._maps import CONSENSUS_ENTROPY_MAP, READER_DEPARTURE_MAP, READER_SPREAD_MAP

__all__ = ["READER_MEASURES", "of_disagreement"]

_ASKED, _WORSE, _BETTER = Question.DISAGREEMENT, Direction.HIGH_IS_WORSE, Direction.HIGH_IS_BETTER
_MEAN = "(whole case: mean over the classes that any of them drew)"

of_disagreement = (
    Measure(
        name="reader_spread",
        title="Spread of readers",
        question=_ASKED,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence=f"1 − mean Dice of all pairs of readers {_MEAN}. "
        "High where they draw the class differently; it does not say who is right.",
        finding="the readers draw it differently{where}, more than in {score:.0%} of the cases",
        map_name=READER_SPREAD_MAP,
    ),
    Measure(
        name="consensus_entropy",
        title="Consensus entropy",
        question=_ASKED,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Mean entropy of the readers' weighted mean over the band of 3 voxels round what anybody drew. "
        "High where the readers together leave much open; it is the case's, and does not say who is right.",
        finding="the readers together leave much open{where}, more than in {score:.0%} of the cases",
        map_name=CONSENSUS_ENTROPY_MAP,
    ),
    Measure(
        name="presence_disagreement",
        title="Disputed presence",
        question=_ASKED,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Part of the pairs of readers of which one drew the class and the other nothing (whole case: the "
        "class in which it is largest). Above 0 it is not asked where the border lies, but whether it is there.",
        finding="some readers drew nothing, more than in {score:.0%} of the cases",
        map_name=CONSENSUS_ENTROPY_MAP,
    ),
    Measure(
        name="reader_departure",
        title="Reader departs",
        question=_ASKED,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="How far this reader's label departs from the readers' weighted mean, mean over the band of 3 "
        "voxels round what anybody drew. High for the label that differs most from the others' labels of the same "
        "case; where the image is ambiguous, all readers' labels depart.",
        finding="this reader departs from the others{where}, more than in {score:.0%} of the cases",
        map_name=READER_DEPARTURE_MAP,
    ),
    Measure(
        name="image_quality",
        title="Quality of the case's labels",
        question=_ASKED,
        direction=_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − mean departure of all readers over the band: 1 = all alike. Low where the labels of the case "
        "are worth little as a truth to learn from.",
        finding="its labels agree less{where} than those of {score:.0%} of the cases",
        map_name=CONSENSUS_ENTROPY_MAP,
        detail=True,
    ),
    Measure(
        name="reader_quality",
        title="Quality of this reader's label",
        question=_ASKED,
        direction=_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − the departure of this reader over the band: 1 = as the readers' mean.",
        finding="this label agrees less{where} with the others than those of {score:.0%} of the cases",
        map_name=READER_DEPARTURE_MAP,
        detail=True,
    ),
    Measure(
        name="reader_dice",
        title="Dice with the others",
        question=_ASKED,
        direction=_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence=f"Mean Dice of this reader's label with those of the others {_MEAN}.",
        finding="this label overlaps less{where} with the others than those of {score:.0%} of the cases",
        map_name=READER_DEPARTURE_MAP,
        detail=True,
    ),
    Measure(
        name="reader_surface_dice",
        title="Surface Dice with the others",
        question=_ASKED,
        direction=_BETTER,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Part of the outlines of this reader and the others that lies within 2 mm of each other (1 voxel "
        f"where the size of a voxel is not known), mean over the others {_MEAN}.",
        finding="this outline runs along the others less{where} than those of {score:.0%} of the cases",
        map_name=READER_DEPARTURE_MAP,
        detail=True,
    ),
    Measure(
        name="reader_hd95_mm",
        title="Outline from the others",
        question=_ASKED,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="mm",
        sentence="95th percentile of the distance between the outlines of this reader and of each other who drew "
        f"the class, mean over these {_MEAN}. Not given where the size of a voxel is unknown.",
        finding="this outline is far from the others{where}, more than in {score:.0%} of the cases",
        map_name=READER_DEPARTURE_MAP,
        detail=True,
    ),
    Measure(
        name="reader_hd95_voxels",
        title="Outline from the others, voxels",
        question=_ASKED,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="voxels",
        sentence="The same in voxels, where the size of a voxel is not known.",
        finding="this outline is far from the others{where}, more than in {score:.0%} of the cases",
        map_name=READER_DEPARTURE_MAP,
        detail=True,
    ),
    Measure(
        name="reader_volume",
        title="Volume from the others'",
        question=_ASKED,
        direction=_WORSE,
        bounds=(0.0, inf),
        unit="",
        sentence="How far the volume of this label lies from that of the others' consensus, as a part of that "
        f"{_MEAN}: 0 = as large, 1 = missing or twice as large.",
        finding="this label is larger or smaller than the others', more than in {score:.0%} of the cases",
        map_name=READER_DEPARTURE_MAP,
        detail=True,
    ),
    Measure(
        name="reader_presence",
        title="Against the others about presence",
        question=_ASKED,
        direction=_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="Part of the other readers who drew the class where this one did not, or did not where this one "
        "did (whole case: the class in which it is largest).",
        finding="others see it otherwise whether it is there at all, more than in {score:.0%} of the cases",
        map_name=READER_DEPARTURE_MAP,
        detail=True,
    ),
    Measure(
        name="n_readers",
        title="Readers",
        question=_ASKED,
        direction=_BETTER,
        bounds=(2.0, inf),
        unit="",
        sentence="How many readers have a label of the case; one whose label is empty counts.",
        finding="few readers, fewer than in {score:.0%} of the cases",
        detail=True,
    ),
    Measure(
        name="n_drew",
        title="Readers who drew it",
        question=_ASKED,
        direction=_BETTER,
        bounds=(0.0, inf),
        unit="",
        sentence="How many readers drew the class (whole case: anything).",
        finding="few readers drew it, fewer than in {score:.0%} of the cases",
        detail=True,
    ),
)

READER_MEASURES = tuple(measure.name for measure in of_disagreement)
"""What is told of cases with two readers or more, from their labels alone."""
