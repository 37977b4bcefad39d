"""Whether it pays to train again, in sentences that say what is known and no more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from napari_aleatoric.review import SinceTraining
from napari_aleatoric.session._training_advice import PayingLimits, retraining_advice

WHEN = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
AT = f"{WHEN.astimezone():%d %b %H:%M}"


def since(**known: Any) -> SinceTraining:
    return SinceTraining(
        **{"model_id": "m", "began": WHEN, "in_use": True, "is_same": False, "n_labels": 200, "n_top": 40, **known}
    )


def test_much_was_done() -> None:
    found = retraining_advice(since(n_corrected=14, n_refused=3, n_top_reviewed=25))
    assert found == (
        f"Since the model in use ({AT}), 14 labels were corrected and 3 excluded or rejected. "
        "62 % of the 40 most suspicious labels are reviewed. It pays to retrain."
    )


def test_all_kinds_of_work_are_told() -> None:
    found = retraining_advice(
        since(in_use=False, n_corrected=1, n_refused=2, n_barred=3, n_accepted=4, n_top_reviewed=40)
    )
    assert found.startswith(
        f"Since the newest model ({AT}), 1 label was corrected, 2 excluded or rejected, 3 marked in part as not to "
        "be learned from and 4 accepted. All of the 40 most suspicious labels are reviewed. "
    )
    assert "That is little" in found


def test_nothing_was_done() -> None:
    assert retraining_advice(since(is_same=True, n_top_reviewed=10)) == (
        "25 % of the 40 most suspicious labels are reviewed. Nothing that is learned from has changed since the "
        f"model in use ({AT}) was trained: a new training with its settings would give the same model."
    )
    accepted = retraining_advice(since(is_same=True, n_accepted=5))
    assert "5 labels were accepted" in accepted
    assert "would give the same model" in accepted


def test_a_change_that_nobody_made_by_a_verdict_is_told() -> None:
    assert "though no label was corrected or refused" in retraining_advice(since())


def test_what_cannot_be_told_is_not_said() -> None:
    assert retraining_advice(since(is_same=None, n_top=0)) == (
        "The labels are not scored yet: score them to see which ones to look at first."
    )


def test_before_the_first_model() -> None:
    found = retraining_advice(SinceTraining(n_labels=9, n_corrected=2, n_top=9))
    assert found == (
        "2 labels were corrected. None of the 9 most suspicious labels is reviewed: until then, learning without "
        "the riskiest fifth is what helped where it was measured. Nothing was trained here yet: "
        "the first model is what later ones are compared with."
    )


@pytest.mark.parametrize(
    ("n_labels", "n_corrected", "pays"),
    [(200, 9, False), (200, 10, True), (100_000, 10, True), (100, 4, False), (100, 5, True), (6, 1, True)],
)
def test_a_part_of_few_labels_or_a_number_of_many_is_enough(n_labels: int, n_corrected: int, pays: bool) -> None:
    found = retraining_advice(
        since(n_labels=n_labels, n_corrected=n_corrected), PayingLimits(changed=10, changed_part=0.05, top=40)
    )
    assert ("It pays to retrain." in found) is pays
    assert ("That is little" in found) is not pays
