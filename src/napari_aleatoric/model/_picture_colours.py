"""Colours of classes and of heat, the same in the window and in reports."""

from __future__ import annotations

__all__ = ["HEAT_COLOURS", "class_colour"]

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
