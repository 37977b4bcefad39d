"""The *Measure* dock."""

from ._dock import MeasureDock

__all__ = ["MeasureDock"]
