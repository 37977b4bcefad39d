"""The *Edit* dock."""

from ._dock import EditDock

__all__ = ["EditDock"]
