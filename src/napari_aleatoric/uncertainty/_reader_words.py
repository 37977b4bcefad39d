"""What a reviewer is told of several readers: counts and parts, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ItemKey

__all__ = ["ReaderFigures", "reader_figures", "readers_in_words"]

FloatArray = NDArray[np.float64]
ReaderFigures = Mapping[str, FloatArray]

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_OTHER = "more than in {score:.0%} of the cases"


def reader_figures(
    keys: Sequence[ItemKey],
    columns: Mapping[tuple[str, int], FloatArray],
    part: NDArray[np.str_],
    class_index: NDArray[np.int64],
    worded: Collection[str] = ("presence_disagreement", "reader_departure"),
) -> ReaderFigures:
    """Pick what the words need, for the rows that one of these measures drives.

    Parameters
    ----------
    keys : sequence of ItemKey
        n labels.
    columns : mapping
        Raw scores, as in `ScoreTable`.
    part, class_index : numpy.ndarray, shape (n,)
        What drives every row.
    worded : collection of str
        The measures that have words of their own.

    Returns
    -------
    mapping of str to numpy.ndarray of float64, shape (n,)
        ``value`` as measured, ``n_readers``, ``n_drew``, and ``most``: 1 where the value is the largest of the
        case's readers, alone. Empty where no row is driven by such a measure.
    """
    driven = np.isin(part, list(worded))
    if not driven.any():
        return {}
    n = len(keys)
    found = {name: np.full(n, np.nan) for name in ("value", "n_readers", "n_drew", "most")}
    for name, c in {(str(p), int(c)) for p, c in zip(part[driven], class_index[driven], strict=True)}:
        here = driven & (part == name) & (class_index == c)
        value = columns.get((name, c))
        if value is None:
            continue
        found["value"][here] = value[here]
        for count in ("n_readers", "n_drew"):
            if (count, c) in columns:
                found[count][here] = columns[count, c][here]
        found["most"][here] = _alone_at_the_top(keys, value)[here]
    return found


def _alone_at_the_top(keys: Sequence[ItemKey], value: FloatArray) -> FloatArray:
    """Whether a value is above those of all other labels of its case, shape (n,)."""
    by_case: dict[str, list[float]] = {}
    for key, own in zip(keys, value.tolist(), strict=True):
        by_case.setdefault(key.case_id, []).append(own)
    ordered = {case: sorted((v for v in all_of if v == v), reverse=True) for case, all_of in by_case.items()}
    return np.array(
        [
            len(others := ordered[key.case_id]) > 1 and own == others[0] and own > others[1] + 1e-9
            for key, own in zip(keys, value.tolist(), strict=True)
        ],
        dtype=np.float64,
    )


def readers_in_words(measure: str, figures: ReaderFigures, row: int, where: str) -> str:
    """Say of one row what is known of its readers; "" where there are no words for it.

    Parameters
    ----------
    measure : str
        What drives the row.
    figures : mapping
        `reader_figures`.
    row : int
        Row of the table.
    where : str
        Such as " at slices 3 to 5".

    Returns
    -------
    str
        The middle of a sentence with ``{score}``, such as "two of four readers drew nothing, more than in
        {score:.0%} of the cases".
    """
    if not figures:
        return ""
    value, n, drew, most = (float(figures[name][row]) for name in ("value", "n_readers", "n_drew", "most"))
    if not n > 1:
        return ""
    if measure == "presence_disagreement" and drew == drew:
        return _presence(round(n), round(drew))
    if measure == "reader_departure" and value == value:
        ahead = f"this reader departs most of {_number(round(n))}" if most == 1.0 else "this reader departs"
        return f"{ahead}{where}, by {100 * value:.0f} % over the band, {_OTHER}"
    return ""


def _presence(n_readers: int, n_drew: int) -> str:
    if n_drew == n_readers:
        return f"all {_number(n_readers)} readers drew it"
    if not n_drew:
        return f"none of {_number(n_readers)} readers drew anything"
    return f"{_number(n_readers - n_drew)} of {_number(n_readers)} readers drew nothing, {_OTHER}"


def _number(n: int) -> str:
    return _NUMBERS[n] if n < len(_NUMBERS) else str(n)
