"""Scoring with a frozen Segment Anything network: small, untrained, but through real files and the real loader."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")

from safetensors.torch import save_file  # noqa: E402

from napari_aleatoric.errors import DataError, NotFoundError  # noqa: E402
from napari_aleatoric.foundation import (  # noqa: E402
    Box,
    WeightsStore,
    decode_classes,
    embed_volume,
    intensity_range,
    segmenter,
)
from napari_aleatoric.foundation._torch._sam_net import ARCHITECTURES, build_sam  # noqa: E402
from napari_aleatoric.io import Workspace, map_names, read_map, scan, write_label_map, write_volume  # noqa: E402
from napari_aleatoric.model import WHOLE_CASE, Geometry, ItemKey, LabelMap, Volume  # noqa: E402
from napari_aleatoric.review import ReviewStore, build_queue, make_reference, score_workspace  # noqa: E402
from napari_aleatoric.uncertainty import SCALE_VARIANTS, ScoreSpec, auv, perception_scale  # noqa: E402

SPEC = ScoreSpec(judge="light", rounds=5, samples_per_case=300, encoder="mine", jitters=2, device="cpu")
# stored flipped, so that stored and upright order differ
GRID = Geometry((10, 24, 34), (2.0, 1.0, 1.0), (5, 6, 7), ((-1, 0, 0), (0, 1, 0), (0, 0, -1)))


def bring_weights(folder: Path, seed: int, name: str = "mine") -> None:
    torch.manual_seed(seed)
    sam = build_sam(ARCHITECTURES["small"])
    save_file({k: v.contiguous() for k, v in sam.state_dict().items()}, folder / "any.safetensors")
    WeightsStore().import_file(name, folder / "any.safetensors", architecture="small")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights with a random network called 'mine'."""
    monkeypatch.setenv("ALEATORIC_WEIGHTS", str(tmp_path / "weights"))
    bring_weights(tmp_path, 0)
    return tmp_path


