"""The *Explore* dock: linked plots of all scores, the filter, and the export of what it keeps."""

from ._dock import ExploreDock

__all__ = ["ExploreDock"]
