"""Colours that stay apart for colour-blind eyes and lie over grey images."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap

from napari_aleatoric.model import ClassTable

__all__ = [
    "COMPARED_COLOURS",
    "HEAT_COLOURS",
    "class_colour",
    "heat_colormap",
    "label_colormap",
    "saliency_colormap",
]

Rgba = tuple[float, float, float, float]

# Okabe and Ito's palette, the order chosen so that neighbours differ in lightness too; black is left out.
_CLASSES = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#0072b2", "#d55e00")

HEAT_COLOURS: tuple[tuple[float, Rgba], ...] = (
    (0.0, (0.33, 0.08, 0.40, 0.0)),
    (0.08, (0.42, 0.10, 0.43, 0.55)),
    (0.4, (0.78, 0.21, 0.34, 0.8)),
    (0.7, (0.96, 0.49, 0.16, 0.95)),
    (1.0, (0.99, 0.95, 0.60, 1.0)),
)
"""Stops of the heatmap: dark violet over red to pale yellow; lightness grows all the way, and so does opacity."""

COMPARED_COLOURS = {"reference": "#ffffff", "before": "#ff9a1f", "after": "#3fb8ff"}
"""Outlines of what is compared: white, orange, blue; apart for colour-blind eyes, and by their lightness too."""


def class_colour(class_index: int) -> str:
    """Colour of a class as ``#rrggbb``; classes beyond the palette get hues spread by the golden angle.

    Parameters
    ----------
    class_index : int
        1, 2, ...
    """
    position = class_index - 1
    if position < len(_CLASSES):
        return _CLASSES[position]
    hue = (position * 0.618034) % 1.0
    level = 0.62 + 0.3 * ((position // 3) % 2)
    channel = [abs(((hue + shift) * 6.0) % 6.0 - 3.0) - 1.0 for shift in (0.0, 2 / 3, 1 / 3)]
    red, green, blue = (int(255 * level * (0.3 + 0.7 * min(max(c, 0.0), 1.0))) for c in channel)
    return f"#{red:02x}{green:02x}{blue:02x}"


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
