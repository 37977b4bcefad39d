"""From a sentence to a mask, in stages that can each be shown: saliency, coarse mask, prompts, mask, volume."""

from ._components import Component, Components, components_of
from ._library import PromptLibrary
from ._library_file import Worked, remember
from ._outline import Outline, outline
from ._prompting import Pointing, pointings_of
from ._query import Query, QueryVectors, Side, mean_vector, presence, query_vectors
from ._segment_slice import SliceSegmentation, outline_all, segment_slice, slice_from_saliency
from ._segment_volume import KeySlice, VolumeSegmentation, segment_volume
from ._spec import SliceSpec, VolumeSpec
from ._stack import SliceStack
from ._threshold import CoarseMask, coarse_mask

__all__ = [
    "CoarseMask",
    "Component",
    "Components",
    "KeySlice",
    "Outline",
    "Pointing",
    "PromptLibrary",
    "Query",
    "QueryVectors",
    "Side",
    "SliceSegmentation",
    "SliceSpec",
    "SliceStack",
    "VolumeSegmentation",
    "VolumeSpec",
    "Worked",
    "coarse_mask",
    "components_of",
    "mean_vector",
    "outline",
    "outline_all",
    "pointings_of",
    "presence",
    "query_vectors",
    "remember",
    "segment_slice",
    "segment_volume",
    "slice_from_saliency",
]
