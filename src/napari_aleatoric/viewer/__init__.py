"""Items as napari layers. Works on a ViewerModel; knows nothing of Qt."""

from ._barred_layer import BARRED, BarredLayer
from ._colours import COMPARED_COLOURS, HEAT_COLOURS, class_colour, heat_colormap, label_colormap
from ._compared_layers import ComparedLayers
from ._cursor_watch import CursorWatch, index_under
from ._draft_layers import DRAFT_LAYERS, DraftLayers
from ._edit_layer import SOURCE, RegionPad, SourceLayer, put_edit, voxel_at
from ._facing import face, signs_on_canvas
from ._measure_pad import MeasurePad
from ._paint_hook import PaintHook
from ._planes_layers import LayerTwin, PlaneLayers
from ._planes_link import LinkedPlane, LinkedPlanes
from ._prompt_pad import PromptMarks, PromptMode, PromptPad
from ._reader_layers import DIMMED, OUTCOME, REGION, ReaderLayers
from ._region_look import look_at_region
from ._region_outline import HOT_REGION, RegionOutline
from ._shown_window import ShownWindow, drag_window, dragged_window, layer_of
from ._slice_in_view import draw_slice, plane_in_view, put_mask
from ._slice_scrolling import SliceWheel, go_to_end, step_slices, zoom_at
from ._stage import Stage

__all__ = [
    "BARRED",
    "COMPARED_COLOURS",
    "DIMMED",
    "DRAFT_LAYERS",
    "HEAT_COLOURS",
    "HOT_REGION",
    "OUTCOME",
    "REGION",
    "SOURCE",
    "BarredLayer",
    "ComparedLayers",
    "CursorWatch",
    "DraftLayers",
    "LayerTwin",
    "LinkedPlane",
    "LinkedPlanes",
    "MeasurePad",
    "PaintHook",
    "PlaneLayers",
    "PromptMarks",
    "PromptMode",
    "PromptPad",
    "ReaderLayers",
    "RegionOutline",
    "RegionPad",
    "ShownWindow",
    "SliceWheel",
    "SourceLayer",
    "Stage",
    "class_colour",
    "drag_window",
    "dragged_window",
    "draw_slice",
    "face",
    "go_to_end",
    "heat_colormap",
    "index_under",
    "label_colormap",
    "layer_of",
    "look_at_region",
    "plane_in_view",
    "put_edit",
    "put_mask",
    "signs_on_canvas",
    "step_slices",
    "voxel_at",
    "zoom_at",
]
