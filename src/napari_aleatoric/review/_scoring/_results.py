"""What scoring leaves behind: maps, scores and flags of every label, and what they were made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from napari_aleatoric.io import remove_maps, write_map
from napari_aleatoric.model import ItemKey, ItemScores
from napari_aleatoric.uncertainty import (
    DIFFICULTY_MAP,
    LABEL_RISK_MAP,
    PROMPT_SPREAD_MAP,
    Cohort,
    LabelFacts,
    check_geometry,
)

from ._beside import BESIDE_MAPS
from ._difficulty import FILTER_BANK
from ._plan import TrainingPlan
from ._readers import no_object_flag
from ._work import Measured, ScoreWork

__all__ = ["Facts", "keep_scores", "provenance", "refresh_flags"]

Facts = Mapping[str, Mapping[str, LabelFacts]]  # by case id and reader

_PACKAGES = ("napari-aleatoric", "numpy", "scipy")


def keep_scores(
    work: ScoreWork,
    plan: TrainingPlan,
    result: Measured,
    cohort: Cohort,
    fingerprints: Mapping[ItemKey, str],
) -> int:
    """Write map, then scores, of every label of a case; returns how many."""
    if result.geometry is None:
        return 0
    together = no_object_flag({reader: found.facts for reader, found in result.scores.items()})
    for reader, found in result.scores.items():
        key = ItemKey(result.case_id, reader)
        if work.spec.maps:
            made_by = {**provenance(work, plan), "fold": plan.folds[result.case_id]}
            write_map(work.ws, key, LABEL_RISK_MAP, found.map_values, found.map_classes, result.geometry, made_by)
        values = (*found.values, *result.beside.of(reader))
        asked = result.difficulty.get(reader)
        if asked is not None:
            values = (*values, *asked.values)
        for name in (DIFFICULTY_MAP, PROMPT_SPREAD_MAP):
            if asked is not None and name in asked.maps:
                made_by = provenance(work, plan)
                write_map(work.ws, key, name, asked.maps[name], asked.map_classes, result.geometry, made_by)
            else:  # of an earlier run with another model
                remove_maps(work.ws, key, name)
        for name in BESIDE_MAPS:
            rows, classes = result.beside.maps.get(name, (None, ()))
            if rows is None:
                remove_maps(work.ws, key, name)
            else:
                write_map(work.ws, key, name, rows, classes, result.geometry, provenance(work, plan))
        flags = (*check_geometry(found.facts, work.ws.dataset.classes, cohort), *together)
        work.store.put_item_scores(
            ItemScores(key, values, flags, (*found.hot_spots, *result.beside.hot_spots)),
            fingerprint=fingerprints[key],
            spec_digest=plan.digest,
            correction_id=work.corrections.get(key),
        )
    return len(result.scores)


def refresh_flags(
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
        flags = (*check_geometry(own, work.ws.dataset.classes, cohort), *no_object_flag(facts[key.case_id]))
        if flags != work.store.flags(key):
            work.store.put_item_scores(
                replace(work.store.item_scores(key), flags=flags),
                fingerprint=fingerprints[key],
                spec_digest=plan.digest,
                correction_id=work.corrections.get(key),
            )


def provenance(work: ScoreWork, plan: TrainingPlan) -> dict[str, Any]:
    """Say what made the scores: spec, judge, models, versions."""
    judge = work.kind.provenance(plan)
    packages = [*_PACKAGES, *judge.pop("packages")]
    if work.difficulty is not None:
        packages += ["torch", "segment-anything"]
    return {
        "door": "score",
        "spec": {
            **work.spec.model_dump(mode="json"),
            "probabilities": Path(work.spec.probabilities).name,
            "ensemble": [Path(folder).name for folder in work.spec.ensemble],
        },
        "judge": judge,
        "encoder": work.difficulty.name if work.difficulty is not None else FILTER_BANK,
        "plan_digest": plan.digest,
        "n_training_cases": len(plan.training) if work.kind.learns else 0,
        "versions": {name: metadata.version(name) for name in sorted(set(packages))},
    }
