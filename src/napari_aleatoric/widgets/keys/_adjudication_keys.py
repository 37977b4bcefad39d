"""Keys that hold only while differences between readers are settled."""

from __future__ import annotations

from ._table import Action

__all__ = ["ADJUDICATION_ACTIONS"]

_GROUP = "Settling differences"

ADJUDICATION_ACTIONS: tuple[Action, ...] = (
    *(Action(f"take_reader_{n}", f"Take the answer of reader {n}", _GROUP, str(n)) for n in range(1, 10)),
    Action("take_consensus", "Take the consensus", _GROUP, "C"),
    Action("take_machine", "Take the model's answer", _GROUP, "M"),
    Action("repaint", "Repaint: take the brush, lay it down", _GROUP, "R"),
    Action("next_region", "Next region", _GROUP, "N"),
    Action("previous_region", "Region before", _GROUP, "P"),
    Action("undo_choice", "Take back my last choice", _GROUP, "U"),
    Action("finish_adjudication", "Save the outcome", _GROUP, "Shift+F"),
    Action("leave_adjudication", "Stop settling; all choices are kept", _GROUP, "Shift+Q"),
)
"""The numbers are the readers'; while they hold, napari's and our own keys of the same names do not."""
