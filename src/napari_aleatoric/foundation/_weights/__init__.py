"""Weights of frozen models: which are known, where they come from, and how they are checked before every load."""

from ._known import ARCHITECTURE_NAMES, SHIPPED_FOLDER, WEIGHTS, KnownWeights, Scaling
from ._status import WeightsStatus
from ._store import WeightsStore

__all__ = [
    "ARCHITECTURE_NAMES",
    "SHIPPED_FOLDER",
    "WEIGHTS",
    "KnownWeights",
    "Scaling",
    "WeightsStatus",
    "WeightsStore",
]
