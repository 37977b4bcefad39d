"""What a user may choose about learning from several readers' labels of one image."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from napari_aleatoric.model import Spec

__all__ = ["ReadersName", "UmaSpec", "without_usual_readers"]

ReadersName = Literal["random", "each", "vote", "staple", "uma"]


class UmaSpec(Spec):
    """Settings of learning from all readers by how far each can be relied on, after UMA-Net.

    The parts are those of Wang et al. (arXiv 2304.00466; Medical Image Analysis 2025): a map of uncertainty for
    each reader's label, a loss weighted by it, an image-wise quality that sends a patch to one of two predictors on
    one network. The formulas and every number are our proposal. Each part can be switched on and off.
    """

    maps: Literal["learned", "departure"] = Field(
        default="learned",
        description="Where a reader's uncertainty is from: a small network that learns it, or how far the reader "
        "departs from the others.",
    )
    weigh: bool = Field(
        default=True, description="Whether a reader counts less where uncertain; else all count alike everywhere."
    )
    apart: Literal["reader", "voxel"] = Field(
        default="reader",
        description="What has a weight of its own: each reader of a patch, or each voxel of each.",
    )
    sharpen: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="How far what is learned from moves from the readers' weighted mean to their weighted vote.",
    )
    route: bool = Field(
        default=False,
        description="Whether patches of low quality stay away from the predictor that is kept. Off, because it "
        "cost more than it gave on validation cases of LIDC (docs/benchmarks.md).",
    )
    auxiliary: bool = Field(
        default=True, description="Whether they go to a second predictor; else they are not learned from."
    )
    auxiliary_weight: float = Field(
        default=0.5, ge=0, le=1, description="What the second predictor's loss counts beside the first one's."
    )
    warm_up: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Part of the training in which all patches are of high quality and all readers count alike; "
        "what tells them apart then grows over as long a part.",
    )
    quantile: float = Field(
        default=0.5, ge=0, le=1, description="Part of an epoch's patches below the quality that is still high."
    )
    log_variance_limit: float = Field(
        default=5.0, gt=0, description="Learned log-variances stay between minus this and this."
    )
    faster: float = Field(
        default=10.0, gt=0, le=100, description="Learning rate of that network, as a multiple of the others'."
    )
    band_voxels: float = Field(
        default=3.0, ge=0, le=16, description="Quality is a mean up to so many voxels round what anybody drew."
    )
    width: int = Field(
        default=8, ge=4, le=64, description="Channels of the finest level of the network that learns uncertainty."
    )

    def strength(self, part: float) -> float:
        """Return how much readers are told apart when `part` (0 to 1) of the training is done: 0 to 1."""
        if part < self.warm_up:
            return 0.0
        return 1.0 if self.warm_up == 0 else min((part - self.warm_up) / self.warm_up, 1.0)


def without_usual_readers(values: dict[str, Any]) -> dict[str, Any]:
    """Return a training's settings as before there was a choice of readers, where the usual one is chosen.

    So that what was trained before is known again. What is set for 'uma' counts only where 'uma' is chosen.
    """
    if values.get("readers") == "uma":
        return values
    left_out = {"uma", "readers"} if values.get("readers") == "random" else {"uma"}
    return {name: value for name, value in values.items() if name not in left_out}
