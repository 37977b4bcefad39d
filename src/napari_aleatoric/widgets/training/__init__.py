"""The *Training* dock."""

from ._dock import TrainingDock

__all__ = ["TrainingDock"]
