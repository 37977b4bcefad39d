"""Looking closely: the window of a slice round a prompt, and the prompt as it is seen in it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation._segmenter import Prompt

__all__ = ["FLIPS", "box_round", "flipped", "moved_into", "window_round"]

_SMALLEST_WINDOW = 24  # pixels of the slice that are looked at round a prompt, at least

FLIPS: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (0, 1))
"""Array axes of a slice (y = 0, x = 1) that its mirror images turn round; the first is the slice itself."""

BoxXYXY = tuple[float, float, float, float]
Window = tuple[int, int, int, int]


def window_round(shape_yx: tuple[int, ...], box_xyxy: BoxXYXY, focus: float) -> Window | None:
    """Return a square window of ``focus`` times a box's extent, (x0, y0, x1, y1) ends excluded; None = no need."""
    x0, y0, x1, y1 = box_xyxy
    side = max(_SMALLEST_WINDOW, focus * (max(x1 - x0, y1 - y0) + 1))
    if side >= 0.8 * max(shape_yx):
        return None
    bounds = []
    for low, high, n in ((x0, x1, shape_yx[1]), (y0, y1, shape_yx[0])):
        extent = min(n, math.ceil(side))
        start = math.floor((low + high + 1) / 2 - side / 2)
        start = min(max(start, 0), n - extent)
        bounds.append((start, start + extent))
    return (bounds[0][0], bounds[1][0], bounds[0][1], bounds[1][1])


def moved_into(prompt: Prompt, window: Window) -> Prompt | None:
    """Box and points in pixels of a window; points outside it are left out; None if nothing is left."""
    x0, y0, x1, y1 = window
    box = prompt.box_xyxy
    points = [
        ((x - x0, y - y0), label)
        for (x, y), label in zip(prompt.points_xy, prompt.point_labels, strict=True)
        if x0 - 0.5 <= x <= x1 - 0.5 and y0 - 0.5 <= y <= y1 - 0.5
    ]
    if box is None and not points:
        return None
    return Prompt(
        None if box is None else (box[0] - x0, box[1] - y0, box[2] - x0, box[3] - y0),
        tuple(point for point, _ in points),
        tuple(label for _, label in points),
    )


def box_round(mask: NDArray[np.bool_], prompt: Prompt) -> BoxXYXY | None:
    """Box round a mask and the points that made it."""
    ys, xs = np.nonzero(mask)
    if not len(ys):
        return None
    inner = [p for p, label in zip(prompt.points_xy, prompt.point_labels, strict=True) if label == 1]
    xs = np.concatenate([xs, [p[0] for p in inner]])
    ys = np.concatenate([ys, [p[1] for p in inner]])
    return (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))


def flipped(prompt: Prompt, shape_yx: tuple[int, ...], axes: tuple[int, ...]) -> Prompt:
    """Box and points as they lie in the mirror image of a slice; an earlier answer is left out."""
    last_y, last_x = shape_yx[0] - 1, shape_yx[1] - 1

    def moved(x: float, y: float) -> tuple[float, float]:
        return (last_x - x if 1 in axes else x, last_y - y if 0 in axes else y)

    box = prompt.box_xyxy
    if box is not None:
        (xa, ya), (xb, yb) = moved(box[0], box[1]), moved(box[2], box[3])
        box = (min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb))
    return Prompt(box, tuple(moved(x, y) for x, y in prompt.points_xy), prompt.point_labels)
