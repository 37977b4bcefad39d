"""Scoring with a network: through the door, from labels to the queue; stopped, killed, and on odd data."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.io import Workspace, read_map, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, RecordingReporter, Volume
from napari_aleatoric.review import ReviewStore, build_queue, score_workspace
from napari_aleatoric.uncertainty import LABEL_RISK_MAP, QuickNetSpec, ScoreSpec

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

NET = QuickNetSpec(
    iterations=40, width=8, voxels_per_step=8192, patch_voxels=4096, learning_rate=1e-2, overlap=0.25
)
SPEC = ScoreSpec(judge="network", network=NET, second_opinion=0, encoder="filter-bank", device="cpu")
FEW = SPEC.model_copy(update={"network": NET.model_copy(update={"iterations": 3})})
SHAPE = (12, 20, 18)
# oblique, and stored with x and z flipped: stored and upright order differ
_TURN = np.array([[-0.8, -0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, -1.0]])
OBLIQUE = Geometry(SHAPE, (2.0, 1.0, 1.0), (5, 6, 7), tuple(map(tuple, _TURN)))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the networks are tiny
    yield
    torch.set_num_threads(before)


def picture(seed, geometry=OBLIQUE):
    """A bright ball with a dark core."""
    rng = np.random.default_rng(seed)
    shape = geometry.shape_zyx
    middle = np.array([n // 2 if n > 1 else 0 for n in shape]) + np.array([0, *rng.integers(-2, 3, 2)])
    distance = np.sqrt(((np.indices(shape) - middle.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    label = np.where(distance <= 2.2, 5, np.where(distance <= 5, 2, 0)).astype(np.uint8)
    image = np.select([label == 5, label == 2], [40.0, 100.0], 0.0) + rng.normal(0, 6, shape)
    return image.astype(np.float32), label


def half_gone(label):
    wrong = label.copy()
    wrong[: label.shape[0] // 2] = 0
    return wrong


def shifted(label):
    return np.roll(label, 3, axis=2)


def data_set(root, labels, geometry=OBLIQUE, colour=False):
    """Write cases: (name, reader, what is done to the label) each; returns a fresh workspace."""
    rows = ["case,image,label,reader,patient,class_names"]
    for number, (name, reader, change) in enumerate(labels):
        seed = int("".join(c for c in name if c.isdigit()) or number)
        image, label = picture(seed, geometry)
        if colour:
            image = np.stack([image, image / 2, image / 4], axis=-1).clip(0, 255).astype(np.uint8)
        write_volume(root / "data" / f"{name}.nii.gz", Volume(image, geometry))
        write_label_map(root / "data" / f"{name}_label{reader}.nii.gz", LabelMap(change(label), geometry))
        rows.append(f"{name},{name}.nii.gz,{name}_label{reader}.nii.gz,{reader},,2=shell;5=core")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


def right(label):
    return label


def eight(root):
    changes = {2: half_gone, 5: shifted}
    return data_set(root, [(f"c{i}", "", changes.get(i, right)) for i in range(8)])


def values(ws):
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
        return {
            key: np.array([float(column[i]) for _, column in sorted(table.columns.items())])
            for i, key in enumerate(table.keys)
        }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Values of a run that nothing disturbed; also shows what it finds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    ws = eight(tmp_path_factory.mktemp("whole"))
    reporter = RecordingReporter()
    summary = score_workspace(ws, SPEC, reporter)
    torch.set_num_threads(before)
    return ws, summary, reporter


def test_planted_errors_come_first_and_the_scores_say_who_judged(whole):
    ws, summary, reporter = whole
    assert (summary.n_scored, summary.judge, summary.refused, summary.notes) == (8, "network", (), ())
    with ReviewStore.open(ws.store_url) as store:
        queue = build_queue(store, ws.dataset.classes)
        assert {queue.key(0), queue.key(1)} == {ItemKey("c2"), ItemKey("c5")}
        assert queue.row(0).reason.endswith("worst of 8 (judged by the quick network)")
        assert store.score_table().judge == "network"
    judge = json.loads((ws.maps_dir / "scoring.json").read_text())["judge"]
    assert judge["settings"] == NET.model_copy(update={"device": "cpu"}).model_dump(mode="json")
    assert judge["plan"]["n_rows"] == 3
    done = [step[0] / step[1] for step in reporter.steps]
    assert done == sorted(done)
    assert done[-1] == 1
    steps = {m for _, _, m in reporter.steps if m.startswith("Training network 2 of 2: step")}
    assert len(steps) == NET.iterations  # the last one is told again while a case is waited for


def test_the_map_is_bright_where_the_label_is_wrong(whole):
    ws, _, _ = whole
    found = read_map(ws, ItemKey("c2"), LABEL_RISK_MAP)
    upright = LabelMap(picture(2)[1], OBLIQUE).upright().data
    missing = (upright > 0) & (ws.load_label("c2").upright().data == 0)
    heat = found.of(0)
    assert heat[missing].mean() > 4 * heat[~missing].mean()
    assert found.spec["judge"]["name"] == "network"


def test_a_second_run_trains_nothing(whole):
    ws, first, _ = whole
    before = values(ws)
    reporter = RecordingReporter()
    again = score_workspace(Workspace.open(ws.root), SPEC, reporter)
    assert (again.n_scored, again.n_reused, again.models_kept) == (0, 8, True)
    assert again.plan_digest == first.plan_digest
    assert not reporter.metrics
    for key, value in values(ws).items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize("at", ["Made ready 4", "Training network 2 of 2: step 7", "Scored"])
def test_stopped_anywhere_nothing_is_lost(whole, tmp_path, at):
    class Stopping(RecordingReporter):
        def step(self, done, total, message=""):
            super().step(done, total, message)
            if message.startswith(at):
                raise Cancelled("Stopped as asked.")

    expected, ws, stopping = values(whole[0]), eight(tmp_path), Stopping()
    with pytest.raises(Cancelled):
        score_workspace(ws, SPEC, stopping)
    going_on = RecordingReporter()
    score_workspace(Workspace.open(ws.root), SPEC, going_on)
    assert len(stopping.metrics) + len(going_on.metrics) == 2 * NET.iterations  # every step once
    found = values(ws)
    assert found.keys() == expected.keys()
    for key, value in found.items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-3, atol=1e-4)


CHILD = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import RecordingReporter
from napari_aleatoric.review import score_workspace
from napari_aleatoric.training._torch import _loop
from napari_aleatoric.uncertainty import ScoreSpec
_loop._KEEP_EVERY_S = 0.0
class Telling(RecordingReporter):
    def step(self, done, total, message=""):
        if message.startswith("Training network 1 of 2: step 12"):
            Path(sys.argv[3]).write_text("here")
score_workspace(Workspace.open(sys.argv[1]), ScoreSpec.model_validate_json(sys.argv[2]), Telling())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_killed_in_training_it_goes_on(whole, tmp_path):
    expected, ws = values(whole[0]), eight(tmp_path)
    here = tmp_path / "here"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(ws.root), SPEC.model_dump_json(), str(here)])
    until = time.monotonic() + 120
    while not here.exists() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    assert here.exists()
    going_on = RecordingReporter()
    score_workspace(Workspace.open(ws.root), SPEC, going_on)
    assert len(going_on.metrics) < 2 * NET.iterations - 8
    for key, value in values(ws).items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-3, atol=1e-4)


def test_a_new_case_is_judged_by_the_networks_there_are(tmp_path):
    cases = [(f"c{i}", "", right) for i in range(12)]
    ws = data_set(tmp_path, cases)
    score_workspace(ws, FEW)
    before = values(ws)
    image, label = picture(99)
    write_volume(tmp_path / "data" / "c99.nii.gz", Volume(image, OBLIQUE))
    write_label_map(tmp_path / "data" / "c99_label.nii.gz", LabelMap(label, OBLIQUE))
    with (tmp_path / "data" / "manifest.csv").open("a") as listing:
        listing.write("\nc99,c99.nii.gz,c99_label.nii.gz,,,2=shell;5=core")
    ws.rescan()
    reporter = RecordingReporter()
    summary = score_workspace(ws, FEW, reporter)
    assert (summary.n_scored, summary.n_reused, summary.models_kept) == (1, 12, True)
    assert not reporter.metrics
    after = values(ws)
    assert ItemKey("c99") in after
    for key, value in before.items():
        np.testing.assert_array_equal(after[key], value)


def test_other_settings_train_anew_and_leave_nothing_behind(tmp_path):
    ws = data_set(tmp_path, [(f"c{i}", "", right) for i in range(4)])
    score_workspace(ws, FEW)
    other = FEW.model_copy(update={"seed": 1})
    assert score_workspace(ws, other).n_scored == 4
    assert len(list(ws.embeddings_dir.rglob("*.pt"))) == 2
    assert len(list(ws.embeddings_dir.rglob("*.image.npy"))) == 4
    light = score_workspace(ws, FEW.model_copy(update={"judge": "light", "rounds": 5, "samples_per_case": 200}))
    assert (light.n_scored, light.judge) == (4, "light")
    with ReviewStore.open(ws.store_url) as store:
        assert "light classifier" in build_queue(store, ws.dataset.classes).row(0).reason


def test_every_reader_is_judged_by_the_same_network(tmp_path):
    labels = [(f"c{i}", r, half_gone if (i, r) == (1, "ben") else right) for i in range(4) for r in ("anna", "ben")]
    ws = data_set(tmp_path, labels)
    summary = score_workspace(ws, FEW)
    assert (summary.n_scored, summary.judge) == (8, "network")
    found = values(ws)
    np.testing.assert_array_equal(found[ItemKey("c0", "anna")], found[ItemKey("c0", "ben")])
    assert not np.array_equal(found[ItemKey("c1", "anna")], found[ItemKey("c1", "ben")], equal_nan=True)


@pytest.mark.parametrize("colour", [False, True])
def test_pictures_are_judged_by_a_flat_network(tmp_path, colour):
    flat = Geometry((1, 40, 44))
    ws = data_set(tmp_path, [(f"c{i}", "", right) for i in range(4)], flat, colour)
    summary = score_workspace(ws, FEW)
    assert (summary.n_scored, summary.judge, summary.refused) == (4, "network", ())
    plan = json.loads((ws.maps_dir / "scoring.json").read_text())["judge"]["plan"]
    assert (plan["n_channels"], plan["patch_zyx"][0]) == (3 if colour else 1, 1)
    assert read_map(ws, ItemKey("c0"), LABEL_RISK_MAP).geometry.shape_zyx == (1, 40, 44)


def test_a_class_of_one_case_is_not_judged_there(tmp_path):
    def no_core(label):
        return np.where(label == 5, 2, label).astype(np.uint8)

    ws = data_set(tmp_path, [(f"c{i}", "", right if i == 4 else no_core) for i in range(6)])
    seen = {}
    summary = score_workspace(ws, FEW, probe=lambda case, box, p: seen.setdefault(case, p.copy()))
    assert any(note.startswith("core: labelled in too few patients") for note in summary.notes)
    with ReviewStore.open(ws.store_url) as store:
        found = {(v.measure, v.class_index): v.value for v in store.item_scores(ItemKey("c4")).values}
    assert ("nll_union", 2) not in found
    assert found["volume_voxels", 2] > 0
    assert seen["c4"][2].max() == 0  # its network never saw a core
    assert np.allclose(seen["c4"].astype(np.float32).sum(axis=0), 1, atol=2e-3)


def test_a_damaged_cache_is_made_anew(whole, tmp_path):
    ws = data_set(tmp_path, [(f"c{i}", "", right) for i in range(4)])
    score_workspace(ws, FEW)
    before = values(ws)
    for path in (ws.embeddings_dir / "label_risk").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    for path in ws.maps_dir.rglob("*.zip"):
        path.unlink()
    assert score_workspace(ws, FEW).n_scored == 4
    for key, value in values(ws).items():
        np.testing.assert_allclose(value, before[key], rtol=1e-3, atol=1e-4)


def test_a_coarser_network_measures_on_the_images_grid(tmp_path):
    spec = FEW.model_copy(update={"network": FEW.network.model_copy(update={"case_voxels": 4096})})
    large = replace(OBLIQUE, shape_zyx=(16, 36, 40), spacing_zyx_mm=(1.0, 0.5, 0.5))
    ws = data_set(tmp_path, [(f"c{i}", "", right) for i in range(4)], large)
    assert score_workspace(ws, spec).n_scored == 4
    plan = json.loads((ws.maps_dir / "scoring.json").read_text())["judge"]["plan"]
    assert min(plan["spacing_zyx_mm"][1:]) > 0.6
    geometry = read_map(ws, ItemKey("c0"), LABEL_RISK_MAP).geometry
    assert geometry == ws.load_image("c0").upright().geometry
