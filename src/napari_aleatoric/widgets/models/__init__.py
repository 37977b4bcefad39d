"""The *Models* dock: which frozen models there are, and bringing, checking and choosing them."""

from ._dock import ModelsDock

__all__ = ["ModelsDock"]
