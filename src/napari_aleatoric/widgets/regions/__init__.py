"""The *Regions* dock."""

from ._dock import RegionsDock

__all__ = ["RegionsDock"]
