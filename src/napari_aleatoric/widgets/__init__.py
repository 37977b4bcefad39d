"""Qt docks. The only folder that knows Qt."""

from ._hub import Hub, hub_of
from ._layout import show_docks
from .edit import EditDock
from .explore import ExploreDock
from .measure import MeasureDock
from .models import ModelsDock
from .readers import ReadersDock
from .regions import RegionsDock
from .review import ReviewDock
from .segment import SegmentDock
from .training import TrainingDock
from .uncertainty import UncertaintyDock

__all__ = [
    "EditDock",
    "ExploreDock",
    "Hub",
    "MeasureDock",
    "ModelsDock",
    "ReadersDock",
    "RegionsDock",
    "ReviewDock",
    "SegmentDock",
    "TrainingDock",
    "UncertaintyDock",
    "hub_of",
    "show_docks",
]
