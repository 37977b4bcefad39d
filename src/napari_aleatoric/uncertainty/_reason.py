"""Why an item stands where it stands, in words."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan

from napari_aleatoric.model import WHOLE_CASE, ClassTable, HotSpot

from ._judges import judge_in_words
from ._measures import LABEL_RISK_MAP
from ._rank import Ranking

__all__ = ["place_in_words", "reason", "slices_in_words"]

_WORDS = ("", "second ", "third ", "fourth ", "fifth ", "sixth ", "seventh ", "eighth ", "ninth ", "tenth ")

_WHAT = {
    "nll_union": "the label and what the rest of the data set teaches disagree most",
    "local_max": "one place of the label flatly contradicts what the rest of the data set teaches,",
    "dice_gap": "the label has another extent than the rest of the data set teaches, most",
    "softmin": "single voxels of the label contradict what the rest of the data set teaches, most",
}


_HARD = {
    "auv": "hard for the frozen model (AUV {:.2f})",
    "auv_size_adjusted": "harder for the frozen model than its size explains (AUV beyond size {:.2f})",
    "prompt_spread": "the frozen model's outline moves with its prompt, more than in {:.0%} of the cases",
}

_AGAINST = {
    "auv": "AUV {:.2f} for the frozen model, harder than {:d} of 100 cases of the reference '{}'",
    "auv_size_adjusted": "AUV beyond size {:.2f} for the frozen model, harder than {:d} of 100 cases of the "
    "reference '{}'",
    "prompt_spread": "the frozen model's outline moves with its prompt, more than in {0:.0%} of the cases of the "
    "reference '{2}'",
}

_ALONE = "the only case that is scored, so there is no range to place it in; score it with a reference"


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
    if ranking.strategy == "random":
        return f"drawn at random; {place_in_words(position, total, 'in order')}"
    if not part:
        return "not measured"
    prefix = f"{classes.name_of(class_index)}: " if class_index != WHOLE_CASE else ""
    if part in _HARD:
        place = float(ranking.reference_place[row])
        if not isnan(place):
            words = _AGAINST[part].format(float(ranking.score[row]), int(100 * place), ranking.reference)
        elif total == 1:
            return f"{prefix}{_ALONE}"
        else:
            words = _HARD[part].format(ranking.score[row])
        return f"{prefix}{words}; {place_in_words(position, total, 'hardest')}"
    where = _where(class_index, hot_spots, flat)
    judge = judge_in_words(ranking.judge)
    ending = f" ({judge})" if judge else ""
    return f"{prefix}{_WHAT[part]}{where}; {place_in_words(position, total)}{ending}".replace(",;", ";")


def _where(class_index: int, hot_spots: Iterable[HotSpot], flat: bool) -> str:
    for spot in hot_spots:
        if spot.map_name == LABEL_RISK_MAP and spot.class_index == class_index:
            if flat:
                _, y, x = spot.index_zyx
                return f" around row {y + 1}, column {x + 1}"
            return " " + slices_in_words(*spot.slice_range)
    return ""
