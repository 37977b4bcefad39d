"""Items as napari layers. Works on a ViewerModel; knows nothing of Qt."""

from ._barred_layer import BARRED, BarredLayer
from ._colours import COMPARED_COLOURS, HEAT_COLOURS, class_colour, heat_colormap, label_colormap
from ._compared_layers import ComparedLayers
from ._draft_layers import DRAFT_LAYERS, DraftLayers
from ._prompt_pad import PromptMarks, PromptMode, PromptPad
from ._reader_layers import DIMMED, OUTCOME, REGION, ReaderLayers
from ._region_look import look_at_region
from ._slice_in_view import draw_slice, plane_in_view, put_mask
from ._stage import Stage

__all__ = [
    "BARRED",
    "COMPARED_COLOURS",
    "DIMMED",
    "DRAFT_LAYERS",
    "HEAT_COLOURS",
    "OUTCOME",
    "REGION",
    "BarredLayer",
    "ComparedLayers",
    "DraftLayers",
    "PromptMarks",
    "PromptMode",
    "PromptPad",
    "ReaderLayers",
    "Stage",
    "class_colour",
    "draw_slice",
    "heat_colormap",
    "label_colormap",
    "look_at_region",
    "plane_in_view",
    "put_mask",
]
