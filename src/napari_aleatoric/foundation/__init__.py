"""Frozen models that look at images: what an encoder promises, and the one that needs no weights."""

from ._box import Box
from ._encoder import ENCODERS, Features, FeatureSource, ImageEncoder, encoder
from ._filter_bank import ColourFilterBankEncoder, FilterBankEncoder
from ._weights import WEIGHTS, KnownWeights
from ._weights_status import WeightsStatus
from ._weights_store import WeightsStore

__all__ = [
    "ENCODERS",
    "WEIGHTS",
    "Box",
    "ColourFilterBankEncoder",
    "FeatureSource",
    "Features",
    "FilterBankEncoder",
    "ImageEncoder",
    "KnownWeights",
    "WeightsStatus",
    "WeightsStore",
    "encoder",
]
