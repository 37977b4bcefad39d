"""The *Readers* dock: what several people drew of the same images."""

from ._dock import ReadersDock

__all__ = ["ReadersDock"]
