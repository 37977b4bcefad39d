"""What is laid over the image of a case that is settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ItemKey

from ._adjudication_view import ReaderMark

if TYPE_CHECKING:
    from napari_aleatoric.review import DisputedRegion

__all__ = ["AdjudicationScene"]


@dataclass(frozen=True, eq=False)
class AdjudicationScene:
    """What is laid over the image of the case.

    Parameters
    ----------
    key : ItemKey
        The label that is on the screen below.
    readers : tuple of ReaderMark
        Whose outlines.
    labels : numpy.ndarray of uint16, shape (R, Z, Y, X)
        Class indices, upright.
    shown : numpy.ndarray of uint16, shape (Z, Y, X)
        The outcome as it stands, class indices, upright: what the brush paints on.
    regions : tuple of DisputedRegion
        Where they differ.
    """

    key: ItemKey
    readers: tuple[ReaderMark, ...]
    labels: NDArray[np.uint16]
    shown: NDArray[np.uint16]
    regions: tuple[DisputedRegion, ...]
