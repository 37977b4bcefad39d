"""Planting errors into the labels of a data set: which cases, which kinds, and what cannot be planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.model import ClassTable, LabelMap
from napari_aleatoric.samples import ErrorKind, ErrorRecord, Severity, plant_error

__all__ = ["Planted", "order_of_cases", "plant_one", "turn_of"]

_REACH = 12
"""Voxels around the labelled part that an error is planted in: farther than any reaches, so that a large volume is
not worked on as a whole."""


@dataclass(frozen=True, eq=False)
class Planted:
    """A label with one error.

    Parameters
    ----------
    label : LabelMap
        Upright.
    record : ErrorRecord
        What was done; slices count from 0 in the upright frame.
    failed : tuple of ErrorKind
        Kinds that were tried before and cannot be planted into this label.
    """

    label: LabelMap
    record: ErrorRecord
    failed: tuple[ErrorKind, ...]


def order_of_cases(n: int, n_errors: int, seed: int) -> NDArray[np.int64]:
    """Return the cases in the order in which they are tried in a seed, shape (n,).

    The seeds go through the cases one after the other, so that as few cases as possible get an error twice; when
    all had one, a new round begins in another order.

    Parameters
    ----------
    n : int
        Number of cases.
    n_errors : int
        How many get an error in every seed.
    seed : int
        Which seed.
    """
    seeds_of_a_round = max(1, n // max(1, n_errors))
    order = np.random.default_rng([seed // seeds_of_a_round, 2**31]).permutation(n)
    return np.roll(order, -(seed % seeds_of_a_round) * n_errors)


def turn_of(
    turn: int, kinds: Sequence[ErrorKind], severities: Sequence[Severity]
) -> tuple[tuple[ErrorKind, ...], Severity]:
    """Return the kinds in the order in which they are tried at a turn, and the severity: all take turns."""
    first = turn % len(kinds)
    severity = severities[(turn // len(kinds)) % len(severities)]
    return (*kinds[first:], *kinds[:first]), severity


def plant_one(
    label: LabelMap,
    classes: ClassTable,
    kinds: Sequence[ErrorKind],
    severity: Severity,
    rng: np.random.Generator,
) -> Planted | None:
    """Plant the first of some kinds that a label takes.

    A kind is passed over where it changes nothing, needs more classes than there are, or would wipe out a class
    altogether: that is seen at once, and no error of that kind.

    Parameters
    ----------
    label : LabelMap
        In any axis order; it is not changed.
    classes : ClassTable
        Values that are in no class stay as they are.
    kinds : sequence of ErrorKind
        In the order in which they are tried.
    severity : Severity
        How large the error is.
    rng : numpy.random.Generator
        The only source of chance.

    Returns
    -------
    Planted or None
        None if the label is empty or takes none of the kinds.
    """
    upright = label.upright()
    values = [c.label_value for c in classes]
    around = Box.around(np.isin(upright.data, values))
    if around is None:
        return None
    geometry = upright.geometry
    box = around.grown(_REACH, geometry.shape_zyx)
    before = upright.data[box.slices]
    spacing = geometry.spacing_zyx_mm if geometry.spacing_known else None
    failed: list[ErrorKind] = []
    for kind in kinds:
        try:
            after, record = plant_error(before, kind, severity, rng, class_values=values, spacing_zyx=spacing)
        except DataError:
            failed.append(kind)
            continue
        if np.isin(np.intersect1d(before, values), after).all():
            data = upright.data.copy()
            data[box.slices] = after
            first, last = (slice_ + box.start_zyx[0] for slice_ in record.slices_z)
            record = replace(record, slices_z=(first, last), sentence=kind.words)
            return Planted(LabelMap(data, geometry, label.reader), record, tuple(failed))
        failed.append(kind)
    return None
