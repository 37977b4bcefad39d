"""What was done with the labels since a model was trained, counted from the records."""

from __future__ import annotations

import numpy as np

from napari_aleatoric.model import Decision, ItemKey, ItemScores, ScoreValue, Verdict
from napari_aleatoric.review import (
    RetrainSpec,
    ReviewStore,
    changes_since,
    current_label,
    find_model,
    list_models,
    promote,
    retrain,
    save_barred,
    save_correction,
)
from napari_aleatoric.review._retraining._registry import write_record
from napari_aleatoric.training import TrainSpec

SPEC = RetrainSpec(train=TrainSpec.of_preset("quick"))


def decide(store: ReviewStore, case_id: str, verdict: Verdict | None, **more) -> Decision:
    return store.decide(Decision(case_id=case_id, verdict=verdict, reader="ann", **more))


def grid(ws, case_id: str):
    return ws.load_image(case_id).upright().geometry


def bar(ws, case_id: str, n: int = 1) -> None:
    barred = np.zeros(grid(ws, case_id).shape_zyx, np.uint8)
    barred.ravel()[:n] = 1
    save_barred(ws, ItemKey(case_id), barred, grid(ws, case_id), reader="ann")


def score(ws, store: ReviewStore, values: dict[str, float]) -> None:
    for case_id, value in values.items():
        key = ItemKey(case_id)
        scores = tuple(
            ScoreValue(part, c, value) for part in ("nll_union", "local_max", "dice_gap") for c in range(3)
        )
        store.put_item_scores(ItemScores(key, scores), fingerprint=ws.fingerprint(*key), spec_digest="s")


def aged(ws) -> None:
    """Make the models of a workspace an hour older."""
    for record in list_models(ws):
        hour = record.created[11:13]
        earlier = record.created.replace(f"T{hour}:", f"T{(int(hour) - 1) % 24:02}:")
        day = record.created[:10] if int(hour) else "2020-01-01"
        write_record(ws, record.model_copy(update={"created": f"{day}{earlier[10:]}"}))


def test_without_a_model_all_work_counts(ws, opened):
    decide(opened, "case_01", Verdict.REJECTED)
    decide(opened, "case_02", Verdict.ACCEPTED)
    decide(opened, "case_03", None, comment="look again")
    bar(ws, "case_04")
    found = changes_since(ws)
    assert (found.model_id, found.began, found.is_same) == ("", None, None)
    assert (found.n_labels, found.n_corrected, found.n_refused, found.n_accepted, found.n_barred) == (
        12,
        0,
        1,
        1,
        1,
    )
    assert (found.n_top, found.n_top_reviewed) == (0, 0)  # nothing is scored


def test_only_what_came_after_the_training_counts(ws, opened, bench):
    decide(opened, "case_01", Verdict.EXCLUDED)
    key = ItemKey("case_02")
    save_correction(ws, opened, key, current_label(ws, opened, key), reader="ann")
    bar(ws, "case_03")
    first = retrain(ws, SPEC)
    late = list_models(ws)[0].model_copy(update={"created": "2100-01-01T00:00:00+00:00"})
    write_record(ws, late)  # the work was done long before it
    found = changes_since(ws)
    assert (found.model_id, found.in_use, found.is_same) == (first.model_id, False, True)
    assert (found.n_corrected, found.n_refused, found.n_accepted, found.n_barred) == (0, 0, 0, 0)


def test_what_is_done_later_is_counted_and_makes_another_model(ws, opened, bench):
    retrain(ws, SPEC)
    aged(ws)
    promote(ws, "")
    free = find_model(ws).learned
    assert changes_since(ws).is_same is True
    assert changes_since(ws).in_use is True
    decide(opened, free[0], Verdict.ACCEPTED)
    assert changes_since(ws).is_same is True, "it was learned from before"
    decide(opened, free[1], Verdict.EXCLUDED)
    excluded = changes_since(ws)
    assert (excluded.n_refused, excluded.n_accepted, excluded.is_same) == (1, 1, False)
    opened.undo(ItemKey(free[1]), "ann")
    assert changes_since(ws).is_same is True
    key = ItemKey(free[2])
    save_correction(ws, opened, key, current_label(ws, opened, key), reader="ann")
    other = ItemKey(free[3])
    save_correction(ws, opened, other, current_label(ws, opened, other), reader="sam", machine="sam-small")
    assert changes_since(ws).n_corrected == 1, "a model's version is no correction"
    bar(ws, free[4])
    found = changes_since(ws)
    assert (found.n_barred, found.is_same) == (1, False)
    retrain(ws, SPEC)
    assert changes_since(ws).model_id == find_model(ws).model_id, "the promoted one counts, not the newest"
    promote(ws, list_models(ws)[-1].model_id)
    assert changes_since(ws).is_same is True


def test_how_much_of_the_most_suspicious_is_reviewed(ws, opened):
    score(ws, opened, {f"case_{i:02}": i / 12 for i in range(12)})
    for case_id, verdict in (
        ("case_11", Verdict.REJECTED),
        ("case_10", Verdict.SKIPPED),
        ("case_09", Verdict.ACCEPTED),
        ("case_00", Verdict.ACCEPTED),
    ):
        decide(opened, case_id, verdict)
    found = changes_since(ws, top=4)  # cases 11, 10, 9, 8; a skipped one is to be looked at again
    assert (found.n_top, found.n_top_reviewed) == (4, 2)
    assert changes_since(ws, top=40).n_top == 12


def test_settings_of_another_version_are_no_reason_to_stop(ws, opened, bench):
    retrain(ws, SPEC)
    record = list_models(ws)[0]
    write_record(ws, record.model_copy(update={"spec": {"of": "the future"}}))
    assert changes_since(ws).is_same is None
