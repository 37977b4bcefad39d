"""What a network would learn from now, what is held back, and what is left out and why. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey, Verdict
from napari_aleatoric.review._filtering._run import preview_filter
from napari_aleatoric.review._filtering._values import measure_values
from napari_aleatoric.review._labels._learning_weight import has_learning_weight
from napari_aleatoric.review._ranking._queue import Queue, build_queue
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import MEASURES, percentile_rank

from ._pseudo_cases import PseudoCases
from ._selection_words import selection_sentence
from ._spec import RetrainSpec
from ._split import HeldOut, hold_out, read_held_out, validation_cases

__all__ = ["LearnedCase", "Selection", "preview_retraining", "select"]

_REFUSED = (Verdict.EXCLUDED, Verdict.REJECTED)
_LOOKED_AT = (Verdict.ACCEPTED, Verdict.CORRECTED)


@dataclass(frozen=True)
class LearnedCase:
    """A case that is learned from, or judged by.

    Parameters
    ----------
    case_id : str
        Which.
    readers : tuple of str
        Whose labels of it; empty for a proposal.
    corrected, looked_at : bool
        Whether a person drew one of these labels anew; whether a person accepted or corrected all of them.
    weight : float
        How much it counts.
    proposal : str
        Id of a proposal in its own folder; "" for a case of the data set.
    barred : bool
        Whether it has voxels that a person does not want to be learned from.
    """

    case_id: str
    readers: tuple[str, ...]
    corrected: bool = False
    looked_at: bool = False
    weight: float = 1.0
    proposal: str = ""
    barred: bool = False


@dataclass(frozen=True)
class Selection:
    """What a retraining learns from.

    Parameters
    ----------
    learn, validation, held_out : tuple of LearnedCase
        Learned from; only looked at while training; judged by in the end. No case, and no patient where patients
        are known, is in two of them.
    left_out : mapping of str to tuple of ItemKey
        Labels that are not used, by reason: "excluded", "rejected", "filtered", "machine".
    n_labelled : int
        Cases with a label in the data set.
    split : HeldOut
        Which cases are held back.
    by_patient : bool
        Whether any patient is known.
    """

    learn: tuple[LearnedCase, ...]
    validation: tuple[LearnedCase, ...]
    held_out: tuple[LearnedCase, ...]
    left_out: Mapping[str, tuple[ItemKey, ...]]
    n_labelled: int
    split: HeldOut
    by_patient: bool

    @property
    def n_corrected(self) -> int:
        """How many cases are learned from as a person corrected them."""
        return sum(case.corrected for case in (*self.learn, *self.validation))

    @property
    def n_proposals(self) -> int:
        """How many proposals of a model are learned from."""
        return sum(bool(case.proposal) for case in self.learn)

    @property
    def sentence(self) -> str:
        """Say it: "Learns from 181 of 201 cases; 12 corrected, 8 excluded; holds back 20."."""
        return selection_sentence(
            n_used=len(self.learn) + len(self.validation) - self.n_proposals,
            n_labelled=self.n_labelled,
            n_validation=len(self.validation),
            n_corrected=self.n_corrected,
            n_proposals=self.n_proposals,
            left_out={why: len(keys) for why, keys in self.left_out.items()},
            n_held_out=len(self.held_out),
            n_barred=sum(case.barred for case in (*self.learn, *self.validation)),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know when reading a judgement by these held-out cases."""
        seen = sum(case.looked_at for case in self.held_out)
        n = len(self.held_out)
        notes = [self.split.note] if self.split.note else []
        if seen < n:
            notes.append(
                f"{n - seen} of the {n} held-out labels were not looked at by a person: as far as they are wrong, "
                "a network that repeats the errors looks good. Review them to judge by what is right."
            )
        return tuple(notes)


def preview_retraining(ws: Workspace, spec: RetrainSpec) -> Selection:
    """Say what a retraining would learn from now; nothing is written, and nothing is chosen for good.

    Raises
    ------
    DataError
        If too few labels are left, or the labels were not scored and the settings ask for scores.
    """
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        return select(ws, store, spec, read_held_out(ws))


