"""A plan as a person reads it."""

from __future__ import annotations

from ._model_plan import ModelPlan
from ._model_planning import memory_needed

__all__ = ["NETWORK_TITLES", "plan_in_words"]

NETWORK_TITLES = {
    "unet": "U-Net",
    "segresnet": "SegResNet",
    "swinunetr": "SwinUNETR",
    "dynunet": "DynUNet",
    "plainconvunet": "PlainConvUNet",
    "resenc": "ResEnc U-Net",
}
"""How the networks are called, by `TrainSpec.network`."""

_AXES = ("up and down", "front and back", "left and right")


def plan_in_words(plan: ModelPlan) -> tuple[str, ...]:
    """Say a plan in sentences: network, grid and patches, memory, intensities, flips. Lengths in mm, z × y × x."""
    looks = {
        "2d": "slice by slice",
        "2.5d": f"on slices with {plan.neighbours} on either side",
        "3d": "in 3-D",
    }[plan.dimensions]
    kept = plan.normalisation
    channels = ", ".join(map(str, plan.widths))
    flips = " and ".join(_AXES[axis] for axis in plan.mirror_axes)
    normalised = (
        "Every image is normalised by itself."
        if kept.kind == "case"
        else f"Intensities from {kept.low:.4g} to {kept.high:.4g} count, as found inside the labels."
    )
    size, voxel = _times(plan.patch_zyx), _times(plan.spacing_zyx_mm)
    return (
        f"{NETWORK_TITLES[plan.network]} {looks}, {len(plan.widths)} levels of {channels} channels.",
        f"Voxels of {voxel} mm; patches of {size} of them, {plan.batch} in a step.",
        f"A step takes about {_memory(memory_needed(plan))} of memory.",
        normalised,
        f"Images are flipped {flips}." if flips else "No image is flipped, as sides have names or it is set so.",
    )


def _times(values: tuple[float, ...]) -> str:
    return " × ".join(f"{value:.3g}" for value in values)


def _memory(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GB" if n_bytes >= 2**30 else f"{max(1, round(n_bytes / 2**20))} MB"
