"""Every action of the key table as a command of napari's palette, by the action's name."""

from __future__ import annotations

from collections.abc import Callable

from napari.viewer import Viewer

from ._hub import hub_of
from .keys import ACTIONS

_TITLES = {action.name: action.title for action in ACTIONS}


def __getattr__(name: str) -> Callable[[Viewer], None]:
    """Return what performs an action in a window; the manifest names them here."""
    if name not in _TITLES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def perform(viewer: Viewer) -> None:
        hub_of(viewer).performers()[name]()

    perform.__name__ = perform.__qualname__ = name
    perform.__doc__ = f"{_TITLES[name]}."
    return perform


def __dir__() -> list[str]:
    return sorted(_TITLES)
