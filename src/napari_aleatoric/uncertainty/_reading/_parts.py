"""Disputed voxels put together to pieces that a person decides as one."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["parts_to_decide"]

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


def parts_to_decide(labels: NDArray[Any], disputed: BoolArray, sliver: int = 10) -> NDArray[np.int32]:
    """Divide a disputed mask into pieces.

    Our proposal, in three steps. *By answer*: connected voxels with the same answer of every reader are a piece.
    *Within a structure*: a piece that is nowhere three voxels wide in its slice, or has fewer than ``sliver``
    voxels, joins the neighbouring piece in which the same structures are in question and with which it has most
    neighbouring voxels in common; where no such piece is wide enough, as along an outline that all draw a little
    differently, all of them together are one. *Slivers*: what then still has fewer than ``sliver`` voxels joins the
    neighbour with which it has most in common, whatever is in question there; without a neighbour it stays.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices.
    disputed : numpy.ndarray of bool, shape (Z, Y, X)
        Where readers differ.
    sliver : int
        Fewest voxels of a piece that has neighbours.

    Returns
    -------
    numpy.ndarray of int32, shape (Z, Y, X)
        1, 2, … on the pieces, 0 elsewhere.
    """
    pattern, structures = _patterns(labels, disputed)
    here, there = _neighbours(disputed)
    piece, n = _connected(here, there, pattern)
    size = np.bincount(piece, minlength=n)
    in_question = np.zeros(n, dtype=np.int64)
    in_question[piece] = structures[pattern]
    wide = np.zeros(n, dtype=bool)
    wide[piece[_wide(disputed, piece)]] = True
    contacts = _contacts(piece[here], piece[there], n)
    alike = {pair: c for pair, c in contacts.items() if in_question[pair[0]] == in_question[pair[1]]}
    first = _joined(n, alike, wide & (size >= sliver))
    total = np.bincount(first, weights=size)
    between = _contacts(first[piece[here]], first[piece[there]], len(total))
    second = _joined(len(total), between, total >= sliver)
    result = np.zeros(disputed.shape, dtype=np.int32)
    result[disputed] = second[first][piece] + 1
    return result


def _patterns(labels: NDArray[Any], disputed: BoolArray) -> tuple[IntArray, IntArray]:
    """Return the combination of answers of every disputed voxel, and for each combination its set of structures."""
    answers, which = np.unique(labels[:, disputed], axis=1, return_inverse=True)
    sets: dict[frozenset[int], int] = {}
    numbers = [sets.setdefault(frozenset(map(int, column)) - {0}, len(sets)) for column in answers.T]
    return which.reshape(-1), np.array(numbers, dtype=np.int64)


def _numbered(disputed: BoolArray) -> IntArray:
    """Count the disputed voxels from 0 in scan order; −1 elsewhere, and in a border of one voxel."""
    result = np.full(np.add(disputed.shape, 2), -1, dtype=np.int64)
    result[1:-1, 1:-1, 1:-1][disputed] = np.arange(int(disputed.sum()))
    return result


def _neighbours(disputed: BoolArray) -> tuple[IntArray, IntArray]:
    """Return all pairs of disputed voxels that touch (26 neighbours), each pair once."""
    number = _numbered(disputed)
    flat = number.ravel()
    where = np.flatnonzero(flat >= 0)
    dz, dy = (int(step) // number.itemsize for step in number.strides[:2])
    pairs: tuple[list[IntArray], list[IntArray]] = ([], [])
    for z, y, x in np.ndindex(3, 3, 3):
        if (z, y, x) <= (1, 1, 1):
            continue
        other = flat[where + (z - 1) * dz + (y - 1) * dy + (x - 1)]
        pairs[0].append(np.flatnonzero(other >= 0))
        pairs[1].append(other[other >= 0])
    return np.concatenate(pairs[0]), np.concatenate(pairs[1])


def _connected(here: IntArray, there: IntArray, pattern: IntArray) -> tuple[IntArray, int]:
    """Return the piece of every voxel, and how many there are; voxels of one pattern that touch are one piece."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    same = pattern[here] == pattern[there]
    ends = here[same], there[same]
    graph = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(len(pattern), len(pattern)))
    n, piece = connected_components(graph, directed=False)
    return piece.astype(np.int64), int(n)


def _wide(disputed: BoolArray, piece: IntArray) -> IntArray:
    """Return the voxels whose four neighbours in the slice are of the same piece."""
    number = _numbered(disputed)
    of = np.append(piece, -1)[number]
    middle = of[1:-1, 1:-1, 1:-1]
    same = disputed.copy()
    for other in (of[1:-1, :-2, 1:-1], of[1:-1, 2:, 1:-1], of[1:-1, 1:-1, :-2], of[1:-1, 1:-1, 2:]):
        same &= middle == other
    return number[1:-1, 1:-1, 1:-1][same]


def _contacts(a: IntArray, b: IntArray, n: int) -> dict[tuple[int, int], int]:
    """Count how often every two of n pieces touch; the smaller number first."""
    apart = a != b
    codes = np.minimum(a[apart], b[apart]) * n + np.maximum(a[apart], b[apart])
    found, counts = np.unique(codes, return_counts=True)
    return {(int(c) // n, int(c) % n): int(count) for c, count in zip(found, counts, strict=True)}


def _joined(n: int, contacts: dict[tuple[int, int], int], stands: BoolArray) -> IntArray:
    """Let every node that does not stand for itself join one that does: the strongest contact first.

    Nodes that reach none that stands are one where they are connected.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        Number of the group of every node, from 0, in the order of their first nodes.
    """
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for (a, b), count in contacts.items():
        neighbours[a].append((b, count))
        neighbours[b].append((a, count))
    group = np.full(n, -1, dtype=np.int64)
    waiting: list[tuple[int, int, int]] = []

    def put(node: int, owner: int) -> None:
        group[node] = owner
        for other, count in neighbours[node]:
            if group[other] < 0 and not stands[other]:
                heapq.heappush(waiting, (-count, other, owner))

    def grow() -> None:
        while waiting:
            _, node, owner = heapq.heappop(waiting)
            if group[node] < 0:
                put(node, owner)

    for standing in np.flatnonzero(stands).tolist():
        put(standing, standing)
    grow()
    for node in range(n):
        if group[node] < 0:
            put(node, node)
            grow()
    return np.unique(group, return_inverse=True)[1].astype(np.int64).reshape(-1)
