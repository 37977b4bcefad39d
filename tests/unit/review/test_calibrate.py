"""The calibration door on small data sets: what is planted, kept, done again and said."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError, NotFoundError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, RecordingReporter, Volume
from napari_aleatoric.review import (
    CalibrateSpec,
    ReviewStore,
    calibrate,
    default_order,
    read_calibration,
    save_correction,
    use_order,
)
from napari_aleatoric.samples import ErrorKind, Severity
from napari_aleatoric.uncertainty import STRATEGIES, ScoreSpec, least_cases

SHAPE = (10, 14, 16)
# stored with x and z flipped, so that stored and upright order differ
FLIPPED = Geometry(SHAPE, (2.0, 1.0, 1.0), (5, 6, 7), ((-1, 0, 0), (0, 1, 0), (0, 0, -1)))
SCORE = ScoreSpec(judge="light", encoder="filter-bank", rounds=5, samples_per_case=200)
SPEC = CalibrateSpec(seeds=2, draws=100, score=SCORE)


def picture(seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """A bright ball with a dark core."""
    rng = np.random.default_rng(seed)
    centre = np.array([n // 2 if n > 1 else 0 for n in shape]) + np.array([0, *rng.integers(-1, 2, 2)])
    distance = np.sqrt(((np.indices(shape) - centre.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    label = np.where(distance <= 2.2, 5, np.where(distance <= 4.5, 2, 0)).astype(np.uint8)
    image = np.select([label == 5, label == 2], [40.0, 100.0], 0.0) + rng.normal(0, 6, shape)
    return image.astype(np.float32), label


def made(root: Path, n: int, readers: tuple[str, ...] = ("",), empty: tuple[int, ...] = ()) -> Workspace:
    data = root / "data"
    rows = ["case,image,label,reader,class_names"]
    for i in range(n):
        image, label = picture(i)
        write_volume(data / f"c{i:02d}.nii.gz", Volume(image, FLIPPED))
        for reader in readers:
            name = f"c{i:02d}_label{reader}.nii.gz"
            write_label_map(data / name, LabelMap(label * (i not in empty), FLIPPED))
            rows.append(f"c{i:02d},c{i:02d}.nii.gz,{name},{reader},2=shell;5=core")
    (data / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(data))


def fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
            digest.update(str(path.stat().st_mtime_ns).encode())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A workspace of 24 cases, calibrated once; not to be changed."""
    root = tmp_path_factory.mktemp("calibrated")
    ws = made(root, 24)
    before = fingerprint(root / "data")
    reporter = RecordingReporter()
    record = calibrate(ws, SPEC, reporter)
    assert fingerprint(root / "data") == before
    return ws, record, reporter


def test_every_measure_is_reported_on_rounds_that_did_not_choose(calibrated):
    _, record, _ = calibrated
    assert (record.rounds_choosing, record.rounds_reporting) == ((0,), (1,))
    assert (record.n_cases, record.n_errors, record.n_errors_reported) == (24, 10, 5)
    names = {row.name for row in record.rows}
    assert {"label_risk", "nll_union", "softmin", "difficulty", "random", "flags", "volume_voxels"} <= names
    risk = record.row("label_risk")
    assert risk.auroc.value > 0.8
    assert risk.auroc.low < risk.auroc.value <= risk.auroc.high
    assert risk.auroc.high - risk.auroc.low > 0.05  # five errors say little
    assert sum(n for _, n in risk.by_kind.values()) == 5
    assert sum(n for _, n in risk.by_severity.values()) == 5
    assert risk.voxel_auroc > 0.8
    assert record.row("random").auroc.low < 0.5 < record.row("random").auroc.high
    assert [row.auroc.value for row in record.rows] == sorted((r.auroc.value for r in record.rows), reverse=True)
    assert record.chosen_order in STRATEGIES
    assert STRATEGIES[record.chosen_order].question == "label_risk"


def test_the_record_is_kept_and_reads_back(calibrated):
    ws, record, _ = calibrated
    assert read_calibration(ws) == record
    folder = ws.root / "calibration"
    rows = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text("utf-8"))))
    assert [row["measure"] for row in rows] == [row.name for row in record.rows]
    assert float(rows[0]["auroc"]) == pytest.approx(record.rows[0].auroc.value, abs=1e-4)
    text = (folder / "table.md").read_text("utf-8")
    assert record.verdict in text
    assert record.line_sentence in text
    assert record.methods in text
    assert json.loads((folder / "record.json").read_text())["versions"]["napari-aleatoric"]
    assert str(ws.dataset_root) not in "".join(p.read_text("utf-8") for p in folder.rglob("*.*") if p.is_file())


def test_nothing_is_left_of_the_private_copy(calibrated):
    ws, _, _ = calibrated
    assert list(ws.runs_dir.iterdir()) == []
    with ReviewStore.open(ws.store_url) as store:
        assert len(store.score_table()) == 0  # the user's own scores are another matter


def test_progress_grows_to_the_end(calibrated):
    _, _, reporter = calibrated
    done = [d for d, _, _ in reporter.steps]
    assert done == sorted(done)
    assert reporter.steps[-1][0] == reporter.steps[-1][1] == 2.0
    assert any("Round 2 of 2: " in message for _, _, message in reporter.steps)


