"""Heatmap and label, off for a while and then as they were."""

from __future__ import annotations

from ._options import ViewOptions

__all__ = ["SwitchedOff"]


class SwitchedOff:
    """Switches off what would hide something else, and on again what was on.

    Parameters
    ----------
    options : ViewOptions
        Wishes of the user.
    """

    def __init__(self, options: ViewOptions) -> None:
        self._options = options
        self._were_on: tuple[str, ...] = ()

    def begin(self) -> None:
        """Switch heatmap and label off."""
        self._were_on = tuple(name for name in ("heatmap_on", "label_visible") if getattr(self._options, name))
        for name in self._were_on:
            setattr(self._options, name, False)

    def end(self) -> None:
        """Switch on what was on."""
        for name in self._were_on:
            setattr(self._options, name, True)
        self._were_on = ()
