"""Losses of a training, and what they need beside the network."""

from ._noise_head import WithNoiseHead, with_noise_head
from ._objective import LossParts, Objective, build_objective, parameter_groups

__all__ = [
    "LossParts",
    "Objective",
    "WithNoiseHead",
    "build_objective",
    "parameter_groups",
    "with_noise_head",
]
