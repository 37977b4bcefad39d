"""The scoring door: from a workspace to scores, flags, hot spots and voxel maps of every label."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from napari_aleatoric.io import Workspace, has_map, write_whole
from napari_aleatoric.model import CaseFiles, ItemKey, Problem, Reporter, SilentReporter, SubReporter
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import LABEL_RISK_MAP, Cohort, ScoreSpec

from ._case import CaseReader
from ._choice import choose_kind
from ._difficulty import FILTER_BANK, DifficultyWork, frozen_model
from ._plan import TrainingPlan, case_digest, make_plan, read_plan, write_plan
from ._progress import ScoreProgress
from ._readers import renew_readers
from ._reference import comparison_of
from ._results import Facts, keep_scores, provenance, refresh_flags
from ._work import Probe, ScoreWork, keep_cases, measure

__all__ = ["Probe", "ScoreSummary", "score_workspace"]

_DEFAULT = ScoreSpec()


@dataclass(frozen=True)
class ScoreSummary:
    """What a scoring run did.

    Parameters
    ----------
    n_items : int
        Labels in the data set.
    n_scored, n_reused : int
        Labels measured now, and labels whose scores still hold.
    refused : tuple of Problem
        Cases and labels that could not be used, each with its reason.
    notes : tuple of str
        What to know when reading the scores.
    judge : str
        Who judged the labels: one of `uncertainty.JUDGES`.
    n_training_cases : int
        Cases that the judges learned from.
    models_kept : bool
        Whether the judges are those of the last run.
    plan_digest : str
        Identifies spec, models and program behind the scores.
    seconds : float
        Wall time.
    """

    n_items: int
    n_scored: int
    n_reused: int
    refused: tuple[Problem, ...]
    notes: tuple[str, ...]
    judge: str
    n_training_cases: int
    models_kept: bool
    plan_digest: str
    seconds: float


def score_workspace(
    ws: Workspace,
    spec: ScoreSpec = _DEFAULT,
    reporter: Reporter | None = None,
    *,
    probe: Probe | None = None,
) -> ScoreSummary:
    """Measure every label of a workspace that has no valid scores.

    The judge (``spec.judge``) is learned by cross-validation over patients and judges every label without having
    seen the case; several readers' labels of a case all count in the learning, and each is judged by itself. A
    label with a saved correction is learned from and judged as corrected.

    Whatever was finished is kept when the run is stopped, and the next one goes on from there, also in the middle
    of training a network. When cases are added, removed or changed, the judges stay as long as that concerns at
    most ``spec.max_training_change`` of their training cases, and only what is new or changed is measured; beyond
    that all is learned and measured anew.

    Parameters
    ----------
    ws : Workspace
        Where the data set is, and where results go: scores into the review store, maps beside it.
    spec : ScoreSpec
        Settings.
    reporter : Reporter, optional
        Hears of every case, and may stop the run there.
    probe : callable, optional
        Called with case id, box and out-of-sample probabilities (K, Z, Y, X) of every case that is measured, as
        predicted; for benchmarks. May be called from several threads.

    Returns
    -------
    ScoreSummary
        Counts, and what could not be used and why.

    Raises
    ------
    Cancelled
        If the reporter asked to stop.
    """
    begun, ws = time.monotonic(), ws.whole
    stopping = threading.Event()
    progress = ScoreProgress(reporter or SilentReporter(), stopping)
    with ReviewStore.open(ws.store_url) as store:
        fingerprints = {key: ws.fingerprint(*key) for key in ws.dataset.items}
        store.sync_items(ws.dataset.items, fingerprints)
        labelled = [case for case in ws.dataset.cases if case.labels]
        work, remarks = _prepare(ws, store, spec, labelled, progress, stopping)
        model = work.difficulty.name if work.difficulty is not None else FILTER_BANK
        comparison, not_compared = comparison_of(spec, model, ws.dataset.classes)
        costs = work.kind.costs(len(labelled), spec.n_folds)
        total = max(1.0, sum(costs))

        refused: list[Problem] = []
        with closing(keep_cases(work, labelled)) as kept:
            for done, problems in enumerate(kept, start=1):
                refused += problems
                message = f"Read {done} of {len(labelled)} cases"
                progress.step(done / len(labelled) * costs.read, total, message)
        usable = [case for case in labelled if work.kind.has(work.digests[case.case_id])]

        before = read_plan(ws)
        made_by = work.kind.identity if work.difficulty is None else f"{work.kind.identity}+{model}"
        plan = make_plan(before, usable, work.digests, spec, made_by, _class_values(ws), work.kind.are_kept)
        write_plan(ws, plan)
        store.put_comparison(comparison.to_text())
        facts = {case.case_id: work.kind.facts(work.digests[case.case_id]) for case in usable}
        cohort = Cohort([f for by_reader in facts.values() for f in by_reader.values()])
        todo, reused = _split(work, usable, plan, facts, fingerprints)

        scored = 0
        if todo:
            learned = costs.read + costs.learn
            folds = sorted({plan.folds[case_id] for case_id in todo})
            judges = work.kind.learn(plan, folds, SubReporter(progress, costs.read, learned, total))
            store.put_judge(work.kind.judged(plan)[0])
            step = costs.measure / len(todo)
            with closing(measure(work, plan, judges, todo, probe)) as results:
                for number, result in enumerate(results, start=1):
                    scored += keep_scores(work, plan, result, cohort, fingerprints)
                    refused += result.refused
                    progress.step(learned + number * step, total, f"Scored {result.case_id}")
        judge, about_judge = work.kind.judged(plan)
        store.put_judge(judge)
        refresh_flags(work, plan, reused, facts, cohort, fingerprints)
        refused += renew_readers(
            ws,
            store,
            work.reader,
            work.corrections,
            maps=spec.maps,
            made_by=provenance(work, plan),
            waiting=progress.again,
            report=lambda message: progress.step(total, total, message),
        )
        work.kind.keep_only([*plan.training.values(), *work.digests.values()])

        summary = ScoreSummary(
            n_items=len(fingerprints),
            n_scored=scored,
            n_reused=len(reused),
            refused=tuple(dict.fromkeys([*ws.dataset.problems, *refused])),
            notes=(*remarks, *about_judge, *_notes(ws, plan, facts, work.kind.learns), *not_compared),
            judge=judge,
            n_training_cases=len(plan.training) if work.kind.learns else 0,
            models_kept=before is not None and before.digest == plan.digest,
            plan_digest=plan.digest,
            seconds=time.monotonic() - begun,
        )
        write_whole(ws.maps_dir / "scoring.json", json.dumps(provenance(work, plan), indent=1).encode())
    progress.step(total, total, "Scored")
    return summary


def _prepare(
    ws: Workspace,
    store: ReviewStore,
    spec: ScoreSpec,
    labelled: Sequence[CaseFiles],
    progress: ScoreProgress,
    stopping: threading.Event,
) -> tuple[ScoreWork, list[str]]:
    model = frozen_model(spec)
    difficulty = DifficultyWork(ws, spec, model) if model != FILTER_BANK else None
    corrections = {key: found for key, (found, _) in store.correction_counts().items() if found is not None}
    digests = {case.case_id: case_digest(ws, case, corrections, spec) for case in labelled}
    reader = CaseReader(ws, store, corrections)
    kind, remarks = choose_kind(ws, spec, labelled, reader, digests, stopping, progress.again)
    work = ScoreWork(
        ws, store, spec, reader, kind, corrections, digests, difficulty, stopping, waiting=progress.again
    )
    return work, remarks


def _class_values(ws: Workspace) -> str:
    return ",".join(str(c.label_value) for c in ws.dataset.classes)


def _split(
    work: ScoreWork,
    usable: Sequence[CaseFiles],
    plan: TrainingPlan,
    facts: Facts,
    fingerprints: Mapping[ItemKey, str],
) -> tuple[dict[str, list[str]], list[ItemKey]]:
    """Tell what must be measured (case id → readers) from what still holds."""
    holding = work.store.scored_fingerprints(plan.digest)
    overview = work.store.overview()
    judged = {ItemKey(*overview.keys[row]): found for row, found in overview.correction_ids.items()}
    todo: dict[str, list[str]] = {}
    reused: list[ItemKey] = []
    for case in usable:
        keys = [ItemKey(case.case_id, label.reader) for label in case.labels]
        valid = {
            key
            for key in keys
            if holding.get(key) == fingerprints[key]
            and judged.get(key) == work.corrections.get(key)
            and (not work.spec.maps or has_map(work.ws, key, LABEL_RISK_MAP))
        }
        if any(key not in valid and key.label_reader in facts[case.case_id] for key in keys):
            valid = set()  # all readers together: how far they differ depends on each of them
        reused += [key for key in keys if key in valid]
        missing = [key.label_reader for key in keys if key not in valid]
        if missing:
            todo[case.case_id] = missing
    return todo, reused


def _notes(ws: Workspace, plan: TrainingPlan, facts: Facts, learns: bool) -> list[str]:
    if not learns:
        return []
    notes = [plan.note] if plan.note else []
    if plan.n_folds < 2:
        return notes
    has = {case_id: {c for f in by_reader.values() for c in f.classes} for case_id, by_reader in facts.items()}
    for info in ws.dataset.classes:
        folds = {plan.folds[case_id] for case_id, classes in has.items() if info.class_index in classes}
        if len(folds) == 1:
            notes.append(
                f"{info.class_name}: labelled in too few patients to be learned from others, so it has no label "
                "risk there; its flags, volumes and difficulty elsewhere are not affected."
            )
    return notes
