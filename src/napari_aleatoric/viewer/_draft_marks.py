"""Boxes and points of a draft as napari holds them, and back. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.session import DECIMALS, DraftPointing

__all__ = ["boxes_and_points", "pointings_by_slice"]

Place = tuple[float, float]


def boxes_and_points(
    axis: int, pointings: Mapping[int, Iterable[DraftPointing]]
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64], NDArray[np.int_]]:
    """Return what is pointed at as napari's shapes and points.

    Parameters
    ----------
    axis : int
        Along which the slices lie.
    pointings : mapping of int to DraftPointing
        By slice.

    Returns
    -------
    boxes : list of numpy.ndarray, shape (4, 3)
        Corners (z, y, x), round whole pixels.
    points : numpy.ndarray, shape (N, 3)
        (z, y, x).
    inside : numpy.ndarray of int, shape (N,)
        1 = in the object, 0 = not in it.
    """
    boxes, points, inside = [], [], []
    for index, some in pointings.items():
        for each in some:
            if each.box_xyxy is not None:
                x0, y0, x1, y1 = each.box_xyxy
                xs, ys = (x0 - 0.5, x1 + 0.5), (y0 - 0.5, y1 + 0.5)
                corners = [(xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1])]
                boxes.append(np.array([_zyx(axis, index, corner) for corner in corners]))
            points += [_zyx(axis, index, place) for place in (*each.inside_xy, *each.outside_xy)]
            inside += [1] * len(each.inside_xy) + [0] * len(each.outside_xy)
    return boxes, np.array(points, dtype=float).reshape(-1, 3), np.array(inside, dtype=int)


def pointings_by_slice(
    axis: int, boxes: Iterable[NDArray[Any]], points: NDArray[Any], inside: NDArray[np.int_]
) -> dict[int, tuple[DraftPointing, ...]]:
    """Return what napari's shapes and points point at, by slice; the way back of `boxes_and_points`.

    A shape of any kind stands for the box round it, a turned one too. A point belongs to the box that it lies in,
    or else to the nearest; where there is no box, points stand for themselves.
    """
    found: dict[int, list[DraftPointing]] = defaultdict(list)
    for corners in boxes:
        index, places = _xy(axis, np.asarray(corners, dtype=float))
        low, high = places.min(axis=0) + 0.5, places.max(axis=0) - 0.5
        middle = (low + high) / 2
        low, high = np.minimum(low, middle), np.maximum(high, middle)  # less than a pixel wide
        x0, y0, x1, y1 = (round(float(v), DECIMALS) for v in (*low, *high))
        found[index].append(DraftPointing((x0, y0, x1, y1)))
    for point, label in zip(points, inside, strict=False):
        index, places = _xy(axis, np.asarray(point, dtype=float)[np.newaxis])
        place = (round(float(places[0, 0]), DECIMALS), round(float(places[0, 1]), DECIMALS))
        some = found[index]
        if not some:
            some.append(DraftPointing())
        row = min(range(len(some)), key=lambda k: _distance(some[k], place))
        side = "inside_xy" if label else "outside_xy"
        some[row] = replace(some[row], **{side: (*getattr(some[row], side), place)})
    return {index: tuple(some) for index, some in found.items()}


def _zyx(axis: int, index: int, place: Place) -> list[float]:
    return list(np.insert(np.array(place[::-1], dtype=float), axis, index))


def _xy(axis: int, zyx: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
    """Return the slice, and places (N, 2) as (x, y) on it."""
    return round(float(np.median(zyx[:, axis]))), np.delete(zyx, axis, axis=1)[:, ::-1]


def _distance(pointing: DraftPointing, place: Place) -> float:
    if pointing.box_xyxy is None:
        return 0.0
    x0, y0, x1, y1 = pointing.box_xyxy
    return float(np.hypot(max(x0 - place[0], 0, place[0] - x1), max(y0 - place[1], 0, place[1] - y1)))
