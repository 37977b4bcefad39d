"""The measures of the third question: whether the readers disagree. They need several labels of a case."""

from __future__ import annotations

from napari_aleatoric.model import Direction, Measure, Question

from ._maps import READER_SPREAD_MAP

__all__ = ["of_disagreement"]

of_disagreement = (
    Measure(
        name="reader_spread",
        title="Spread of readers",
        question=Question.DISAGREEMENT,
        direction=Direction.HIGH_IS_WORSE,
        bounds=(0.0, 1.0),
        unit="",
        sentence="1 − mean Dice of all pairs of readers (whole case: mean over the classes that any of them drew). "
        "High where they draw the class differently; it does not say who is right.",
        finding="the readers draw it differently{where}, more than in {score:.0%} of the cases",
        map_name=READER_SPREAD_MAP,
    ),
)
