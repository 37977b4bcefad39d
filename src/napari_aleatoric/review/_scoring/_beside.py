"""What is measured beside the label risk, from the same case: ambiguity and soft overlap."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import HotSpot, ScoreValue
from napari_aleatoric.uncertainty import (
    AMBIGUITY_MAP,
    EXPECTED_ENTROPY_MAP,
    MUTUAL_INFORMATION_MAP,
    PREDICTIVE_ENTROPY_MAP,
    AmbiguityScorer,
    EnsembleMaps,
    Slab,
    SoftOverlap,
)

from ._case import LoadedCase

__all__ = ["BESIDE_MAPS", "Beside", "BesideScorer"]

BESIDE_MAPS = (
    AMBIGUITY_MAP,
    PREDICTIVE_ENTROPY_MAP,
    EXPECTED_ENTROPY_MAP,
    MUTUAL_INFORMATION_MAP,
)


@dataclass(frozen=True, eq=False)
class Beside:
    """What was measured of one case.

    Parameters
    ----------
    values : tuple of ScoreValue
        Of the image: every label of the case has them.
    by_reader : mapping of str to tuple of ScoreValue
        Of each label that was asked for.
    hot_spots : tuple of HotSpot
        In the maps.
    maps : mapping of str to (numpy.ndarray of uint8, shape (n, Z, Y, X); tuple of int)
        Voxel maps by name, and the class of every row.
    """

    values: tuple[ScoreValue, ...] = ()
    by_reader: Mapping[str, tuple[ScoreValue, ...]] = field(default_factory=dict)
    hot_spots: tuple[HotSpot, ...] = ()
    maps: Mapping[str, tuple[NDArray[np.uint8], tuple[int, ...]]] = field(default_factory=dict)

    def of(self, reader: str) -> tuple[ScoreValue, ...]:
        """All values of one label."""
        return (*self.values, *self.by_reader.get(reader, ()))


class BesideScorer:
    """Takes in the same slabs of probabilities as the scorers of the labels.

    Parameters
    ----------
    case : LoadedCase
        Which.
    box : Box
        The part of the grid that is looked at.
    known : collection of int
        Class indices that the judge has learned.
    labels : mapping of str to numpy.ndarray of integer, shape (Z, Y, X)
        The labels that are asked for, by reader.
    maps : bool
        Whether to make voxel maps.
    """

    def __init__(
        self,
        case: LoadedCase,
        box: Box,
        known: Collection[int],
        labels: Mapping[str, NDArray[Any]],
        *,
        maps: bool,
    ) -> None:
        geometry = case.geometry
        edges = geometry.spacing_zyx_mm if geometry.spacing_known else (1.0, 1.0, 1.0)
        self._ambiguity = AmbiguityScorer(geometry.shape_zyx, box, known, maps=maps, voxel_zyx=edges)
        self._overlaps = {reader: SoftOverlap(label, box, known) for reader, label in labels.items()}

    def add(self, slab: Slab, ensemble: EnsembleMaps | None = None) -> None:
        """Take in some slices; all of them must come once."""
        self._ambiguity.add(slab, ensemble)
        for overlap in self._overlaps.values():
            overlap.add(slab)

    def result(self) -> Beside:
        """Package what was measured, when all slices are in."""
        image = self._ambiguity.result()
        maps = {name: (rows, image.map_classes) for name, rows in image.maps.items()}
        return Beside(
            values=image.values,
            by_reader={reader: overlap.result() for reader, overlap in self._overlaps.items()},
            hot_spots=image.hot_spots,
            maps=maps,
        )
