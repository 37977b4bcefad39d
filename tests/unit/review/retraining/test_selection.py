"""What is learned from: present labels, without what was refused, filtered and weighed as asked."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import Workspace, read_label_map, read_volume, write_label_map, write_map, write_volume
from napari_aleatoric.model import Decision, ItemKey, ItemScores, LabelMap, ScoreValue, Verdict
from napari_aleatoric.review import (
    FilterSpec,
    RetrainSpec,
    current_label,
    preview_retraining,
    read_held_out,
    save_correction,
)
from napari_aleatoric.review._labels._learning_weight import WEIGHT_MAP
from napari_aleatoric.review._retraining._case_desk import CaseDesk
from napari_aleatoric.review._retraining._pseudo_cases import PseudoCases
from napari_aleatoric.review._retraining._selection import LearnedCase
from napari_aleatoric.uncertainty import LABEL_RISK_MAP

SPEC = RetrainSpec()


def decide(store, case_id: str, verdict: Verdict) -> None:
    store.decide(Decision(case_id=case_id, verdict=verdict, reader="ann"))


def free_cases(ws: Workspace) -> list[str]:
    held = {case.case_id for case in preview_retraining(ws, SPEC).held_out}
    return [case.case_id for case in ws.dataset.cases if case.case_id not in held]


def score(ws: Workspace, store, values: dict[str, float], measure: str = "nll_union") -> None:
    for case_id, value in values.items():
        key = ItemKey(case_id)
        scores = ItemScores(key, (ScoreValue(measure, 0, value), ScoreValue(measure, 1, value)))
        store.put_item_scores(scores, fingerprint=ws.fingerprint(*key), spec_digest="s")


def test_all_that_nobody_refused(ws, opened):
    found = preview_retraining(ws, SPEC)
    assert (len(found.learn), len(found.validation), len(found.held_out)) == (9, 1, 2)
    assert found.sentence == ("Learns from 10 of 12 cases (1 of them only to see how it is doing); holds back 2.")
    assert "2 of the 2 held-out labels were not looked at" in found.notes[0]
    assert read_held_out(ws) is None  # a preview chooses nothing for good


def test_verdicts_and_corrections(ws, opened):
    free = free_cases(ws)
    decide(opened, free[0], Verdict.EXCLUDED)
    decide(opened, free[1], Verdict.REJECTED)
    decide(opened, free[2], Verdict.ACCEPTED)
    label = current_label(ws, opened, ItemKey(free[3]))
    save_correction(ws, opened, ItemKey(free[3]), label, reader="ann")
    found = preview_retraining(ws, replace_validation(SPEC))
    assert found.sentence == "Learns from 8 of 12 cases; 1 corrected, 1 excluded, 1 rejected; holds back 2."
    by_id = {case.case_id: case for case in found.learn}
    assert not {free[0], free[1]} & by_id.keys()
    assert (by_id[free[2]].looked_at, by_id[free[3]].corrected, by_id[free[4]].looked_at) == (True, True, False)


def replace_validation(spec: RetrainSpec, **more) -> RetrainSpec:
    return spec.model_copy(update={"validation": 0.0, **more})


def test_a_label_that_a_model_drew_is_left_out_unless_asked_for(ws, opened):
    free = free_cases(ws)
    key = ItemKey(free[0])
    save_correction(ws, opened, key, current_label(ws, opened, key), reader="sam", machine="sam-small")
    spec = replace_validation(SPEC)
    assert "1 drawn by a model and not accepted" in preview_retraining(ws, spec).sentence
    asked = preview_retraining(ws, replace_validation(SPEC, machine_labels=True))
    assert free[0] in [case.case_id for case in asked.learn]
    decide(opened, free[0], Verdict.ACCEPTED)
    assert free[0] in [case.case_id for case in preview_retraining(ws, spec).learn]


def test_a_filter_drops_the_worst_that_nobody_has_looked_at(ws, opened):
    free = free_cases(ws)
    score(ws, opened, {case.case_id: 0.1 for case in ws.dataset.cases})
    score(ws, opened, {free[0]: 5.0, free[1]: 4.0})
    decide(opened, free[1], Verdict.ACCEPTED)
    spec = replace_validation(SPEC, filter=FilterSpec(measure="nll_union", percentiles=(0.0, 90.0)))
    found = preview_retraining(ws, spec)
    assert [str(key) for key in found.left_out["filtered"]] == [free[0]]
    assert "1 beyond the filter" in found.sentence
    assert free[1] in [case.case_id for case in found.learn]
    with pytest.raises(DataError, match="Score the data set"):
        preview_retraining(ws, replace_validation(SPEC, filter=FilterSpec(measure="auv")))


def test_a_filter_counts_only_what_could_be_learned_from(ws, opened):
    free = free_cases(ws)
    score(ws, opened, {case.case_id: 9.0 for case in ws.dataset.cases})  # held-out labels stand worst
    score(ws, opened, dict.fromkeys(free, 0.1))
    score(ws, opened, {free[2]: 5.0})
    spec = replace_validation(SPEC, filter=FilterSpec(measure="nll_union", percentiles=(0.0, 90.0)))
    assert [str(key) for key in preview_retraining(ws, spec).left_out["filtered"]] == [free[2]]


def test_weights_follow_the_rank_and_spare_what_was_looked_at(ws, opened):
    free = free_cases(ws)
    score(ws, opened, {case.case_id: float(i) for i, case in enumerate(ws.dataset.cases)})
    decide(opened, free[-1], Verdict.ACCEPTED)
    spec = replace_validation(SPEC, weigh_by="nll_union", least_weight=0.2)
    weight = {case.case_id: case.weight for case in preview_retraining(ws, spec).learn}
    ranked = [weight[c] for c in free[:-1]]
    assert ranked == sorted(ranked, reverse=True)
    assert 0.2 < min(ranked) < 0.4
    assert 0.9 < max(ranked) < 1
    assert weight[free[-1]] == 1.0
    assert all(case.weight == 1 for case in preview_retraining(ws, spec).held_out)
    with pytest.raises(NotFoundError, match="no measure 'nll'"):
        preview_retraining(ws, replace_validation(SPEC, weigh_by="nll"))
    with pytest.raises(DataError, match="nothing to weigh by"):
        preview_retraining(ws, replace_validation(SPEC, weigh_by="auv"))


def test_patients_stay_together(make_retraining):
    ws = make_retraining(patients={i: f"p{i // 2}" for i in range(12)})
    found = preview_retraining(ws, SPEC)
    assert found.by_patient
    sides = [{ws.dataset.case(c.case_id).patient for c in part} for part in (found.learn, found.held_out)]
    assert not sides[0] & sides[1]


def test_too_little_is_left(ws, opened):
    for case in ws.dataset.cases:
        decide(opened, case.case_id, Verdict.EXCLUDED)
    with pytest.raises(DataError, match="got 0 and 0 after 12 were left out"):
        preview_retraining(ws, SPEC)


def proposals(folder: Path, images: list[Path], classes: str = "1=tumour;2=liver") -> Path:
    """A folder as 'segment' leaves it, with other label values than the data set."""
    rows = ["case,image,label,class_names"]
    for number, image in enumerate(images):
        volume = read_volume(image)
        right = read_label_map(folder.parent / "data" / "label_00.nii.gz").data
        drawn = np.select([right == 3, right == 1], [1, 2]).astype(np.uint8)
        write_label_map(folder / f"drawn_{number}.nii.gz", LabelMap(drawn, volume.geometry))
        rows.append(f"new_{number},{os.path.relpath(image, folder)},drawn_{number}.nii.gz,{classes}")
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


def spec_of(folder: Path) -> RetrainSpec:
    return SPEC.model_copy(update={"pseudo_labels": str(folder)})


def test_proposals_only_if_asked_for_and_never_of_the_data_sets_own_images(make_retraining, tmp_path):
    ws = make_retraining(6)
    assert preview_retraining(ws, SPEC).n_proposals == 0
    own = tmp_path / "data" / "image_00.nii.gz"
    other = tmp_path / "elsewhere" / "image.nii.gz"
    write_volume(other, ws.load_image("case_00"))
    folder = proposals(tmp_path / "drawn", [own, other])
    found = preview_retraining(ws, spec_of(folder))
    assert [(c.case_id, c.weight) for c in found.learn if c.proposal] == [("proposal new_1", 0.5)]
    assert "1 proposals of a model besides" in found.sentence
    volume, labels = PseudoCases(ws, folder).read("new_1")
    assert volume.geometry.shape_zyx == labels.shape[1:]
    upright = ws.load_label("case_00").upright().data
    np.testing.assert_array_equal(labels[0], ws.dataset.classes.index_map(upright))  # by name, not by value
    with pytest.raises(NotFoundError, match="does not have: spleen"):
        preview_retraining(ws, spec_of(proposals(tmp_path / "b", [other], "1=liver;2=spleen")))
    with pytest.raises(NotFoundError, match="found none in c"):
        preview_retraining(ws, spec_of(proposals(tmp_path / "c", [own])))


def test_voxels_count_less_where_the_risk_is_high_until_somebody_has_looked(ws, opened):
    key = ItemKey("case_00")
    grid = ws.load_image(key.case_id).upright().geometry
    risk = np.zeros((1, *grid.shape_zyx), dtype=np.float32)
    risk[0, 1, 2, 3] = 1.0
    write_map(ws, key, LABEL_RISK_MAP, risk, [0], grid, {})
    unseen, seen = (LearnedCase("case_00", ("",), looked_at=looked) for looked in (False, True))
    on, off = (CaseDesk(ws, opened, voxel_weights=wanted) for wanted in (True, False))
    weight = on._voxel_weight(unseen, grid.shape_zyx)
    assert weight is not None
    assert (weight[1, 2, 3], weight.sum()) == (0.0, weight.size - 1)
    assert on._voxel_weight(seen, grid.shape_zyx) is None
    assert off._voxel_weight(unseen, grid.shape_zyx) is None
    assert on.digest(unseen) != off.digest(unseen) == on.digest(seen)

    painted = np.ones((1, *grid.shape_zyx), dtype=np.float32)
    painted[0, :, :, 0] = 0.0
    before = off.digest(unseen)
    write_map(ws, key, WEIGHT_MAP, painted, [0], grid, {})
    assert off.digest(unseen) != before
    for desk, case in ((off, unseen), (on, seen)):  # what a person painted counts always
        weight = desk._voxel_weight(case, grid.shape_zyx)
        assert weight is not None
        assert weight.sum() == weight[:, :, 1:].size


def test_what_is_read_is_the_label_that_counts_now(ws, opened):
    key = ItemKey("case_03")
    label = current_label(ws, opened, key)
    changed = replace(label, data=np.where(label.data == 3, 0, label.data))
    case = LearnedCase("case_03", ("",))
    before = CaseDesk(ws, opened, voxel_weights=False)
    assert set(np.unique(before.read(case)[1])) == {0, 1, 2}
    save_correction(ws, opened, key, changed, reader="ann")
    after = CaseDesk(ws, opened, voxel_weights=False)
    assert set(np.unique(after.read(case)[1])) == {0, 1}
    assert after.digest(case) != before.digest(case)
    facts = after.facts(case)
    assert (facts.n_channels, facts.classes) == (1, (1,))
    assert facts == after.facts(case)  # from the file
    assert facts.grid.shape_zyx == ws.load_image("case_03").upright().geometry.shape_zyx
