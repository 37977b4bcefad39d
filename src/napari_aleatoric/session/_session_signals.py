"""What a session tells the window."""

from __future__ import annotations

from psygnal import Signal, SignalInstance

__all__ = ["SessionSignals", "hand_on"]


class SessionSignals:
    """All signals of a session, and nothing else."""

    opened = Signal(object)  # Workspace
    queue_changed = Signal(object)  # Queue, as filtered
    item_loading = Signal(object)  # ItemKey
    item_changed = Signal(object)  # ItemData
    version_changed = Signal(object)  # ItemData: the same strokes, now a saved version, or with another map
    view_changed = Signal(object)  # ViewState
    history_changed = Signal(object)  # ItemKey
    job_changed = Signal(object)  # JobStatus or None
    notice = Signal(object)  # Notice
    unsaved_changed = Signal(bool)
    label_painted = Signal()  # the label on screen may have changed
    held_changed = Signal(object)  # mapping of ItemKey to the other reader who has it before them
    link_changed = Signal(object)  # LinkState: how this computer stands to a team's server
    sight_changed = Signal()  # the reader may see more, or less, than before


def hand_on(source: SignalInstance, target: SignalInstance) -> None:
    """Make a signal of a part a signal of the whole."""
    source.connect(lambda *values: target.emit(*values))
