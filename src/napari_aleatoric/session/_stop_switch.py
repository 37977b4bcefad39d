"""The wish to stop a piece of work: asked for in one thread, heard in another."""

from __future__ import annotations

import threading

from napari_aleatoric.errors import Cancelled

__all__ = ["StopSwitch"]


class StopSwitch:
    """What reporters that can be stopped have in common; once stopped, it stays so."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask the work to stop; from any thread."""
        self._stop.set()

    def check(self) -> None:
        """Go on, unless a stop was asked for.

        Raises
        ------
        Cancelled
            If a stop was asked for.
        """
        if self._stop.is_set():
            raise Cancelled("Stopped as asked.")

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Do nothing: there is no figure to show."""
