"""The singular values of one case beside those of the others. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ItemKey

if TYPE_CHECKING:
    from napari_aleatoric.review import Spectrum

__all__ = ["SpectrumView", "spectrum_view"]

FloatArray = NDArray[np.float64]

_SHOWN = 32  # singular values


@dataclass(frozen=True, eq=False)
class SpectrumView:
    """What the plot of singular values draws, of one class.

    Parameters
    ----------
    own : numpy.ndarray of float64, shape (m,)
        Shares of the energy of the case on the screen, in per cent, largest first; empty = not measured.
    own_scale : float
        Its perception scale; NaN = not measured.
    median, low, high : numpy.ndarray of float64, shape (k,)
        Of all measured cases: the middle, and the bounds of the middle 80 %; empty with fewer than three.
    scales : tuple of float
        The bounds of the middle half of their perception scales; NaN with fewer than three.
    n : int
        How many cases were measured.
    """

    own: FloatArray
    own_scale: float
    median: FloatArray
    low: FloatArray
    high: FloatArray
    scales: tuple[float, float]
    n: int


def spectrum_view(spectra: Sequence[Spectrum], class_index: int, key: ItemKey | None) -> SpectrumView:
    """Compare one case with all.

    Parameters
    ----------
    spectra : sequence of Spectrum
        All that are kept; those that are out of date do not count.
    class_index : int
        Which class.
    key : ItemKey or None
        The label on the screen.

    Returns
    -------
    SpectrumView
        Up to 32 singular values; a case with fewer has nothing beyond its last, which counts as zero.
    """
    here = [s for s in spectra if s.class_index == class_index and not s.stale]
    own = next((s for s in here if s.key == key), None)
    shares = np.zeros((len(here), _SHOWN))
    for row, one in enumerate(here):
        m = min(_SHOWN, len(one.shares))
        shares[row, :m] = one.shares[:m] * 100
    length = int((shares > 0).any(axis=0).sum()) if len(here) else 0
    none = np.empty(0)
    if len(here) < 3:
        band, limits = (none, none, none), (float("nan"), float("nan"))
    else:
        low, median, high = np.percentile(shares[:, :length], (10, 50, 90), axis=0)
        band = (median, low, high)
        quartiles = np.percentile([s.scale for s in here], (25, 75))
        limits = (float(quartiles[0]), float(quartiles[1]))
    return SpectrumView(
        none if own is None else own.shares[:_SHOWN] * 100,
        float("nan") if own is None else own.scale,
        *band,
        limits,
        len(here),
    )
