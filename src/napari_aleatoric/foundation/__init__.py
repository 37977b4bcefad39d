"""Frozen models that look at images: what an encoder promises, and the one that needs no weights."""

from ._box import Box
from ._encoder import ENCODERS, Features, FeatureSource, ImageEncoder, encoder
from ._filter_bank import ColourFilterBankEncoder, FilterBankEncoder

__all__ = [
    "ENCODERS",
    "Box",
    "ColourFilterBankEncoder",
    "FeatureSource",
    "Features",
    "FilterBankEncoder",
    "ImageEncoder",
    "encoder",
]
