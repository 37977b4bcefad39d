"""The connected parts of a coarse mask, and how sure the saliency is of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._spec import SliceSpec
from ._threshold import CoarseMask

__all__ = ["Component", "Components", "components_of"]

_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Component:
    """One connected part of a coarse mask.

    Parameters
    ----------
    number : int
        Its value in `Components.numbers`, from 1.
    area : int
        Pixels.
    confidence : float
        Mean saliency in it: conf(c) = Σ p·ŷ / Σ ŷ over its pixels (arXiv 2409.19483 v4).
    box_xyxy : tuple of float
        First and last column and row, as of `foundation.Prompt`.
    kept : bool
        Whether it is gone on with.
    """

    number: int
    area: int
    confidence: float
    box_xyxy: tuple[float, float, float, float]
    kept: bool = False


@dataclass(frozen=True, eq=False)
class Components:
    """All connected parts (8 neighbours) of a coarse mask.

    Parameters
    ----------
    numbers : numpy.ndarray of int32, shape (Y, X)
        Which part a pixel belongs to; 0 = none.
    parts : tuple of Component
        In the order of their numbers.
    """

    numbers: NDArray[np.int32]
    parts: tuple[Component, ...]

    @property
    def kept(self) -> tuple[Component, ...]:
        """Those that are gone on with, the most confident first."""
        return tuple(sorted((p for p in self.parts if p.kept), key=lambda p: (-p.confidence, p.number)))

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels of the kept parts, shape (Y, X)."""
        return np.asarray(np.isin(self.numbers, [p.number for p in self.kept]))

    def of(self, part: Component) -> NDArray[np.bool_]:
        """Pixels of one part, shape (Y, X)."""
        return np.asarray(self.numbers == part.number)


def components_of(
    coarse: CoarseMask,
    map_yx: NDArray[Any],
    spec: SliceSpec | None = None,
    allowed: NDArray[np.bool_] | None = None,
    pieces: int = 3,
) -> Components:
    """Find the parts of a coarse mask and choose among them.

    Our choice: parts smaller than ``least_share`` of the slice are dropped, then those with a confidence below
    ``least_confidence``, unless none would be left: then the single most confident stays. Of more than
    ``most_components`` (none: ``pieces``) the first by ``order`` stay.

    Parameters
    ----------
    coarse : CoarseMask
        As of `coarse_mask`.
    map_yx : numpy.ndarray of float, shape (Y, X)
        The saliency map that it was cut from; NaN counts as 0.
    spec : SliceSpec, optional
        The limits.
    allowed : numpy.ndarray of bool, shape (Y, X), optional
        Where a part may lie: those with less than half of their pixels in it are never chosen.
    pieces : int
        Parts that the object has, at most, as the word says; three where no word is known.

    Returns
    -------
    Components
        Nothing is kept of an empty mask.
    """
    from scipy import ndimage

    spec = spec or SliceSpec()
    numbers, n = ndimage.label(coarse.mask, structure=_EIGHT)
    values = np.nan_to_num(np.asarray(map_yx, dtype=np.float64), nan=0.0)
    which = np.arange(1, n + 1)
    areas = np.bincount(numbers.ravel(), minlength=n + 1)[1:]
    means = ndimage.mean(values, numbers, which) if n else []
    parts = []
    for number, area, mean, (ys, xs) in zip(which, areas, means, ndimage.find_objects(numbers), strict=True):
        box = (float(xs.start), float(ys.start), float(xs.stop - 1), float(ys.stop - 1))
        parts.append(Component(int(number), int(area), float(mean), box))
    possible, most = parts, spec.most_components
    if allowed is not None:
        inside = np.bincount(numbers[allowed], minlength=n + 1)[1:]
        possible = [part for part, count in zip(parts, inside, strict=True) if 2 * count > part.area]
    chosen = _chosen(possible, coarse.mask.size, spec, pieces if most is None else most)
    return Components(numbers.astype(np.int32), tuple(replace(p, kept=p.number in chosen) for p in parts))


def _chosen(parts: list[Component], n_pixels: int, spec: SliceSpec, most: int) -> set[int]:
    large = [p for p in parts if p.area >= spec.least_share * n_pixels]
    sure = [p for p in large if p.confidence >= spec.least_confidence]
    if not sure and large:
        sure = [max(large, key=lambda p: p.confidence)]
    by = (lambda p: (-p.area, p.number)) if spec.order == "area" else (lambda p: (-p.confidence, p.number))
    return {p.number for p in sorted(sure, key=by)[:most]}
