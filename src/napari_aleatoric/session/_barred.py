"""The voxels of the label on the screen that are not to be learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Geometry, ItemKey

if TYPE_CHECKING:
    from napari_aleatoric.review import PendingStrokes

__all__ = ["BarredVoxels", "barred_in_words", "load_barred"]


@dataclass(eq=False)
class BarredVoxels:
    """What of one label is not to be learned from. Main thread only, once it is on the screen.

    Parameters
    ----------
    mask : numpy.ndarray of uint8, shape (Z, Y, X)
        Upright; is painted on in place. Where it is not 0, nothing is learned.
    n_voxels : int
        How many voxels that are, at the last count.
    pending : tuple of PendingStrokes
        Strokes of an earlier session that were never saved.
    pending_voxels : int
        How many voxels they would change.
    problem : str
        A sentence if there is a map that cannot be shown; "" else.
    """

    mask: NDArray[np.uint8]
    n_voxels: int = 0
    pending: tuple[PendingStrokes, ...] = ()
    pending_voxels: int = 0
    problem: str = ""

    def count(self) -> bool:
        """Count anew what is painted; return whether that has changed."""
        before, self.n_voxels = self.n_voxels, int(np.count_nonzero(self.mask))
        return self.n_voxels != before


def load_barred(workspace: Workspace, key: ItemKey, geometry: Geometry) -> BarredVoxels:
    """Read what of a label is not to be learned from. Runs in any thread.

    Parameters
    ----------
    workspace : Workspace
        Where it is kept.
    key : ItemKey
        Which label.
    geometry : Geometry
        The image's grid, upright.
    """
    from napari_aleatoric.review import WEIGHT_MAP, StrokeJournal, read_barred

    problem = ""
    try:
        mask = read_barred(workspace, key, geometry)
    except DataError as error:
        mask, problem = np.zeros(geometry.shape_zyx, dtype=np.uint8), str(error)
    found, voxels = [], 0
    for strokes in StrokeJournal.pending(workspace, key, WEIGHT_MAP):
        try:
            changes = strokes.n_changes(mask)
        except AleatoricError:  # the image was replaced by another: they cannot be offered, and are left alone
            continue
        if changes:
            found.append(strokes)
            voxels += changes
    return BarredVoxels(mask, int(np.count_nonzero(mask)), tuple(found), voxels, problem)


def barred_in_words(n_voxels: int, geometry: Geometry) -> str:
    """Say how much is not learned from: "1,204 voxels (0.8 ml) are not learned from."; "" for nothing."""
    if not n_voxels:
        return ""
    size = f" ({n_voxels * geometry.voxel_volume_ml:.3g} ml)" if geometry.spacing_known else ""
    voxels, are = ("voxel", "is") if n_voxels == 1 else ("voxels", "are")
    return f"{n_voxels:,} {voxels}{size} {are} not learned from."
