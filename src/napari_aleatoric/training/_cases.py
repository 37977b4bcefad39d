"""Cases on the network's grid, kept on disk so that memory does not grow with their number."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box, intensity_range
from napari_aleatoric.io import write_whole
from napari_aleatoric.model import Volume

from ._model_plan import Normalisation
from ._plan import CaseGrid

__all__ = ["CaseShelf", "NetCase", "case_grid", "normalised_image", "standardised"]


@dataclass(frozen=True, eq=False)
class NetCase:
    """One case as the network sees it.

    Parameters
    ----------
    image : numpy.ndarray of float16, shape (C, Z, Y, X)
        Standardised; on the network's grid.
    labels : numpy.ndarray of uint16, shape (R, Z, Y, X)
        Class indices by reader, on the same grid.
    weight : numpy.ndarray of float16, shape (Z, Y, X), optional
        How much every voxel counts in learning, 0 or more; without it, all the same.
    """

    image: NDArray[np.float16]
    labels: NDArray[np.uint16]
    weight: NDArray[np.float16] | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 4 or self.labels.ndim != 4 or self.image.shape[1:] != self.labels.shape[1:]:
            raise DataError(
                "Expected an image (C, Z, Y, X) and labels (R, Z, Y, X) of one grid, got "
                f"{self.image.shape} and {self.labels.shape}."
            )
        if self.weight is not None and self.weight.shape != self.image.shape[1:]:
            raise DataError(
                f"Expected a weight for every voxel of {self.image.shape[1:]}, got {self.weight.shape}."
            )


def case_grid(volume: Volume, box: Box) -> CaseGrid:
    """Return shape and spacing of the part of an image that is looked at; 1 mm where the spacing is not known."""
    spacing = volume.geometry.spacing_zyx_mm if volume.geometry.spacing_known else (1.0, 1.0, 1.0)
    return CaseGrid(box.shape_zyx, (float(spacing[0]), float(spacing[1]), float(spacing[2])))


def standardised(volume: Volume, box: Box) -> NDArray[np.float32]:
    """Cut out and standardise the part of an image that is looked at.

    Parameters
    ----------
    volume : Volume
        Upright, grey or colour.
    box : Box
        The part.

    Returns
    -------
    numpy.ndarray of float32, shape (C, Z, Y, X)
        Clipped to the 0.5 and 99.5 percentiles of the whole image, mean 0 and deviation 1 over the part. NaN takes
        the lower end; a constant image is all 0.
    """
    low, high = intensity_range(volume.data)
    part = volume.data[box.slices].astype(np.float32)
    part = np.nan_to_num(np.clip(part, low, high), nan=low, posinf=high, neginf=low)
    part -= part.mean(dtype=np.float64)
    deviation = float(part.std(dtype=np.float64))
    part = part / deviation if deviation > 0 else np.zeros_like(part)
    return np.ascontiguousarray(np.moveaxis(part, -1, 0)) if volume.is_rgb else part[np.newaxis]


def normalised_image(volume: Volume, box: Box, normalisation: Normalisation) -> NDArray[np.float32]:
    """Cut out the part of an image that is looked at, and normalise it; (C, Z, Y, X), as `standardised`.

    Where the normalisation is of the data set, NaN takes its lower end.
    """
    if normalisation.kind == "case":
        return standardised(volume, box)
    part = volume.data[box.slices].astype(np.float32)
    low, high = normalisation.low, normalisation.high
    part = np.nan_to_num(np.clip(part, low, high), nan=low, posinf=high, neginf=low)
    part = (part - np.float32(normalisation.mean)) / np.float32(normalisation.deviation)
    return np.ascontiguousarray(np.moveaxis(part, -1, 0)) if volume.is_rgb else part[np.newaxis]


class CaseShelf:
    """A folder of `NetCase`s by name; safe to delete.

    Parameters
    ----------
    folder : Path
        Made when something is put there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, name: str) -> bool:
        """Whether the case is there, whole."""
        return all(path.exists() for path in self._paths(name))

    def put(self, name: str, case: NetCase) -> None:
        """Keep a case; a kill leaves it absent or whole."""
        weight, labels, image = (self._weight_path(name), *self._paths(name))
        image.unlink(missing_ok=True)  # of another case of that name: never its image beside these labels
        if case.weight is None:
            weight.unlink(missing_ok=True)
        for path, values in ((weight, case.weight), (labels, case.labels), (image, case.image)):
            if values is not None:
                buffer = io.BytesIO()
                np.save(buffer, values, allow_pickle=False)
                write_whole(path, buffer.getvalue())

    def get(self, name: str) -> NetCase:
        """Open a case; the arrays are read from disk where they are looked at.

        Raises
        ------
        DataError
            If it is absent or damaged; it is then removed, and made anew by the next run.
        """
        labels, image = self._paths(name)
        weight = self._weight_path(name)
        try:
            found: list[NDArray[Any]] = [np.load(p, mmap_mode="r", allow_pickle=False) for p in (labels, image)]
            weights = np.load(weight, mmap_mode="r", allow_pickle=False) if weight.exists() else None
            return NetCase(found[1], found[0], weights)
        except (OSError, ValueError, EOFError, DataError) as error:
            self.remove(name)
            raise DataError(
                "A kept case of the network is damaged or missing. Score again to make it anew."
            ) from error

    def remove(self, name: str) -> None:
        """Forget a case."""
        for path in (*self._paths(name), self._weight_path(name)):
            path.unlink(missing_ok=True)

    def keep_only(self, names: Sequence[str]) -> None:
        """Forget all others."""
        wanted = {path.name for name in names for path in (*self._paths(name), self._weight_path(name))}
        for path in self._folder.glob("*.npy"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def _paths(self, name: str) -> tuple[Path, Path]:
        """Labels first, image last: the image's presence says that both are there."""
        return (self._folder / f"{name}.labels.npy", self._folder / f"{name}.image.npy")

    def _weight_path(self, name: str) -> Path:
        return self._folder / f"{name}.weight.npy"
