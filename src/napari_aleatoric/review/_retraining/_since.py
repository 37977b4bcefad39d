"""What people did with the labels since a model was trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey, Verdict
from napari_aleatoric.review._labels._learning_weight import barred_since
from napari_aleatoric.review._ranking._queue import build_queue
from napari_aleatoric.review._storage._store import ReviewStore

from ._planning import desk_for
from ._provenance import data_digest
from ._registry import ModelRecord, list_models, promoted_model
from ._selection import select
from ._spec import RetrainSpec
from ._split import read_held_out

__all__ = ["SinceTraining", "changes_since"]

_REFUSED = (Verdict.EXCLUDED, Verdict.REJECTED)


@dataclass(frozen=True)
class SinceTraining:
    """What became of the labels since a model was trained; since the beginning where there is none.

    Parameters
    ----------
    model_id : str
        Which model; "" for none.
    began : datetime or None
        When its training began, UTC.
    in_use : bool
        Whether it is the promoted one.
    is_same : bool or None
        Whether its settings would find exactly what it learned from; None where that cannot be told.
    n_labels : int
        Labels of the data set.
    n_corrected, n_refused, n_accepted, n_barred : int
        Labels that got a new version from a person, that were excluded or rejected, that were accepted, and in
        which somebody painted what is not to be learned from.
    n_top, n_top_reviewed : int
        How many of the most suspicious labels were looked at, and how many of them have a verdict; 0 before the
        labels were scored.
    """

    model_id: str = ""
    began: datetime | None = None
    in_use: bool = False
    is_same: bool | None = None
    n_labels: int = 0
    n_corrected: int = 0
    n_refused: int = 0
    n_accepted: int = 0
    n_barred: int = 0
    n_top: int = 0
    n_top_reviewed: int = 0


def changes_since(ws: Workspace, top: int = 40) -> SinceTraining:
    """Count what was done with the labels since the promoted model was trained, or the newest one.

    Parameters
    ----------
    ws : Workspace
        With labels.
    top : int
        How many of the labels of highest label risk are looked at.

    Raises
    ------
    WorkspaceError
        If the list of promoted models is damaged.
    """
    models = list_models(ws, finished=True)
    promoted = promoted_model(ws)
    model = promoted or (models[-1] if models else None)
    began = None if model is None else datetime.fromisoformat(model.created)
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        keys, states = ws.dataset.items, store.states()
        done = {k: states[k].verdict for k in keys if _is_later(states[k].when, began)}
        n_top, n_top_reviewed = _top(ws, store, top)
        return SinceTraining(
            model_id="" if model is None else model.model_id,
            began=began,
            in_use=model is not None and model is promoted,
            is_same=None if model is None else _is_same(ws, store, model),
            n_labels=len(keys),
            n_corrected=sum(_is_corrected(store, key, began) for key in store.correction_counts()),
            n_refused=sum(verdict in _REFUSED for verdict in done.values()),
            n_accepted=sum(verdict is Verdict.ACCEPTED for verdict in done.values()),
            n_barred=sum(barred_since(ws, key, began) for key in keys),
            n_top=n_top,
            n_top_reviewed=n_top_reviewed,
        )


def _is_later(when: datetime | None, began: datetime | None) -> bool:
    return when is not None and (began is None or when > began)


def _is_corrected(store: ReviewStore, key: ItemKey, began: datetime | None) -> bool:
    """Whether the version that counts now is a person's, and newer than the training."""
    latest = store.latest_correction(key)
    return latest is not None and not latest.machine and not latest.is_original and _is_later(latest.created, began)


def _is_same(ws: Workspace, store: ReviewStore, model: ModelRecord) -> bool | None:
    """Whether the settings of a model find what it learned from."""
    try:
        spec = RetrainSpec.model_validate(model.spec)
        return (
            data_digest(desk_for(ws, store, spec), select(ws, store, spec, read_held_out(ws))) == model.data_digest
        )
    except (AleatoricError, OSError, ValueError):  # settings of another version, or files that are gone
        return None


def _top(ws: Workspace, store: ReviewStore, top: int) -> tuple[int, int]:
    """How many of the most suspicious labels there are, and how many of them need no further look."""
    queue = build_queue(store, ws.dataset.classes)
    rows = [queue.row(i) for i in range(min(top, len(queue)))]
    scored = [row for row in rows if np.isfinite(row.score)]
    states = store.states()
    return len(scored), sum(states[row.key].is_done for row in scored)
