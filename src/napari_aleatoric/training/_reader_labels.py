"""Which labels are learned from where an image has those of several readers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.uncertainty import consensus

from ._readers_spec import ReadersName

__all__ = ["learned_labels", "shelf_name"]


def learned_labels(labels: NDArray[np.integer[Any]], readers: ReadersName) -> NDArray[np.integer[Any]]:
    """Return the labels of a case that a network is shown.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices; a reader whose label is missing has no row, an empty row says that nothing is there.
    readers : str
        As of `TrainSpec.readers`. 'vote' and 'staple' make one label of all (`consensus`, on the image's own grid);
        the others learn from every row.

    Returns
    -------
    numpy.ndarray of integer, shape (1, Z, Y, X) or (R, Z, Y, X)
    """
    if readers == "vote" or readers == "staple":
        return consensus(labels, readers, probabilities=False).label[np.newaxis]
    return labels


def shelf_name(name: str, readers: ReadersName) -> str:
    """Return the name of a case on the shelf: another one where other labels are learned from."""
    return f"{name}-{readers}" if readers in ("vote", "staple") else name
