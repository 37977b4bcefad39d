"""Scoring with a network and the light classifier beside it, through the door."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, RecordingReporter, Volume
from napari_aleatoric.review import ReviewStore, build_queue, score_workspace
from napari_aleatoric.uncertainty import QuickNetSpec, ScoreSpec

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

NET = QuickNetSpec(iterations=6, width=4, voxels_per_step=4096, patch_voxels=4096, learning_rate=1e-2, overlap=0.25)
SPEC = ScoreSpec(
    judge="network", network=NET, encoder="filter-bank", device="cpu", rounds=8, samples_per_case=300, seed=3
)
ALONE = SPEC.model_copy(update={"second_opinion": 0.0})
LIGHT = SPEC.model_copy(update={"judge": "light"})
SHAPE = (8, 18, 16)
# oblique, and stored with x and z flipped: stored and upright order differ
TURN = ((-0.8, -0.6, 0.0), (-0.6, 0.8, 0.0), (0.0, 0.0, -1.0))
OBLIQUE = Geometry(SHAPE, (2.0, 1.0, 1.0), (5, 6, 7), TURN)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the networks are tiny
    yield
    torch.set_num_threads(before)


def data_set(root, n=5):
    rows = ["case,image,label,class_names"]
    for k in range(n):
        rng = np.random.default_rng(k)
        middle = np.array([3, 8, 8]) + rng.integers(-1, 2, 3)
        distance = np.sqrt(((np.indices(SHAPE) - middle.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
        label = np.where(distance <= 2.2, 5, np.where(distance <= 5, 2, 0)).astype(np.uint8)
        image = np.select([label == 5, label == 2], [40.0, 100.0], 0.0) + rng.normal(0, 12, SHAPE)
        write_volume(root / "data" / f"i{k}.nii.gz", Volume(image.astype(np.float32), OBLIQUE))
        write_label_map(root / "data" / f"l{k}.nii.gz", LabelMap(label, OBLIQUE))
        rows.append(f"c{k},i{k}.nii.gz,l{k}.nii.gz,2=shell;5=core")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


def probed(ws, spec, reporter=None):
    """Probabilities by case id, and what the run says."""
    found = {}
    summary = score_workspace(ws, spec, reporter, probe=lambda case, box, p: found.setdefault(case, p.copy()))
    return found, summary


def values(ws):
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
        return {name: np.array(column, dtype=float) for name, column in table.columns.items()}


def test_it_is_the_mean_of_what_both_say_alone_and_says_so(tmp_path):
    ws = data_set(tmp_path)
    light, _ = probed(ws, LIGHT)
    network, first = probed(ws, ALONE)
    again = RecordingReporter()
    both, summary = probed(ws, SPEC, again)
    assert first.judge == "network"
    assert (summary.judge, summary.n_scored, summary.refused, summary.notes) == ("network+light", 5, (), ())
    assert not again.metrics  # the networks are those there are
    assert both.keys() == network.keys() == light.keys()
    for case, p in both.items():
        assert np.abs(network[case].astype(float) - light[case]).max() > 0.05
        np.testing.assert_allclose(p, 0.75 * network[case].astype(float) + 0.25 * light[case], atol=2e-3)
    done = [step[0] / step[1] for step in again.steps]
    assert done == sorted(done)
    assert done[-1] == 1
    judge = json.loads((ws.maps_dir / "scoring.json").read_text())["judge"]
    assert judge["name"] == "network+light"
    assert judge["plan"]["n_rows"] == 3
    assert judge["second_opinion"]["name"] == "light"
    assert judge["second_opinion"]["weight"] == 0.25
    with ReviewStore.open(ws.store_url) as store:
        reason = build_queue(store, ws.dataset.classes).row(0).reason
    assert reason.endswith("(judged by the quick network and the light classifier)")
    last, held = probed(Workspace.open(ws.root), SPEC)
    assert (held.n_scored, held.n_reused, held.models_kept, last) == (0, 5, True, {})


@pytest.mark.parametrize("at", ["Training network 2 of 2: step 4", "Learning from", "Scored"])
def test_stopped_anywhere_it_goes_on(tmp_path, at):
    class Stopping(RecordingReporter):
        def step(self, done, total, message=""):
            super().step(done, total, message)
            if message.startswith(at):
                raise Cancelled("Stopped as asked.")

    undisturbed = data_set(tmp_path / "whole")
    score_workspace(undisturbed, SPEC)
    ws, stopping, going_on = data_set(tmp_path / "stopped"), Stopping(), RecordingReporter()
    with pytest.raises(Cancelled):
        score_workspace(ws, SPEC, stopping)
    score_workspace(Workspace.open(ws.root), SPEC, going_on)
    assert len(stopping.metrics) + len(going_on.metrics) == 2 * NET.iterations  # every step once
    expected, found = values(undisturbed), values(ws)
    assert found.keys() == expected.keys()
    for name, column in found.items():
        np.testing.assert_allclose(column, expected[name], rtol=1e-3, atol=1e-4)
