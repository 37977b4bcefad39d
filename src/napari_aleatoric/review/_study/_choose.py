"""Which reader gets which case. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ._assignment import Assignment

__all__ = ["balanced", "have_seen", "random_share"]


def random_share(cases: Sequence[str], share: float, seed: int) -> list[str]:
    """Return a random part of these, in their order; the same for the same seed.

    Parameters
    ----------
    cases : sequence of str
        To choose from.
    share : float
        0..1; the number is rounded to the nearest, and at least 1 where there are any and the share is above 0.
    seed : int
        Of the draw.
    """
    n = min(len(cases), max(round(share * len(cases)), 1 if share > 0 else 0))
    rows = np.random.default_rng(seed).permutation(len(cases))[:n]
    return [cases[row] for row in sorted(rows.tolist())]


def have_seen(assignments: Iterable[Assignment]) -> set[tuple[str, str]]:
    """Return pairs of case and reader that are not to come together again: it was theirs, or still is.

    A reading that was withdrawn before it was begun does not count.
    """
    return {(a.case_id, a.reader) for a in assignments if a.state != "withdrawn" or a.begun is not None}


def balanced(
    cases: Sequence[str],
    readers: Sequence[str],
    per_case: int,
    *,
    taken: set[tuple[str, str]],
    load: Counter[str],
    seed: int,
) -> tuple[list[tuple[str, str]], list[str]]:
    """Give every case to so many readers that all have about as much to do, and nobody the same case twice.

    Every case goes to those of the readers who have least to do so far; between equal ones a draw decides, so that
    no two readers always share their cases.

    Parameters
    ----------
    cases, readers
        What is to be read, and by whom.
    per_case : int
        Readers of each case.
    taken : set of (case, reader)
        What must not be given.
    load : Counter of reader
        What each has to do already.
    seed : int
        Of the draws.

    Returns
    -------
    pairs : list of (case, reader)
        In the order of the cases.
    short : list of str
        Cases for which there were not enough readers; they get as many as there are.
    """
    rng = np.random.default_rng(seed)
    count = Counter(load)
    pairs: list[tuple[str, str]] = []
    short: list[str] = []
    for case_id in cases:
        free = [reader for reader in readers if (case_id, reader) not in taken]
        luck = dict(zip(free, rng.permutation(len(free)).tolist(), strict=True))
        chosen = sorted(free, key=lambda reader: (count[reader], luck[reader]))[:per_case]
        pairs += [(case_id, reader) for reader in chosen]
        count.update(chosen)
        if len(chosen) < per_case:
            short.append(case_id)
    return pairs, short
