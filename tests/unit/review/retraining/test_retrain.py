"""The door: trains on what is learned from, judges on what is not, keeps models and takes promotions back."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError, NotFoundError, WorkspaceError
from napari_aleatoric.io import try_lock, write_label_map, write_volume
from napari_aleatoric.model import Decision, RecordingReporter, Verdict
from napari_aleatoric.review import (
    JudgeSpec,
    RetrainSpec,
    ReviewStore,
    find_model,
    list_models,
    model_folder,
    promote,
    promoted_model,
    read_held_out,
    read_judgement,
    retrain,
    roll_back,
)
from napari_aleatoric.review._retraining._registry import new_model_id
from napari_aleatoric.review._retraining._split import retraining_folder
from napari_aleatoric.training import TrainSpec

JUDGE = JudgeSpec(draws=100, tolerance_mm=1.0)
SPEC = RetrainSpec(train=TrainSpec.of_preset("quick"), judge=JUDGE)


def changed(**values) -> RetrainSpec:
    return SPEC.model_copy(update=values)


def test_a_model_is_trained_judged_and_kept(ws, bench):
    reporter = RecordingReporter()
    outcome = retrain(ws, SPEC, reporter)
    assert outcome.selection.startswith("Learns from 10 of 12 cases")
    assert outcome.sentence.startswith("Mean Dice 0.")
    assert outcome.sentence.endswith("on 2 held-out cases; no other model to compare it with.")
    assert {row.class_name for row in outcome.judgement.rows} == {"liver", "tumour"}
    assert all(row.brier is not None for row in outcome.judgement.rows)
    ((folder, _, training_set, _),) = bench.trained
    assert folder == model_folder(ws, outcome.model_id) / "network"
    assert (len(training_set.names), len(training_set.validation)) == (9, 1)
    held = read_held_out(ws)
    assert held is not None
    assert sorted({row.case_id for row in outcome.judgement.rows}) == held.held(held.seen)
    record = find_model(ws)
    assert not set(record.held_out) & {*record.learned, *record.validation}
    assert record.plan["class_names"] == ["liver", "tumour"]
    assert record.versions["napari-aleatoric"]
    assert read_judgement(ws, record.model_id) == outcome.judgement
    assert {p.name for p in model_folder(ws, record.model_id).iterdir()} >= {"judgement.csv", "judgement.md"}
    done = [step[0] for step in reporter.steps]
    assert done == sorted(done)
    assert reporter.steps[-1][:2] == (1.0, 1.0)
    assert ("loss", 1.0, 0) in reporter.metrics
    assert promoted_model(ws) is None  # a person promotes


def test_the_same_labels_and_settings_are_the_same_model(ws, bench):
    first = retrain(ws, SPEC)
    again = retrain(ws, SPEC)
    assert (again.model_id, again.reused, len(bench.trained)) == (first.model_id, True, 1)
    assert again.judgement == first.judgement
    with ReviewStore.open(ws.store_url) as store:
        learned = find_model(ws).learned[0]
        store.decide(Decision(case_id=learned, verdict=Verdict.EXCLUDED, reader="ann"))
    other = retrain(ws, SPEC)
    assert (other.model_id != first.model_id, other.reused) == (True, False)
    assert "1 excluded" in other.selection


@pytest.mark.parametrize("at", [1, 4, 9, 14, 16, 18])
def test_a_stopped_run_goes_on(ws, bench, at):
    with pytest.raises(Cancelled):
        retrain(ws, SPEC, RecordingReporter(cancel_after=at))
    unfinished = list_models(ws)
    assert all(record.status == "training" for record in unfinished)
    with pytest.raises(NotFoundError, match="no finished model"):
        find_model(ws)
    outcome = retrain(ws, SPEC)
    assert not outcome.reused
    assert len(list_models(ws)) == 1
    if unfinished:
        assert outcome.model_id == unfinished[0].model_id


def test_better_than_the_promoted_one(make_retraining, bench):
    ws = make_retraining(40, wrong=tuple(range(0, 40, 3)))
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        spec = changed(held_out=0.4)
        held = retrain(ws, spec)
        wrong = {f"case_{i:02}" for i in range(0, 40, 3)}
        promote(ws, held.model_id)
        for case_id in wrong:  # the reviewer finds the errors; those of held-out cases no longer judge either
            store.decide(Decision(case_id=case_id, verdict=Verdict.EXCLUDED, reader="ann"))
        outcome = retrain(ws, spec)
    assert outcome.judgement.models == ("after", "before")
    assert not {row.case_id for row in outcome.judgement.rows} & wrong
    compared = outcome.judgement.comparison("before")
    assert compared is not None
    assert (compared.shown, compared.n_worse) == ("better", 0)
    assert outcome.sentence.startswith("The new model is better than the promoted one on ")
    assert "14 excluded" in outcome.selection


def test_a_plain_network_beside_it(ws, bench):
    loss = SPEC.train.loss.model_copy(update={"kind": "duo", "sharpness_aware": True})
    train = SPEC.train.model_copy(update={"loss": loss, "iterations": 40})
    reporter = RecordingReporter()
    outcome = retrain(ws, changed(train=train, baseline=True), reporter)
    assert outcome.judgement.models == ("after", "baseline")
    plain = bench.trained[1][1]
    assert (plain.loss.kind, plain.loss.sharpness_aware, plain.iterations) == ("dice_ce", False, 80)
    assert ("baseline/loss", 1.0, 0) in reporter.metrics
    assert "the plain one trained beside it in the same budget" in outcome.sentence
    same = retrain(ws, changed(baseline=True))
    assert any("settings are the plain ones" in note for note in same.notes)
    assert same.judgement.models == ("after",)


def test_an_older_model_is_not_judged_on_what_it_learned(ws, bench):
    first = retrain(ws, SPEC)
    promote(ws, first.model_id)
    path = retraining_folder(ws) / "held_out.json"
    about = json.loads(path.read_text())
    moved = find_model(ws).learned[0]
    about["seen"][moved]["held"] = True  # as where two patients turn out to be one
    path.write_text(json.dumps(about))
    outcome = retrain(ws, SPEC)
    by_model = {m: {r.case_id for r in outcome.judgement.rows if r.model == m} for m in ("after", "before")}
    assert by_model["after"] - by_model["before"] == {moved}


def test_promote_and_go_back(ws, bench):
    with pytest.raises(DataError, match="none is promoted"):
        roll_back(ws)
    first, second = retrain(ws, SPEC).model_id, retrain(ws, changed(split_seed=3)).model_id
    assert find_model(ws).model_id == second  # the newest, as long as none is promoted
    promote(ws, first)
    promote(ws, first)  # once is enough
    promote(ws, second)
    assert find_model(ws).model_id == second
    back = roll_back(ws)
    assert back is not None
    assert back.model_id == first
    assert roll_back(ws) is None
    assert [r.model_id for r in list_models(ws)] == [first, second]
    with pytest.raises(NotFoundError, match="no finished model 'x'"):
        promote(ws, "x")
    with pytest.raises(NotFoundError, match="Several models begin with '2'"):
        find_model(ws, "2")
    (retraining_folder(ws) / "promoted.json").write_text("{")
    with pytest.raises(WorkspaceError, match="damaged"):
        promoted_model(ws)


def test_one_at_a_time(ws, bench):
    folder = retraining_folder(ws)
    folder.mkdir(parents=True)
    with (folder / ".lock").open("ab", buffering=0) as stream:
        assert try_lock(stream)
        with pytest.raises(DataError, match="being retrained already"):
            retrain(ws, SPEC)
    assert list_models(ws) == []


def test_weights_reach_the_network(ws, bench):
    from napari_aleatoric.model import ItemKey, ItemScores, ScoreValue

    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        for i, case in enumerate(ws.dataset.cases):
            scores = ItemScores(ItemKey(case.case_id), (ScoreValue("nll_union", 0, float(i)),))
            store.put_item_scores(scores, fingerprint="f", spec_digest="s")
    retrain(ws, changed(weigh_by="nll_union"))
    weights = bench.trained[0][2].sample_weight
    assert weights == tuple(sorted(weights, reverse=True))
    assert weights[0] > 0.8 > 0.4 > weights[-1]


def test_the_vote_is_learned_from_and_all_readers_are_looked_at(make_retraining, bench):
    ws = make_retraining(readers=("ann", "bob", "cal"))
    found = {}
    for readers in ("random", "vote", "uma"):
        train = SPEC.train.model_copy(update={"readers": readers})
        outcome = retrain(ws, changed(train=train))
        found[readers] = find_model(ws, outcome.model_id).digest
        cases = bench.trained[-1][2]
        shelf = next((retraining_folder(ws) / "shelves").iterdir())
        rows, looked = (
            [np.load(shelf / f"{name}.labels.npy") for name in names] for names in (cases.names, cases.validation)
        )
        assert {len(labels) for labels in rows} == ({1} if readers == "vote" else {2, 3})
        assert {len(labels) for labels in looked} <= {2, 3}
        drawn = [
            int((labels > 0).sum(axis=(1, 2, 3)).max() - (labels > 0).sum(axis=(1, 2, 3)).min()) for labels in rows
        ]
        assert set(drawn) == ({0} if readers == "vote" else {0, 1})
    assert len(set(found.values())) == 3
    assert retrain(ws, changed(train=SPEC.train)).reused


def test_settings_are_checked():
    with pytest.raises(ValueError, match="another label reader"):
        RetrainSpec(label_reader="ann", filter={"label_reader": "bob"})
    assert SPEC.is_plain
    assert not changed(voxel_weights=True).is_plain
    assert changed(weigh_by="auv", held_out=0.3).plain() == changed(held_out=0.3)


def test_proposals_are_learned_from(ws, bench, tmp_path):
    folder = tmp_path / "drawn elsewhere"
    write_volume(folder / "scan.nii.gz", ws.load_image("case_00"))
    write_label_map(folder / "drawn.nii.gz", ws.load_label("case_00"))
    (folder / "manifest.csv").write_text(
        "case,image,label,class_names\nnew,scan.nii.gz,drawn.nii.gz,1=liver;3=tumour\n"
    )
    outcome = retrain(ws, changed(pseudo_labels=str(folder)))
    assert "1 proposals of a model besides" in outcome.selection
    record = find_model(ws)
    assert record.learned[-1] == "proposal new"
    assert bench.trained[0][2].sample_weight[-1] == 0.5
    moved = folder.rename(tmp_path / "moved")  # the same proposals in another place are the same model
    assert retrain(ws, RetrainSpec.model_validate(record.spec | {"pseudo_labels": str(moved)})).reused


def test_ids_sort_by_time_also_within_a_second():
    made = []
    for number in range(20):
        made.append(new_model_id(f"{20 - number:06d}"))
        before = time.perf_counter_ns()
        while time.perf_counter_ns() - before < 2_000:  # the next one is a microsecond later at least
            pass
    assert made == sorted(made)
