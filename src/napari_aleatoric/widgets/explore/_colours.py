"""Colours and marks of the plots, on a dark and on a light ground. Imports no plot library."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PAPER", "STATUS_MARKS", "Mark", "PlotColours", "class_mark", "kept_marks", "plot_colours"]


@dataclass(frozen=True)
class PlotColours:
    """What a plot is drawn in, as ``#rrggbb``.

    Parameters
    ----------
    ground, text : str
        Behind everything; axes and words.
    bars : str
        Items that the queue does not show, or all of them.
    accent : str
        What is kept, or selected.
    """

    ground: str
    text: str
    bars: str
    accent: str


@dataclass(frozen=True)
class Mark:
    """How the points of one group are drawn: colour and shape, so that neither has to be told apart alone.

    Parameters
    ----------
    name : str
        The group in words.
    colour : str
        ``#rrggbb``, of Okabe and Ito's palette, which stays apart for colour-blind eyes.
    symbol : str
        pyqtgraph's letter.
    glyph : str
        The same shape as a character, for the legend.
    """

    name: str
    colour: str
    symbol: str
    glyph: str


STATUS_MARKS: tuple[Mark, ...] = (
    Mark("pending", "#8c98a4", "o", "●"),
    Mark("accepted", "#009e73", "s", "■"),
    Mark("corrected", "#56b4e9", "d", "◆"),
    Mark("rejected", "#d55e00", "x", "✖"),
    Mark("excluded", "#cc79a7", "+", "✚"),
    Mark("skipped", "#e69f00", "t", "▼"),
)
"""In the order of `review.STATUSES`."""

_SYMBOLS = (("o", "●"), ("s", "■"), ("d", "◆"), ("t", "▼"), ("t1", "▲"), ("+", "✚"), ("x", "✖"))


def class_mark(class_index: int, name: str, colour: str) -> Mark:
    """Return how a class is drawn: its colour of the label layer, and a shape of its own among its neighbours."""
    symbol, glyph = _SYMBOLS[class_index % len(_SYMBOLS)]
    return Mark(name, colour, symbol, glyph)


def kept_marks() -> tuple[Mark, Mark]:
    """Return how dropped and kept items are drawn."""
    return Mark("dropped", "#d55e00", "x", "✖"), Mark("kept", "#009e73", "o", "●")


PAPER = PlotColours("#ffffff", "#000000", "#a9b1ba", "#0072b2")
"""Of figures in files, whatever the window's theme."""


def plot_colours(theme: str) -> PlotColours:
    """Return the colours that go with one of napari's themes."""
    from napari.utils.theme import get_theme

    found = get_theme(theme)
    ground, text = found.background.as_hex(), found.text.as_hex()
    dark = sum(found.background.as_rgb_tuple()[:3]) < 384
    bars, accent = ("#6f7b87", "#56b4e9") if dark else ("#a9b1ba", "#0072b2")
    return PlotColours(_full(ground), _full(text), bars, accent)


def _full(colour: str) -> str:
    """Write ``#rgb`` as ``#rrggbb``."""
    return "#" + "".join(c * 2 for c in colour[1:]) if len(colour) == 4 else colour[:7]
