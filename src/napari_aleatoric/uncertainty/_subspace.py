"""How unlike its class the image looks under a label: features' energy outside the class's dominant subspace.

A measure that sounds better than it is: on hippocampus labels with planted errors its voxel map found wrong voxels
at an AUROC of 0.39 to 0.62, and on nodules with four readers at about 0.5, where chance is 0.5. It is here to be
compared with, not to order a queue by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box, FeatureSource
from napari_aleatoric.model import WHOLE_CASE, ScoreValue

from ._blocks import blocks, classes_in
from ._packed import map_rows
from ._samples import TILE_VOXELS, CaseSamples

__all__ = ["ClassSubspaces", "SubspaceScores", "score_subspace"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassSubspaces:
    """The directions that hold most of the energy of every class's features.

    Parameters
    ----------
    mean, deviation : numpy.ndarray of float64, shape (F,)
        Of the features over all samples; they are standardised with these.
    bases : mapping of int to numpy.ndarray of float64, shape (F, r)
        Orthonormal directions by class; r differs from class to class.
    """

    mean: FloatArray
    deviation: FloatArray
    bases: dict[int, FloatArray]

    @classmethod
    def fit(cls, samples: Iterable[CaseSamples], energy: float = 0.9) -> ClassSubspaces:
        """Find them from the sampled voxels of some cases, one case after the other.

        The dominant subspace of a class is spanned by the first eigenvectors of Σ x·xᵀ over its standardised
        features x that together hold a part ``energy`` of its trace.

        Parameters
        ----------
        samples : iterable of CaseSamples
            Of cases other than those that will be scored. A voxel counts for every class that a reader gave it.
        energy : float
            Above 0, below 1.

        Raises
        ------
        DataError
            If there are no samples, or the energy is out of its range.
        """
        if not 0 < energy < 1:
            raise DataError(f"Expected a part of the energy between 0 and 1, got {energy:g}.")
        moments: dict[int, FloatArray] = {}  # of (1, x): counts, sums and products together
        total: FloatArray | None = None
        for case in samples:
            rows, classes, weights = case.expanded()
            x = np.concatenate([np.ones((len(case.features), 1)), case.features.astype(np.float64)], axis=1)
            for c in np.unique(classes).tolist():
                here = classes == c
                part = x[rows[here]]
                found = part.T @ (part * weights[here, np.newaxis])
                moments[c] = moments.get(c, np.zeros_like(found)) + found
                total = found if total is None else total + found
        if total is None:
            raise DataError("Class subspaces need the samples of at least one case; none was given.")
        mean = total[0, 1:] / total[0, 0]
        variance = np.diag(total)[1:] / total[0, 0] - mean**2
        # a feature that never changes has no direction of its own
        deviation = np.where(variance > 1e-12 * (1 + mean**2), np.sqrt(np.maximum(variance, 0)), np.inf)
        return cls(mean, deviation, {c: _basis(m, mean, deviation, energy) for c, m in sorted(moments.items())})

    def outside(self, features: NDArray[Any], class_index: int) -> FloatArray:
        """Return ‖x − U Uᵀ x‖² / ‖x‖² of standardised features, U the directions of a class.

        Parameters
        ----------
        features : numpy.ndarray of float, shape (n, F)
            One row per voxel.
        class_index : int
            A key of ``bases``.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            0 (all of it is typical of the class) to 1.
        """
        x = (features.astype(np.float64) - self.mean) / self.deviation
        energy = (x * x).sum(axis=1)
        inside = ((x @ self.bases[class_index]) ** 2).sum(axis=1)
        rest = np.clip(1.0 - inside / np.where(energy > 0, energy, 1.0), 0.0, 1.0)
        return np.asarray(np.where(energy > 0, rest, 0.0))


def _basis(moments: FloatArray, mean: FloatArray, deviation: FloatArray, energy: float) -> FloatArray:
    n, sums, products = moments[0, 0], moments[0, 1:], moments[1:, 1:]
    centred = products - np.outer(mean, sums) - np.outer(sums, mean) + n * np.outer(mean, mean)
    values, vectors = np.linalg.eigh(centred / np.outer(deviation, deviation))
    values = np.clip(values[::-1], 0.0, None)
    total = float(values.sum())
    if total <= 0:
        return np.zeros((len(mean), 0))
    rank = int(np.searchsorted(np.cumsum(values) / total, energy)) + 1
    return np.asarray(vectors[:, ::-1][:, :rank])


@dataclass(frozen=True, eq=False)
class SubspaceScores:
    """Result of `score_subspace`.

    Parameters
    ----------
    values : tuple of ScoreValue
        ``outside_subspace`` of every class that is labelled and known, after their mean as that of the whole case.
    map_values : numpy.ndarray of uint8, shape (n, Z, Y, X)
        Voxel map on the whole grid, 0..255 for 0..1; 0 outside the label.
    map_classes : tuple of int
        The class of every row; the first is the whole case.
    """

    values: tuple[ScoreValue, ...]
    map_values: NDArray[np.uint8]
    map_classes: tuple[int, ...]


def score_subspace(
    source: FeatureSource, box: Box, label_index: NDArray[Any], subspaces: ClassSubspaces, *, maps: bool = True
) -> SubspaceScores:
    """Measure one label: how unlike its class the image features under it look.

    Parameters
    ----------
    source : FeatureSource
        The image.
    box : Box
        The part of the grid that is looked at, tile by tile.
    label_index : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices on the whole grid.
    subspaces : ClassSubspaces
        Of other cases.
    maps : bool
        Whether to make the voxel map.
    """
    shape = (int(label_index.shape[0]), int(label_index.shape[1]), int(label_index.shape[2]))
    steps = np.zeros(shape, dtype=np.uint8)
    sums: dict[int, FloatArray] = {}
    for tile in blocks(box, TILE_VOXELS):
        label = label_index[tile.slices]
        present = [c for c in classes_in(label) if c != WHOLE_CASE and c in subspaces.bases]
        if not present:
            continue
        rows = source.read(tile).rows
        inside = steps[tile.slices]
        for c in present:
            here = label == c
            found = subspaces.outside(rows[here.ravel()], c)
            sums[c] = sums.get(c, np.zeros(2)) + np.array([found.sum(), found.size])
            inside[here] = np.rint(255 * found).astype(np.uint8)
    means = {c: float(total / n) for c, (total, n) in sums.items()}
    whole = {WHOLE_CASE: float(np.mean(list(means.values())))} if means else {}
    values = tuple(ScoreValue("outside_subspace", c, v) for c, v in sorted({**whole, **means}.items()))
    if not maps or not means:
        return SubspaceScores(values, np.zeros((0, *shape), np.uint8), ())
    classes = map_rows(means, shape)
    stack = [steps, *(np.where(label_index == c, steps, np.uint8(0)) for c in classes[1:])]
    return SubspaceScores(values, np.stack(stack), classes)
