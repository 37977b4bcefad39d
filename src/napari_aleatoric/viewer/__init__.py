"""Items as napari layers. Works on a ViewerModel; knows nothing of Qt."""

from ._colours import HEAT_COLOURS, class_colour, heat_colormap, label_colormap
from ._stage import Stage

__all__ = ["HEAT_COLOURS", "Stage", "class_colour", "heat_colormap", "label_colormap"]
