"""One slice of one case that is only looked at, as the network draws it at every look."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.io import write_whole

from ._cases import NetCase

__all__ = ["EXAMPLE_FOLDER", "ExampleShelf", "ExampleSlice"]

EXAMPLE_FOLDER = "example"
"""Where it is kept, in the folder of a network."""

_CASE = "slice.npz"
_ENDS = (1.0, 99.0)  # percentiles that are black and white


@dataclass(frozen=True, eq=False)
class ExampleSlice:
    """The slice, without what the network draws.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (C, Y, X)
        Grey or colour, on the network's grid.
    label : numpy.ndarray of uint16, shape (Y, X)
        Class indices of the first reader.
    spacing_yx : tuple of float
        Of its pixels.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.uint16]
    spacing_yx: tuple[float, float]


class ExampleShelf:
    """The example of one network.

    Parameters
    ----------
    folder : Path
        Where it is kept; made with the first look.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)

    def keep(
        self, step: int, case: NetCase, found: NDArray[np.integer[Any]], spacing_yx: tuple[float, float]
    ) -> None:
        """Keep what the network draws after a number of steps, in the slice with most of the label.

        Parameters
        ----------
        step : int
            Steps done.
        case : NetCase
            The same at every look.
        found : numpy.ndarray of integer, shape (Z, Y, X)
            Class indices that the network draws.
        spacing_yx : tuple of float
            Of the network's grid.
        """
        label = np.asarray(case.labels[0])
        per_slice = np.count_nonzero(label, axis=(1, 2))
        place = int(per_slice.argmax()) if per_slice.any() else len(label) // 2
        if not (self._folder / _CASE).is_file():
            image = _grey(np.asarray(case.image[:, place], dtype=np.float32))
            self._write(_CASE, image=image, label=label[place], spacing_yx=np.array(spacing_yx, dtype=np.float64))
        self._write(f"{step:08d}.npz", found=np.asarray(found[place], dtype=np.uint16))

    def steps(self) -> tuple[int, ...]:
        """Return the steps of all looks, the first one first."""
        return tuple(sorted(int(path.stem) for path in self._folder.glob("*.npz") if path.stem.isdigit()))

    def slice(self) -> ExampleSlice | None:
        """Read the slice; None if there was no look yet, or the file is damaged."""
        found = self._read(_CASE, ("image", "label", "spacing_yx"))
        if found is None:
            return None
        y, x = (float(v) for v in found["spacing_yx"])
        return ExampleSlice(found["image"], found["label"], (y, x))

    def found(self, step: int) -> NDArray[np.uint16] | None:
        """Read what the network drew after a number of steps, (Y, X); None if that was not kept, or is damaged."""
        kept = self._read(f"{step:08d}.npz", ("found",))
        return None if kept is None else kept["found"]

    def _write(self, name: str, **arrays: Any) -> None:
        stream = io.BytesIO()
        np.savez_compressed(stream, **arrays)
        write_whole(self._folder / name, stream.getvalue())

    def _read(self, name: str, wanted: tuple[str, ...]) -> dict[str, NDArray[Any]] | None:
        try:
            with np.load(self._folder / name, allow_pickle=False) as file:
                return {each: file[each] for each in wanted}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None


def _grey(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(image, _ENDS)
    return np.asarray(np.rint(255 * np.clip((image - low) / max(high - low, 1e-6), 0, 1)), dtype=np.uint8)
