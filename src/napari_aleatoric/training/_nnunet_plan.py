"""What of a data set nnU-Net is told, and what it planned; and its cases as they come to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, MissingExtraError
from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Volume

from ._cases import NetCase

__all__ = ["NNUNET", "NnUNetCase", "NnUNetPlan", "need_nnunet", "nnunet_case", "nnunet_channels", "nnunet_spacing"]

NNUNET = "nnunet"
_APART = 999.0  # times the spacing within a flat image: nnU-Net then takes it for one slice


@dataclass(frozen=True)
class NnUNetPlan:
    """What nnU-Net makes of a data set; patch, grid and configuration are its own choice.

    Parameters
    ----------
    class_names : tuple of str
        Of the K − 1 foreground classes; the class index is the label value.
    n_channels : int
        Of the images: 1 grey, 3 colour.
    is_ct : bool
        Whether intensities mean something, so that one range serves all images.
    configuration : {'', '2d', '3d_fullres'}
        What is convolved; "" before it was planned.
    patch : tuple of int
        Voxels of a patch, in nnU-Net's order of axes; empty before it was planned.
    spacing_mm : tuple of float
        Of its grid, likewise.
    batch : int
        Patches in a step; 0 before it was planned.
    """

    class_names: tuple[str, ...]
    n_channels: int = 1
    is_ct: bool = False
    configuration: str = ""
    patch: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    batch: int = 0

    def __post_init__(self) -> None:
        for field in ("class_names", "patch", "spacing_mm"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        if not self.class_names or self.n_channels not in (1, 3):
            raise DataError(
                f"Expected at least one class, and images of 1 or 3 channels, got {self.class_names} and "
                f"{self.n_channels}."
            )

    @property
    def n_rows(self) -> int:
        """K: classes with background."""
        return len(self.class_names) + 1

    def to_json(self) -> dict[str, Any]:
        """Plain values, marked as nnU-Net's."""
        return {"backend": NNUNET, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> NnUNetPlan:
        """Read what `to_json` wrote.

        Raises
        ------
        DataError
            If a value is missing, or foreign.
        """
        try:
            return cls(**{name: value for name, value in values.items() if name != "backend"})
        except TypeError as error:
            raise DataError(f"Expected the values of an nnU-Net plan, got others ({error}). Train anew.") from error


@dataclass(frozen=True, eq=False)
class NnUNetCase(NetCase):
    """A case as nnU-Net takes it: upright, on its own grid, intensities as they are (float32).

    Parameters
    ----------
    spacing_zyx_mm : tuple of float
        As nnU-Net is told it.
    """

    spacing_zyx_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)


def nnunet_channels(volume: Volume, n_channels: int) -> NDArray[np.float32]:
    """Return the image as channels (C, Z, Y, X); grey and colour are taken for each other as `model_case` does.

    What is no number takes the lowest value of the image.
    """
    rows = np.moveaxis(volume.data, -1, 0) if volume.is_rgb else volume.data[np.newaxis]
    image = np.asarray(rows, dtype=np.float32)
    known = np.isfinite(image)
    if not known.all():
        image = np.where(known, image, image[known].min() if known.any() else 0).astype(np.float32)
    if len(image) > n_channels:
        image = image.mean(axis=0, keepdims=True)
    if len(image) < n_channels:
        image = np.repeat(image, n_channels, axis=0)
    return np.ascontiguousarray(image)


def nnunet_spacing(volume: Volume) -> tuple[float, float, float]:
    """Return the spacing (z, y, x) that nnU-Net is told: 1 where it is unknown, slices of flat images far apart."""
    z, y, x = volume.geometry.spacing_zyx_mm if volume.geometry.spacing_known else (1.0, 1.0, 1.0)
    return (_APART * max(y, x), y, x) if volume.geometry.is_flat else (z, y, x)


def nnunet_case(volume: Volume, labels: NDArray[np.integer[Any]], box: Box, plan: NnUNetPlan) -> NnUNetCase:
    """Bring a case to what nnU-Net takes; see `model_case`."""
    part = nnunet_channels(volume, plan.n_channels)[(slice(None), *box.slices)]
    index = np.asarray(labels[(slice(None), *box.slices)], dtype=np.uint16)
    return NnUNetCase(part, index, spacing_zyx_mm=nnunet_spacing(volume))  # type: ignore[arg-type]


def need_nnunet() -> None:
    """Say what to install where nnU-Net is not.

    Raises
    ------
    MissingExtraError
        If the package nnunetv2, or torch, is missing.
    """
    try:
        from importlib.util import find_spec

        if any(find_spec(name) is None for name in ("nnunetv2", "torch", "safetensors")):
            raise ImportError("nnunetv2")
    except ImportError as error:
        raise MissingExtraError.for_extra(NNUNET, "train with nnU-Net") from error
