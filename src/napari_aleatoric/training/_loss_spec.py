"""What a user may choose about the loss and the way down it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from napari_aleatoric.model import Spec

__all__ = ["LossSpec"]


class LossSpec(Spec):
    """Settings of the loss of a training and of the sharpness-aware step.

    `alpha` and the learned weights follow the papers (DUO: arXiv 2604.10963; U-MedSAM: arXiv 2408.08881 and its
    sibling's code); `beta`, the warm-up, the ramp and the shape term are our proposals.
    """

    kind: Literal["dice_ce", "duo", "umedsam"] = Field(
        default="dice_ce",
        description="dice_ce: Dice and cross-entropy; duo: the same, every class divided by 1 + alpha · its "
        "perception scale; umedsam: Dice, cross-entropy, focal and shape distance with learned weights.",
    )
    alpha: float = Field(
        default=0.5, ge=0, description="DUO: a class of perception scale 1 counts 1/(1 + alpha), one of 0 counts 1."
    )
    beta: float = Field(default=0.5, ge=0, le=1, description="Part of Dice; the rest is cross-entropy.")
    detach_scale: bool = Field(
        default=True, description="DUO: no gradient through the perception scale (cheaper, and steady)."
    )
    denoise: bool = Field(
        default=False, description="Learn with a second head where the labels are wrong; needs its logits."
    )
    noise_size: Literal["class", "sample"] = Field(
        default="class",
        description="denoise: one size and sign of the noise for every class, or for every class of every sample.",
    )
    warm_up: float = Field(
        default=0.1, ge=0, le=1, description="Part of the training before DUO weights and denoising begin."
    )
    ramp: float = Field(
        default=0.1, ge=0, le=1, description="Part of the training over which they grow evenly; 0 = at once."
    )
    include_background: bool = Field(
        default=False, description="Whether the background has a Dice of its own. It always has its cross-entropy."
    )
    smooth: float = Field(default=1e-5, gt=0, description="Voxels added above and below in Dice.")
    focal_gamma: float = Field(default=2.0, ge=0, description="How much less a voxel counts that is already right.")
    focal_weight: float = Field(default=0.5, gt=0, description="Constant factor of the focal term.")
    shape: bool = Field(default=True, description="umedsam: whether the shape-distance term is one of the terms.")
    log_variance_limit: float = Field(
        default=6.0, gt=0, description="umedsam: learned log-variances stay between minus this and this."
    )
    seed: int = Field(default=0, ge=0, description="Of the first sizes and signs of the label noise.")
    sharpness_aware: bool = Field(
        default=False, description="Take every step with the gradient of the worst place near by; twice the time."
    )
    rho: float = Field(
        default=0.05, gt=0, description="How far that place is, as the length of all weights' change."
    )

    @model_validator(mode="after")
    def _denoise_where_defined(self) -> LossSpec:
        if self.denoise and self.kind == "umedsam":
            raise ValueError(
                "Label denoising is defined for the kinds dice_ce and duo, and kind is umedsam; "
                "choose one of the two, or denoise=False."
            )
        return self

    def strength(self, part: float) -> float:
        """Return how much DUO weights and denoising count when `part` (0..1) of the training is done: 0 to 1."""
        if part < self.warm_up:
            return 0.0
        return 1.0 if self.ramp == 0 else min((part - self.warm_up) / self.ramp, 1.0)
