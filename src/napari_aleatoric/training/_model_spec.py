"""What a user may choose about the training of a segmentation network."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import Field, model_validator

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Spec

from ._loss_spec import LossSpec
from ._readers_spec import ReadersName, UmaSpec, without_usual_readers

__all__ = ["DimensionsName", "NetworkName", "PresetName", "TrainSpec"]

NetworkName = Literal["unet", "segresnet", "swinunetr", "dynunet", "plainconvunet", "resenc"]
DimensionsName = Literal["auto", "2d", "2.5d", "3d"]
PresetName = Literal["quick", "standard", "thorough"]

_PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "iterations": 300,
        "width": 16,
        "patch_voxels": 64_000,
        "voxels_per_step": 130_000,
        "case_voxels": 1_500_000,
        "validate_every": 100,
    },
    "standard": {},
    "thorough": {
        "iterations": 25_000,
        "optimiser": "sgd",
        "schedule": "cyclic",
        "patch_voxels": 128**3,
        "voxels_per_step": 2 * 96**3,
        "case_voxels": 30_000_000,
        "validate_every": 1_000,
        "mirroring": True,
    },
}


class TrainSpec(Spec):
    """Settings of training a segmentation network on reviewed cases.

    What is None is planned from the data and the memory at hand (`plan_model`). ``thorough`` follows the protocol
    of the AUV paper (arXiv 2604.10963: 100 passes of 250 steps, SGD at 0.01, patches of 96×96×96, two in a step)
    with the cyclic schedule of MedCLIP-SAMv2 (arXiv 2409.19483), whose several checkpoints tell how sure the
    network is.
    """

    network: NetworkName = Field(default="unet", description="Architecture.")
    dimensions: DimensionsName = Field(
        default="auto",
        description="What is convolved: slices (2d), slices with neighbours as channels (2.5d), volumes (3d).",
    )
    neighbours: int = Field(default=1, ge=1, le=8, description="Slices on either side that 2.5d sees.")
    iterations: int = Field(default=3_000, ge=1, le=1_000_000, description="Steps of the optimiser, at most.")
    minutes: float | None = Field(
        default=None,
        gt=0,
        description="Time for the steps: their number then follows from the pace of the first ones.",
    )
    batch: int | None = Field(default=None, ge=1, le=1024, description="Patches in a step; empty: planned.")
    patch_zyx: tuple[int, int, int] | None = Field(
        default=None, description="Voxels of a patch on the network's grid; empty: planned."
    )
    spacing_zyx_mm: tuple[float, float, float] | None = Field(
        default=None, description="Of the network's grid, in millimetres; empty: planned."
    )
    width: int = Field(
        default=32,
        ge=4,
        le=128,
        description="Channels of the finest level; doubled at each coarser one, up to 320.",
    )
    patch_voxels: int = Field(default=96**3, ge=512, description="Voxels of a planned patch, at most.")
    voxels_per_step: int = Field(
        default=2 * 96**3, ge=1_000, description="Voxels of all planned patches of a step."
    )
    case_voxels: int = Field(
        default=8_000_000,
        ge=4_096,
        description="A typical case has at most so many voxels on the network's grid; finer images are coarsened.",
    )
    flat_below: int = Field(
        default=8, ge=2, description="With typically fewer slices than this, dimensions 'auto' means 2d."
    )
    loss: LossSpec = Field(default=LossSpec(), description="What is minimised.")
    readers: ReadersName = Field(
        default="random",
        description="Where several readers labelled a case: one of them, drawn anew for every patch (random); all "
        "in every patch, each counting alike (each); their vote or STAPLE (vote, staple); all of them, each by how "
        "far to be relied on (uma).",
    )
    uma: UmaSpec = Field(default=UmaSpec(), description="How readers are weighed, with readers 'uma'.")
    optimiser: Literal["adamw", "sgd"] = Field(
        default="adamw", description="AdamW, or SGD with Nesterov momentum 0.99."
    )
    learning_rate: float | None = Field(
        default=None, gt=0, le=1, description="Highest rate; empty: 0.002 for AdamW, 0.01 for SGD."
    )
    weight_decay: float | None = Field(
        default=None, ge=0, le=1, description="Empty: 0.01 for AdamW, 0.00003 for SGD."
    )
    schedule: Literal["poly", "cosine", "cyclic"] = Field(
        default="cosine", description="How the rate falls; 'cyclic' keeps several checkpoints in every cycle."
    )
    cycles: int = Field(default=3, ge=1, le=100, description="Of the cyclic schedule.")
    gamma: float = Field(
        default=0.8, gt=0, lt=1, description="Part of a cycle in which the rate falls; then it stays (cyclic)."
    )
    checkpoints_per_cycle: int = Field(
        default=10, ge=1, le=100, description="Kept in the part of a cycle in which the rate stays (cyclic)."
    )
    average_last: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Weights are averaged over about this part of the training (0: not; with cycles never).",
    )
    near_fraction: float = Field(
        default=0.5, ge=0, le=1, description="Part of the patches that are laid round a labelled voxel."
    )
    augmentation: float = Field(
        default=1.0, ge=0, le=3, description="Strength of rotation, scaling and changes of intensity; 0: none."
    )
    mirror_axes: tuple[Literal[0, 1, 2], ...] | None = Field(
        default=None,
        description="Axes (0 = z, 1 = y, 2 = x) that patches are flipped along; empty: left and right, unless "
        "classes are named by sides.",
    )
    mirroring: bool = Field(
        default=False, description="Predict flipped images too, along the same axes, and average."
    )
    overlap: float = Field(default=0.5, ge=0, lt=1, description="Of neighbouring windows in prediction.")
    validate_every: int = Field(default=250, ge=1, description="Steps between two looks at the validation cases.")
    early_stopping_patience: int | None = Field(
        default=None, ge=1, description="Stop after so many looks without a better Dice; empty: never."
    )
    seed: int = Field(default=0, ge=0, description="Decides first weights, patches and augmentation.")
    device: str = Field(default="auto", description="Where the network runs: cpu, cuda, cuda:1, mps or auto.")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        default="auto", description="'auto': bfloat16 on CUDA, 32 bits elsewhere."
    )

    @classmethod
    def of_preset(cls, name: str, **changes: Any) -> TrainSpec:
        """Return named settings: ``quick`` (minutes on a processor), ``standard``, ``thorough`` (hours)."""
        if name not in _PRESETS:
            raise DataError(f"Expected one of {', '.join(_PRESETS)}, got '{name}'.")
        return cls(**{**_PRESETS[name], **changes})

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any chosen value that counts."""
        text = json.dumps(without_usual_readers(self.model_dump(mode="json")), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @model_validator(mode="after")
    def _plain_steps_for_readers(self) -> TrainSpec:
        if self.readers == "uma" and (self.loss.denoise or self.loss.sharpness_aware):
            raise ValueError(
                "readers 'uma' learns where labels are wrong by itself and takes plain steps, and denoise or "
                "sharpness_aware is set; leave these out, or choose other readers."
            )
        return self

    @model_validator(mode="after")
    def _cycles_have_room(self) -> TrainSpec:
        if (
            self.schedule == "cyclic"
            and (1 - self.gamma) * self.iterations / self.cycles < self.checkpoints_per_cycle
        ):
            raise ValueError(
                f"Expected room for {self.checkpoints_per_cycle} checkpoints in the last {1 - self.gamma:.0%} of a "
                f"cycle, got {self.iterations} steps in {self.cycles} cycles. Take more steps."
            )
        if self.patch_zyx is not None and min(self.patch_zyx) < 1:
            raise ValueError(f"Expected a patch of at least one voxel along every axis, got {self.patch_zyx}.")
        if self.spacing_zyx_mm is not None and not min(self.spacing_zyx_mm) > 0:
            raise ValueError(f"Expected spacings above 0 mm, got {self.spacing_zyx_mm}.")
        return self
