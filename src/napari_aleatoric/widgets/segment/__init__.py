"""The *Segment* dock: a box or a few clicks make a mask."""

from ._dock import SegmentDock

__all__ = ["SegmentDock"]
