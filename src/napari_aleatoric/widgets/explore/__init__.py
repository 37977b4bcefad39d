"""The *Explore* dock: linked plots of all scores, the filter, and the export of what it keeps."""

from ._colours import PAPER, PlotColours, plot_colours
from ._dock import ExploreDock
from ._save import save_figure, save_table, sentence_of
from ._save_menu import TABLE, SaveMenu

__all__ = [
    "PAPER",
    "TABLE",
    "ExploreDock",
    "PlotColours",
    "SaveMenu",
    "plot_colours",
    "save_figure",
    "save_table",
    "sentence_of",
]
