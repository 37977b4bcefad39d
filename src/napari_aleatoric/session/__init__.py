"""Evented state of one viewer, and the pure functions that decide what is shown. No Qt, no napari."""

from ._class_scores import class_scores
from ._heat import HeatMaps
from ._item import DEFAULT_MAP, ItemData, display_range, load_item
from ._model_list import ModelRow
from ._model_work import ModelTask
from ._models import Models
from ._notice import Kind, Notice
from ._opening import Opened, QueueFilter, open_path, open_review, prepare
from ._options import ViewOptions
from ._places import HotPlace, far_apart, peaks
from ._prefetch import Prefetcher
from ._prompt_trail import Clicks, PromptTrail, painted_slice
from ._prompting import PromptAnswer, Prompting, PromptPhase, PromptStatus
from ._resolve import ViewState, resolve
from ._segmenter_host import OwnProcess, SegmenterChoice, SegmenterHost, segmenter_choices
from ._session import ReviewSession
from ._slice_look import SliceLook
from ._slice_plane import SlicePlane
from ._strokes import StrokeKeeper

__all__ = [
    "DEFAULT_MAP",
    "Clicks",
    "HeatMaps",
    "HotPlace",
    "ItemData",
    "Kind",
    "ModelRow",
    "ModelTask",
    "Models",
    "Notice",
    "Opened",
    "OwnProcess",
    "Prefetcher",
    "PromptAnswer",
    "PromptPhase",
    "PromptStatus",
    "PromptTrail",
    "Prompting",
    "QueueFilter",
    "ReviewSession",
    "SegmenterChoice",
    "SegmenterHost",
    "SliceLook",
    "SlicePlane",
    "StrokeKeeper",
    "ViewOptions",
    "ViewState",
    "class_scores",
    "display_range",
    "far_apart",
    "load_item",
    "open_path",
    "open_review",
    "painted_slice",
    "peaks",
    "prepare",
    "resolve",
    "segmenter_choices",
]
