"""From the data, the wishes and the memory at hand to a plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

from ._model_plan import ModelPlan, Normalisation, mirror_axes_of, smaller
from ._model_spec import NetworkName, TrainSpec
from ._plan import CaseGrid, Triple, coarsened

__all__ = ["memory_needed", "plan_model"]

_LEAST = 4  # voxels of a patch at the coarsest level
_MOST_LEVELS = 6
_WIDEST: dict[str, int] = {"2d": 512, "2.5d": 512, "3d": 320}
_SWIN_MULTIPLE = 32
_SWIN_WIDTH = 12  # its widths are multiples of it

_MAPS: dict[NetworkName, float] = {
    "unet": 14.0,
    "segresnet": 22.0,
    "swinunetr": 60.0,
    "dynunet": 16.0,
    "plainconvunet": 16.0,
    "resenc": 30.0,
}
"""Numbers that training keeps for each voxel and channel of a level."""
_LOGIT_MAPS = 12.0  # the same of logits and loss, for each voxel and class
_PART_USED = 0.8  # of the memory at hand


def plan_model(
    grids: Sequence[CaseGrid],
    n_channels: int,
    class_names: Sequence[str],
    spec: TrainSpec,
    *,
    memory_bytes: int | None = None,
    normalisation: Normalisation | None = None,
) -> ModelPlan:
    """Choose grid, patch, batch and levels for a data set.

    The grid has the median spacing of the cases, coarsened, the finest axes first, until the median case has at
    most ``spec.case_voxels``. The patch is the median case, cut along its longest axis (in mm) to
    ``spec.patch_voxels``. An axis is halved from level to level while the patch stays at least 4 voxels thick and
    the spacing within twice the finest; networks that halve all axes alike do so while the thinnest allows. The
    batch fills ``spec.voxels_per_step``, at least 2. Where the memory at hand is too little, first the batch, then
    the patch is made smaller. In the manner of nnU-Net's planning (Isensee et al. 2021,
    doi 10.1038/s41592-020-01008-z), with our own numbers. What ``spec`` states is taken as it is.

    Parameters
    ----------
    grids : sequence of CaseGrid
        Of all cases that are learned from.
    n_channels : int
        Of the images: 1 grey, 3 colour.
    class_names : sequence of str
        Of the foreground classes, in the order of their rows.
    spec : TrainSpec
        Wishes and limits.
    memory_bytes : int, optional
        Memory at hand for the training (`memory_at_hand`); without it, only the limits of ``spec`` count.
    normalisation : Normalisation, optional
        Of the intensities; default: every image by itself.

    Returns
    -------
    ModelPlan
        Does not depend on the order of the cases.

    Raises
    ------
    DataError
        If there is no case, or the network cannot look at cases so thin, or not even the smallest patch fits.
    """
    if not grids:
        raise DataError("Expected at least one case to plan a network for, got none. Accept or correct some first.")
    dimensions = _dimensions(grids, spec)
    flat = dimensions != "3d"
    axes = [1, 2] if flat else [0, 1, 2]
    extent = np.median([np.multiply(g.shape_zyx, g.spacing_zyx_mm) for g in grids], axis=0)
    spacing = np.median([g.spacing_zyx_mm for g in grids], axis=0)
    if spec.spacing_zyx_mm is not None:
        spacing = np.array(spec.spacing_zyx_mm, dtype=np.float64)
    else:
        spacing = coarsened(extent, spacing, axes, spec.case_voxels)
    shape = np.maximum(1, np.rint(extent / spacing)).astype(np.int64)
    if flat:
        shape[0] = 1
    wanted = np.array(spec.patch_zyx) if spec.patch_zyx is not None else _cut(shape, spacing, spec.patch_voxels)
    if flat and wanted[0] != 1:
        raise DataError(f"Expected a patch of one slice for a {dimensions} network, got {spec.patch_zyx}.")
    if spec.network == "swinunetr" and (shape[axes] < _SWIN_MULTIPLE / 2).any():
        raise DataError(
            f"Expected windows of about {_SWIN_MULTIPLE} voxels along every axis for SwinUNETR, got "
            f"typical cases of {tuple(map(int, shape))} (z, y, x). Take another network, or dimensions '2d'."
        )
    plan = _laid_out(spec, dimensions, wanted, spacing, n_channels, tuple(class_names), normalisation)
    return plan if memory_bytes is None else _fitted(plan, spec, memory_bytes)


def memory_needed(plan: ModelPlan) -> int:
    """Return roughly the bytes of a step of training: features and logits in 32 bits, the weights four times."""
    voxels = math.prod(plan.patch_zyx) * plan.batch
    per_voxel, part = 0.0, 1.0
    for width, stride in zip(plan.widths, plan.strides, strict=True):
        part /= math.prod(stride)
        per_voxel += width * part * _MAPS[plan.network]
    kernel = 9 if plan.is_flat else 27
    weights = sum(4 * kernel * width * width for width in plan.widths)
    return round(4 * voxels * (per_voxel + _LOGIT_MAPS * plan.n_rows) + 16 * weights)


def _dimensions(grids: Sequence[CaseGrid], spec: TrainSpec) -> Literal["2d", "2.5d", "3d"]:
    if spec.dimensions != "auto":
        return spec.dimensions
    return "2d" if float(np.median([g.shape_zyx[0] for g in grids])) < spec.flat_below else "3d"


def _cut(shape: NDArray[np.int64], spacing: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Cut the longest axis (in mm) until few enough voxels are left; no axis below 2·`_LEAST` is cut."""
    size = shape.astype(np.float64)
    while math.prod(size) > most:
        long = [axis for axis in range(3) if size[axis] > 2 * _LEAST]
        if not long:
            break
        axis = max(long, key=lambda a: size[a] * spacing[a])
        size[axis] = max(2 * _LEAST, size[axis] * 0.95)
    return np.floor(size).astype(np.int64)


