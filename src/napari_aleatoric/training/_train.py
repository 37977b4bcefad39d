"""The doors to training a segmentation network; torch is loaded when one is opened."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, MissingExtraError
from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Reporter, SilentReporter, Volume

from ._asked import SegmentationModel
from ._cases import CaseShelf, NetCase, case_grid, normalised_image
from ._model_plan import ModelPlan
from ._model_spec import TrainSpec
from ._nnunet_plan import NNUNET, NnUNetPlan, need_nnunet, nnunet_case

if TYPE_CHECKING:
    from ._torch._nnunet_model import NnUNetModel
    from ._torch._predict_model import TrainedModel

__all__ = [
    "TrainingSet",
    "load_model",
    "memory_at_hand",
    "model_case",
    "need_torch",
    "plan_from_json",
    "train_model",
    "train_nnunet",
]


@dataclass(frozen=True)
class TrainingSet:
    """Which kept cases are learned from, how much each counts, and which are only looked at.

    Images, labels (of one or several readers) and the weights of voxels lie on a `CaseShelf` under these names.

    Parameters
    ----------
    names : sequence of str
        The cases to learn from; the same order gives the same network. Name them by their content (a hash): a
        kept state is taken up again where names and plan are the same.
    validation : sequence of str
        Cases whose Dice is looked at from time to time, to choose the best weights; none of ``names``.
    sample_weight : sequence of float
        How much each of ``names`` counts in the loss, not negative; empty: 1 each.
    """

    names: tuple[str, ...]
    validation: tuple[str, ...] = ()
    sample_weight: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for field in ("names", "validation", "sample_weight"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        weights = self.sample_weight or (1.0,) * len(self.names)
        object.__setattr__(self, "sample_weight", weights)
        if not self.names or len(set(self.names)) != len(self.names):
            raise DataError(f"Expected at least one case to learn from, each named once, got {len(self.names)}.")
        if set(self.names) & set(self.validation):
            raise DataError("Expected other cases for validation than those that are learned from.")
        if len(weights) != len(self.names) or min(weights) < 0 or not max(weights) > 0:
            raise DataError(
                f"Expected weights of 0 or more for {len(self.names)} cases, not all 0, got {len(weights)}."
            )

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with names, order and weights."""
        text = json.dumps([self.names, self.validation, self.sample_weight])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def model_case(
    volume: Volume,
    labels: NDArray[np.integer[Any]],
    box: Box,
    plan: ModelPlan | NnUNetPlan,
    voxel_weight: NDArray[np.floating[Any]] | None = None,
) -> NetCase:
    """Bring a case to the network's grid; one for nnU-Net stays on its own.

    Parameters
    ----------
    volume : Volume
        Upright, grey or colour. Where the plan has colour images, a grey one counts as one of three equal colours;
        where it has none, a colour image is taken as the mean of its colours.
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices by reader, on the whole upright grid; zeros where there are none (prediction).
    box : Box
        The part that is looked at.
    plan : ModelPlan or NnUNetPlan
        Of the data set.
    voxel_weight : numpy.ndarray of float, shape (Z, Y, X), optional
        How much every voxel counts in the loss, 0 or more, on the whole upright grid. On another grid the means
        count, but what any voxel of weight 0 has a part in does not count at all.

    Returns
    -------
    NetCase
        To be put on a `CaseShelf`, or asked about with `TrainedModel.predict`.
    """
    if isinstance(plan, NnUNetPlan):
        return nnunet_case(volume, labels, box, plan)
    need_torch()
    from ._torch._grid import coarser_image, coarser_labels

    shape = plan.shape_of(case_grid(volume, box))
    image = normalised_image(volume, box, plan.normalisation)
    if len(image) > plan.n_channels:
        image = image.mean(axis=0, keepdims=True)
    if len(image) < plan.n_channels:
        image = np.repeat(image, plan.n_channels, axis=0)
    weight = None
    if voxel_weight is not None:
        part = np.ascontiguousarray(voxel_weight[box.slices], dtype=np.float32)
        weight = coarser_image(part[np.newaxis], shape)[0]
        barred = coarser_image((part[np.newaxis] == 0).astype(np.float32), shape)[0]
        weight[barred > 0] = 0  # its label would be learned in part from what is not to be learned from
    return NetCase(coarser_image(image, shape), coarser_labels(labels[(slice(None), *box.slices)], shape), weight)


def memory_at_hand(device: str = "auto") -> int:
    """Return the bytes that training may use on a device: what is free on a graphics card, half of a computer's."""
    need_torch()
    from ._torch._train_device import free_memory

    return free_memory(device)


