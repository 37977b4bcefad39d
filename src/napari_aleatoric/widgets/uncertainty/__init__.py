"""The *Uncertainty* dock: classes, heatmap, legend, slice profile."""

from ._dock import UncertaintyDock

__all__ = ["UncertaintyDock"]
