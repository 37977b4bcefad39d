"""Evented state of one viewer, and the pure functions that decide what is shown. No Qt, no napari."""

from ._class_scores import class_scores
from ._heat import HeatMaps
from ._item import DEFAULT_MAP, ItemData, display_range, load_item
from ._notice import Kind, Notice
from ._opening import Opened, QueueFilter, open_path, open_review, prepare
from ._options import ViewOptions
from ._places import HotPlace, far_apart, peaks
from ._prefetch import Prefetcher
from ._resolve import ViewState, resolve
from ._session import ReviewSession
from ._strokes import StrokeKeeper

__all__ = [
    "DEFAULT_MAP",
    "HeatMaps",
    "HotPlace",
    "ItemData",
    "Kind",
    "Notice",
    "Opened",
    "Prefetcher",
    "QueueFilter",
    "ReviewSession",
    "StrokeKeeper",
    "ViewOptions",
    "ViewState",
    "class_scores",
    "display_range",
    "far_apart",
    "load_item",
    "open_path",
    "open_review",
    "peaks",
    "prepare",
    "resolve",
]
