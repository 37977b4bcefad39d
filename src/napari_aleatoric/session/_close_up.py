"""A second, closer look at what clicks seem to mean."""

from __future__ import annotations

import math

import numpy as np

from napari_aleatoric.foundation import Prediction, Prompt, PromptSegmenter

from ._slice_look import SliceLook

__all__ = ["close_up"]

_FOCUS = 1.8  # the window's side, in extents of what was found
_SMALLEST = 24  # pixels
_MOST = 0.8  # of the slice; a larger window shows nothing new


def close_up(segmenter: PromptSegmenter, look: SliceLook, prompt: Prompt, found: Prediction) -> Prediction:
    """Ask once more about the clicks, in a window round what the whole slice gave; our own proposal.

    A small object covers a few patches of a whole slice only. `PromptSegmenter.segment` does the same from an
    image; this begins with an answer that is there already, from the slice's embedding.

    Parameters
    ----------
    segmenter : PromptSegmenter
        Any.
    look : SliceLook
        The slice.
    prompt : Prompt
        Points, in pixels of ``look.image``.
    found : Prediction
        The answer of the whole slice.

    Returns
    -------
    Prediction
        ``found`` itself where a window would be most of the slice, or nothing was found.
    """
    height, width = look.image.shape[:2]
    rows, columns = np.nonzero(found.on_slice() > 0)
    if not len(rows):
        return found
    inner = [point for point, label in zip(prompt.points_xy, prompt.point_labels, strict=True) if label == 1]
    xs = np.concatenate([columns, [x for x, _ in inner]])
    ys = np.concatenate([rows, [y for _, y in inner]])
    side = max(_SMALLEST, _FOCUS * (max(np.ptp(xs), np.ptp(ys)) + 1))
    if side >= _MOST * max(height, width):
        return found
    (x0, x1), (y0, y1) = (_span(v, side, n) for v, n in ((xs, width), (ys, height)))
    points = tuple((x - x0, y - y0) for x, y in prompt.points_xy)
    seen = segmenter.embed([np.ascontiguousarray(look.image[y0:y1, x0:x1])])
    closer = segmenter.predict(seen, [Prompt(points_xy=points, point_labels=prompt.point_labels)])[0]
    return Prediction(closer.logits, closer.iou, (height, width), (x0, y0, x1, y1))


def _span(values: np.ndarray, side: float, n: int) -> tuple[int, int]:
    """First pixel and end of a window along one axis, inside of the slice."""
    extent = min(n, math.ceil(side))
    start = math.floor((float(values.min()) + float(values.max()) + 1 - side) / 2)
    start = min(max(start, 0), n - extent)
    return start, start + extent
