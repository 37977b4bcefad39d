"""How many directions a frozen model's image features take up inside a mask; our own proposal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import EmbeddedVolume

from ._scale import gram

__all__ = ["effective_rank", "feature_spectrum"]

_TOKEN = 16  # pixels of the input that a channel of the embedding stands for, on either axis


def feature_spectrum(embedded: EmbeddedVolume, label: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Return the singular values of the image features inside a mask, largest first; our own proposal.

    Every token of the embedding counts with the part of it that lies in the mask.

    Parameters
    ----------
    embedded : EmbeddedVolume
        D embedded slices of E channels.
    label : numpy.ndarray of bool, shape (D, Y, X)
        The mask on the embedded part of the image.

    Returns
    -------
    numpy.ndarray of float64, shape (min(E, n),), or None
        Of the E × n matrix of the n tokens inside; None where the mask is empty.
    """
    matrix: NDArray[np.float64] | None = None
    n_tokens = 0
    for embedding, mask in zip(embedded.slices, label, strict=True):
        if not mask.any():
            continue
        channels, height, width = embedding.values.shape
        covered = _covered(mask, embedding.input_yx, (height, width))
        chosen = covered > 0
        tokens = embedding.values[:, chosen].astype(np.float64) * np.sqrt(covered[chosen])
        here = gram([tokens], channels)
        matrix = here if matrix is None else matrix + here
        n_tokens += tokens.shape[1]
    if matrix is None:
        return None
    values = np.sqrt(np.clip(np.linalg.eigvalsh(matrix), 0.0, None))[::-1]
    return np.asarray(values[: min(len(values), n_tokens)])


def _covered(mask: NDArray[np.bool_], input_yx: tuple[int, int], tokens: tuple[int, int]) -> NDArray[np.float64]:
    """Part of every token that a mask covers, by adding up pixels; at least the nearest token counts."""
    total = np.zeros(tokens)
    ys, xs = np.nonzero(mask)
    size = [_TOKEN * n / p for n, p in zip(mask.shape, input_yx, strict=True)]  # of a token, in pixels
    rows = np.minimum(((ys + 0.5) / size[0]).astype(np.int64), tokens[0] - 1)
    columns = np.minimum(((xs + 0.5) / size[1]).astype(np.int64), tokens[1] - 1)
    np.add.at(total, (rows, columns), 1.0)
    return np.asarray(np.minimum(total / max(1.0, size[0] * size[1]), 1.0))


def effective_rank(singular_values: NDArray[np.float64]) -> float:
    """Return exp of the entropy of the normalised singular values (Roy & Vetterli 2007), 1 … r; 0 for none."""
    total = float(singular_values.sum())
    if total <= 0:
        return 0.0
    p = singular_values / total
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))
