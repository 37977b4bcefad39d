"""From components to what a promptable segmenter is pointed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Prompt

from ._components import Component, Components
from ._spec import SliceSpec

__all__ = ["Pointing", "pointings_of"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Pointing:
    """What the segmenter is told about one object: everything that may be shown, dragged and asked again.

    Parameters
    ----------
    box_xyxy : tuple of float
        Box round the component, first and last pixel.
    inside_xy, outside_xy : tuple of tuple of float
        Points in it, and points that are not.
    confidence : float
        Of the component, 0 … 1.
    """

    box_xyxy: Box
    inside_xy: tuple[tuple[float, float], ...]
    outside_xy: tuple[tuple[float, float], ...]
    confidence: float

    def prompt(self, point_at: str) -> Prompt:
        """Return it as a prompt of a box, of points, or of both."""
        points = (*self.inside_xy, *self.outside_xy)
        labels = (1,) * len(self.inside_xy) + (0,) * len(self.outside_xy)
        if point_at == "box":
            return Prompt(self.box_xyxy)
        return Prompt(self.box_xyxy if point_at == "both" else None, points, labels)


def pointings_of(components: Components, spec: SliceSpec | None = None) -> tuple[Pointing, ...]:
    """Draw boxes and points from the kept components.

    Boxes and numbers of points are those of MedCLIP-SAMv2's program (one box round everything, or one each; ten
    points drawn without replacement). Points that are not in the object are drawn, our proposal, from what is in no
    component within twice the box's extent.

    Parameters
    ----------
    components : Components
        As of `components_of`.
    spec : SliceSpec, optional
        Which boxes, how many points.

    Returns
    -------
    tuple of Pointing
        The most confident first; none if nothing was kept: never the whole slice.
    """
    spec = spec or SliceSpec()
    kept = components.kept
    rng = np.random.default_rng(spec.seed)
    whole = components.mask
    if not kept:
        return ()
    if spec.boxes == "one":
        corners = np.array([part.box_xyxy for part in kept])
        x0, y0 = corners[:, :2].min(axis=0)
        x1, y1 = corners[:, 2:].max(axis=0)
        groups = [((float(x0), float(y0), float(x1), float(y1)), whole, _mean_confidence(kept))]
    else:
        groups = [(part.box_xyxy, components.of(part), part.confidence) for part in kept]
    found = []
    for tight, mask, confidence in groups:
        box = widened(tight, spec.box_margin, whole.shape)
        beside = ~whole & _within(widened(tight, 0.5, whole.shape), whole.shape)
        found.append(Pointing(box, _draw(mask, spec.n_inside, rng), _draw(beside, spec.n_outside, rng), confidence))
    return tuple(found)


def widened(box: Box, share: float, shape_yx: tuple[int, ...]) -> Box:
    """Widen a box on every side by a part of its extent, and keep it in the slice."""
    x0, y0, x1, y1 = box
    by_x, by_y = share * (x1 - x0 + 1), share * (y1 - y0 + 1)
    return (
        max(0.0, x0 - by_x),
        max(0.0, y0 - by_y),
        min(shape_yx[1] - 1.0, x1 + by_x),
        min(shape_yx[0] - 1.0, y1 + by_y),
    )


def _within(box: Box, shape_yx: tuple[int, ...]) -> NDArray[np.bool_]:
    y, x = np.ogrid[: shape_yx[0], : shape_yx[1]]
    return np.asarray((x >= box[0]) & (x <= box[2]) & (y >= box[1]) & (y <= box[3]))


def _draw(mask: NDArray[Any], n: int, rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    ys, xs = np.nonzero(mask)
    if not n or not len(ys):
        return ()
    rows = np.sort(rng.choice(len(ys), size=min(n, len(ys)), replace=False))
    return tuple((float(xs[row]), float(ys[row])) for row in rows)


def _mean_confidence(parts: tuple[Component, ...]) -> float:
    return float(np.average([p.confidence for p in parts], weights=[p.area for p in parts]))