def select(ws: Workspace, store: ReviewStore, spec: RetrainSpec, known: HeldOut | None) -> Selection:
    """Sort the cases of a workspace; see `preview_retraining`."""
    keys = [k for k in ws.dataset.items if spec.label_reader in (None, k.label_reader)]
    if not keys:
        readers = ", ".join(r for r in ws.dataset.readers if r) or "none"
        raise NotFoundError(f"There is no label to learn from by that reader. Label readers: {readers}.")
    left_out, statuses, machine = _left_out(store, keys, spec)
    patients = {case.case_id: case.patient for case in ws.dataset.cases if case.labels}
    split = hold_out(patients, spec.held_out, spec.split_seed, known)
    held = set(split.held(patients))
    refused = {key for out in left_out.values() for key in out}
    corrections = {k for k, (found, _) in store.correction_counts().items() if found is not None} - machine
    queue = build_queue(store, ws.dataset.classes) if spec.filter is not None or spec.weigh_by else None
    if queue is not None and spec.filter is not None:
        trusted = {"keep_verdicts": tuple(v for v in _LOOKED_AT if v not in spec.filter.drop_verdicts)}
        wanted = spec.filter.model_copy(update=trusted if not spec.filter.keep_verdicts else {})
        free_keys = {k for k in keys if k not in refused and k.case_id not in held}
        dropped = {label.key for label in preview_filter(queue, wanted, among=free_keys).dropped()} & free_keys
        left_out["filtered"] = tuple(k for k in keys if k in dropped)
        refused |= set(left_out["filtered"])
    weights = _weights(queue, spec) if queue is not None and spec.weigh_by else {}

    used: dict[str, list[ItemKey]] = {}
    for key in keys:
        if key not in refused:
            used.setdefault(key.case_id, []).append(key)
    found = {}
    for case_id, own in used.items():
        looked_at = all(statuses[k] in _LOOKED_AT for k in own)
        weight = float(np.mean([1.0 if statuses[k] in _LOOKED_AT else weights.get(k, 1.0) for k in own]))
        found[case_id] = LearnedCase(
            case_id,
            tuple(k.label_reader for k in own),
            corrected=any(k in corrections for k in own),
            looked_at=looked_at,
            weight=1.0 if case_id in held else weight,
            barred=any(has_learning_weight(ws, k) for k in own),
        )
    free = {c: patients[c] for c in found if c not in held}
    validation = set(validation_cases(free, spec.validation, spec.split_seed))
    learn = [found[c] for c in sorted(free) if c not in validation and found[c].weight > 0]
    if not learn or not held & found.keys():
        raise DataError(
            f"Expected at least one label to learn from and one to judge by, got {len(learn)} and "
            f"{len(held & found.keys())} after {len(refused)} were left out. Review more, or filter less."
        )
    return Selection(
        learn=(*learn, *_proposals(ws, spec)),
        validation=tuple(found[c] for c in sorted(validation)),
        held_out=tuple(found[c] for c in sorted(held & found.keys())),
        left_out={why: out for why, out in left_out.items() if out},
        n_labelled=len({k.case_id for k in keys}),
        split=split,
        by_patient=split.by == "patient" and any(patients.values()),
    )


def _left_out(
    store: ReviewStore, keys: Sequence[ItemKey], spec: RetrainSpec
) -> tuple[dict[str, tuple[ItemKey, ...]], dict[ItemKey, Verdict | None], set[ItemKey]]:
    """Labels that are left out by verdict or because a model drew them; all verdicts; all that a model drew."""
    states = store.states()
    statuses = {key: states[key].verdict for key in keys}
    machine = {c.key for k in keys if (c := store.latest_correction(k)) is not None and c.machine}
    out: dict[str, tuple[ItemKey, ...]] = {
        verdict.value: tuple(k for k in keys if statuses[k] is verdict) for verdict in _REFUSED
    }
    if not spec.machine_labels:
        unseen = (k for k in keys if k in machine and statuses[k] not in (*_LOOKED_AT, *_REFUSED))
        out["machine"] = tuple(unseen)
    return out, statuses, machine


def _weights(queue: Queue, spec: RetrainSpec) -> dict[ItemKey, float]:
    """1 for the best label of the data set by a measure, ``least_weight`` for the worst; in between by its rank."""
    if spec.weigh_by not in MEASURES:
        raise NotFoundError(f"There is no measure '{spec.weigh_by}'. Known: {', '.join(MEASURES)}.")
    columns = queue.columns
    rank = percentile_rank(MEASURES[spec.weigh_by].sign * measure_values(columns.table, spec.weigh_by))
    values = columns.spread(rank)
    if np.isnan(values).all():
        raise DataError(
            f"No label has a value of '{spec.weigh_by}' yet, so there is nothing to weigh by. Score the data set "
            "first (aleatoric score), or choose another measure."
        )
    weights = 1 - (1 - spec.least_weight) * np.nan_to_num(values, nan=0.0)
    return dict(zip(columns.keys, weights.tolist(), strict=True))


def _proposals(ws: Workspace, spec: RetrainSpec) -> tuple[LearnedCase, ...]:
    if not spec.pseudo_labels:
        return ()
    folder = Path(spec.pseudo_labels).expanduser()
    return tuple(
        LearnedCase(f"proposal {name}", (), weight=spec.pseudo_weight, proposal=name)
        for name in PseudoCases(ws, folder).case_ids
    )
