"""What is said of the plain network beside, under its own name."""

from __future__ import annotations

from napari_aleatoric.model import Reporter

__all__ = ["Prefixed"]


class Prefixed:
    """Names the network in what is plotted and said."""

    def __init__(self, parent: Reporter, prefix: str) -> None:
        self._parent, self._prefix = parent, prefix

    def step(self, done: float, total: float, message: str = "") -> None:
        """Hand on."""
        self._parent.step(done, total, f"Plain network beside it: {message}" if self._prefix else message)

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Hand on, with the network's name before the number's."""
        self._parent.metric(f"{self._prefix}{name}", value, step)
