"""What an image encoder is, and which there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import Geometry, Volume

from ._box import Box

__all__ = ["ENCODERS", "FeatureSource", "Features", "ImageEncoder", "encoder"]


@dataclass(frozen=True, eq=False)
class Features:
    """What an encoder sees at every voxel.

    Parameters
    ----------
    values : numpy.ndarray of float32, shape (F, Z, Y, X)
        One map per feature, on the grid ``geometry``. Finite everywhere.
    geometry : Geometry
        The grid: that of the image, or of the block that was read.
    names : tuple of str
        F names, in the order of the rows.
    """

    values: NDArray[np.float32]
    geometry: Geometry
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        expected = (len(self.names), *self.geometry.shape_zyx)
        if self.values.shape != expected:
            raise DataError(f"Expected features of shape {expected} (F, Z, Y, X), got {self.values.shape}.")

    @property
    def rows(self) -> NDArray[np.float32]:
        """The same numbers as a view of shape (Z·Y·X, F): one row per voxel."""
        return self.values.reshape(len(self.names), -1).T


@runtime_checkable
class FeatureSource(Protocol):
    """One image, made ready; its features are computed where they are asked for.

    Contract
    --------
    * ``read(box)`` equals the same block cut out of ``read(None)`` up to the rounding of float32: tiled = whole.
    * ``at(box, wanted)`` equals ``read(box).values[:, wanted].T`` up to the same rounding.
    * Memory is that of the block and a halo, never of all features of the image.
    """

    def read(self, box: Box | None = None) -> Features:
        """Return the features of the block, or of the whole image."""

    def at(self, box: Box, wanted: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the features of the voxels of a block where ``wanted`` (its shape) is true, as rows (n, F)."""


@runtime_checkable
class ImageEncoder(Protocol):
    """A frozen model that turns an image into features. It never sees a label.

    Contract
    --------
    * ``name`` identifies encoder and settings; it enters every cache key, so it changes when the features change.
    * ``feature_names`` has ``n_features`` entries and is the same for every image, grey or colour, flat or deep.
    * The image comes in the upright frame (`Volume.upright`); the features lie on its grid, voxel for voxel.
    * Deterministic: the same image gives the same numbers, whatever was encoded before.
    * Any intensity scale, NaN and infinity in the image are survived; the features are finite.
    """

    @property
    def name(self) -> str:
        """Identifier of the encoder and its settings."""

    @property
    def n_features(self) -> int:
        """F: the number of features per voxel."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """F names."""

    def prepare(self, volume: Volume) -> FeatureSource:
        """Look at the whole image once (intensity range); compute no features yet."""

    def encode(self, volume: Volume) -> Features:
        """Return the features of the whole image: ``prepare(volume).read()``."""


ENCODERS: Mapping[str, str] = MappingProxyType(
    {
        "filter_bank": "napari_aleatoric.foundation._filter_bank:FilterBankEncoder",
        "filter_bank_colour": "napari_aleatoric.foundation._filter_bank:ColourFilterBankEncoder",
    }
)
"""Encoders by name; the value is ``module:class``, imported when it is asked for."""


def encoder(name: str) -> ImageEncoder:
    """Make the encoder of that name.

    Parameters
    ----------
    name : str
        A key of `ENCODERS`.

    Raises
    ------
    NotFoundError
        If there is no such encoder.
    """
    try:
        path = ENCODERS[name]
    except KeyError:
        raise NotFoundError(f"There is no image encoder '{name}'. Known encoders: {', '.join(ENCODERS)}.") from None
    module, _, attribute = path.partition(":")
    return cast(ImageEncoder, getattr(import_module(module), attribute)())
