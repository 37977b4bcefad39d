"""The door to prediction: labels, maps and measures of every case, kept, resumed, beside the other scores."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError, NotFoundError
from napari_aleatoric.io import (
    ProbabilityFolder,
    Workspace,
    map_names,
    read_label_map,
    read_map,
    read_probabilities,
    scan,
    write_map,
    write_volume,
)
from napari_aleatoric.model import ItemKey, ItemScores, RecordingReporter, ScoreValue
from napari_aleatoric.review import (
    PredictSpec,
    RetrainSpec,
    ReviewStore,
    build_queue,
    current_label,
    predict_all,
    prediction_folder,
    promote,
    retrain,
    save_correction,
)
from napari_aleatoric.review._retraining._case_answer import entropy_maps, image_values, label_values_of
from napari_aleatoric.training import Prediction, TrainSpec
from napari_aleatoric.uncertainty import binary_entropy, entropy

SPEC = RetrainSpec(train=TrainSpec.of_preset("quick"))
MAPS = {"predictive_entropy", "expected_entropy", "mutual_information"}


@pytest.fixture
def trained(make_retraining, bench) -> Workspace:
    ws = make_retraining(6, wrong=(1,))
    retrain(ws, SPEC)
    bench.models.clear()
    return ws


def test_every_case_gets_a_label_maps_and_measures(trained, bench):
    reporter = RecordingReporter()
    found = predict_all(trained, PredictSpec(), reporter)
    assert (found.n_cases, found.n_done, found.n_reused, found.n_measured, found.refused) == (6, 6, 0, 6, ())
    assert reporter.steps[-1][:2] == (1.0, 1.0)
    label = read_label_map(found.folder / "case_00.nii.gz")
    assert label.geometry.same_grid(trained.grid("case_00"))
    truth = trained.load_label("case_00").data
    assert set(np.unique(label.data)) <= {0, 1, 3}
    assert (label.data == truth).mean() > 0.85  # on the image's own grid, with the file's own values
    key = ItemKey("case_00")
    assert set(map_names(trained, key)) == MAPS
    upright = trained.load_image("case_00").upright().geometry
    maps = {name: read_map(trained, key, name) for name in MAPS}
    assert maps["predictive_entropy"].geometry.same_grid(upright)
    total = maps["predictive_entropy"].of(0).astype(int)
    assert abs(total - maps["expected_entropy"].of(0) - maps["mutual_information"].of(0)).max() <= 2
    assert total.max() > 20
    assert any("has learned from" in note for note in found.notes)


def test_the_queue_has_orders_by_what_the_model_says(trained, bench):
    predict_all(trained)
    with ReviewStore.open(trained.store_url) as store:
        scores = store.item_scores(ItemKey("case_01"))
        queue = build_queue(store, trained.dataset.classes, strategy="model_disagreement")
        assert queue.key(0) == ItemKey("case_01")  # whose label is the wrong one
        assert "the model that was trained here would draw another label" in queue.row(0).reason
        assert build_queue(store, trained.dataset.classes, strategy="model_uncertainty").row(0).score > 0.5
    assert scores.value("model_disagreement") > 0.5
    assert 0 < scores.value("model_information") < scores.value("model_uncertainty")


def test_other_scores_stay_and_those_of_another_model_go(trained, bench):
    with ReviewStore.open(trained.store_url) as store:
        for case in trained.dataset.cases[:5]:
            key = ItemKey(case.case_id)
            values = (ScoreValue("nll_union", 0, 1.5), ScoreValue("model_disagreement", 2, 9.0))
            store.put_item_scores(ItemScores(key, values), fingerprint="f", spec_digest="s", correction_id=None)
        found = predict_all(trained)
        assert found.n_measured == 5
        assert "1 labels have no scores yet" in found.notes[0]
        scores, info = store.item_scores(ItemKey("case_00")), store.score_info(ItemKey("case_00"))
        assert scores.value("nll_union") == 1.5
        assert scores.value("model_disagreement", 2) < 1
        assert info is not None
        assert (info.fingerprint, info.spec_digest) == ("f", "s")
        assert store.score_info(ItemKey("case_05")) is None


def test_what_was_predicted_is_kept(trained, bench):
    with pytest.raises(Cancelled):
        predict_all(trained, PredictSpec(), RecordingReporter(cancel_after=5))
    done = len(list(prediction_folder(trained, _model(trained)).glob("*.nii.gz")))
    assert 0 < done < 6
    found = predict_all(trained)
    assert (found.n_done, found.n_reused) == (6 - done, done)
    again = predict_all(trained)
    assert (again.n_done, again.n_reused, again.n_measured) == (0, 6, 6)
    (found.folder / "case_02.nii.gz").unlink()
    (found.folder / "case_03.json").write_text("{")
    os.utime(trained.dataset.case("case_04").image)
    assert predict_all(trained).n_done == 3


def _model(ws: Workspace) -> str:
    from napari_aleatoric.review import find_model

    return find_model(ws).model_id


def test_a_correction_is_held_against_the_same_answer(trained, bench):
    predict_all(trained)
    key = ItemKey("case_01")
    with ReviewStore.open(trained.store_url) as store:
        before = store.item_scores(key).value("model_disagreement")
        answer = read_label_map(prediction_folder(trained, _model(trained)) / "case_01.nii.gz")
        save_correction(trained, store, key, answer, reader="ann")
        found = predict_all(trained)
        assert found.n_done == 0
        assert before > 0.5
        assert store.item_scores(key).value("model_disagreement") == 0.0
        assert current_label(trained, store, key).data.max() == 3


def test_maps_of_a_scoring_are_not_replaced(trained, bench):
    key = ItemKey("case_00")
    grid = trained.load_image("case_00").upright().geometry
    write_map(trained, key, "predictive_entropy", np.ones((1, *grid.shape_zyx)), [0], grid, {"door": "score"})
    found = predict_all(trained)
    assert read_map(trained, key, "predictive_entropy").of(0).min() == 255
    assert any("1 labels kept the entropy maps" in note for note in found.notes)
    assert predict_all(trained, PredictSpec(maps=False)).n_done == 0


def test_probabilities_as_the_scoring_takes_them(trained, bench):
    found = predict_all(trained, PredictSpec(probabilities=True))
    folder = ProbabilityFolder(found.folder, trained.dataset.classes)
    p = read_probabilities(folder.find("case_00"), trained.dataset.classes, trained.grid("case_00"))
    drawn = trained.dataset.classes.index_map(read_label_map(found.folder / "case_00.nii.gz").upright().data)
    np.testing.assert_array_equal(p.argmax(axis=0), drawn)


def test_which_model_and_which_cases(trained, bench):
    first = _model(trained)
    promote(trained, first)
    second = retrain(trained, SPEC.model_copy(update={"split_seed": 5})).model_id
    assert predict_all(trained).model_id == first
    held = predict_all(trained, PredictSpec(model=second, cases="held_out"))
    assert (held.model_id, held.n_cases) == (second, 2)
    with pytest.raises(NotFoundError, match="no finished model 'nine'"):
        predict_all(trained, PredictSpec(model="nine"))


def test_another_table_of_classes_is_refused(trained, bench):
    predict_all(trained)
    manifest = trained.dataset_root / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("3=tumour", "3=cyst"))
    trained.rescan()
    with pytest.raises(DataError, match="liver, tumour, and the data set has liver, cyst"):
        predict_all(trained)


def test_proposals_for_images_without_labels(trained, bench, tmp_path):
    images = tmp_path / "new images"
    for i in (0, 3):
        write_volume(images / f"scan_{i}.nii.gz", trained.load_image(f"case_{i:02}"))
    spec = PredictSpec(images=str(images))
    with pytest.raises(Cancelled):
        predict_all(trained, spec, RecordingReporter(cancel_after=3))
    found = predict_all(trained, spec)
    assert (found.n_cases, found.n_done, found.n_reused, found.n_proposals) == (2, 1, 1, 2)
    assert found.folder.is_relative_to(trained.exports_dir)
    dataset = scan(found.folder)
    assert [case.case_id for case in dataset.cases] == ["scan_0", "scan_3"]
    assert dataset.classes.names == {1: "liver", 3: "tumour"}
    again = Workspace.create(tmp_path / "of proposals", dataset)
    drawn, truth = again.load_label("scan_0").data, trained.load_label("case_00").data
    assert (drawn == truth).mean() > 0.85
    rows = list(csv.DictReader((found.folder / "proposals.csv").open()))
    assert float(rows[0]["uncertainty"]) >= float(rows[1]["uncertainty"]) > 0
    with pytest.raises(DataError, match="never written"):
        predict_all(trained, PredictSpec(images=str(images), destination=str(images / "out")))
    with pytest.raises(NotFoundError, match="no folder 'none'"):
        predict_all(trained, PredictSpec(images=str(tmp_path / "none")))


def test_values_by_hand():
    p = np.zeros((3, 1, 1, 4), dtype=np.float32)
    p[1, 0, 0] = [1.0, 0.5, 0.0, 0.0]
    p[1, 0, 0, 3] = 0.05  # too little to count as inside
    p[0] = 1 - p[1]
    p[2, 0, 0, 2], p[0, 0, 0, 2] = 0.2, 0.8
    h = entropy(p)
    h_05 = -(0.05 * np.log(0.05) + 0.95 * np.log(0.95))
    h_20 = -(0.2 * np.log(0.2) + 0.8 * np.log(0.8))
    by_class = np.stack([binary_entropy(row) for row in p])
    by_class[1] *= 0.25
    several = Prediction(p, h, h / 2, 4, by_class)
    values = {(name, c): v for name, c, v in image_values(several, [1, 2])}
    assert values["model_uncertainty", 1] == pytest.approx(np.log(2) / 1.5)
    assert values["model_information", 1] == pytest.approx(0.75 * np.log(2) / 1.5)
    assert values["model_uncertainty", 2] == pytest.approx(h_20 / 0.2)
    assert values["model_information", 2] == 0
    assert values["model_uncertainty", 0] == pytest.approx((np.log(2) / 1.5 + h_20 / 0.2) / 2)
    one = Prediction(p, h, h, 1)
    assert {n for n, _, _ in image_values(one, [1, 2])} == {"model_uncertainty"}
    rows, maps = entropy_maps(several, [1, 2])
    assert rows == (0, 1, 2)
    assert {name: values.dtype for name, values in maps.items()} == dict.fromkeys(
        ("predictive_entropy", "expected_entropy", "mutual_information"), np.uint8
    )
    of_ln_2 = np.rint(255 * np.array([0, 1, h_20 / np.log(2), h_05 / np.log(2)]))
    assert maps["predictive_entropy"][:, 0, 0].tolist() == [
        of_ln_2.tolist(),  # the whole case: the largest of the classes
        [0, 255, 0, of_ln_2[3]],
        [0, 0, of_ln_2[2], 0],
    ]
    assert maps["expected_entropy"][1, 0, 0, 1] == 64
    assert maps["mutual_information"][:, 0, 0, 1].tolist() == [191, 191, 0]
    assert not maps["mutual_information"][2].any()
    assert set(entropy_maps(one, [1, 2])[1]) == {"predictive_entropy"}
    label = np.array([[[1, 1, 2, 0]]])
    assert label_values_of(label, p.argmax(axis=0), [1, 2]) == [
        ("model_disagreement", 0, pytest.approx((1 / 3 + 1) / 2)),
        ("model_disagreement", 1, pytest.approx(1 / 3)),
        ("model_disagreement", 2, 1.0),
    ]