def _laid_out(
    spec: TrainSpec,
    dimensions: Literal["2d", "2.5d", "3d"],
    wanted: NDArray[np.int64],
    spacing: NDArray[np.float64],
    n_channels: int,
    class_names: tuple[str, ...],
    normalisation: Normalisation | None,
) -> ModelPlan:
    flat = dimensions != "3d"
    axes = [1, 2] if flat else [0, 1, 2]
    strides = _strides(spec.network, wanted, spacing, flat)
    if spec.network == "swinunetr":
        multiples = np.array([1 if flat else _SWIN_MULTIPLE, _SWIN_MULTIPLE, _SWIN_MULTIPLE])
        width = max(_SWIN_WIDTH, round(spec.width / _SWIN_WIDTH) * _SWIN_WIDTH)
        widths = tuple(width * 2**level for level in range(len(strides)))
    else:
        multiples = np.prod(strides, axis=0)
        width = spec.width if spec.network != "segresnet" else max(8, round(spec.width / 8) * 8)
        widest = width << 16 if spec.network == "segresnet" else max(width, _WIDEST[dimensions])
        widths = tuple(min(width * 2**level, widest) for level in range(len(strides)))
    if spec.patch_zyx is not None:
        patch = spec.patch_zyx
    else:
        times = np.maximum(1, np.rint(wanted / multiples)).astype(int)
        if times.max() == 1:  # one voxel would be left at the coarsest level
            times[max(axes, key=lambda axis: wanted[axis] * spacing[axis])] = 2
        z, y, x = (int(v) for v in times * multiples)
        patch = (z, y, x)
    return ModelPlan(
        network=spec.network,
        dimensions=dimensions,
        neighbours=spec.neighbours if dimensions == "2.5d" else 0,
        n_channels=n_channels,
        class_names=class_names,
        spacing_zyx_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        patch_zyx=patch,
        batch=spec.batch or max(2, round(spec.voxels_per_step / math.prod(patch))),
        strides=strides,
        widths=widths,
        mirror_axes=mirror_axes_of(class_names) if spec.mirror_axes is None else spec.mirror_axes,
        normalisation=normalisation or Normalisation(),
    )


def _strides(
    network: NetworkName, patch: NDArray[np.int64], spacing: NDArray[np.float64], flat: bool
) -> tuple[Triple, ...]:
    """Return what is halved from level to level; a patch of the multiples can be."""
    every: Triple = (1, 2, 2) if flat else (2, 2, 2)
    axes = [1, 2] if flat else [0, 1, 2]
    if network == "swinunetr":
        return ((1, 1, 1), *[every] * 4)
    found: list[Triple] = [(1, 1, 1)]
    if network == "segresnet":
        thinnest = min(int(patch[axis]) for axis in axes)
        while len(found) < 4 and thinnest // 2 ** len(found) >= _LEAST:
            found.append(every)
        return tuple(found)
    size, step = patch.copy(), spacing.copy()
    while len(found) < _MOST_LEVELS:
        able = [axis for axis in axes if size[axis] // 2 >= _LEAST]
        if not able:
            break
        finest = min(step[axis] for axis in able)
        halved = [axis for axis in able if step[axis] <= 2 * finest]
        found.append((2 if 0 in halved else 1, 2 if 1 in halved else 1, 2 if 2 in halved else 1))
        for axis in halved:
            size[axis] //= 2
            step[axis] *= 2
    return tuple(found) if len(found) > 1 else ((1, 1, 1), (1, 1, 1))


def _fitted(plan: ModelPlan, spec: TrainSpec, memory_bytes: int) -> ModelPlan:
    """Make batch, then patch smaller until a step fits into the memory; what is wished for stays."""
    while memory_needed(plan) > _PART_USED * memory_bytes:
        less = smaller(plan, batch_stays=spec.batch is not None, patch_stays=spec.patch_zyx is not None)
        if less is None:
            raise DataError(
                f"Expected memory for a step of training, about {memory_needed(plan) / 2**30:.1f} GB, got "
                f"{memory_bytes / 2**30:.1f} GB. Choose a smaller width or patch, or close other programs."
            )
        plan = less
    return plan
