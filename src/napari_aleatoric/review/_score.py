"""The scoring door: from a workspace to scores, flags, hot spots and voxel maps of every label."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

from numpy.typing import NDArray

from napari_aleatoric.foundation import Box, encoder
from napari_aleatoric.io import Workspace, has_map, remove_maps, write_map, write_whole
from napari_aleatoric.model import CaseFiles, ItemKey, ItemScores, Problem, Reporter, SilentReporter
from napari_aleatoric.uncertainty import (
    DIFFICULTY_MAP,
    LABEL_RISK_MAP,
    PROMPT_SPREAD_MAP,
    Cohort,
    LabelFacts,
    ScoreSpec,
    check_geometry,
)

from ._score_difficulty import FILTER_BANK, DifficultyWork, frozen_model
from ._score_plan import SampleCache, TrainingPlan, case_digest, make_plan, read_plan, write_plan
from ._score_reference import comparison_of
from ._score_steps import UNREADABLE, Measured, ScoreWork, draw_samples, learn, measure
from ._store import ReviewStore

__all__ = ["ScoreSummary", "score_workspace"]

_DEFAULT = ScoreSpec()
_SAMPLE, _FIT, _SCORE = 1.0, 3.0, 6.0  # what the three parts cost per case, for the progress
_PACKAGES = ("napari-aleatoric", "numpy", "scipy", "scikit-learn")

Facts = Mapping[str, Mapping[str, LabelFacts]]  # by case id and reader


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
    n_training_cases : int
        Cases that the models learned from.
    models_kept : bool
        Whether the models are those of the last run.
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
    n_training_cases: int
    models_kept: bool
    plan_digest: str
    seconds: float


def score_workspace(
    ws: Workspace,
    spec: ScoreSpec = _DEFAULT,
    reporter: Reporter | None = None,
    *,
    probe: Callable[[str, Box, NDArray[Any]], None] | None = None,
) -> ScoreSummary:
    """Measure every label of a workspace that has no valid scores.

    The light classifier is learned by cross-validation over patients and judges every label without having seen
    the case; several readers' labels of a case all count in the learning, and each is judged by itself. A label
    with a saved correction is learned from and judged as corrected.

    Whatever was finished is kept when the run is stopped, and the next one goes on from there. When cases are
    added, removed or changed, the models stay as long as that concerns at most ``spec.max_training_change`` of
    their training cases, and only what is new or changed is measured; beyond that all is learned and measured anew.

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
    begun = time.monotonic()
    reporter = reporter or SilentReporter()
    with ReviewStore.open(ws.store_url) as store:
        fingerprints = {key: ws.fingerprint(*key) for key in ws.dataset.items}
        store.sync_items(ws.dataset.items, fingerprints)
        labelled = [case for case in ws.dataset.cases if case.labels]
        total = max(1.0, len(labelled) * (_SAMPLE + _FIT + _SCORE))
        work, encoder_name = _prepare(ws, store, spec, labelled)
        model = work.difficulty.name if work.difficulty is not None else FILTER_BANK
        comparison, not_compared = comparison_of(spec, model, ws.dataset.classes)

        refused: list[Problem] = []
        with closing(draw_samples(work, labelled)) as drawn:
            for done, problems in enumerate(drawn, start=1):
                refused += problems
                reporter.step(done * _SAMPLE, total, f"Read {done} of {len(labelled)} cases")
        usable = [case for case in labelled if work.cache.has(work.digests[case.case_id])]

        before = read_plan(ws)
        plan = make_plan(before, usable, work.digests, spec, encoder_name, _class_values(ws), work.cache.has)
        write_plan(ws, plan)
        store.put_comparison(comparison.to_text())
        facts = {case.case_id: work.cache.facts(work.digests[case.case_id]) for case in usable}
        cohort = Cohort([f for by_reader in facts.values() for f in by_reader.values()])
        todo, reused = _split(work, usable, plan, fingerprints)

        scored = 0
        if todo:
            done_so_far = len(labelled) * _SAMPLE
            folds = sorted({plan.folds[case_id] for case_id in todo})
            models = learn(work, plan, folds, reporter, done_so_far, total)
            done_so_far += len(labelled) * _FIT
            step = (total - done_so_far) / len(todo)
            with closing(measure(work, plan, models, todo, probe)) as results:
                for number, result in enumerate(results, start=1):
                    scored += _keep(work, plan, result, cohort, fingerprints)
                    refused += result.refused
                    reporter.step(done_so_far + number * step, total, f"Scored {result.case_id}")
        _refresh_flags(work, plan, reused, facts, cohort, fingerprints)
        work.cache.keep_only([*plan.training.values(), *work.digests.values()])

        summary = ScoreSummary(
            n_items=len(fingerprints),
            n_scored=scored,
            n_reused=len(reused),
            refused=tuple(dict.fromkeys([*ws.dataset.problems, *refused])),
            notes=(*_notes(ws, plan, facts), *not_compared),
            n_training_cases=len(plan.training),
            models_kept=before is not None and before.digest == plan.digest,
            plan_digest=plan.digest,
            seconds=time.monotonic() - begun,
        )
        write_whole(ws.maps_dir / "scoring.json", json.dumps(_provenance(work, plan), indent=1).encode())
    reporter.step(total, total, "Scored")
    return summary


