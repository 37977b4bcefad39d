"""The *Explore* dock: linked plots of all scores, the filter, and the export of what it keeps."""

from ._colours import PlotColours, plot_colours
from ._dock import ExploreDock

__all__ = ["ExploreDock", "PlotColours", "plot_colours"]
