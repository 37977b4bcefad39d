"""Qt docks. The only folder that knows Qt."""

from ._hub import Hub, hub_of
from ._layout import show_docks
from .review import ReviewDock
from .uncertainty import UncertaintyDock

__all__ = ["Hub", "ReviewDock", "UncertaintyDock", "hub_of", "show_docks"]
