"""Which layer and which β suit a data set, from a few slices with masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Reporter, SilentReporter, SubReporter

from ._saliency import SaliencySpec, TextImageModel

__all__ = ["SaliencySearch", "SearchRow", "search_saliency"]

_LEVEL = 0.3  # of the map, above which a pixel counts as found
_BETAS = (0.1, 1.0, 2.0)


@dataclass(frozen=True)
class SearchRow:
    """One choice and how well its maps fit; high = good.

    Parameters
    ----------
    layer : int
        From 0.
    beta : float
        As of `SaliencySpec`.
    dice : float
        Mean over the slices.
    dices : tuple of float
        Of each slice.
    """

    layer: int
    beta: float
    dice: float
    dices: tuple[float, ...]


@dataclass(frozen=True)
class SaliencySearch:
    """All choices, the best first, and the settings of the best.

    Parameters
    ----------
    rows : tuple of SearchRow
        Every layer with every β.
    best : SaliencySpec
        To be used from now on.
    """

    rows: tuple[SearchRow, ...]
    best: SaliencySpec


def search_saliency(
    model: TextImageModel,
    images: Sequence[NDArray[np.uint8]],
    masks: Sequence[NDArray[Any]],
    text_vectors: NDArray[np.float32],
    *,
    layers: Sequence[int] | None = None,
    betas: Sequence[float] = _BETAS,
    spec: SaliencySpec | None = None,
    reporter: Reporter | None = None,
) -> SaliencySearch:
    """Try every layer with every β on slices whose answer is known.

    The published search: mean Dice of the map above 0.3, layers 7 to 9 of twelve, β of 0.1, 1 and 2. Its third
    parameter, a variance, has no effect in the published program and is left out. Do not measure afterwards on
    slices that were searched on.

    Parameters
    ----------
    model : TextImageModel
        The model.
    images : sequence of numpy.ndarray of uint8
        Slices, each (Y, X) or (Y, X, 3); three were published.
    masks : sequence of numpy.ndarray, each (Y, X)
        Where the object is; other than 0.
    text_vectors : numpy.ndarray of float32, shape (N, D)
        What is looked for in each slice.
    layers, betas : sequence, optional
        What to try; layers by default the published ones, or as deep in a network of another depth.
    spec : SaliencySpec, optional
        Steps, draws, rate and seed.
    reporter : Reporter, optional
        Hears of every pass and may stop there.

    Raises
    ------
    DataError
        If numbers or shapes do not fit, or a mask is empty.
    """
    spec, told = spec or SaliencySpec(), reporter or SilentReporter()
    if not images or len(images) != len(masks) or len(images) != len(text_vectors):
        raise DataError(
            f"Expected as many masks and sentences as slices, got {len(images)} slices, {len(masks)} masks and "
            f"{len(text_vectors)} sentences."
        )
    for image, mask in zip(images, masks, strict=True):
        if image.shape[:2] != mask.shape or not mask.any():
            raise DataError(
                f"Expected a mask with something in it on the slice's {image.shape[:2]} pixels, got {mask.shape} "
                f"with {int(np.count_nonzero(mask))} of them set. Choose slices that show the object."
            )
    wanted = sorted(set(_layers(model.n_layers) if layers is None else layers))
    tried = [(layer, float(beta)) for layer in wanted for beta in betas]
    if not tried:
        raise DataError("Expected at least one layer and one β to try, got none.")
    rows = []
    for number, (layer, beta) in enumerate(tried):
        part = SubReporter(told, number, number + 1, len(tried))
        settings = spec.model_copy(update={"layer": layer, "beta": beta})
        found = model.saliencies(images, text_vectors, method="m2ib", spec=settings, reporter=part)
        dices = tuple(_dice(each.map_yx > _LEVEL, mask != 0) for each, mask in zip(found, masks, strict=True))
        rows.append(SearchRow(layer, beta, float(np.mean(dices)), dices))
    rows.sort(key=lambda row: -row.dice)  # the first that was tried of those that are equal
    return SaliencySearch(tuple(rows), spec.model_copy(update={"layer": rows[0].layer, "beta": rows[0].beta}))


def _layers(n: int) -> list[int]:
    """Return layers 7, 8 and 9 of twelve, or as deep."""
    return sorted({min(max(n - 2, 0), round(layer / 11 * (n - 1))) for layer in (7, 8, 9)})


def _dice(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    return 2 * float((found & true).sum()) / float(found.sum() + true.sum())