def ellipsoid(shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centre = [n / 2 + rng.uniform(-1, 1) for n in shape]
    radii = [max(1.0, 0.3 * n) for n in shape]
    distance = sum(((i - c) / r) ** 2 for i, c, r in zip(np.indices(shape), centre, radii, strict=True))
    return np.where(distance < 0.3, 5, np.where(distance < 1, 2, 0)).astype(np.uint8)


def data_set(root: Path, cases: dict[str, tuple[np.ndarray, np.ndarray]], geometry: Geometry = GRID) -> Workspace:
    data = root / "data"
    data.mkdir()
    rows = ["case,image,label,reader,patient,class_names"]
    for name, (image, label) in cases.items():
        write_volume(data / f"{name}.nrrd", Volume(image, geometry))
        write_label_map(data / f"{name}_label.nii.gz", LabelMap(label, geometry))
        rows.append(f"{name},{name}.nrrd,{name}_label.nii.gz,,,2=shell;5=core")
    (data / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "review", scan(data))


def ordinary(n: int = 4, shape: tuple[int, ...] = GRID.shape_zyx) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found = {}
    for i in range(n):
        label = ellipsoid(shape, i)
        noise = np.random.default_rng(i).normal(0, 5, shape)
        found[f"c{i}"] = ((40.0 * label + noise).astype(np.float32), label)
    return found


def values(ws: Workspace, key: ItemKey) -> dict[tuple[str, int], float]:
    with ReviewStore.open(ws.store_url) as store:
        return {(v.measure, v.class_index): v.value for v in store.item_scores(key).values}


def test_every_variant_and_both_maps_are_stored(weights: Path) -> None:
    ws = data_set(weights, ordinary())
    summary = score_workspace(ws, SPEC)
    assert (summary.n_scored, summary.refused) == (4, ())
    key = ItemKey("c1")
    found = values(ws, key)
    for name in (*SCALE_VARIANTS, "feature_scale", "effective_rank", "prompt_spread"):
        assert found[(name, WHOLE_CASE)] == pytest.approx((found[(name, 1)] + found[(name, 2)]) / 2), name
    assert set(map_names(ws, key)) == {"label_risk", "ambiguity", "difficulty", "prompt_spread"}
    label = ws.load_label(*key).upright()
    for name in ("difficulty", "prompt_spread"):
        assert read_map(ws, key, name).geometry == label.geometry
    # the same numbers by hand, through the open doors only
    volume = ws.load_image("c1").upright()
    model = segmenter("mine", device="cpu")
    around = Box.around(label.data > 0)
    assert around is not None
    margins = [max(8, round(0.25 * n)) for n in around.shape_zyx]
    box = around.grown((1, margins[1], margins[2]), volume.geometry.shape_zyx)
    embedded = embed_volume(model, volume, box, limits=intensity_range(volume.data))
    classes = ws.dataset.classes.index_map(label.data)
    decoded = decode_classes(model, embedded, classes, [1, 2])
    for row in range(2):
        whole = perception_scale(decoded.logits[row])
        assert found[("scale_sigma2_slices_full", row + 1)] == pytest.approx(whole, rel=1e-4)


def test_scores_hold_until_the_weights_change(weights: Path) -> None:
    ws = data_set(weights, ordinary())
    first = score_workspace(ws, SPEC)
    before = values(ws, ItemKey("c0"))
    assert score_workspace(ws, SPEC).n_reused == 4
    (weights / "weights").rename(weights / "old")
    bring_weights(weights, seed=1)
    second = score_workspace(ws, SPEC)
    assert second.n_scored == 4
    assert second.plan_digest != first.plan_digest
    after = values(ws, ItemKey("c0"))
    assert after[("perception_scale", 1)] != before[("perception_scale", 1)]
    assert after[("nll_union", 1)] == before[("nll_union", 1)]  # the label's risk has another source


def test_no_map_of_another_model_stays_beside_new_scores(weights: Path) -> None:
    ws = data_set(weights, ordinary(3))
    score_workspace(ws, SPEC)
    score_workspace(ws, SPEC.model_copy(update={"jitters": 0}))
    assert set(map_names(ws, ItemKey("c0"))) == {"label_risk", "ambiguity", "difficulty"}
    score_workspace(ws, SPEC.model_copy(update={"encoder": "filter-bank"}))
    assert set(map_names(ws, ItemKey("c0"))) == {"label_risk", "ambiguity"}


def test_a_network_keeps_the_name_it_was_given(weights: Path) -> None:
    bring_weights(weights, 0, name="my_own.net")
    ws = data_set(weights, ordinary(2))
    assert score_workspace(ws, SPEC.model_copy(update={"encoder": "my_own.net"})).n_scored == 2
    made_by = read_map(ws, ItemKey("c0"), "difficulty").spec
    assert made_by["encoder"].startswith("my_own.net-")
    assert made_by["versions"]["torch"] == torch.__version__.split("+")[0]


def test_mask_normalised_input_is_another_measure(weights: Path) -> None:
    ws = data_set(weights, ordinary())
    score_workspace(ws, SPEC)
    raw = values(ws, ItemKey("c0"))
    score_workspace(ws, SPEC.model_copy(update={"normalise": "mask"}))
    masked = values(ws, ItemKey("c0"))
    assert masked[("scale_sigma2_slices_full", 1)] != raw[("scale_sigma2_slices_full", 1)]


def test_unknown_model_is_refused_before_anything_is_read(weights: Path) -> None:
    ws = data_set(weights, ordinary(2))
    with pytest.raises(NotFoundError, match="no-such"):
        score_workspace(ws, SPEC.model_copy(update={"encoder": "no-such"}))
    with pytest.raises(NotFoundError, match="aleatoric weights"):
        score_workspace(ws, SPEC.model_copy(update={"encoder": "sam-vit-b"}))


def test_odd_cases_have_a_result_or_a_sentence(weights: Path) -> None:
    cases = ordinary(3)
    image, label = cases["c0"]
    cases["empty"] = (image, np.zeros_like(label))
    one = np.zeros_like(label)
    one[5, 12, 17] = 5
    cases["one_voxel"] = (image, one)
    cases["constant"] = (np.full_like(image, 7), label)
    holes = image.copy()
    holes[3:6, 10:14, 10:20] = np.nan
    cases["holes"] = (holes, label)
    ws = data_set(weights, cases)
    summary = score_workspace(ws, SPEC)
    assert summary.n_scored + len(summary.refused) == len(cases)
    assert summary.n_scored == len(cases)
    assert ("perception_scale", WHOLE_CASE) not in values(ws, ItemKey("empty"))
    for name in ("one_voxel", "constant", "holes"):
        found = values(ws, ItemKey(name))
        assert 0 <= found[("perception_scale", WHOLE_CASE)] <= 1
        assert all(np.isfinite(v) for v in found.values()), name
    assert ("perception_scale", 1) not in values(ws, ItemKey("one_voxel"))  # only class 2 is there


@pytest.mark.parametrize("colour", [False, True])
def test_flat_images(weights: Path, colour: bool) -> None:
    shape = (1, 60, 44)
    geometry = Geometry(shape)
    cases = {}
    for name, (image, label) in ordinary(4, shape).items():
        picture = image.clip(0, 255).astype(np.uint8)
        cases[name] = (np.stack([picture, picture // 2, 255 - picture], axis=-1) if colour else picture, label)
    ws = data_set(weights, cases, replace(geometry, spacing_known=True))
    assert score_workspace(ws, SPEC).n_scored == 4
    found = values(ws, ItemKey("c2"))
    assert found[("scale_sigma2_slices_full", 1)] == found[("scale_sigma2_rows_full", 1)]
    assert read_map(ws, ItemKey("c2"), "difficulty").geometry.shape_zyx == shape


# --- a single case ----------------------------------------------------------------------------------------------


@pytest.fixture
def clinic(weights: Path, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, int], np.ndarray]:
    """A stored reference of five cases, called 'clinic'; gives its raw values."""
    monkeypatch.setenv("ALEATORIC_REFERENCES", str(weights / "references"))
    (weights / "many").mkdir()
    ws = data_set(weights / "many", ordinary(5))
    score_workspace(ws, SPEC)
    make_reference(ws, "clinic")
    with ReviewStore.open(ws.store_url) as store:
        return dict(store.score_table().columns)


def alone(root: Path, name: str = "one", classes: str = "2=shell;5=core") -> Workspace:
    """A data set of one case that is not in the reference."""
    (root / name).mkdir()
    label = ellipsoid(GRID.shape_zyx, 77)
    image = (40.0 * label + np.random.default_rng(77).normal(0, 9, GRID.shape_zyx)).astype(np.float32)
    ws = data_set(root / name, {"new": (image, label)})
    if classes != "2=shell;5=core":
        manifest = root / name / "data" / "manifest.csv"
        manifest.write_text(manifest.read_text().replace("2=shell;5=core", classes))
        ws = Workspace.create(root / name / "again", scan(root / name / "data"))
    return ws


def test_a_single_case_without_a_reference_has_scales_maps_and_a_sentence(weights: Path) -> None:
    ws = alone(weights)
    assert score_workspace(ws, SPEC).n_scored == 1
    key = ItemKey("new")
    assert 0 < values(ws, key)[("perception_scale", WHOLE_CASE)] < 1
    assert {"difficulty", "prompt_spread"} <= set(map_names(ws, key))
    with ReviewStore.open(ws.store_url) as store:
        row = build_queue(store, ws.dataset.classes, "difficulty").row(0)
    assert row.score == 0.5
    assert "only case" in row.reason


def test_a_single_case_has_its_place_in_a_reference(
    weights: Path, clinic: dict[tuple[str, int], np.ndarray]
) -> None:
    ws = alone(weights)
    summary = score_workspace(ws, SPEC.model_copy(update={"reference": "clinic"}))
    assert (summary.n_scored, summary.refused) == (1, ())
    found = values(ws, ItemKey("new"))
    with ReviewStore.open(ws.store_url) as store:
        row = build_queue(store, ws.dataset.classes, "difficulty").row(0)
        core = build_queue(store, ws.dataset.classes, "difficulty", class_filter=[2]).row(0)
        spread = build_queue(store, ws.dataset.classes, "prompt_spread").row(0)
    for seen, c in ((row, WHOLE_CASE), (core, 2)):
        others, mine = clinic["perception_scale", c], found["perception_scale", c]
        assert seen.score == pytest.approx(auv([mine], reference=others)[0], abs=1e-6)
        assert seen.reference_place == pytest.approx((others > mine).mean())
    easier = (clinic["prompt_spread", WHOLE_CASE] < found["prompt_spread", WHOLE_CASE]).mean()
    assert spread.score == pytest.approx(easier)
    assert "reference 'clinic'" in row.reason
    # the same case as the reference's own stands where it stood there
    assert score_workspace(ws, SPEC).n_reused == 1  # comparing changed nothing that is stored


def test_references_of_other_models_settings_and_classes(
    weights: Path, clinic: dict[tuple[str, int], np.ndarray]
) -> None:
    ws = alone(weights)
    asked = SPEC.model_copy(update={"reference": "clinic"})
    bring_weights(weights, 5, name="other")
    for update, words in (({"encoder": "other"}, "different models"), ({"normalise": "mask"}, "normalise = image")):
        with pytest.raises(DataError, match=words):
            score_workspace(ws, asked.model_copy(update=update))
    moved = score_workspace(ws, asked.model_copy(update={"jitters": 3}))
    assert any("prompt spread is not compared" in note for note in moved.notes)
    with ReviewStore.open(ws.store_url) as store:
        assert build_queue(store, ws.dataset.classes, "prompt_spread").row(0).reference_place is None
        assert build_queue(store, ws.dataset.classes, "difficulty").row(0).reference_place is not None
    renamed = alone(weights, "renamed", "2=shell;5=kernel")
    notes = score_workspace(renamed, asked).notes
    assert any("'kernel'" in note and "no AUV" in note for note in notes)
    with ReviewStore.open(renamed.store_url) as store:
        row = build_queue(store, renamed.dataset.classes, "difficulty").row(0)
    assert row.class_name == "shell"
    expected = auv(
        [values(renamed, ItemKey("new"))["perception_scale", 1]], reference=clinic["perception_scale", 1]
    )
    assert row.score == pytest.approx(expected[0], abs=1e-6)


# --- odd images -------------------------------------------------------------------------------------------------


def test_a_series_is_scored_by_its_first_volume(weights: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    label = ellipsoid(GRID.shape_zyx, 1)
    first = (40.0 * label + np.random.default_rng(1).normal(0, 5, label.shape)).astype(np.float32)
    series = np.stack([first, first[::-1] + 300, np.zeros_like(first)])
    found = {}
    for name, channels in (("series", series), ("single", series[:1])):
        data = weights / name / "data"
        data.mkdir(parents=True)
        affine = np.diag([1.0, 1.0, 2.0, 1.0])
        stored = np.transpose(channels, (3, 2, 1, 0))  # (x, y, z, t)
        image = stored if len(channels) > 1 else stored[..., 0]
        nibabel.save(nibabel.Nifti1Image(image, affine), data / "a.nii.gz")
        nibabel.save(nibabel.Nifti1Image(label.transpose(2, 1, 0), affine), data / "a_label.nii.gz")
        (data / "manifest.csv").write_text(
            "case,image,label,reader,patient,class_names\na,a.nii.gz,a_label.nii.gz,,,2=shell;5=core"
        )
        ws = Workspace.create(weights / name / "review", scan(data))
        spec = SPEC.model_copy(update={"encoder": "sam-small"})  # the one that is shipped
        if len(channels) > 1:
            with pytest.warns(UserWarning, match="holds 3 channels or time points; the first one is used"):
                summary = score_workspace(ws, spec)
        else:
            summary = score_workspace(ws, spec)
        assert (summary.n_scored, summary.refused) == (1, ())
        found[name] = values(ws, ItemKey("a"))
        assert read_map(ws, ItemKey("a"), "difficulty").geometry.shape_zyx == GRID.shape_zyx
    assert found["series"] == pytest.approx(found["single"], nan_ok=True)


@pytest.mark.parametrize("kind", ["empty", "one voxel", "constant", "holes", "no number"])
def test_an_odd_case_alone(weights: Path, kind: str) -> None:
    image, label = ordinary(1)["c0"]
    if kind == "empty":
        label = np.zeros_like(label)
    elif kind == "one voxel":
        label = np.zeros_like(label)
        label[5, 12, 17] = 5
    elif kind == "constant":
        image = np.full_like(image, 7)
    elif kind == "holes":
        image[3:6, 10:14, 10:20] = np.nan
    else:
        image = np.full_like(image, np.nan)
    ws = data_set(weights, {"odd": (image, label)})
    summary = score_workspace(ws, SPEC)
    assert summary.n_scored + len(summary.refused) == 1
    assert all(problem.sentence.endswith(".") for problem in summary.refused)
    with ReviewStore.open(ws.store_url) as store:
        row = build_queue(store, ws.dataset.classes, "difficulty").row(0)
    if kind == "empty":
        assert np.isnan(row.score)
        assert row.reason == "not measured"
    else:
        assert summary.n_scored == 1
        assert row.score == 0.5
        assert "only case" in row.reason
        assert all(np.isfinite(v) for v in values(ws, ItemKey("odd")).values())


def test_the_filter_bank_needs_no_torch(weights: Path) -> None:
    ws = data_set(weights, ordinary(3))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from napari_aleatoric.io import Workspace\n"
        "from napari_aleatoric.review import score_workspace\n"
        "from napari_aleatoric.uncertainty import ScoreSpec\n"
        f"ws = Workspace.open(Path({str(ws.root)!r}))\n"
        "score_workspace(ws, ScoreSpec(judge='light', rounds=5, samples_per_case=300, encoder='filter-bank'))\n"
        "print(sorted({'torch', 'segment_anything'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]")
    assert 0 < values(ws, ItemKey("c0"))[("perception_scale", 1)] < 1
