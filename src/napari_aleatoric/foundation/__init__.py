"""Frozen models that look at images: encoders without weights, promptable segmenters, and what they are kept in."""

from typing import TYPE_CHECKING, Any

from ._advice import Advice, Advised
from ._box import Box
from ._decoded import LOGIT_LIMIT, DecodedMaps, class_groups, decode_classes
from ._devices import torch_device
from ._embedded import EmbeddedVolume, EmbeddingKeeper, embed_volume, slice_axis
from ._embedding_cache import EmbeddingCache
from ._encoder import ENCODERS, Features, FeatureSource, ImageEncoder, encoder
from ._filter_bank import ColourFilterBankEncoder, FilterBankEncoder
from ._intensity import intensity_range, to_uint8
from ._jittered import JitteredMaps, jittered_prompts
from ._saliency import Likens, Saliency, SaliencyMethod, SaliencySpec, TextImageModel, likeness
from ._segmenter import (
    SEGMENTERS,
    Embedding,
    Prediction,
    Prompt,
    PromptSegmenter,
    SliceTracker,
    bilinear,
    segmenter,
)
from ._slice_grid import put_bytes
from ._text_image import load_text_image
from ._text_image_known import TEXT_IMAGE_WEIGHTS, all_weights_store
from ._text_image_search import SaliencySearch, SearchRow, search_saliency
from ._weights import WEIGHTS, KnownWeights, WeightsStatus, WeightsStore

if TYPE_CHECKING:
    from ._torch._text_image import OpenClipModel

__all__ = [
    "ENCODERS",
    "LOGIT_LIMIT",
    "SEGMENTERS",
    "TEXT_IMAGE_WEIGHTS",
    "WEIGHTS",
    "Advice",
    "Advised",
    "Box",
    "ColourFilterBankEncoder",
    "DecodedMaps",
    "EmbeddedVolume",
    "Embedding",
    "EmbeddingCache",
    "EmbeddingKeeper",
    "FeatureSource",
    "Features",
    "FilterBankEncoder",
    "ImageEncoder",
    "JitteredMaps",
    "KnownWeights",
    "Likens",
    "OpenClipModel",
    "Prediction",
    "Prompt",
    "PromptSegmenter",
    "Saliency",
    "SaliencyMethod",
    "SaliencySearch",
    "SaliencySpec",
    "SearchRow",
    "SliceTracker",
    "TextImageModel",
    "WeightsStatus",
    "WeightsStore",
    "all_weights_store",
    "bilinear",
    "class_groups",
    "decode_classes",
    "embed_volume",
    "encoder",
    "intensity_range",
    "jittered_prompts",
    "likeness",
    "load_text_image",
    "put_bytes",
    "search_saliency",
    "segmenter",
    "slice_axis",
    "to_uint8",
    "torch_device",
]


def __getattr__(name: str) -> Any:
    """Load torch only where the network itself is named."""
    if name == "OpenClipModel":
        from ._torch._text_image import OpenClipModel

        return OpenClipModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
