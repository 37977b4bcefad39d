"""What a reader must not see yet, for a window or a command that acts for that reader."""

from __future__ import annotations

from typing import NamedTuple

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review._storage._blind_store import BlindStore, blind_store
from napari_aleatoric.review._storage._store import ReviewStore

from ._steps import my_assignments

__all__ = ["OwnView", "hidden_cases", "models_forbidden", "only_own"]


class OwnView(NamedTuple):
    """A workspace and its store as one reader sees them."""

    workspace: Workspace
    store: BlindStore


def hidden_cases(store: ReviewStore, reader: str) -> frozenset[str]:
    """Return cases that this reader is to read blinded and has not answered."""
    return frozenset(a.case_id for a in my_assignments(store, reader) if a.hides)


def models_forbidden(store: ReviewStore, key: ItemKey) -> str:
    """Return why models must not be prompted in a label, in a sentence; "" where they may."""
    mine = [a for a in my_assignments(store, key.label_reader) if a.case_id == key.case_id]
    if not mine or not mine[-1].hides or mine[-1].machine:
        return ""
    return (
        "This is a blinded reading, and prompting a model is not part of it. Draw by hand, or ask who assigned it "
        "to allow models."
    )


def only_own(workspace: Workspace, store: ReviewStore, reader: str) -> OwnView:
    """Return workspace and store as a reader may see them now.

    Of a case that is hidden there are no labels but the reader's own, no maps, scores, flags, reasons, decisions,
    comments or label versions; it is in no queue. Honeypots look like first readings until they are revealed.

    Parameters
    ----------
    workspace, store
        With everything; the view shares the store's connections.
    reader : str
        Who looks.
    """
    hidden = hidden_cases(store, reader)
    return OwnView(workspace.seen_by(reader, hidden), blind_store(store, reader, hidden))
