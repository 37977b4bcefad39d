"""The rules that order the queue, each a pure function of the table of scores; none mixes two questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import Direction, Measure, Question

from ._auv_of import adjusted_auv_of, auv_of
from ._measures import MEASURES
from ._strategy import (
    Strategy,
    at_random,
    by_difficulty,
    by_label_risk,
    by_maximum,
    by_measure,
    by_worst_class,
    by_worst_class_of,
)

__all__ = ["STRATEGIES", "strategy_of"]

_SAME_AS_DIFFICULTY = "perception_scale"  # its order is that of the AUV
_RARE = ("perception_scale_sigma", "feature_scale", "effective_rank", "volume_voxels", "volume_ml")
_GRAMMAR = (
    "Also: max:MEASURE,MEASURE, worst:MEASURE, random:SEED, and before any of them diverse: or checked:PERCENT:"
)
_CHECKED = 10  # percent of the places that known-good cases take


def _of_measure(measure: Measure) -> Strategy:
    end = "Highest" if measure.direction is Direction.HIGH_IS_WORSE else "Lowest"
    scored = by_measure(measure.name)
    if measure.question is Question.DIFFICULTY:
        scored = by_difficulty(measure.name, lambda table, c: table.percentile(measure.name, c))
    sentence = f"{end} first. {measure.sentence}"
    detail = measure.detail or measure.name in _RARE
    return Strategy(measure.name, measure.title, sentence, measure.question, scored, detail=detail)


def _strategies() -> Mapping[str, Strategy]:
    risk, hard = Question.LABEL_RISK, Question.DIFFICULTY
    listed = [
        Strategy(
            "label_risk",
            "Label risk",
            "Labels that contradict the rest of the data set come first: by mean disagreement, worst place or "
            "extent (with a network: soft minimum), whichever stands out most. With more than two classes, the "
            "worst class counts.",
            risk,
            by_label_risk,
        ),
        Strategy(
            "worst_class",
            "Label risk of the worst class",
            "As label risk, but every class is compared with the same class elsewhere, and the worst one counts.",
            risk,
            by_worst_class,
        ),
        Strategy(
            "diverse",
            "Label risk, different problems first",
            "As label risk, but the first of the queue differ from each other in class, kind of problem and "
            "scores, so that one problem does not come twenty times in a row.",
            risk,
            by_label_risk,
            diverse=True,
        ),
        Strategy(
            "checked",
            "Label risk, readers checked",
            f"As label risk, with cases that others have accepted at {_CHECKED} % of the places, to see whether "
            "the reader tells them. Scores and places are not shown, as they would give them away.",
            risk,
            by_label_risk,
            check_rate=_CHECKED / 100,
        ),
        Strategy(
            "difficulty",
            "Difficulty (AUV)",
            "Images that are hard for the frozen model come first. It does not say whether a label is wrong.",
            hard,
            by_difficulty("auv", auv_of),
        ),
        Strategy(
            "difficulty_beyond_size",
            "Difficulty beyond size",
            "As difficulty, after what the size of the object explains was taken out.",
            hard,
            by_difficulty("auv_size_adjusted", adjusted_auv_of),
        ),
    ]
    listed += [_of_measure(m) for m in MEASURES.values() if m.stored and m.name != _SAME_AS_DIFFICULTY]
    listed.append(
        Strategy(
            "random",
            "Random",
            "A fixed random order, to estimate how many labels of the whole set are wrong.",
            None,
            at_random(0),
        )
    )
    place = {question: i for i, question in enumerate((*Question, None))}
    return MappingProxyType({s.name: s for s in sorted(listed, key=lambda s: place[s.question])})


STRATEGIES: Mapping[str, Strategy] = _strategies()
"""The rules with a name of their own, question by question; the first is the default. See `strategy_of`."""


def strategy_of(name: str) -> Strategy:
    """Return the rule of a name.

    Parameters
    ----------
    name : str
        A key of `STRATEGIES`; or ``max:A,B`` for the largest percentile rank of several measures of one question;
        ``worst:A`` for the class that stands out most in a measure; ``random:7`` for another random order. Before
        any of these, ``diverse:`` for a first batch whose cases differ from each other, or ``checked:20:`` for
        known-good cases at 20 % of the places.

    Raises
    ------
    NotFoundError
        If there is no such rule or measure.
    DataError
        If the measures answer different questions.
    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    kind, sign, rest = name.partition(":")
    if kind == "diverse" and sign:
        base = strategy_of(rest)
        if base.question is None:
            raise DataError(
                f"'{rest}' is random, so its cases differ from each other already; leave out 'diverse:'."
            )
        sentence = f"{base.sentence} The first of the queue differ from each other in class and kind of problem."
        title = f"{base.title}, different problems first"
        return replace(base, name=name, title=title, sentence=sentence, diverse=True)
    if kind == "checked" and sign:
        percent, _, name_of_base = rest.partition(":")
        if not percent.isdecimal() or not 0 < int(percent) <= 50:
            raise NotFoundError(f"Expected checked:PERCENT:STRATEGY with 1 to 50 percent, got '{name}'.")
        base = strategy_of(name_of_base)
        sentence = f"{base.sentence} Known-good cases take {percent} % of the places; scores are not shown."
        return replace(
            base,
            name=name,
            title=f"{base.title}, readers checked",
            sentence=sentence,
            check_rate=int(percent) / 100,
        )
    if kind == "max" and sign:
        measures = [_measure(part) for part in rest.split(",")]
        question = _one_question(measures)
        words = ", ".join(m.title.lower() for m in measures)
        sentence = f"Cases come first that stand out most in one of: {words}."
        return Strategy(name, f"Largest of {words}", sentence, question, by_maximum([m.name for m in measures]))
    if kind == "worst" and sign:
        measure = _measure(rest)
        sentence = (
            f"Every class is compared with the same class elsewhere, the worst one counts. {measure.sentence}"
        )
        title = f"{measure.title} of the worst class"
        return Strategy(name, title, sentence, measure.question, by_worst_class_of(measure.name))
    if kind == "random" and rest.isdecimal():
        return replace(STRATEGIES["random"], name=name, _scored=at_random(int(rest)))
    raise NotFoundError(f"There is no strategy '{name}'. Known: {', '.join(STRATEGIES)}. {_GRAMMAR}.")


def _measure(name: str) -> Measure:
    found = MEASURES.get(name.strip())
    if found is None or not found.stored:
        known = ", ".join(m.name for m in MEASURES.values() if m.stored)
        raise NotFoundError(f"There is no stored measure '{name.strip()}'. Known: {known}.")
    return found


def _one_question(measures: list[Measure]) -> Question:
    questions = {m.question for m in measures}
    if len(questions) > 1:
        asked = " ".join(sorted(q.sentence for q in questions))
        raise DataError(f"An order answers one question; these measures answer {len(questions)}: {asked}")
    return measures[0].question
