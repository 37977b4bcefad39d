"""What a user may choose about the quick network."""

from __future__ import annotations

from pydantic import Field

from napari_aleatoric.model import Spec

__all__ = ["QuickNetSpec"]


class QuickNetSpec(Spec):
    """Settings of a small network that is trained for minutes.

    Training is short on purpose: a network that is trained for long learns the errors of the labels by heart and
    no longer contradicts them.
    """

    iterations: int = Field(default=300, ge=1, le=100_000, description="Steps of the optimiser.")
    voxels_per_step: int = Field(
        default=150_000, ge=1_000, description="Voxels of all patches of one step together, about."
    )
    patch_voxels: int = Field(default=64_000, ge=512, description="Voxels of a patch, at most.")
    flat_below: int = Field(
        default=8,
        ge=2,
        description="With typically fewer slices than this the network looks at each slice by itself (2-D).",
    )
    width: int = Field(
        default=16, ge=4, le=64, description="Channels of the finest level; doubled at each coarser one."
    )
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    weight_decay: float = Field(default=1e-2, ge=0)
    average_last: float = Field(
        default=0.4, ge=0, lt=1, description="Last part of the training whose weights are averaged."
    )
    near_fraction: float = Field(
        default=0.67, ge=0, le=1, description="Part of the patches that are laid round a labelled voxel."
    )
    case_voxels: int = Field(
        default=1_500_000,
        ge=4_096,
        description="A typical case has at most so many voxels on the network's grid; finer images are coarsened.",
    )
    overlap: float = Field(default=0.5, ge=0, lt=1, description="Of neighbouring windows in prediction.")
    seed: int = Field(default=0, ge=0, description="Decides the first weights and which patches are drawn.")
    device: str = Field(default="auto", description="Where the network runs: cpu, cuda, mps or auto.")
