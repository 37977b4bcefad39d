"""What there is to decide in one case: the readers' answers, the regions, and the labels one may begin with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.uncertainty import ConsensusMethod, DisputedRegion, consensus, disputed_regions

if TYPE_CHECKING:
    from napari_aleatoric.model import Geometry

__all__ = ["CaseToDecide", "Source", "make_case"]

ClassArray = NDArray[np.uint16]
Source = Literal["reader", "consensus", "machine", "repainted"]


@dataclass(frozen=True, eq=False)
class CaseToDecide:
    """The answers of several readers about one case.

    Parameters
    ----------
    case_id : str
        Which.
    geometry : Geometry
        The upright grid.
    readers : tuple of str
        Whose answers, in the order of the data set.
    labels : numpy.ndarray of uint16, shape (R, Z, Y, X)
        Class indices, upright.
    regions : tuple of DisputedRegion
        Where they differ; largest first.
    machine : numpy.ndarray of uint16 or None, shape (Z, Y, X)
        What the model in use says, where that is kept.
    machine_name : str
        Which model; "" for none.
    """

    case_id: str
    geometry: Geometry
    readers: tuple[str, ...]
    labels: ClassArray
    regions: tuple[DisputedRegion, ...]
    machine: ClassArray | None = None
    machine_name: str = ""
    _labels_of: dict[str, ClassArray] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """What the regions are called: the same as long as the readers' answers in them are."""
        return tuple(region.digest(self.readers) for region in self.regions)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Rows of the regions by their ids."""
        return {region_id: row for row, region_id in enumerate(self.ids)}

    @cached_property
    def disputed(self) -> NDArray[np.int32]:
        """Number of the region of every voxel, from 1; 0 where all agree. Shape (Z, Y, X)."""
        found = np.zeros(self.labels.shape[1:], dtype=np.int32)
        for number, region in enumerate(self.regions, start=1):
            found[region.box][region.inside] = number
        return found

    def label_of(self, source: str, name: str = "") -> ClassArray:
        """Return a label of the whole case.

        Where all readers agree it is what they agree on, whatever the method says.

        Parameters
        ----------
        source : str
            ``reader``, ``machine``, or a method of consensus; ``consensus`` is the vote.
        name : str
            Which reader.

        Returns
        -------
        numpy.ndarray of uint16, shape (Z, Y, X)
            Class indices; not to be written to.

        Raises
        ------
        NotFoundError
            If there is no such reader, or no model's answer.
        """
        method: ConsensusMethod = "vote" if source == "consensus" else source  # type: ignore[assignment]
        key = f"reader {name}" if source == "reader" else method
        if key not in self._labels_of:
            self._labels_of[key] = self._made(source, name, method)
        return self._labels_of[key]

    def _made(self, source: str, name: str, method: ConsensusMethod) -> ClassArray:
        if source == "reader":
            if name not in self.readers:
                raise NotFoundError(
                    f"{name} has no label of {self.case_id}. Choose one of {', '.join(self.readers)}."
                )
            mine: ClassArray = self.labels[self.readers.index(name)]
            return mine
        if source == "machine":
            if self.machine is None:
                raise NotFoundError(f"No model's answer is kept for {self.case_id}. Predict it first.")
            return self.machine
        found = consensus(self.labels, method, probabilities=False).label
        agreed = self.disputed == 0
        found[agreed] = self.labels[0][agreed]
        return found

    def answer(self, row: int, source: Source, name: str = "", method: str = "vote") -> ClassArray:
        """Return what somebody says of a region.

        Parameters
        ----------
        row : int
            Which region.
        source : str
            ``reader``, ``consensus`` or ``machine``.
        name : str
            Which reader.
        method : str
            How the consensus is found.

        Returns
        -------
        numpy.ndarray of uint16, shape (n,)
            Class indices of its voxels.
        """
        region = self.regions[row]
        if source == "reader" and name in self.readers:
            return np.asarray(region.answers[self.readers.index(name)], dtype=np.uint16)
        whole = self.label_of(method if source == "consensus" else source, name)
        return whole[region.box][region.inside]


def make_case(
    case_id: str,
    geometry: Geometry,
    readers: tuple[str, ...],
    labels: ClassArray,
    machine: tuple[str, ClassArray] | None = None,
) -> CaseToDecide:
    """Find what is to be decided.

    Parameters
    ----------
    case_id : str
        Which case.
    geometry : Geometry
        Of its upright grid.
    readers, labels
        As `CaseToDecide` has them.
    machine : tuple, optional
        Name and answer of a model.

    Raises
    ------
    DataError
        If fewer than two readers have a label.
    """
    if len(readers) < 2:
        raise DataError(
            f"Expected labels of {case_id} by at least 2 readers, got {len(readers)}. A case of one reader has "
            "nothing to settle."
        )
    spacing = geometry.spacing_zyx_mm if geometry.spacing_known else (1.0, 1.0, 1.0)
    name, answer = machine or ("", None)
    return CaseToDecide(case_id, geometry, readers, labels, disputed_regions(labels, spacing), answer, name)
