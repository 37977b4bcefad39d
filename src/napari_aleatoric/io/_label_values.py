"""Which values label files hold, and what to say of those that are in no class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

__all__ = [
    "MAX_CLASSES",
    "UnknownValueWarning",
    "counts_of",
    "distinct_values",
    "unknown_values_remark",
    "unknown_values_sentence",
]

MAX_CLASSES = 255
_NAMED = 6  # values, and cases, that a sentence names at most
_WHAT_TO_DO = (
    "To review them, add them to the classes of the data set (labels in dataset.json, class_names in a manifest, "
    "or --class-names of init) and score again."
)


class UnknownValueWarning(UserWarning):
    """A label holds values that are in no class of the data set; they count as background."""


def counts_of(data: NDArray[Any]) -> dict[int, int]:
    """Return how many voxels hold each value but 0, in the order of the values.

    Parameters
    ----------
    data : numpy.ndarray of integer, any shape
        Label values.
    """
    if data.dtype == np.uint8:
        counts = np.bincount(data.ravel(), minlength=1)
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(data, return_counts=True)
    return {int(v): int(n) for v, n in zip(values, counts, strict=True) if v != 0}


def distinct_values(data: NDArray[Any], name: str) -> dict[int, int]:
    """Return the same of a file whose values are to become the classes.

    Raises
    ------
    DataError
        If there are more than `MAX_CLASSES`.
    """
    found = counts_of(data)
    if len(found) > MAX_CLASSES:
        raise DataError(
            f"{name} holds {len(found)} different values, more than the {MAX_CLASSES} classes that can be "
            "reviewed at once. This looks like an image or numbered objects; to review some of the values, name "
            "them as classes."
        )
    return found


def unknown_values_sentence(name: str, counts: Mapping[int, int]) -> str:
    """Say that a label holds values that are in no class: which, how many voxels, and what to do.

    Parameters
    ----------
    name : str
        Which label, such as "case_7".
    counts : mapping of int to int
        Number of voxels by value, `ClassTable.unknown_values`.

    Returns
    -------
    str
        "" where there are none.
    """
    if not counts:
        return ""
    return (
        f"The label of {name} holds values that are in no class: {_listed(counts)}. They count as background in "
        f"all scores, and are kept when a correction is saved. {_WHAT_TO_DO}"
    )


def unknown_values_remark(found: Sequence[tuple[str, Mapping[int, int]]]) -> str:
    """Say the same of several labels, with a leading space; "" where there are none.

    Parameters
    ----------
    found : sequence of (str, mapping of int to int)
        Names of cases, and voxels by value that are in no class.
    """
    if not found:
        return ""
    if len(found) == 1:
        return f" {unknown_values_sentence(*found[0])}"
    cases = "; ".join(f"{name}: {_listed(counts)}" for name, counts in found[:_NAMED])
    more = f"; and {len(found) - _NAMED} more cases" if len(found) > _NAMED else ""
    return (
        f" The labels of {len(found)} cases hold values that are in no class ({cases}{more}). They count as "
        f"background in all scores, and are kept when a correction is saved. {_WHAT_TO_DO}"
    )


def _listed(counts: Mapping[int, int]) -> str:
    largest = sorted(counts, key=lambda value: (-counts[value], value))
    named = sorted(largest[:_NAMED])
    words = ", ".join(f"{v} ({counts[v]} voxel{'' if counts[v] == 1 else 's'})" for v in named)
    rest = len(counts) - len(named)
    if not rest:
        return words
    voxels = sum(counts[v] for v in largest[_NAMED:])
    return f"{words} and {rest} more ({voxels} voxel{'' if voxels == 1 else 's'})"