def train_model(
    plan: ModelPlan,
    shelf: CaseShelf,
    training_set: TrainingSet,
    spec: TrainSpec,
    folder: Path,
    reporter: Reporter | None = None,
) -> TrainedModel:
    """Train a network, or go on where it stopped, and keep it in a folder.

    The state is kept about every 15 seconds, after every look at the validation cases, and when the work is
    stopped. A later call with the same plan, settings and cases goes on from there, over the same patches, and ends
    with the same weights: bit for bit on a processor with the same number of threads. Where the memory does not
    suffice, the batch is halved, then the patch; the plan that was used is kept with the model.
    Started by ``accelerate launch`` or ``torchrun`` in several processes, each takes its share of every step, and
    the result is that of one process to rounding; every process gets the model, the first one writes it.

    Parameters
    ----------
    plan : ModelPlan
        What is trained.
    shelf : CaseShelf
        Where the cases are.
    training_set : TrainingSet
        Which of them are learned from, and which only looked at.
    spec : TrainSpec
        How. What the plan states counts more.
    folder : Path
        Where state and model are kept: ``state.pt`` while it is learned, ``checkpoints/*.safetensors`` and
        ``model.json`` when it is there.
    reporter : Reporter, optional
        Hears of every step and may stop there, and between windows of a validation case. Its metrics, with the
        number of steps done: ``loss`` and ``learning_rate``; from time to time ``loss/<term>``, and
        ``class_weight/<class>`` and ``scale/<class>`` where the loss weighs classes by the network's perception
        scale S; after looks at the validation cases ``dice/<class>`` and ``dice/mean``.

    Returns
    -------
    TrainedModel
        With ``predict``, ``predict_slabs`` and ``predict_members``.

    Raises
    ------
    Cancelled
        If the reporter asked to stop; the state is kept.
    DataError
        If not even the smallest patch fits into the memory, or the loss is no longer a number.
    """
    need_torch()
    from ._torch._train_model import train_model as train

    return train(plan, shelf, training_set, spec, Path(folder), reporter or SilentReporter())


def train_nnunet(
    plan: NnUNetPlan,
    home: Path,
    training_set: TrainingSet,
    spec: TrainSpec,
    folder: Path,
    memory_bytes: int,
    reporter: Reporter | None = None,
) -> NnUNetModel:
    """Train a network with nnU-Net and our loss, or go on where it stopped, and keep it in a folder.

    nnU-Net plans, preprocesses, augments and optimises; how, is its own affair. Of the settings count the loss (not
    its denoising and its sharpness-aware step), ``iterations``, ``learning_rate`` and ``weight_decay`` where they
    are given, ``width``, ``patch_voxels`` (as the memory that nnU-Net plans for), ``spacing_zyx_mm`` and
    ``case_voxels``, ``dimensions`` (not 2.5d), ``mirror_axes``, ``mirroring``, ``seed`` and ``device``. The state
    is nnU-Net's checkpoint, kept after every epoch of about a fiftieth of the steps; a later call goes on from it.

    Parameters
    ----------
    plan : NnUNetPlan
        Classes and channels.
    home : Path
        Folder whose ``raw`` holds the cases (`NnUNetRaw`); nnU-Net's other places are made beside it. It is deleted
        when the model is there.
    training_set : TrainingSet
        Names of the cases there.
    spec : TrainSpec
        How.
    folder : Path
        Where the model is kept: ``checkpoints/final.safetensors`` and ``model.json``.
    memory_bytes : int
        At hand (`memory_at_hand`).
    reporter : Reporter, optional
        Hears of every case and step and may stop there; its metrics are those of `train_model`, the Dice being of
        patches of the validation cases.

    Returns
    -------
    NnUNetModel
        With ``predict``.

    Raises
    ------
    MissingExtraError
        Without the extra ``nnunet``.
    Cancelled
        If the reporter asked to stop; what the last epoch learned is kept.
    DataError
        If the memory does not suffice, or the loss is no longer a number.
    """
    need_nnunet()
    from ._torch._nnunet_home import quiet

    with quiet():
        from ._torch._nnunet_train import train_nnunet as train

    heard = reporter or SilentReporter()
    return train(plan, Path(home), training_set, spec, Path(folder), memory_bytes, heard)


def plan_from_json(values: dict[str, Any]) -> ModelPlan | NnUNetPlan:
    """Read a plan that was kept as plain values, whoever trains by it."""
    return NnUNetPlan.from_json(values) if values.get("backend") == NNUNET else ModelPlan.from_json(values)


def load_model(folder: Path, device: str | None = None) -> SegmentationModel:
    """Open a model that `train_model` or `train_nnunet` left in a folder.

    Parameters
    ----------
    folder : Path
        With ``model.json`` and ``checkpoints``.
    device : str, optional
        Where it runs; default: as its settings say.

    Raises
    ------
    NotFoundError
        If there is no finished model.
    MissingExtraError
        If nnU-Net trained it, and is not installed.
    DataError
        If it is damaged.
    """
    need_torch()
    from ._torch._predict_model import load_model as load
    from ._torch._predict_model import read_backend

    if read_backend(Path(folder)) == NNUNET:
        need_nnunet()
        from ._torch._nnunet_model import load_nnunet

        return load_nnunet(Path(folder), device)
    return load(Path(folder), device)


def need_torch() -> None:
    """Refuse with one sentence where the extra is not installed."""
    try:
        import accelerate  # type: ignore[import-untyped] # noqa: F401
        import monai  # noqa: F401
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError.for_extra("ai", "train a network") from error