def test_finished_rounds_are_not_done_again(calibrated, tmp_path):
    ws, record, _ = calibrated
    reporter = RecordingReporter()
    again = calibrate(ws, SPEC.model_copy(update={"error_rate": 0.05}), reporter)
    assert not any("Scored" in message for _, _, message in reporter.steps)
    assert again.rows == record.rows
    assert again.lines[2].precision.value < record.lines[2].precision.value
    assert again.line_sentence.startswith("If 5 % of your labels")
    calibrate(ws, SPEC)  # as it was


def test_sentences_say_what_they_rest_on(calibrated):
    _, record, _ = calibrated
    assert "in 10" in record.line_sentence
    assert "assumption" in record.line_sentence
    assert "of 24 cases" in record.methods
    assert "2 rounds" in record.methods
    assert "light classifier" in record.methods


def test_a_stopped_run_goes_on_where_it_was(calibrated, tmp_path):
    ws = made(tmp_path, 24)
    with pytest.raises(Cancelled):
        calibrate(ws, SPEC, Stopper("Round 2 of 2: Scored"))
    (copy,) = ws.runs_dir.iterdir()
    planted = {path: path.stat().st_mtime_ns for path in (copy / "labels").iterdir()}
    assert len(planted) == 10
    reporter = RecordingReporter()
    record = calibrate(ws, SPEC, reporter)
    assert not any("Round 1 of 2: Scored" in message for _, _, message in reporter.steps)
    assert record.n_errors == 10
    _, whole, _ = calibrated
    assert {row.name: row.auroc for row in record.rows} == {row.name: row.auroc for row in whole.rows}


class Stopper(RecordingReporter):
    """Stops at a message."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def step(self, done: float, total: float, message: str = "") -> None:
        super().step(done, total, message)
        if self._words in message:
            raise Cancelled("Stopped as asked.")


def test_six_cases_are_too_few(tmp_path):
    ws = made(tmp_path, 6)
    record = calibrate(ws, SPEC)
    assert not record.enough
    assert record.rows == ()
    assert f"6 cases are too few: at least {least_cases(0.2)} are needed" in record.verdict
    assert read_calibration(ws) == record
    anyway = calibrate(ws, SPEC.model_copy(update={"anyway": True}))
    assert "too few" in anyway.verdict
    assert anyway.chosen_order == "label_risk"
    risk = anyway.row("label_risk")
    assert risk.auroc.high - risk.auroc.low > 0.2


def test_one_class_empty_labels_and_several_readers(tmp_path):
    ws = made(tmp_path, 8, readers=("a", "b"), empty=(0, 1))
    kinds = (ErrorKind.OVER, ErrorKind.MISSING, ErrorKind.SWAP)
    spec = SPEC.model_copy(update={"anyway": True, "fraction": 0.5, "reader": "b", "kinds": kinds, "seeds": 1})
    record = calibrate(ws, spec)
    assert (record.n_cases, record.n_labels, record.n_errors) == (8, 16, 4)
    assert record.rounds_choosing == ()
    with pytest.raises(DataError, match="no reader 'c'"):
        calibrate(ws, spec.model_copy(update={"reader": "c"}))


def test_a_saved_correction_is_what_errors_are_planted_into(tmp_path):
    from napari_aleatoric.review._calibration._planted_copy import PlantedCopy

    ws = made(tmp_path, 4)
    key = ItemKey("c01")
    label = ws.load_label(*key)
    moved = LabelMap(np.roll(label.data, 2, axis=2), label.geometry)
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        save_correction(ws, store, key, moved, reader="r")
        copy = PlantedCopy(ws, store, SPEC.model_copy(update={"fraction": 0.5}), tmp_path / "copy")
        planted = copy.plant(0, RecordingReporter())
        private = copy.workspace(planted)
        for case in ws.dataset.cases:
            own = ItemKey(case.case_id)
            now = private.load_label(*own).data
            before = copy.before(own).data
            assert np.array_equal(copy.before(key).data, moved.data)
            changed = int((now != before).sum())
            assert changed == (planted.errors[own].changed_voxels if own in planted.errors else 0)
            assert private.dataset.case(case.case_id).image == case.image


def test_an_order_is_used_once_a_person_says_so(tmp_path):
    ws = made(tmp_path, 1)
    assert default_order(ws) == "label_risk"
    use_order(ws, "worst_class")
    assert default_order(Workspace.open(ws.root)) == "worst_class"
    use_order(ws, "max:softmin,local_max")
    assert default_order(ws) == "max:softmin,local_max"
    with pytest.raises(NotFoundError, match="no strategy 'best'"):
        use_order(ws, "best")
    (ws.root / "calibration" / "order.json").write_text("{")
    assert default_order(ws) == "label_risk"


def test_wrong_settings():
    with pytest.raises(ValueError, match="once"):
        CalibrateSpec(kinds=(ErrorKind.OVER, ErrorKind.OVER))
    assert CalibrateSpec().planting_digest == CalibrateSpec(seeds=9, error_rate=0.3, anyway=True).planting_digest
    assert CalibrateSpec().planting_digest != CalibrateSpec(severities=(Severity.MILD,)).planting_digest
    assert CalibrateSpec().planting_digest != CalibrateSpec(score=ScoreSpec(judge="light")).planting_digest
    assert CalibrateSpec().planting_digest != CalibrateSpec(score=ScoreSpec(second_opinion=0)).planting_digest
