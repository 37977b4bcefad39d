"""What is trained: network, grid, patch and normalisation, worked out from the data, kept beside the weights."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

from ._model_spec import NetworkName
from ._plan import CaseGrid, Triple, shape_on_grid

__all__ = ["ModelPlan", "Normalisation", "mirror_axes_of", "smaller"]

_SIDES = r"left|right|lt|rt|l|r"


@dataclass(frozen=True)
class Normalisation:
    """How intensities are brought to about mean 0 and deviation 1.

    Parameters
    ----------
    kind : {'case', 'fixed'}
        'case': every image is clipped to its 0.5 and 99.5 percentiles and standardised by itself. 'fixed': all are
        clipped to one range and standardised by one mean and deviation, where numbers mean something (CT).
    low, high, mean, deviation : float
        Of 'fixed', in the image's numbers.
    """

    kind: Literal["case", "fixed"] = "case"
    low: float = 0.0
    high: float = 1.0
    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("case", "fixed") or not self.low < self.high or not self.deviation > 0:
            raise DataError(
                "Expected 'case', or 'fixed' with low < high and a deviation above 0, got "
                f"'{self.kind}' with {self.low}, {self.high}, {self.deviation}."
            )

    @classmethod
    def of_labelled(cls, intensities: NDArray[Any]) -> Normalisation:
        """Return the fixed one of a data set from intensities drawn inside its labels, any shape.

        In the manner of nnU-Net for CT: 0.5 and 99.5 percentiles, mean and deviation of the labelled voxels.
        """
        values = np.asarray(intensities, dtype=np.float64).ravel()
        values = values[np.isfinite(values)]
        if values.size == 0 or values.min() == values.max():
            raise DataError("Expected different intensities inside the labels, got none. Normalise case by case.")
        low, high = np.percentile(values, [0.5, 99.5])
        return cls("fixed", float(low), float(max(high, low + 1e-6)), float(values.mean()), float(values.std()))


@dataclass(frozen=True)
class ModelPlan:
    """Network, grid and patch of one data set. Made by `plan_model`; may be edited with `dataclasses.replace`.

    Parameters
    ----------
    network : str
        One of `TrainSpec.network`.
    dimensions : {'2d', '2.5d', '3d'}
        What is convolved.
    neighbours : int
        Slices on either side that are channels too; 0 unless '2.5d'.
    n_channels : int
        Of the image: 1 grey, 3 colour.
    class_names : tuple of str
        Of the K − 1 foreground classes, in the order of their rows.
    spacing_zyx_mm : tuple of float
        Of the network's grid; all 1 where the images' is not known.
    patch_zyx : tuple of int
        Voxels of the network's grid; training and prediction see windows of this size. (1, y, x) unless '3d'.
    batch : int
        Patches in one step of the optimiser, of all processes together.
    strides : tuple of tuple of int
        By level, finest first; the first is (1, 1, 1).
    widths : tuple of int
        Channels by level.
    mirror_axes : tuple of int
        Axes (0 = z, 1 = y, 2 = x) along which a flipped image is as good an image.
    normalisation : Normalisation
        Of the intensities.
    """

    network: NetworkName
    dimensions: Literal["2d", "2.5d", "3d"]
    neighbours: int
    n_channels: int
    class_names: tuple[str, ...]
    spacing_zyx_mm: tuple[float, float, float]
    patch_zyx: Triple
    batch: int
    strides: tuple[Triple, ...]
    widths: tuple[int, ...]
    mirror_axes: tuple[int, ...] = ()
    normalisation: Normalisation = Normalisation()

    def __post_init__(self) -> None:
        if self.network not in get_args(NetworkName):
            raise DataError(f"Expected one of {', '.join(get_args(NetworkName))}, got '{self.network}'.")
        if len(self.strides) != len(self.widths) or not self.strides or set(self.strides[0]) != {1}:
            raise DataError(
                f"Expected strides and widths of the same levels, the first stride (1, 1, 1), got {self.strides} "
                f"and {self.widths}."
            )
        if self.is_flat and self.patch_zyx[0] != 1:
            raise DataError(f"Expected a patch of one slice for a {self.dimensions} network, got {self.patch_zyx}.")
        if self.batch < 1 or not self.class_names or (self.neighbours > 0) != (self.dimensions == "2.5d"):
            raise DataError(
                "Expected at least one patch in a step and one class, and neighbours for 2.5d only; got "
                f"{self.batch}, {self.class_names} and {self.neighbours} for {self.dimensions}."
            )
        for n, multiple in zip(self.patch_zyx, self.multiples_zyx, strict=True):
            if n < 1 or n % multiple:
                raise DataError(
                    f"Expected a patch of multiples of {self.multiples_zyx} voxels (z, y, x), which this network "
                    f"halves level by level, got {self.patch_zyx}. Choose the next multiple."
                )
        if self.patch_zyx == self.multiples_zyx:
            raise DataError(
                f"Expected a patch of more than {self.multiples_zyx} voxels (z, y, x) for this network, of which "
                "one voxel is left at the coarsest level. Choose a larger multiple."
            )

    @property
    def is_flat(self) -> bool:
        """Whether the network is two-dimensional."""
        return self.dimensions != "3d"

    @property
    def n_rows(self) -> int:
        """K: classes with background."""
        return len(self.class_names) + 1

    @property
    def n_inputs(self) -> int:
        """Channels that the network takes: of the image, times the slices that it sees."""
        return self.n_channels * (2 * self.neighbours + 1)

    @property
    def multiples_zyx(self) -> Triple:
        """What the voxels of a patch have to be multiples of."""
        if self.network == "swinunetr":
            return (1, 32, 32) if self.is_flat else (32, 32, 32)
        z, y, x = (math.prod(stride[axis] for stride in self.strides) for axis in range(3))
        return (z, y, x)

    def shape_of(self, grid: CaseGrid) -> Triple:
        """Voxels of a case on the network's grid: its own where the two are within a tenth; slices stay slices."""
        return shape_on_grid(grid, self.spacing_zyx_mm, slices_stay=self.is_flat)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """Plain values as one line of JSON, always in the same order."""
        return json.dumps(self.to_json(), sort_keys=True)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ModelPlan:
        """Read what `to_json` wrote.

        Raises
        ------
        DataError
            If a value is missing or does not fit the others.
        """
        try:
            lists = {key: _tuples(value) for key, value in values.items() if key != "normalisation"}
            return cls(**lists, normalisation=Normalisation(**values["normalisation"]))
        except (TypeError, KeyError) as error:
            raise DataError(f"Expected the values of a network's plan, got others ({error}). Plan anew.") from error


