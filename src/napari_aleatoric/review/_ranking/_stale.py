"""Which scores no longer hold because another reader's label of the same case did not stay what it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import WHOLE_CASE, ItemKey

__all__ = ["with_other_readers"]


def with_other_readers(
    stale: NDArray[np.bool_],
    scored: NDArray[np.bool_],
    keys: Sequence[ItemKey],
    columns: Mapping[tuple[str, int], NDArray[np.float64]],
    outcomes: Mapping[str, Collection[str]],
) -> NDArray[np.bool_]:
    """Add the labels whose comparison with other readers no longer holds.

    Parameters
    ----------
    stale, scored : numpy.ndarray of bool, shape (n,)
        Of each label by itself.
    keys : sequence of ItemKey
        The n labels that there are.
    columns : mapping
        Their raw scores.
    outcomes : mapping of str to collection of str
        By case, the readers whose labels came of an adjudication: these are compared with nobody.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        Also true for a label that was compared with others (it has ``n_readers``) where one of these is stale, or
        where there are more or fewer labels of the case now than were compared.
    """
    compared = columns.get(("n_readers", WHOLE_CASE))
    if compared is None or not len(keys):
        return stale
    _, case = np.unique(np.array([key.case_id for key in keys]), return_inverse=True)
    own = np.array([key.label_reader not in outcomes.get(key.case_id, ()) for key in keys])
    n_labels = np.bincount(case, weights=own)
    any_stale = np.bincount(case, weights=stale & own) > 0
    known = np.isfinite(compared) & own
    return np.asarray(stale | (scored & known & (any_stale[case] | (compared != n_labels[case]))))
