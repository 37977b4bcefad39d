"""How long a training takes here, as far as earlier ones tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_aleatoric.jobs import duration_in_words

from ._training_rows import TrainingRow

__all__ = ["duration_sentence", "expected_seconds"]

_ALIKE = (
    "network",
    "dimensions",
    "width",
    "patch_voxels",
    "voxels_per_step",
    "case_voxels",
    "batch",
    "patch_zyx",
    "spacing_zyx_mm",
    "validate_every",
    "device",
    "minutes",
)
"""Settings that decide how long a step takes; trainings that differ in one of them tell nothing of each other."""


def expected_seconds(spec: Mapping[str, Any], rows: Sequence[TrainingRow]) -> float | None:
    """Return how long a training of these settings would take; None where nothing like it was finished here.

    The pace is that of the newest finished training with the same network on the same patches. Sharpness-aware
    steps take two gradients, and the plain network beside takes as many as the training itself.

    Parameters
    ----------
    spec : mapping
        Settings of a retraining, plain values.
    rows : sequence of TrainingRow
        The newest first.
    """
    for row in rows:
        if row.state == "finished" and row.seconds > 0 and _kind(row.spec) == _kind(spec):
            return row.seconds * _work(spec) / _work(row.spec)
    return None


def duration_sentence(spec: Mapping[str, Any], rows: Sequence[TrainingRow]) -> str:
    """Say how long it takes."""
    expected = expected_seconds(spec, rows)
    if expected is not None:
        return f"Takes about {duration_in_words(expected)}, judging by the last training of this kind here."
    minutes = spec["train"].get("minutes")
    if minutes:
        times = 2 if spec.get("baseline") else 1
        return f"Its steps take up to {duration_in_words(60 * minutes * times)}; reading and judging come on top."
    return "How long it takes here is told soon after it began: nothing of this kind was trained here yet."


def _kind(spec: Mapping[str, Any]) -> tuple[Any, ...]:
    train = spec.get("train", {})
    readers = train.get("readers", "random")
    at_once = readers if readers in ("each", "uma") else ""  # of the others one label is learned from at a time
    return (spec.get("backend", "own"), at_once, *(train.get(name) for name in _ALIKE))


def _work(spec: Mapping[str, Any]) -> float:
    train = spec.get("train", {})
    gradients = float(train.get("iterations", 1)) * (2 if train.get("loss", {}).get("sharpness_aware") else 1)
    return gradients * (2 if spec.get("baseline") else 1)