def mirror_axes_of(class_names: Sequence[str]) -> tuple[int, ...]:
    """Return the axes that images may be flipped along: left and right, unless classes are named by sides.

    Up and down, front and back of a body are never taken for each other. "Left lung", "kidney_r" and "hippocampus
    L" are sides, "liver" is not.
    """
    return () if any(_names_a_side(name) for name in class_names) else (2,)


def _names_a_side(name: str) -> bool:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return re.search(rf"(?:^|[^a-z])(?:{_SIDES})(?:[^a-z]|$)", spaced.lower()) is not None


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def smaller(plan: ModelPlan, *, batch_stays: bool = False, patch_stays: bool = False) -> ModelPlan | None:
    """Return the plan of a step that needs less memory: half the batch, then half the patch; None if none is left.

    The patch is halved along its longest axis (in mm), to a multiple that the network can take.
    """
    if plan.batch > 1 and not batch_stays:
        return replace(plan, batch=plan.batch // 2)
    if patch_stays:
        return None
    able = [axis for axis in range(3) if plan.patch_zyx[axis] >= 2 * plan.multiples_zyx[axis]]
    if not able:
        return None
    axis = max(able, key=lambda a: plan.patch_zyx[a] * plan.spacing_zyx_mm[a])
    multiple = plan.multiples_zyx[axis]
    patch = list(plan.patch_zyx)
    patch[axis] = patch[axis] // 2 // multiple * multiple
    if tuple(patch) == plan.multiples_zyx:
        return None
    return replace(plan, patch_zyx=(patch[0], patch[1], patch[2]))
