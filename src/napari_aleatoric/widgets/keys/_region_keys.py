"""Keys of the walk through hot regions."""

from __future__ import annotations

from ._action import Action

__all__ = ["REGION_ACTIONS"]

REGION_ACTIONS: tuple[Action, ...] = (
    Action("next_hot_region", "Go to the next hot region", "Regions", "."),
    Action("previous_hot_region", "Go to the hot region before", "Regions", ","),
    Action("accept_region", "Say that the label is right in this region", "Regions", "Shift+Y"),
    Action("repaint_region", "Say that this region was repainted", "Regions", "Shift+C"),
    Action("exclude_region", "Do not learn from this region", "Regions", "Shift+L"),
    Action("undo_region", "Take back what I said of this region", "Regions", "Shift+U"),
    Action("finish_regions", "Record the case, once all regions are settled", "Regions", "Shift+E"),
    Action("show_regions", "List the hot regions", "Regions", "Shift+G"),
)
