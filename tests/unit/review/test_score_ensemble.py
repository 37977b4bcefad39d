"""Scoring by several networks' probabilities from disk: their mean judges, their entropies are mapped, upright."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from napari_aleatoric.io import Workspace, map_names, read_map, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import ReviewStore, build_queue, score_workspace
from napari_aleatoric.uncertainty import (
    EXPECTED_ENTROPY_MAP,
    MUTUAL_INFORMATION_MAP,
    PREDICTIVE_ENTROPY_MAP,
    ScoreSpec,
    ensemble_maps,
)

SHAPE = (9, 12, 14)
FLIPPED = Geometry(SHAPE, (2.0, 1.0, 1.0), (5, 6, 7), ((-1, 0, 0), (0, 1, 0), (0, 0, -1)))
ENTROPY_MAPS = {PREDICTIVE_ENTROPY_MAP, EXPECTED_ENTROPY_MAP, MUTUAL_INFORMATION_MAP}


def member(case: int, network: int) -> np.ndarray:
    """Probabilities (K, Z, Y, X) in stored order; in case 2 the networks disagree about where class 2 is."""
    z, y, x = np.indices(SHAPE)
    shift = 4 * network if case == 2 else 0
    one = 4.0 - np.sqrt((z - 4) ** 2 + (y - 4) ** 2 + (x - 4) ** 2)
    two = 2.5 - np.sqrt((z - 3) ** 2 + (y - 8) ** 2 + (x - 5 - shift) ** 2)
    noise = np.random.default_rng((case, network)).normal(0, 0.3, (3, *SHAPE))
    return softmax(np.stack([np.zeros(SHAPE), 2 * one, 2 * two]) + noise, axis=0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    rows = ["case,image,label,class_names"]
    for i in range(4):
        label = np.array([0, 3, 7], np.uint8)[member(i, 0).argmax(axis=0)]
        write_volume(tmp_path / "data" / f"c{i}.nii.gz", Volume(np.zeros(SHAPE, np.float32), FLIPPED))
        write_label_map(tmp_path / "data" / f"c{i}_label.nii.gz", LabelMap(label, FLIPPED))
        rows.append(f"c{i},c{i}.nii.gz,c{i}_label.nii.gz,3=big;7=small")
        for network in range(3):
            folder = tmp_path / f"network{network}"
            folder.mkdir(exist_ok=True)
            np.savez(folder / f"c{i}.npz", probabilities=member(i, network).astype(np.float32))
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))


def spec(root: Path, *networks: int) -> ScoreSpec:
    folders = tuple(str(root / f"network{n}") for n in networks)
    return ScoreSpec(ensemble=folders, encoder="filter-bank")


def test_the_disputed_case_comes_first_and_its_maps_are_upright(workspace: Workspace, tmp_path: Path) -> None:
    summary = score_workspace(workspace, spec(tmp_path, 0, 1, 2))
    assert (summary.n_scored, summary.judge) == (4, "probabilities")
    key = ItemKey("c2")
    assert set(map_names(workspace, key)) >= ENTROPY_MAPS
    with ReviewStore.open(workspace.store_url) as store:
        queue = build_queue(store, workspace.dataset.classes, "mutual_information")
        row = queue.row(0)
        assert row.key == key
        assert "the networks disagree at slice" in row.reason
        found = store.item_scores(key)
        others = [store.item_scores(ItemKey(f"c{i}")).value("member_spread", 2) for i in (0, 1, 3)]
        assert found.value("member_spread", 2) > 0.5 > 2 * max(others)
        expected, predictive = found.value("expected_entropy", 2), found.value("predictive_entropy", 2)
        assert 0 < expected < predictive
        assert found.value("mutual_information", 2) == pytest.approx(predictive - expected)
    together = ensemble_maps(*(member(2, n) for n in range(3)))
    turn = FLIPPED.upright_reorientation()
    for name, nats in (
        (PREDICTIVE_ENTROPY_MAP, together.class_predictive),
        (EXPECTED_ENTROPY_MAP, together.class_expected),
        (MUTUAL_INFORMATION_MAP, together.class_mutual_information),
    ):
        rows = read_map(workspace, key, name)
        for c in (1, 2):
            np.testing.assert_allclose(rows.of(c) / 255.0, turn.apply(nats[c]) / math.log(2), atol=0.004)
    assert not np.array_equal(turn.apply(nats[2]), nats[2])


def test_the_mean_judges(workspace: Workspace, tmp_path: Path) -> None:
    seen: dict[str, np.ndarray] = {}
    score_workspace(workspace, spec(tmp_path, 0, 2), probe=lambda case, box, p: seen.update({case: p}))
    mean = (member(1, 0) + member(1, 2)) / 2
    turn = FLIPPED.upright_reorientation()
    np.testing.assert_allclose(seen["c1"][1], turn.apply(mean[1]), atol=1e-5)
    # the same networks in another order, or the same once more: nothing to do
    assert score_workspace(workspace, spec(tmp_path, 2, 0)).n_scored == 0
    assert score_workspace(workspace, spec(tmp_path, 0, 1)).n_scored == 4


def test_a_case_that_one_network_lacks_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "network1" / "c3.npz").unlink()
    summary = score_workspace(workspace, spec(tmp_path, 0, 1))
    assert summary.n_scored == 3
    assert [p.case_id for p in summary.refused] == ["c3"]
    assert "network1" in summary.refused[0].sentence


def test_maps_of_an_ensemble_go_when_one_network_judges(workspace: Workspace, tmp_path: Path) -> None:
    score_workspace(workspace, spec(tmp_path, 0, 1))
    one = ScoreSpec(probabilities=str(tmp_path / "network0"), encoder="filter-bank")
    score_workspace(workspace, one)
    assert not ENTROPY_MAPS & set(map_names(workspace, ItemKey("c0")))
    with ReviewStore.open(workspace.store_url) as store:
        found = store.item_scores(ItemKey("c0"))
    assert math.isnan(found.value("mutual_information"))
    assert found.value("predictive_entropy") > 0


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least two"):
        spec(tmp_path, 0)
    with pytest.raises(ValueError, match="got both"):
        ScoreSpec(ensemble=("a", "b"), probabilities="c")
    with pytest.raises(ValueError, match="got both"):
        ScoreSpec(ensemble=("a", "b"), judge="light")
    assert ScoreSpec(ensemble=("a", "b"), judge="probabilities").ensemble == ("a", "b")
