"""The canvases of linked planes in one window."""

from ._panel import PlanePanel

__all__ = ["PlanePanel"]
