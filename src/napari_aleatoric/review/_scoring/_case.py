"""One case in memory: read with its labels, whole, upright and by class index."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import CaseFiles, Geometry, ItemKey, Problem, Volume
from napari_aleatoric.review._labels._corrections import current_label
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import LabelFacts, label_facts

from ._threads import in_threads, one_by_one

__all__ = ["UNREADABLE", "CaseReader", "LoadedCase", "ReadLabels", "each_case", "own_labels", "reason_in_words"]

R = TypeVar("R")

UNREADABLE = (
    AleatoricError,
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What reading or measuring one case may raise without stopping the others (`Cancelled` apart)."""

_LARGE = 8_000_000  # voxels × labels; such cases are worked on one at a time
_AT_ONCE = 1 << 24  # voxels whose label values are looked up together


@dataclass(frozen=True, eq=False)
class LoadedCase:
    """A case in memory, upright.

    Parameters
    ----------
    case_id : str
        Which.
    volume : Volume
        The image.
    readers : tuple of str
        Whose labels could be read.
    labels : numpy.ndarray of uint16, shape (R, Z, Y, X)
        Class indices by reader.
    refused : tuple of Problem
        Labels that could not be read.
    """

    case_id: str
    volume: Volume
    readers: tuple[str, ...]
    labels: NDArray[np.uint16]
    refused: tuple[Problem, ...]

    @property
    def geometry(self) -> Geometry:
        """The grid of image and labels."""
        return self.volume.geometry

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres; NaN where unknown."""
        return self.geometry.voxel_volume_ml if self.geometry.spacing_known else float("nan")

    def facts(self) -> dict[str, LabelFacts]:
        """Count what there is in every label, by reader."""
        return {r: label_facts(label, self.voxel_ml) for r, label in zip(self.readers, self.labels, strict=True)}


@dataclass(frozen=True, eq=False)
class ReadLabels:
    """The labels of a case in memory, upright, without its image; the parts are those of `LoadedCase`."""

    case_id: str
    geometry: Geometry
    readers: tuple[str, ...]
    labels: NDArray[np.uint16]
    refused: tuple[Problem, ...]


def own_labels(case: CaseFiles, outcomes: Mapping[str, Collection[str]]) -> CaseFiles:
    """Return a case with the labels that readers made: what came of an adjudication is nobody's own answer.

    Parameters
    ----------
    case : CaseFiles
        With all labels.
    outcomes : mapping of str to collection of str
        By case, the readers under whose names adjudications were finished.
    """
    names = outcomes.get(case.case_id, ())
    if not any(label.reader in names for label in case.labels):
        return case
    return replace(case, labels=tuple(label for label in case.labels if label.reader not in names))


def reason_in_words(error: BaseException) -> str:
    """Say why a case could not be used, without the name of a folder."""
    if isinstance(error, AleatoricError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this case. Crop its image, or score it on a larger machine."
    return f"The case could not be read ({type(error).__name__}). Open its files to see what is wrong with them."


class CaseReader:
    """Reads cases of a workspace with the label versions that count now.

    Parameters
    ----------
    ws, store : Workspace, ReviewStore
        Where things are.
    corrections : mapping of ItemKey to str
        Id of the saved version that counts now, of the labels that have one.
    """

    def __init__(self, ws: Workspace, store: ReviewStore, corrections: Mapping[ItemKey, str]) -> None:
        self._ws, self._store, self._corrections = ws, store, corrections

    def read(self, case: CaseFiles) -> LoadedCase:
        """Read image and labels of a case.

        Raises
        ------
        AleatoricError, OSError, ValueError, RuntimeError
            If the image or all labels cannot be read.
        """
        volume = self._ws.load_image(case.case_id).upright()
        found = self._labels(case, volume.geometry)
        return LoadedCase(case.case_id, volume, found.readers, found.labels, found.refused)

    def read_labels(self, case: CaseFiles) -> ReadLabels:
        """Read the labels of a case; of its image only the grid. Raises what `read` does."""
        grid = self._ws.grid(case.case_id)
        return self._labels(case, grid.upright_reorientation().apply_geometry(grid))

    def _labels(self, case: CaseFiles, geometry: Geometry) -> ReadLabels:
        labels, readers, refused = [], [], []
        for files in case.labels:
            key = ItemKey(case.case_id, files.reader)
            try:
                corrected = key in self._corrections
                label = current_label(self._ws, self._store, key) if corrected else self._ws.load_label(*key)
            except UNREADABLE as error:
                whose = f"Label of {files.reader}: " if files.reader else ""
                refused.append(Problem(case.case_id, f"{whose}{reason_in_words(error)}"))
                continue
            labels.append(self._index_of(label.upright().data))
            readers.append(files.reader)
        if not labels:
            raise DataError(" ".join(problem.sentence for problem in refused))
        together = labels[0][np.newaxis] if len(labels) == 1 else np.stack(labels)
        return ReadLabels(case.case_id, geometry, tuple(readers), together, tuple(refused))

    def is_large(self, case: CaseFiles) -> bool:
        """Whether a case is to be alone in memory; one that cannot be read is not."""
        return self.n_voxels(case) * max(1, len(case.labels)) >= _LARGE

    def n_voxels(self, case: CaseFiles) -> int:
        """Return the voxels of a case's image; 0 if it cannot be read."""
        try:
            return math.prod(self._ws.grid(case.case_id).shape_zyx)
        except UNREADABLE:
            return 0

    def _index_of(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """Class indices of label values (Z, Y, X), a few slices at a time: looking them up takes many copies."""
        result = np.empty(values.shape, dtype=np.uint16)
        step = max(1, _AT_ONCE * len(values) // max(1, values.size))
        for first in range(0, len(values), step):
            result[first : first + step] = self._ws.dataset.classes.index_map(values[first : first + step])
        return result


def each_case(
    reader: CaseReader, function: Callable[[CaseFiles], R], cases: Sequence[CaseFiles], waiting: Callable[[], None]
) -> Generator[R, None, None]:
    """Apply a function to cases: the small ones several at a time, then the large ones one after the other.

    A large result is gone before the next large case is read, so that memory does not grow with their number.
    """
    large = [case for case in cases if reader.is_large(case)]
    small = [case for case in cases if case not in large]
    with closing(in_threads(function, small, waiting)) as found:
        yield from found
    with closing(one_by_one(function, large, waiting)) as found:
        yield from found
