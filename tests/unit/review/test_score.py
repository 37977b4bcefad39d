"""The scoring door on small data sets: what is scored, kept, redone and refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.io import Workspace, has_map, read_map, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, RecordingReporter, Volume
from napari_aleatoric.review import ReviewStore, ScoreSummary, build_queue, save_correction, score_workspace
from napari_aleatoric.uncertainty import LABEL_RISK_MAP, ScoreSpec, rank

SPEC = ScoreSpec(judge="light", rounds=10, samples_per_case=500, encoder="filter-bank")
SHAPE = (12, 16, 18)
# stored with x and z flipped, so that stored and upright order differ
FLIPPED = Geometry(SHAPE, (2.0, 1.0, 1.0), (5, 6, 7), ((-1, 0, 0), (0, 1, 0), (0, 0, -1)))


def picture(seed: int, geometry: Geometry = FLIPPED) -> tuple[np.ndarray, np.ndarray]:
    """A bright ball with a dark core."""
    rng = np.random.default_rng(seed)
    shape = geometry.shape_zyx
    centre = np.array([n // 2 if n > 1 else 0 for n in shape]) + np.array([0, *rng.integers(-1, 2, 2)])
    distance = np.sqrt(((np.indices(shape) - centre.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    label = np.where(distance <= 2.2, 5, np.where(distance <= 5, 2, 0)).astype(np.uint8)
    image = np.select([label == 5, label == 2], [40.0, 100.0], 0.0) + rng.normal(0, 6, shape)
    return image.astype(np.float32), label


class Folder:
    """A data set that grows."""

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self.rows = ["case,image,label,reader,patient,class_names"]
        self.root = root

    def add(
        self,
        name: str,
        seed: int,
        change: Callable[[np.ndarray], np.ndarray] | None = None,
        reader: str = "",
        patient: str = "",
    ) -> None:
        image, label = picture(seed)
        if change is not None:
            label = change(label)
        if not (self.data / f"{name}.nii.gz").exists():
            write_volume(self.data / f"{name}.nii.gz", Volume(image, FLIPPED))
        write_label_map(self.data / f"{name}_label{reader}.nii.gz", LabelMap(label, FLIPPED))
        self.rows.append(f"{name},{name}.nii.gz,{name}_label{reader}.nii.gz,{reader},{patient},2=shell;5=core")
        (self.data / "manifest.csv").write_text("\n".join(self.rows))

    def workspace(self) -> Workspace:
        return Workspace.create(self.root / "workspace", scan(self.data))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def no_core_below(label: np.ndarray) -> np.ndarray:
    wrong = label.copy()
    wrong[: SHAPE[0] // 2] = 0
    return wrong


def filled(folder: Folder, n: int = 8, wrong: int = 3) -> Workspace:
    for i in range(n):
        folder.add(f"c{i:02d}", i, no_core_below if i == wrong else None)
    return folder.workspace()


def scored(ws: Workspace, spec: ScoreSpec = SPEC, **more: Any) -> ScoreSummary:
    return score_workspace(ws, spec, **more)


def values(ws: Workspace) -> dict[ItemKey, tuple[Any, ...]]:
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
        return {
            key: tuple(sorted((n, float(c[i])) for n, c in table.columns.items()))
            for i, key in enumerate(table.keys)
        }


def test_the_wrong_label_comes_first_and_says_why(folder: Folder) -> None:
    ws = filled(folder)
    reporter = RecordingReporter()
    summary = scored(ws, reporter=reporter)
    assert (summary.n_items, summary.n_scored, summary.n_reused, summary.refused) == (8, 8, 0, ())
    assert summary.n_training_cases == 8
    done = [step[0] for step in reporter.steps]
    assert done == sorted(done)
    assert reporter.steps[-1][0] == reporter.steps[-1][1]
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
        assert [table.keys[i] for i in rank(table).order[:1]] == [ItemKey("c03")]
        queue = build_queue(store, ws.dataset.classes)
        assert queue.row(0).key == ItemKey("c03")
        assert queue.row(0).stale is False
        sentences = " ".join(flag.sentence for flag in store.flags(ItemKey("c03")))
        assert "much smaller than usual" in sentences
        spot = next(s for s in store.hot_spots(ItemKey("c03")) if s.class_index == 0)
        volumes = {
            v.class_index: v.value for v in store.item_scores(ItemKey("c00")).values if v.measure == "volume_ml"
        }
    label = ws.load_label("c00")
    assert volumes[2] == pytest.approx((label.data == 5).sum() * 0.002)
    # upright, the missing half is the upper one: z was stored from top to bottom
    assert spot.index_zyx[0] >= SHAPE[0] // 2 - 1


def test_map_is_upright_and_bright_where_the_label_is_wrong(folder: Folder) -> None:
    ws = filled(folder)
    scored(ws)
    found = read_map(ws, ItemKey("c03"), LABEL_RISK_MAP)
    assert found.class_indices == (0, 1, 2)
    assert found.geometry == ws.load_image("c03").upright().geometry
    _, right = picture(3)
    upright = LabelMap(right, FLIPPED).upright().data
    given = ws.load_label("c03").upright().data
    missing = (upright > 0) & (given == 0)
    heat = found.of(0)
    assert heat[missing].mean() > 3 * heat[~missing].mean()
    assert found.spec["spec"] == SPEC.model_dump(mode="json")
    assert "scikit-learn" in found.spec["versions"]


def test_a_case_is_judged_by_models_that_did_not_see_its_patient(folder: Folder) -> None:
    """Every image twice: a model that saw its twin would be told apart from one that did not."""
    for i in range(6):
        folder.add(f"c{i}a", i, patient=f"p{i}")
        folder.add(f"c{i}b", i, patient=f"p{i}")
    ws = folder.workspace()
    seen: dict[str, np.ndarray] = {}
    lock = threading.Lock()

    def probe(case_id: str, box: Box, probabilities: np.ndarray) -> None:
        with lock:
            seen[case_id] = probabilities

    scored(ws, probe=probe)
    assert len(seen) == 12
    for i in range(6):
        np.testing.assert_array_equal(seen[f"c{i}a"].argmax(axis=0), seen[f"c{i}b"].argmax(axis=0))


def test_a_second_run_has_nothing_to_do(folder: Folder) -> None:
    ws = filled(folder)
    first = scored(ws)
    before = values(ws)
    again = scored(Workspace.open(ws.root))
    assert (again.n_scored, again.n_reused, again.models_kept) == (0, 8, True)
    assert again.plan_digest == first.plan_digest
    assert values(ws) == before


@pytest.mark.parametrize("steps", [1, 5, 9, 12, 16])
def test_an_interrupted_run_goes_on_and_ends_the_same(folder: Folder, tmp_path: Path, steps: int) -> None:
    ws = filled(folder)
    with pytest.raises(Cancelled):
        scored(ws, reporter=RecordingReporter(cancel_after=steps))
    with ReviewStore.open(ws.store_url) as store:
        kept = len(store.score_table())
    summary = scored(Workspace.open(ws.root))
    assert (summary.n_scored, summary.n_reused) == (8 - kept, kept)
    whole = Workspace.create(tmp_path / "other", scan(folder.data))
    scored(whole)
    assert values(ws) == values(whole)


def test_another_spec_scores_anew(folder: Folder) -> None:
    ws = filled(folder)
    first = scored(ws)
    other = scored(ws, ScoreSpec(judge="light", rounds=10, samples_per_case=500, seed=1))
    assert other.n_scored == 8
    assert other.plan_digest != first.plan_digest


def test_one_new_case_among_many_is_scored_alone(folder: Folder) -> None:
    for i in range(12):
        folder.add(f"c{i:02d}", i)
    ws = folder.workspace()
    first = scored(ws)
    before = values(ws)
    folder.add("c99", 99)
    ws.rescan()
    second = scored(ws)
    assert (second.n_scored, second.n_reused, second.models_kept) == (1, 12, True)
    assert second.plan_digest == first.plan_digest
    after = values(ws)
    assert {key: after[key] for key in before} == before
    for i in range(100, 103):
        folder.add(f"c{i}", i)
    ws.rescan()
    third = scored(ws)
    assert (third.n_scored, third.n_training_cases, third.models_kept) == (16, 16, False)


def test_a_changed_label_is_scored_again(folder: Folder) -> None:
    for i in range(12):
        folder.add(f"c{i:02d}", i)
    ws = folder.workspace()
    scored(ws)
    before = values(ws)
    folder.rows = [row for row in folder.rows if not row.startswith("c05,")]
    folder.add("c05", 5, no_core_below)
    ws.rescan()
    summary = scored(ws)
    assert (summary.n_scored, summary.n_reused) == (1, 11)
    after = values(ws)
    assert after[ItemKey("c05")] != before[ItemKey("c05")]
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
        assert table.keys[rank(table).order[0]] == ItemKey("c05")


def test_a_corrected_label_is_judged_as_corrected(folder: Folder) -> None:
    ws = filled(folder, 12)
    scored(ws)
    key = ItemKey("c03")
    before = dict(values(ws)[key])
    _, right = picture(3)
    with ReviewStore.open(ws.store_url) as store:
        save_correction(ws, store, key, LabelMap(right, FLIPPED), reader="anna")
    summary = scored(ws)
    assert (summary.n_scored, summary.n_reused) == (1, 11)
    after = dict(values(ws)[key])
    assert after["nll_union", 0] < 0.5 * before["nll_union", 0]
    with ReviewStore.open(ws.store_url) as store:
        assert build_queue(store, ws.dataset.classes).row(0).stale is False
    assert scored(ws).n_scored == 0


def test_every_reader_is_judged_by_the_same_probabilities(folder: Folder) -> None:
    for i in range(6):
        for reader in ("anna", "ben", "cleo"):
            wrong = no_core_below if (i, reader) == (2, "ben") else None
            folder.add(f"c{i}", i, wrong, reader)
    ws = folder.workspace()
    summary = scored(ws)
    assert summary.n_scored == 18
    found = values(ws)
    assert found[ItemKey("c2", "anna")] == found[ItemKey("c2", "cleo")] != found[ItemKey("c2", "ben")]
    with ReviewStore.open(ws.store_url) as store:
        table = store.score_table()
        assert table.keys[rank(table).order[0]] == ItemKey("c2", "ben")
    assert has_map(ws, ItemKey("c2", "ben"), LABEL_RISK_MAP)


def test_a_broken_case_is_listed_and_does_not_stop_the_rest(folder: Folder) -> None:
    ws = filled(folder, 7)
    (folder.data / "c02.nii.gz").write_bytes(b"not an image")
    (folder.data / "c04_label.nii.gz").unlink()
    summary = scored(ws)
    assert (summary.n_items, summary.n_scored) == (7, 5)
    assert {p.case_id for p in summary.refused} == {"c02", "c04"}
    assert all(p.sentence for p in summary.refused)
    assert str(folder.data) not in " ".join(p.sentence for p in summary.refused)


def test_a_broken_label_of_one_reader_leaves_the_others(folder: Folder) -> None:
    for i in range(4):
        for reader in ("anna", "ben"):
            folder.add(f"c{i}", i, None, reader)
    ws = folder.workspace()
    (folder.data / "c1_labelben.nii.gz").write_bytes(b"broken")
    summary = scored(ws)
    assert summary.n_scored == 7
    (problem,) = summary.refused
    assert problem.case_id == "c1"
    assert problem.sentence.startswith("Label of ben: ")


def test_a_single_case_is_scored_with_a_note(folder: Folder) -> None:
    folder.add("only", 0)
    summary = scored(folder.workspace())
    assert summary.n_scored == 1
    assert "single labelled case" in summary.notes[0]


def test_a_class_of_one_patient_is_noted_and_not_judged(folder: Folder) -> None:
    for i in range(6):
        folder.add(f"c{i}", i, None if i == 4 else lambda label: np.where(label == 5, 2, label).astype(np.uint8))
    ws = folder.workspace()
    summary = scored(ws)
    assert any(note.startswith("core: labelled in too few patients") for note in summary.notes)
    found = dict(values(ws)[ItemKey("c4")])
    assert np.isnan(found.get(("nll_union", 2), np.nan))
    assert found["volume_voxels", 2] > 0


def test_nothing_to_score(folder: Folder) -> None:
    ws = filled(folder, 2)
    for path in folder.data.glob("*_label.nii.gz"):
        path.write_bytes(b"broken")
    summary = scored(ws)
    assert summary.n_scored == 0
    assert {p.case_id for p in summary.refused} == {"c00", "c01"}


def test_flags_follow_the_data_set(folder: Folder) -> None:
    """One small label among small ones is usual; it becomes an outlier when large ones arrive."""
    for i in range(4):
        folder.add(f"c{i}", i)
    folder.add("small", 50, lambda label: np.where(label == 5, 5, 0).astype(np.uint8))
    ws = folder.workspace()
    spec = SPEC.model_copy(update={"max_training_change": 1.0})
    scored(ws, spec)
    with ReviewStore.open(ws.store_url) as store:
        assert "absent" not in {f.check for f in store.flags(ItemKey("small"))}
    for i in range(10, 15):
        folder.add(f"c{i}", i)
    ws.rescan()
    summary = scored(ws, spec)
    assert summary.n_reused == 5
    with ReviewStore.open(ws.store_url) as store:
        assert "absent" in {f.check for f in store.flags(ItemKey("small"))}


def test_flat_colour_images(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    geometry = Geometry((1, 40, 44), spacing_known=False)
    for i in range(4):
        image, label = picture(i, geometry)
        colour = np.stack([image, image / 2, image / 4], axis=-1).clip(0, 255).astype(np.uint8)
        write_volume(folder.data / f"c{i}.nii.gz", Volume(colour, replace(geometry, spacing_known=True)))
        write_label_map(folder.data / f"c{i}_label.nii.gz", LabelMap(label, replace(geometry, spacing_known=True)))
        folder.rows.append(f"c{i},c{i}.nii.gz,c{i}_label.nii.gz,,,2=shell;5=core")
    (folder.data / "manifest.csv").write_text("\n".join(folder.rows))
    ws = folder.workspace()
    assert scored(ws).n_scored == 4
    assert read_map(ws, ItemKey("c0"), LABEL_RISK_MAP).geometry.shape_zyx == (1, 40, 44)


def test_the_cache_holds_no_pickle_and_only_what_is_needed(folder: Folder) -> None:
    ws = filled(folder, 4)
    scored(ws)
    cached = sorted((ws.embeddings_dir / "label_risk").rglob("*.npz"))
    assert len(cached) == 4
    for path in cached:
        with np.load(path, allow_pickle=False) as pack:
            assert set(pack.files) == {"version", "features", "labels"}
    scored(ws, ScoreSpec(judge="light", rounds=10, samples_per_case=400))
    assert len(sorted((ws.embeddings_dir / "label_risk").rglob("*.npz"))) == 4
    assert not list(ws.root.rglob("*.pkl"))


def test_a_damaged_cache_is_refilled(folder: Folder) -> None:
    ws = filled(folder, 4)
    scored(ws)
    before = values(ws)
    for path in (ws.embeddings_dir / "label_risk").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    for path in ws.maps_dir.rglob("*.zip"):
        path.unlink()
    summary = scored(ws)
    assert summary.n_scored == 4
    assert values(ws) == before


def test_samples_damaged_behind_our_back_are_told_and_drawn_anew(folder: Folder) -> None:
    ws = filled(folder, 4)
    scored(ws)
    before = values(ws)
    for path in (ws.embeddings_dir / "label_risk").rglob("*.npz"):
        path.write_bytes(b"x" * path.stat().st_size)
    for path in ws.maps_dir.rglob("*.zip"):
        path.unlink()
    with pytest.raises(DataError, match="Score again"):
        scored(ws)
    while True:
        try:
            scored(ws)
            break
        except DataError:
            continue
    assert values(ws) == before
