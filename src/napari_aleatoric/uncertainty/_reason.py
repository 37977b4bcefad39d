"""Why an item stands where it stands, in words."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan

from napari_aleatoric.model import WHOLE_CASE, ClassTable, HotSpot, Measure, Question

from ._judges import judge_in_words
from ._measures import MEASURES
from ._questions import QUESTIONS
from ._rank import Ranking
from ._reader_words import readers_in_words
from ._strategies import strategy_of

__all__ = ["place_in_words", "reason", "slices_in_words"]

_WORDS = ("", "second ", "third ", "fourth ", "fifth ", "sixth ", "seventh ", "eighth ", "ninth ", "tenth ")

_ALONE = "the only case that is scored, so there is no range to place it in; score it with a reference"
_FIRST = "the only case that is scored, so there is nothing to compare it with"
_OF_THE_JUDGE = (Question.LABEL_RISK, Question.AMBIGUITY)  # read from its probabilities, whoever it is
_MORE = "stands out more than in {score:.0%} of the cases"


def slices_in_words(first: int, last: int, verb: str = "at") -> str:
    """Say a range of slices, given from 0, as a person counts: "at slices 14 to 19"."""
    if first == last:
        return f"{verb} slice {first + 1}"
    return f"{verb} slices {first + 1} to {last + 1}"


def place_in_words(position: int, total: int, what: str = "worst") -> str:
    """Say a place in the order, given from 0: "third worst of 201"."""
    number = position + 1
    if number <= len(_WORDS):
        return f"{_WORDS[position]}{what} of {total}"
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending} {what} of {total}"


def reason(
    ranking: Ranking,
    row: int,
    classes: ClassTable,
    hot_spots: Iterable[HotSpot] = (),
    *,
    flat: bool = False,
) -> str:
    """Say in one sentence which class of an item stands out, in what, where, and how far up it is.

    Parameters
    ----------
    ranking : Ranking
        The order.
    row : int
        Row of the item in the table (not its place in the order).
    classes : ClassTable
        For the class's name.
    hot_spots : iterable of HotSpot
        Of this item.
    flat : bool
        True for 2-D images: the place is then said by row and column.

    Returns
    -------
    str
        Such as "tumour: the label and what the rest of the data set teaches disagree most at slices 14 to 19; third
        worst of 201 (judged by the light classifier)". Slices are counted from 1.
    """
    class_index, part = int(ranking.class_index[row]), str(ranking.part[row])
    position, total = int(ranking.position[row]), len(ranking)
    rule = strategy_of(ranking.strategy)
    if rule.question is None and not ranking.blind:
        return f"drawn at random; {place_in_words(position, total, 'in order')}"
    if not part and not ranking.blind:
        return "not measured"
    prefix = f"{classes.name_of(class_index)}: " if class_index != WHOLE_CASE else ""
    if ranking.blind:  # the same words for known-good cases and others
        where = _where(MEASURES["label_risk"], class_index, hot_spots, flat)
        return f"{prefix}look{where}" if where else f"{prefix}look through the whole case"
    measure = MEASURES[part]
    what = "in order" if rule.diverse else QUESTIONS[measure.question].superlative
    place = place_in_words(position, total, what)
    where = _where(measure, class_index, hot_spots, flat)
    judge = judge_in_words(ranking.judge) if measure.question in _OF_THE_JUDGE else ""
    ending = f" ({judge})" if judge else ""
    if measure.question is Question.LABEL_RISK:
        return f"{prefix}{measure.finding}{where}; {place}{ending}".replace(",;", ";")
    if total == 1 and isnan(float(ranking.reference_place[row])):
        return f"{prefix}{_ALONE if measure.question is Question.DIFFICULTY else _FIRST}"
    return f"{prefix}{_stands_out(ranking, row, measure, where)}{_beyond_size(ranking, row)}; {place}{ending}"


def _stands_out(ranking: Ranking, row: int, measure: Measure, where: str) -> str:
    """Say in what a case stands out, against the reference where there is one."""
    score, place = float(ranking.score[row]), float(ranking.reference_place[row])
    if isnan(place):
        told = readers_in_words(measure.name, ranking.readers, row, where)
        if told:
            return told.format(score=score)
        return (measure.finding or f"{measure.title.lower()} {_MORE}").format(score=score, where=where)
    words = measure.finding_against or f"{measure.title.lower()} {_MORE} of the reference '{{reference}}'"
    return words.format(score=score, where=where, place=int(100 * place), reference=ranking.reference)


def _beyond_size(ranking: Ranking, row: int) -> str:
    """Say where the case stands once object size is taken out; nothing where that is not known."""
    rest = float(ranking.size_removed[row])
    return "" if isnan(rest) else f", for its size more than in {rest:.0%}"


def _where(measure: Measure, class_index: int, hot_spots: Iterable[HotSpot], flat: bool) -> str:
    for spot in hot_spots:
        if spot.map_name == measure.map_name and spot.class_index == class_index:
            if flat:
                _, y, x = spot.index_zyx
                return f" around row {y + 1}, column {x + 1}"
            return " " + slices_in_words(*spot.slice_range)
    return ""
