"""What stands at an axis: the measure, its unit, and which end is which, in words."""

from __future__ import annotations

import math

from napari_aleatoric.model import Direction, Measure

__all__ = ["axis_words", "in_two_lines", "is_size", "number_ticks"]


def is_size(measure: Measure) -> bool:
    """Whether a measure is a size, which is drawn on a logarithmic axis: small objects would lie on one another."""
    return measure.unit in ("voxels", "ml")


def number_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Return round numbers for a logarithmic axis: 1, 2, 5, 10 … where there is room, else powers of ten.

    Parameters
    ----------
    low, high : float
        Logarithms (base 10) of the ends of the axis.
    most : int
        How many at most.

    Returns
    -------
    list of float
        The numbers themselves, ascending.
    """
    for steps in ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        powers = range(math.floor(low) - 1, math.ceil(high) + 1)
        found = [s * 10.0**p for p in powers for s in steps if low <= math.log10(s) + p <= high]
        if len(found) <= most:
            return found
    every = math.ceil((high - low) / most)
    return [10.0**p for p in range(math.ceil(low), math.floor(high) + 1, every)]


def axis_words(measure: Measure, class_name: str = "") -> str:
    """Return the words of an axis: "Difficulty (AUV) of liver, high = hard".

    Parameters
    ----------
    measure : Measure
        What is drawn.
    class_name : str
        Of which class; "" for the whole case.
    """
    from napari_aleatoric.review import ends_in_words

    better, worse = ends_in_words(measure)
    high = worse if measure.direction is Direction.HIGH_IS_WORSE else better
    unit = f" [{measure.unit}]" if measure.unit else ""
    return f"{measure.title}{f' of {class_name}' if class_name else ''}{unit}, high = {high}"


def in_two_lines(words: str, longest: int = 30) -> str:
    """Break the words of an upright axis before its last part, where they would be longer than a small plot."""
    return words if len(words) <= longest else "<br>".join(words.rsplit(", ", 1))
