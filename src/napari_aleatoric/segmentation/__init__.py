"""From a sentence to a mask, in stages that can each be shown: saliency, coarse mask, prompts, mask, volume."""

from ._captions import Caption, CaptionedSlice, captioned_slices
from ._carry_all import segment_from_pointings
from ._components import Component, Components, components_of
from ._library import PromptLibrary
from ._library_file import Worked, remember
from ._limits import NotFoundLimits, limits_of
from ._models import open_segmenter, open_text_model
from ._outline import Outline, outline
from ._prompting import Pointing, pointings_of
from ._proposal import Proposal, ProposedClass, segment_words
from ._query import Query, QueryVectors, Side, mean_vector, presence, query_vectors
from ._segment_folder import (
    FolderSpec,
    FolderSummary,
    images_in,
    list_images,
    segment_cases,
    segment_workspace,
)
from ._segment_slice import SliceSegmentation, outline_all, segment_slice, slice_from_saliency
from ._segment_volume import KeySlice, VolumeSegmentation, segment_volume
from ._slice_facts import SliceFact
from ._spec import SliceSpec, VolumeSpec
from ._stack import SliceStack
from ._threshold import CoarseMask, coarse_mask

__all__ = [
    "Caption",
    "CaptionedSlice",
    "CoarseMask",
    "Component",
    "Components",
    "FolderSpec",
    "FolderSummary",
    "KeySlice",
    "NotFoundLimits",
    "Outline",
    "Pointing",
    "PromptLibrary",
    "Proposal",
    "ProposedClass",
    "Query",
    "QueryVectors",
    "Side",
    "SliceFact",
    "SliceSegmentation",
    "SliceSpec",
    "SliceStack",
    "VolumeSegmentation",
    "VolumeSpec",
    "Worked",
    "captioned_slices",
    "coarse_mask",
    "components_of",
    "images_in",
    "limits_of",
    "list_images",
    "mean_vector",
    "open_segmenter",
    "open_text_model",
    "outline",
    "outline_all",
    "pointings_of",
    "presence",
    "query_vectors",
    "remember",
    "segment_cases",
    "segment_from_pointings",
    "segment_slice",
    "segment_volume",
    "segment_words",
    "segment_workspace",
    "slice_from_saliency",
]
