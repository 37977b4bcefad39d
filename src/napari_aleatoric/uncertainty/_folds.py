"""Which cases are learned from together, so that no case is judged by a model that saw it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Folds", "assign_folds"]


@dataclass(frozen=True)
class Folds:
    """Folds of a data set.

    Parameters
    ----------
    of_case : mapping of str to int
        Fold by case id, 0..n_folds−1. A case of fold k is judged by the model that learned from all other folds.
    n_folds : int
        Number of folds; 1 if there is a single case, which then is judged by a model that saw it.
    note : str
        What a user must know about it; "" normally.
    """

    of_case: Mapping[str, int]
    n_folds: int
    note: str = ""


def assign_folds(
    patients: Mapping[str, str], n_folds: int, seed: int = 0, known: Mapping[str, int] | None = None
) -> Folds:
    """Spread patients over folds of nearly equal size.

    Parameters
    ----------
    patients : mapping of str to str
        Patient by case id; "" where unknown (the case then stands for itself).
    n_folds : int
        Wanted number of folds.
    seed : int
        Another seed gives other folds.
    known : mapping of str to int, optional
        Earlier folds by case id: they are kept, and so is the fold of every patient in them.

    Returns
    -------
    Folds
        Does not depend on the order of the cases.
    """
    group = {case: f"patient {patient}" if patient else f"case {case}" for case, patient in patients.items()}
    note = ""
    if len(set(group.values())) == 1 and len(group) > 1:
        group = {case: f"case {case}" for case in group}
        note = (
            "All cases belong to one patient, so each label is judged by models that saw other cases of the same "
            "patient; the label risk may be too low."
        )
    sizes: dict[str, int] = {}
    for name in group.values():
        sizes[name] = sizes.get(name, 0) + 1
    if len(sizes) <= 1:
        only = (
            "There is a single labelled case, so its label is judged by a model that saw it: the map shows only "
            "where the label is hard to explain from the image. Label risk needs more cases."
        )
        return Folds(dict.fromkeys(group, 0), 1, only if group else "")
    n = min(n_folds, len(sizes))
    fold: dict[str, int] = {}
    for case, earlier in sorted((known or {}).items()):
        if case in group and 0 <= earlier < n:
            fold.setdefault(group[case], earlier)
    load = [sum(sizes[name] for name, f in fold.items() if f == k) for k in range(n)]
    # the largest patients first, then by checksum: even folds, and no pattern of names in them
    for name in sorted(sizes.keys() - fold.keys(), key=lambda g: (-sizes[g], _checksum(seed, g))):
        lightest = min(range(n), key=lambda k: (load[k], k))
        fold[name] = lightest
        load[lightest] += sizes[name]
    if not all(load):  # earlier folds no longer fill all: start anew
        return assign_folds(patients, n_folds, seed)
    return Folds({case: fold[name] for case, name in group.items()}, n, note)


def _checksum(seed: int, text: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()
