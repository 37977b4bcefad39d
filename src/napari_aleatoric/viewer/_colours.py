"""Colours that stay apart for colour-blind eyes and lie over grey images."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap

from napari_aleatoric.model import HEAT_COLOURS, ClassTable, class_colour

__all__ = [
    "COMPARED_COLOURS",
    "HEAT_COLOURS",
    "class_colour",
    "heat_colormap",
    "label_colormap",
    "saliency_colormap",
]

COMPARED_COLOURS = {"reference": "#ffffff", "before": "#ff9a1f", "after": "#3fb8ff"}
"""Outlines of what is compared: white, orange, blue; apart for colour-blind eyes, and by their lightness too."""


def label_colormap(classes: ClassTable) -> DirectLabelColormap:
    """Colours of the label layer; values that are in no class are drawn white, so that they are noticed."""
    colours: dict[Any, Any] = {0: "transparent", None: "white"}
    for item in classes:
        colours[item.label_value] = class_colour(item.class_index)
    return DirectLabelColormap(color_dict=colours)


def heat_colormap() -> Colormap:
    """Colours of the uncertainty layer; transparent where the map is cold."""
    positions = np.array([stop for stop, _ in HEAT_COLOURS])
    colours = np.array([colour for _, colour in HEAT_COLOURS])
    fine = np.linspace(0.0, 1.0, 64)
    table = np.stack([np.interp(fine, positions, colours[:, k]) for k in range(4)], axis=1)
    return Colormap(table, name="aleatoric-heat", controls=fine)


def saliency_colormap() -> Colormap:
    """Colours of where words are seen: transparent, blue, pale cyan; unlike those of the uncertainty."""
    stops = np.array([0.0, 0.15, 0.5, 1.0])
    colours = np.array([(0.1, 0.2, 0.7, 0.0), (0.1, 0.25, 0.8, 0.3), (0.1, 0.55, 0.9, 0.65), (0.6, 1.0, 1.0, 0.9)])
    return Colormap(colours, name="aleatoric-saliency", controls=stops)