def _prepare(
    ws: Workspace, store: ReviewStore, spec: ScoreSpec, labelled: Sequence[CaseFiles]
) -> tuple[ScoreWork, str]:
    model = frozen_model(spec)
    difficulty = DifficultyWork(ws, spec, model) if model != FILTER_BANK else None
    name = spec.features if spec.features != "auto" else _fitting_encoder(ws, labelled)
    chosen = encoder(name)
    corrections = {key: found for key, (found, _) in store.correction_counts().items() if found is not None}
    digests = {case.case_id: case_digest(ws, case, corrections, spec) for case in labelled}
    work = ScoreWork(ws, store, spec, chosen, SampleCache(ws, chosen.name), corrections, digests, difficulty)
    return work, chosen.name if difficulty is None else f"{chosen.name}+{difficulty.name}"


def _fitting_encoder(ws: Workspace, cases: Sequence[CaseFiles]) -> str:
    """Look at the first image that can be read: colour or grey."""
    for case in cases:
        try:
            return "filter_bank_colour" if ws.load_image(case.case_id).is_rgb else "filter_bank"
        except UNREADABLE:
            continue
    return "filter_bank"


def _class_values(ws: Workspace) -> str:
    return ",".join(str(c.label_value) for c in ws.dataset.classes)


def _split(
    work: ScoreWork, usable: Sequence[CaseFiles], plan: TrainingPlan, fingerprints: Mapping[ItemKey, str]
) -> tuple[dict[str, list[str]], list[ItemKey]]:
    """Tell what must be measured (case id → readers) from what still holds."""
    holding = work.store.scored_fingerprints(plan.digest)
    overview = work.store.overview()
    judged = {ItemKey(*overview.keys[row]): found for row, found in overview.correction_ids.items()}
    todo: dict[str, list[str]] = {}
    reused = []
    for case in usable:
        for label in case.labels:
            key = ItemKey(case.case_id, label.reader)
            valid = (
                holding.get(key) == fingerprints[key]
                and judged.get(key) == work.corrections.get(key)
                and (not work.spec.maps or has_map(work.ws, key, LABEL_RISK_MAP))
            )
            if valid:
                reused.append(key)
            else:
                todo.setdefault(case.case_id, []).append(label.reader)
    return todo, reused


def _keep(
    work: ScoreWork,
    plan: TrainingPlan,
    result: Measured,
    cohort: Cohort,
    fingerprints: Mapping[ItemKey, str],
) -> int:
    """Write map, then scores, of every label of a case; returns how many."""
    if result.geometry is None:
        return 0
    for reader, found in result.scores.items():
        key = ItemKey(result.case_id, reader)
        if work.spec.maps:
            made_by = {**_provenance(work, plan), "fold": plan.folds[result.case_id]}
            write_map(work.ws, key, LABEL_RISK_MAP, found.map_values, found.map_classes, result.geometry, made_by)
        values = found.values
        asked = result.difficulty.get(reader)
        if asked is not None:
            values = (*values, *asked.values)
        for name in (DIFFICULTY_MAP, PROMPT_SPREAD_MAP):
            if asked is not None and name in asked.maps:
                made_by = _provenance(work, plan)
                write_map(work.ws, key, name, asked.maps[name], asked.map_classes, result.geometry, made_by)
            else:  # of an earlier run with another model
                remove_maps(work.ws, key, name)
        flags = check_geometry(found.facts, work.ws.dataset.classes, cohort)
        work.store.put_item_scores(
            ItemScores(key, values, flags, found.hot_spots),
            fingerprint=fingerprints[key],
            spec_digest=plan.digest,
            correction_id=work.corrections.get(key),
        )
    return len(result.scores)


def _refresh_flags(
    work: ScoreWork,
    plan: TrainingPlan,
    reused: Sequence[ItemKey],
    facts: Facts,
    cohort: Cohort,
    fingerprints: Mapping[ItemKey, str],
) -> None:
    """Renew the findings of labels that were not measured again: what is usual may have changed."""
    for key in reused:
        own = facts[key.case_id].get(key.label_reader)
        if own is None:
            continue
        flags = check_geometry(own, work.ws.dataset.classes, cohort)
        if flags != work.store.flags(key):
            work.store.put_item_scores(
                replace(work.store.item_scores(key), flags=flags),
                fingerprint=fingerprints[key],
                spec_digest=plan.digest,
                correction_id=work.corrections.get(key),
            )


def _provenance(work: ScoreWork, plan: TrainingPlan) -> dict[str, Any]:
    """Say what made the scores: spec, models, versions."""
    packages = (*_PACKAGES, "torch", "segment-anything") if work.difficulty is not None else _PACKAGES
    return {
        "door": "score",
        "spec": work.spec.model_dump(mode="json"),
        "encoder": work.difficulty.name if work.difficulty is not None else FILTER_BANK,
        "features": plan.encoder,
        "plan_digest": plan.digest,
        "n_training_cases": len(plan.training),
        "versions": {name: metadata.version(name) for name in packages},
    }


def _notes(ws: Workspace, plan: TrainingPlan, facts: Facts) -> list[str]:
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
