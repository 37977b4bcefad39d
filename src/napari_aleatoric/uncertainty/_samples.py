"""Which voxels of a case the light classifier learns from, and what it is told there."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box, FeatureSource

from ._blocks import blocks, classes_in, nth_true
from ._spec import ScoreSpec

__all__ = ["CaseSamples", "draw_voxels", "gather_features", "look_box"]

TILE_VOXELS = 1_500_000
"""Voxels whose features are held at a time: 31 features take 190 MB."""

_VERSION = "1"
_LARGE_VOXELS = 1 << 23  # of a box; a larger one is read a few slices at a time, without a map of any feature
_SLAB_VOXELS = 1 << 23  # of such slices
_AT_ONCE = 1 << 22  # voxels whose distances to a class are held at a time


@dataclass(frozen=True, eq=False)
class CaseSamples:
    """Features and labels of the sampled voxels of one case.

    Parameters
    ----------
    features : numpy.ndarray of float32, shape (n, F)
        One row per voxel.
    labels : numpy.ndarray of uint16, shape (n, R)
        Class index of the voxel, by reader.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.uint16]

    def to_bytes(self) -> bytes:
        """Pack into an ``.npz`` (no pickle)."""
        buffer = io.BytesIO()
        np.savez(buffer, version=np.array(_VERSION), features=self.features, labels=self.labels)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> CaseSamples:
        """Unpack; anything but what :meth:`to_bytes` wrote is refused with `DataError`."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as pack:
                if str(pack["version"]) != _VERSION:
                    raise DataError("The cached samples were written by another version; delete the cache.")
                return cls(pack["features"].astype(np.float32), pack["labels"].astype(np.uint16))
        except (ValueError, KeyError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise DataError("The cached samples are damaged; delete them and score again.") from error

    def thinned(self, every: int) -> CaseSamples:
        """Return every so many-th voxel of them; they are sorted by place, so these are spread as evenly."""
        if every < 2:
            return self
        return CaseSamples(self.features[::every].copy(), self.labels[::every].copy())

    def expanded(self) -> tuple[NDArray[np.intp], NDArray[np.uint16], NDArray[np.float64]]:
        """One training row per voxel and per class that any reader gave it.

        Returns
        -------
        row : numpy.ndarray of int, shape (m,)
            Row of ``features``.
        class_index : numpy.ndarray of uint16, shape (m,)
            The class.
        weight : numpy.ndarray of float64, shape (m,)
            Part of the readers who gave it; sums to 1 over a voxel. All readers count alike.
        """
        rows, classes, weights = [], [], []
        n_readers = self.labels.shape[1]
        for class_index in np.unique(self.labels):
            votes = (self.labels == class_index).sum(axis=1)
            hit = np.flatnonzero(votes)
            rows.append(hit)
            classes.append(np.full(hit.size, class_index, dtype=np.uint16))
            weights.append(votes[hit] / n_readers)
        return np.concatenate(rows), np.concatenate(classes), np.concatenate(weights)


def look_box(labels: NDArray[Any], spec: ScoreSpec) -> Box:
    """Return the part of the grid that is looked at.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices by reader, upright.
    spec : ScoreSpec
        Settings.

    Returns
    -------
    Box
        The whole grid up to ``spec.whole_below`` voxels; beyond, the box of everything labelled, widened by
        ``spec.margin``; where nothing is labelled, as many voxels in the middle.
    """
    shape = (int(labels.shape[1]), int(labels.shape[2]), int(labels.shape[3]))
    whole = Box.whole(shape)
    if whole.n_voxels <= spec.whole_below:
        return whole
    around = Box.around(np.asarray(labels.any(axis=0)))
    if around is None:
        shrink = (spec.whole_below / whole.n_voxels) ** (1 / 3)
        start = [int(n * (1 - shrink) / 2) for n in shape]
        stop = [n - s for n, s in zip(shape, start, strict=True)]
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    return around.grown(spec.margin, shape)


def draw_voxels(
    labels: NDArray[Any], box: Box, case_id: str, spec: ScoreSpec, *, go_on: Callable[[], None] | None = None
) -> NDArray[np.int64]:
    """Draw the voxels of a case that the models learn from.

    ``near_fraction`` of them lie within ``near_voxels`` of a label, in equal shares for every class that any reader
    gave, so that a small class is learned too; the rest lie anywhere in the box.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices by reader, upright.
    box : Box
        From `look_box`.
    case_id : str
        Together with the seed decides the draw, whatever other cases there are.
    spec : ScoreSpec
        Settings.
    go_on : callable, optional
        Asked before every few slices of a class; may raise `Cancelled`.

    Returns
    -------
    numpy.ndarray of int64, shape (n, 3)
        Different voxels (z, y, x), sorted.
    """
    rng = np.random.default_rng([spec.seed, zlib.crc32(case_id.encode())])
    shape = (int(labels.shape[1]), int(labels.shape[2]), int(labels.shape[3]))
    present = [c for c in classes_in(labels[(slice(None), *box.slices)]) if c != 0]
    n_near = int(spec.samples_per_case * spec.near_fraction) if present else 0
    close = np.empty(0, dtype=np.int64)
    for class_index in present:
        near = _near(labels, class_index, spec.near_voxels, shape, go_on)
        near.reshape(-1)[close] = False
        n = int(np.count_nonzero(near))
        share = min(n, n_near // len(present))
        close = np.concatenate([close, nth_true(near, rng.choice(n, size=share, replace=False))])
    far = rng.choice(box.n_voxels, size=min(box.n_voxels, spec.samples_per_case), replace=False)
    inside = np.stack(np.unravel_index(far, box.shape_zyx), axis=-1) + np.array(box.start_zyx)
    anywhere = np.ravel_multi_index(tuple(inside.T), shape)
    rest = anywhere[~np.isin(anywhere, close)][: spec.samples_per_case - close.size]
    flat = np.sort(np.concatenate([close, rest]))
    return np.stack(np.unravel_index(flat, shape), axis=-1).astype(np.int64)


def _near(
    labels: NDArray[Any],
    class_index: int,
    reach: int,
    shape: tuple[int, int, int],
    go_on: Callable[[], None] | None = None,
) -> NDArray[np.bool_]:
    """Voxels within ``reach`` voxels of a class, whoever gave it, shape (Z, Y, X); a few slices at a time."""
    mask = np.zeros(shape, dtype=bool)
    for label in labels:
        mask |= label == class_index
    near = np.zeros(shape, dtype=bool)
    around = Box.around(mask)
    if around is None:
        return near
    z, y, x = around.grown(reach, shape).slices
    step = max(1, _AT_ONCE // ((y.stop - y.start) * (x.stop - x.start)))
    for first in range(z.start, z.stop, step):
        if go_on is not None:
            go_on()
        last = min(first + step, z.stop)
        low = max(first - reach, z.start)
        part = mask[low : last + reach, y, x]
        if part.any():  # what is farther away than a margin of this many slices is out of reach anyway
            distance = ndimage.distance_transform_edt(~part)
            near[first:last, y, x] = (distance <= reach)[first - low : last - low]
    return near


def gather_features(
    source: FeatureSource, box: Box, voxels: NDArray[np.int64], *, go_on: Callable[[], None] | None = None
) -> NDArray[np.float32]:
    """Return the features of some different voxels, shape (n, F), reading the box in tiles.

    Parameters
    ----------
    source : FeatureSource
        The prepared image.
    box : Box
        Where the voxels lie.
    voxels : numpy.ndarray of int64, shape (n, 3)
        z, y, x on the whole grid.
    go_on : callable, optional
        Asked before every tile that is read; may raise `Cancelled`.
    """
    rows: list[NDArray[np.float32]] = []
    where: list[NDArray[np.intp]] = []
    large = box.n_voxels > _LARGE_VOXELS
    for part in box.tiles(_SLAB_VOXELS) if large else blocks(box, TILE_VOXELS):
        start, stop = np.array(part.start_zyx), np.array(part.stop_zyx)
        inside = np.flatnonzero(((voxels >= start) & (voxels < stop)).all(axis=1))
        if inside.size == 0:
            continue
        if go_on is not None:
            go_on()
        z, y, x = (voxels[inside] - start).T
        if large:  # in the order of the places
            wanted = np.zeros(part.shape_zyx, dtype=bool)
            wanted[z, y, x] = True
            rows.append(source.at(part, wanted))
            inside = inside[np.argsort(np.ravel_multi_index((z, y, x), part.shape_zyx))]
        else:
            rows.append(np.ascontiguousarray(source.read(part).values[:, z, y, x].T))
        where.append(inside)
    order = np.argsort(np.concatenate(where))
    return np.concatenate(rows)[order]
