"""Doors that give cases to readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, check_reader_name
from napari_aleatoric.model import Reporter, SilentReporter
from napari_aleatoric.review._calibration._order import default_order
from napari_aleatoric.review._ranking._queue import build_queue
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.review._storage._study_log import StudyEntry

from ._assignment import Assignment, Kind, assigned_entry, fold_study
from ._choose import balanced, have_seen, random_share
from ._spec import AssignSpec, HoneypotSpec, SecondSpec

__all__ = ["Assigned", "assign", "honeypots", "second_readings"]

Pair = tuple[str, str]


class Assigned(NamedTuple):
    """What was given to whom, and a sentence for what could not be."""

    assignments: tuple[Assignment, ...]
    left_out: tuple[str, ...] = ()


def assign(
    workspace: Workspace, store: ReviewStore, spec: AssignSpec, reporter: Reporter | None = None
) -> Assigned:
    """Give cases to readers; nobody gets a case that was theirs before, or that they have a label of.

    Parameters
    ----------
    workspace, store
        Where cases are, and where it is written down.
    spec : AssignSpec
        Who, which cases, and how.
    reporter : Reporter
        Told once.

    Raises
    ------
    DataError
        If no readers are named, a name cannot be a reader's, or there are no such cases.
    NotFoundError
        If a case that is listed does not exist.
    """
    readers = _readers(spec.readers)
    report = reporter or SilentReporter()
    report.step(0, 1, "Choosing cases")
    candidates = _candidates(workspace, store, spec)

    def decide(log: list[StudyEntry]) -> tuple[list[StudyEntry], list[str]]:
        standing = fold_study(log)
        cases = _chosen(candidates, spec, standing)
        taken = have_seen(standing) | _have_labels(workspace)
        load = Counter(a.reader for a in standing if a.is_waiting)
        pairs, short = balanced(cases, readers, spec.readers_per_case, taken=taken, load=load, seed=spec.seed)
        words = [
            f"{case_id} got fewer than {spec.readers_per_case} readers: the others have read it, or are to."
            for case_id in short
        ]
        return _entries(pairs, log, standing, spec, spec.kind, start=spec.start), words

    found = _written(store, decide)
    report.step(1, 1, "Assigned")
    return found


def second_readings(
    workspace: Workspace, store: ReviewStore, spec: SecondSpec, reporter: Reporter | None = None
) -> Assigned:
    """Give a random share of the answered cases to another reader, once each."""
    readers = _readers(spec.readers)
    report = reporter or SilentReporter()
    report.step(0, 1, "Choosing cases")

    def decide(log: list[StudyEntry]) -> tuple[list[StudyEntry], list[str]]:
        standing = fold_study(log)
        second = {a.case_id for a in standing if a.kind == "second" and a.state != "withdrawn"}
        done = sorted({a.case_id for a in standing if a.kind == "first" and a.state == "answered"} - second)
        if not done:
            raise DataError(
                "Expected answered first readings without a second one, got none. Wait until some are answered."
            )
        cases = random_share(done, spec.share, spec.seed)
        taken = have_seen(standing) | _have_labels(workspace)
        load = Counter(a.reader for a in standing if a.is_waiting)
        pairs, short = balanced(cases, readers, 1, taken=taken, load=load, seed=spec.seed)
        words = [f"{case_id} has been read by all of these readers already." for case_id in short]
        return _entries(pairs, log, standing, spec, "second"), words

    found = _written(store, decide)
    report.step(1, 1, "Assigned")
    return found


def honeypots(
    workspace: Workspace, store: ReviewStore, spec: HoneypotSpec, reporter: Reporter | None = None
) -> Assigned:
    """Mix cases with a trusted label into the lists of readers, at places that are drawn, without telling them.

    Raises
    ------
    DataError
        If no case has a label of the trusted reader.
    """
    readers = _readers(spec.readers)
    report = reporter or SilentReporter()
    report.step(0, 1, "Choosing cases")
    trusted = [c.case_id for c in workspace.dataset.cases if any(r.reader == spec.trusted for r in c.labels)]
    for case_id in spec.cases:
        workspace.dataset.case(case_id).label_of(spec.trusted)
    if not trusted:
        whose = f"'{spec.trusted}'" if spec.trusted else "the reader without a name"
        have = ", ".join(reader or "no name" for reader in workspace.dataset.readers)
        raise DataError(
            f"No case has a label by {whose}; there are labels by {have}. Name one who is to be trusted."
        )

    def decide(log: list[StudyEntry]) -> tuple[list[StudyEntry], list[str]]:
        standing = fold_study(log)
        taken = have_seen(standing) | _have_labels(workspace)
        rng = np.random.default_rng(spec.seed)
        entries: list[StudyEntry] = []
        words: list[str] = []
        for reader in readers:
            free = [c for c in (spec.cases or trusted) if (c, reader) not in taken]
            n = len(free) if spec.cases else min(spec.n, len(free))
            if n < (len(spec.cases) or spec.n):
                words.append(f"{reader} gets {n} only: the other cases are theirs already.")
            waiting = sorted(a.order for a in standing if a.reader == reader and a.state == "assigned")
            for row in rng.permutation(len(free))[:n].tolist():
                order = _between(waiting, rng)
                about = {"trusted": spec.trusted, "order": order, "remark": spec.remark, "machine": spec.machine}
                entries.append(
                    assigned_entry(
                        free[row], reader, log, by=spec.by, kind="honeypot", blinded=spec.blinded, **about
                    )
                )
        return entries, words

    found = _written(store, decide)
    report.step(1, 1, "Assigned")
    return found


def _between(places: Sequence[float], rng: np.random.Generator) -> float:
    """Draw a place among those of a list: before, between or after them, all equally likely."""
    if not places:
        return float(rng.uniform(0.0, 1.0))
    slot = int(rng.integers(0, len(places) + 1))
    low = places[slot - 1] if slot else places[0] - 1.0
    high = places[slot] if slot < len(places) else places[-1] + 1.0
    return float(rng.uniform(low, high))


def _readers(names: Sequence[str]) -> list[str]:
    readers = list(dict.fromkeys(check_reader_name(name) for name in names))
    if not readers:
        raise DataError("Expected the names of readers, got none. Say who is to read.")
    folded = [name.casefold() for name in readers]
    if len(set(folded)) < len(folded):
        raise DataError("Two of the readers differ in capital letters only. Write each name in one way.")
    return readers


def _have_labels(workspace: Workspace) -> set[Pair]:
    """Pairs of case and reader who has a label of it, however the name is written there."""
    return {(case.case_id, label.reader) for case in workspace.dataset.cases for label in case.labels}


def _candidates(workspace: Workspace, store: ReviewStore, spec: AssignSpec) -> list[str]:
    """Cases that the rule is about, in its order, whoever is to read them already."""
    if spec.rule == "listed":
        for case_id in spec.cases:
            workspace.dataset.case(case_id)
        if not spec.cases:
            raise DataError("Expected cases to assign, got none. Name some, or choose a rule.")
        return list(dict.fromkeys(spec.cases))
    if spec.rule == "queue":
        queue = build_queue(store, workspace.dataset.classes, strategy=default_order(workspace))
        return list(dict.fromkeys(queue.key(i).case_id for i in range(len(queue))))
    decided = {key.case_id for key, state in store.states().items() if state.is_done}
    return [case.case_id for case in workspace.dataset.cases if case.case_id not in decided]


def _chosen(candidates: Sequence[str], spec: AssignSpec, standing: Sequence[Assignment]) -> list[str]:
    if spec.rule == "listed":
        return list(candidates)
    given = {a.case_id for a in standing if a.kind == spec.kind and a.state not in ("withdrawn", "handed over")}
    found = [case_id for case_id in candidates if case_id not in given]
    if spec.rule == "queue":
        found = found[: spec.n]
    elif spec.rule == "random":
        found = random_share(found, spec.share, spec.seed)
    if not found:
        raise DataError("No case is left that nobody has decided or is to read. Name cases to give them once more.")
    return found


def _entries(
    pairs: Sequence[Pair],
    log: list[StudyEntry],
    standing: Sequence[Assignment],
    spec: AssignSpec | SecondSpec,
    kind: Kind,
    start: str = "",
) -> list[StudyEntry]:
    last: dict[str, float] = {}
    for a in standing:
        last[a.reader] = max(last.get(a.reader, 0.0), a.order)
    result = []
    for case_id, reader in pairs:
        last[reader] = float(np.floor(last.get(reader, 0.0))) + 1.0
        about = {"machine": spec.machine, "remark": spec.remark, "start": start, "order": last[reader]}
        result.append(assigned_entry(case_id, reader, log, by=spec.by, kind=kind, blinded=spec.blinded, **about))
    return result


def _written(
    store: ReviewStore, decide: Callable[[list[StudyEntry]], tuple[list[StudyEntry], list[str]]]
) -> Assigned:
    words: list[str] = []

    def both(log: list[StudyEntry]) -> list[StudyEntry]:
        entries, words[:] = decide(log)
        return entries

    new = {entry.assignment_id for entry in store.study.append(both)}
    made = [a for a in fold_study(store.study.entries()) if a.assignment_id in new]
    return Assigned(tuple(made), tuple(words))
