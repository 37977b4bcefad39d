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

from ._plan import CaseGrid

__all__ = ["CaseShelf", "NetCase", "case_grid", "standardised"]


@dataclass(frozen=True, eq=False)
class NetCase:
    """One case as the network sees it.

    Parameters
    ----------
    image : numpy.ndarray of float16, shape (C, Z, Y, X)
        Standardised; on the network's grid.
    labels : numpy.ndarray of uint16, shape (R, Z, Y, X)
        Class indices by reader, on the same grid.
    """

    image: NDArray[np.float16]
    labels: NDArray[np.uint16]

    def __post_init__(self) -> None:
        if self.image.ndim != 4 or self.labels.ndim != 4 or self.image.shape[1:] != self.labels.shape[1:]:
            raise DataError(
                "Expected an image (C, Z, Y, X) and labels (R, Z, Y, X) of one grid, got "
                f"{self.image.shape} and {self.labels.shape}."
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
        for path, values in zip(self._paths(name), (case.labels, case.image), strict=True):
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
        try:
            found: list[NDArray[Any]] = [np.load(p, mmap_mode="r", allow_pickle=False) for p in (labels, image)]
            return NetCase(found[1], found[0])
        except (OSError, ValueError, EOFError, DataError) as error:
            self.remove(name)
            raise DataError(
                "A kept case of the network is damaged or missing. Score again to make it anew."
            ) from error

    def remove(self, name: str) -> None:
        """Forget a case."""
        for path in self._paths(name):
            path.unlink(missing_ok=True)

    def keep_only(self, names: Sequence[str]) -> None:
        """Forget all others."""
        wanted = {path.name for name in names for path in self._paths(name)}
        for path in self._folder.glob("*.npy"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def _paths(self, name: str) -> tuple[Path, Path]:
        """Labels first, image last: the image's presence says that both are there."""
        return (self._folder / f"{name}.labels.npy", self._folder / f"{name}.image.npy")
