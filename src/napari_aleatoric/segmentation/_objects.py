"""From what was carried to one object: who agrees with whom, their vote, consistency in 3-D, sensible parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ._carry import Carried
from ._spec import VolumeSpec
from ._stack import SliceStack

__all__ = ["CarriedObject", "consistent", "group_carried", "largest_parts", "vote"]

_SAME = 0.5  # part of the smaller one that lies in the larger one, from which on two are one object
_SECOND = 0.5  # of the best object's weight that another one of several pieces must have
_ABSENT = -3.0  # logit of who did not reach a slice
_JUMP = 0.3  # Dice by which a slice may fit its neighbours worse than they fit each other


@dataclass(frozen=True, eq=False)
class CarriedObject:
    """Everything that was carried and lies in the same place.

    Parameters
    ----------
    members : tuple of Carried
        From one or several key slices.
    weight : float
        Sum of their confidences.
    agreement : float
        Mean Dice of all pairs over the volume; NaN for a lone one.
    """

    members: tuple[Carried, ...]
    weight: float
    agreement: float


def group_carried(carried: Sequence[Carried], shape_yx: tuple[int, int]) -> tuple[CarriedObject, ...]:
    """Put together what covers the same place, the surest object first: our proposal.

    Two belong together where half of the smaller one lies in the larger one.
    """
    some = [each for each in carried if each.n_pixels]
    sizes = [each.n_pixels for each in some]
    home = list(range(len(some)))
    dice: dict[tuple[int, int], float] = {}
    for a, b in combinations(range(len(some)), 2):
        both = _common(some[a], some[b], shape_yx)
        dice[a, b] = 2 * both / (sizes[a] + sizes[b])
        if both >= _SAME * min(sizes[a], sizes[b]):
            first, second = sorted((home[a], home[b]))
            home = [first if each == second else each for each in home]
    objects = []
    for one in sorted(set(home)):
        rows = [row for row, each in enumerate(home) if each == one]
        pairs = [dice[a, b] for a, b in combinations(rows, 2)]
        agreement = float(np.mean(pairs)) if pairs else float("nan")
        weight = sum(some[row].outline.confidence for row in rows)
        objects.append(CarriedObject(tuple(some[row] for row in rows), weight, agreement))
    return tuple(sorted(objects, key=lambda each: -each.weight))


def _common(a: Carried, b: Carried, shape_yx: tuple[int, int]) -> int:
    shared = set(a.slices) & set(b.slices)
    return sum(int(np.count_nonzero(a.mask(z, shape_yx) & b.mask(z, shape_yx))) for z in shared)


def chosen_objects(objects: Sequence[CarriedObject], pieces: int) -> tuple[CarriedObject, ...]:
    """Return the surest object, and further ones of at least half its weight where there may be several pieces."""
    if not objects:
        return ()
    return tuple(each for each in objects[:pieces] if each.weight >= _SECOND * objects[0].weight)


def vote(one: CarriedObject, number: int, shape_yx: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mean answer of the members on a slice, (Y, X), weighted by their confidence.

    A member that was not carried there counts as −3: one that is sure outvotes one that stopped, two that stopped
    outvote it.
    """
    weights = [max(each.outline.confidence, 1e-6) for each in one.members]
    total: NDArray[np.float32] = np.zeros(shape_yx, dtype=np.float32)
    for weight, member in zip(weights, one.members, strict=True):
        answer = member.logits(number, shape_yx) if number in member.estimates else np.full(shape_yx, _ABSENT)
        total += (weight / sum(weights) * answer).astype(np.float32)
    return total


def united(objects: Sequence[CarriedObject], stack: SliceStack) -> dict[int, NDArray[np.float32]]:
    """Return the logits of several objects together, by slice; slices that nobody reached are left out."""
    reached = sorted({z for each in objects for member in each.members for z in member.slices})
    return {
        z: np.max([vote(each, z, stack.shape_yx) for each in objects], axis=0).astype(np.float32) for z in reached
    }


def consistent(logits: dict[int, NDArray[np.float32]]) -> tuple[dict[int, NDArray[np.float32]], tuple[int, ...]]:
    """Put right single slices that fit neither neighbour although these fit each other: our proposal.

    Parameters
    ----------
    logits : dict of int to numpy.ndarray of float32, shape (Y, X)
        By slice.

    Returns
    -------
    logits : dict
        The same; such a slice has the mean of its neighbours.
    replaced : tuple of int
        Which those are.
    """
    fixed = dict(logits)
    replaced = []
    for z in sorted(logits):
        if z - 1 not in logits or z + 1 not in logits:
            continue
        below, here, above = fixed[z - 1] > 0, logits[z] > 0, logits[z + 1] > 0
        apart = dice_of(below, above)
        if apart - max(dice_of(below, here), dice_of(here, above)) > _JUMP:
            fixed[z] = np.asarray((fixed[z - 1] + logits[z + 1]) / 2, dtype=np.float32)
            replaced.append(z)
    return fixed, tuple(replaced)


def dice_of(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return Dice of two masks; 1 if both are empty."""
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / total if total else 1.0


def largest_parts(mask: NDArray[np.bool_], pieces: int, least_piece: float) -> NDArray[np.bool_]:
    """Keep the largest connected parts (6 neighbours) of a mask (Z, Y, X), and of those the sensible ones.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (Z, Y, X)
        All parts.
    pieces : int
        Parts to keep, at most.
    least_piece : float
        A part must have this share of the largest one's voxels.
    """
    import cc3d

    numbers, n = cc3d.connected_components(mask, connectivity=6, return_N=True)
    if n <= 1:
        return mask
    sizes = np.bincount(numbers.ravel(), minlength=n + 1)[1:]
    order = np.argsort(-sizes, kind="stable")[:pieces]
    kept = [int(row) + 1 for row in order if sizes[row] >= least_piece * sizes[order[0]]]
    return np.asarray(np.isin(numbers, kept))


def uncertainty_of(logits: Sequence[NDArray[np.float32]]) -> float:
    """Return 1 − stability of the vote over all slices, 0 … 1: how much the mask changes with the level."""
    inner = sum(int(np.count_nonzero(each > 1)) for each in logits)
    outer = sum(int(np.count_nonzero(each > -1)) for each in logits)
    return 1.0 - inner / outer if outer else 1.0


def pieces_of(spec: VolumeSpec, by_words: int) -> int:
    """Return how many parts may be kept: as chosen, or as the words say."""
    return spec.pieces if spec.pieces is not None else by_words
