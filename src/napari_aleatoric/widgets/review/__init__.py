"""The *Review* dock: open, queue, verdicts, history."""

from ._dock import ReviewDock

__all__ = ["ReviewDock"]
