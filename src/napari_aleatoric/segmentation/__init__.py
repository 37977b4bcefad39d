"""From a sentence to a mask, in stages that can each be shown: saliency, coarse mask, prompts, mask, volume."""

from ._components import Component, Components, components_of
from ._prompting import Pointing, pointings_of
from ._spec import SliceSpec, VolumeSpec
from ._threshold import CoarseMask, coarse_mask

__all__ = [
    "CoarseMask",
    "Component",
    "Components",
    "Pointing",
    "SliceSpec",
    "VolumeSpec",
    "coarse_mask",
    "components_of",
    "pointings_of",
]
