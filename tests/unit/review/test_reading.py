"""Several readers of a workspace: report, consensus files, list of disputes; nibabel says where they lie."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_aleatoric.cli._main import run
from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume
from napari_aleatoric.review import (
    ReviewStore,
    list_disputes,
    readers_csv,
    report_readers,
    save_correction,
    write_consensus,
)

ANGLE = np.deg2rad(20)
OBLIQUE = Geometry(
    shape_zyx=(8, 24, 20),
    spacing_zyx_mm=(4.0, 0.5, 0.7),
    origin_lps=(-12.0, 30.0, 7.0),
    direction_lps=(
        (-np.cos(ANGLE), np.sin(ANGLE), 0.0),
        (-np.sin(ANGLE), -np.cos(ANGLE), 0.0),
        (0.0, 0.0, -1.0),
    ),
)


def box(z: tuple[int, int], y: tuple[int, int], x: tuple[int, int], value: int = 1) -> np.ndarray:
    found = np.zeros(OBLIQUE.shape_zyx, np.uint8)
    found[z[0] : z[1], y[0] : y[1], x[0] : x[1]] = value
    return found


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Workspace]:
    """Make a workspace of cases given as {reader: array in stored order}."""

    def make(cases: list[dict[str, np.ndarray]], geometry: Geometry = OBLIQUE) -> Workspace:
        rows = ["case,image,label,reader,class_names"]
        for i, labels in enumerate(cases):
            write_volume(
                tmp_path / "data" / f"i{i}.nii.gz", Volume(np.zeros(geometry.shape_zyx, np.int16), geometry)
            )
            for reader, label in labels.items():
                write_label_map(tmp_path / "data" / f"l{i}{reader}.nii.gz", LabelMap(label, geometry))
                rows.append(f"case_{i},i{i}.nii.gz,l{i}{reader}.nii.gz,{reader},2=liver;7=tumour")
        (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
        return Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))

    return make


USUAL = box((2, 6), (8, 18), (6, 14), 2)
MORE_BELOW = box((2, 8), (8, 18), (6, 14), 2)  # stored z runs to the feet: these slices are at the bottom
NOTHING = np.zeros_like(USUAL)


def test_report_in_the_patient(read: Callable[..., Workspace]) -> None:
    ws = read([{"a": MORE_BELOW, "b": USUAL, "c": USUAL}, {"a": USUAL, "b": USUAL}, {"a": NOTHING, "b": NOTHING}])
    found = report_readers(ws)
    assert (found.n_cases, found.n_compared) == (3, 3)
    first, second, third = found.cases
    assert [p.hd95 for p in first.structures[0].pairs] == pytest.approx([8.0, 8.0, 0.0])  # two slices of 4 mm
    assert [p.dice for p in first.structures[0].pairs] == pytest.approx([0.8, 0.8, 1.0])
    assert first.structures[0].volume_ml == pytest.approx({"a": 0.672, "b": 0.448, "c": 0.448})
    habit = first.structures[0].habits[0]
    assert (habit.slices_top, habit.slices_bottom) == (0.0, 2.0)
    assert habit.relative_volume == pytest.approx(0.5)
    assert habit.offset > 0
    assert second.missing == ("c",)  # skipped, not empty
    assert (second.quality, second.kappa) == (1.0, pytest.approx(1.0))
    assert set(second.structures[0].voxels) == {"a", "b"}
    assert third.no_object
    assert (third.quality, third.kappa, third.structures) == (1.0, None, ())
    assert found.structures[0].dice.value == pytest.approx((2.6 / 3 + 1) / 2)
    assert found.structures[0].hd95_voxels.value is None
    assert any("not taken as empty" in note for note in found.notes)


def test_one_empty_reader_and_unknown_voxel_size(read: Callable[..., Workspace]) -> None:
    ws = read([{"a": USUAL, "b": NOTHING}])
    ws.dataset.__dict__["spacing_known"] = False
    case = report_readers(ws).cases[0]
    structure = case.structures[0]
    assert (structure.mean_dice, structure.mean_hd95, structure.n_drew) == (0.0, None, 1)
    assert structure.pairs[0].presence_differs
    assert (case.length_unit, structure.volume_ml) == ("voxels", None)
    assert not case.no_object
    assert list_disputes(ws)[0][0].centre_lps_mm is None


def test_the_version_that_counts_now_is_compared(read: Callable[..., Workspace]) -> None:
    ws = read([{"a": USUAL, "b": MORE_BELOW}])
    assert report_readers(ws).cases[0].structures[0].mean_dice == pytest.approx(0.8)
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        key = next(k for k in ws.dataset.items if k.label_reader == "b")
        save_correction(ws, store, key, LabelMap(USUAL, ws.grid("case_0"), "b"), reader="b")
    assert report_readers(ws).cases[0].structures[0].mean_dice == 1.0
    assert list_disputes(ws) == ([], [])


def test_a_data_set_of_single_labels_is_refused_in_words(read: Callable[..., Workspace]) -> None:
    ws = read([{"a": USUAL}])
    with pytest.raises(DataError, match="by at least 2 readers, got none among 1"):
        report_readers(ws)
    with pytest.raises(DataError, match="at least 2 readers"):
        list_disputes(ws)


@pytest.mark.parametrize("method", ["vote", "staple", "multilabel-staple"])
def test_consensus_lies_where_the_image_lies(read: Callable[..., Workspace], tmp_path: Path, method) -> None:
    with_tumour = USUAL.copy()
    with_tumour[3, 10:14, 8:11] = 7
    ws = read([{"a": with_tumour, "b": with_tumour, "c": MORE_BELOW}])
    found = write_consensus(ws, tmp_path / "out", method)
    assert found.n_cases == 1
    written = nibabel.load(tmp_path / "out" / "case_0.nii.gz")
    image = nibabel.load(tmp_path / "data" / "i0.nii.gz")
    np.testing.assert_allclose(written.affine, image.affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(written.dataobj).transpose(2, 1, 0), with_tumour)
    told = json.loads((tmp_path / "out" / "consensus.json").read_text())
    assert told["cases"][0]["readers"] == ["a", "b", "c"]
    assert bool(told["cases"][0]["skills"]) == (method != "vote")
    with pytest.raises(WorkspaceError, match="new or empty folder"):
        write_consensus(ws, tmp_path / "out", method)
    with pytest.raises(WorkspaceError, match="lies in the data set"):
        write_consensus(ws, tmp_path / "data" / "out", method)


def test_disputes_are_where_nibabel_says(read: Callable[..., Workspace]) -> None:
    extra = USUAL.copy()
    extra[4:6, 20:23, 16:19] = 2  # 2 × 3 × 3 voxels of one reader
    one = USUAL.copy()
    one[3, 12, 9] = 7
    ws = read([{"a": extra, "b": USUAL, "c": USUAL}, {"a": USUAL, "b": one, "c": USUAL}])
    found, refused = list_disputes(ws)
    assert refused == []
    assert [(d.case_id, d.class_names, d.n_voxels) for d in found] == [
        ("case_0", ("liver",), 18),
        ("case_1", ("liver", "tumour"), 1),  # two answers, one region
    ]
    assert found[0].volume_mm3 == pytest.approx(18 * 4.0 * 0.5 * 0.7)
    assert found[0].sides == {"liver": ("a",), "none": ("b", "c")}
    assert found[1].answers == {"a": "liver", "b": "tumour", "c": "liver"}
    assert found[1].shares["b"] == {"liver": 0.0, "tumour": 1.0}
    affine = nibabel.load(ws.dataset.cases[1].image).affine
    ras = affine @ [9, 12, 3, 1]
    np.testing.assert_allclose(found[1].centre_lps_mm, ras[:3] * [-1, -1, 1], atol=1e-4)
    z, y, x = found[1].index_zyx
    assert ws.load_label("case_1", "b").upright().data[z, y, x] == 7
    assert [d.region_id for d in list_disputes(ws, cases=["case_1"])[0]] == [found[1].region_id]
    assert len(list_disputes(ws, at_least=2)[0]) == 1


def test_table_and_commands(read: Callable[..., Workspace], tmp_path: Path, capsys) -> None:
    ws = read([{"a": MORE_BELOW, "b": USUAL, "c": USUAL}])
    rows = list(csv.DictReader(io.StringIO(readers_csv(report_readers(ws)).decode())))
    assert [r["row"] for r in rows] == ["reader"] * 3 + ["pair"] * 3
    assert float(rows[3]["dice"]) == pytest.approx(0.8)
    root = str(ws.root)
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    assert run(["readers", "report", root, "--json", "--html", str(page), "--csv", str(table)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["structures"][0]["class_name"] == "liver"
    assert "liver" in page.read_text()
    assert not any(word in page.read_text() for word in ("http:", "https:", "src=", "<script", "@import"))
    assert len(table.read_text().splitlines()) == 7
    assert run(["readers", "report", root]) == 0
    assert "Fleiss" in capsys.readouterr().out
    assert run(["readers", "report", root, "--csv", str(tmp_path / "data" / "t.csv")]) == 1
    assert "never written to" in capsys.readouterr().err
    assert run(["readers", "adjudicate-list", root, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert (listed["frame"], listed["n_regions"], listed["regions"][0]["n_voxels"]) == ("LPS", 1, 160)
    assert run(["readers", "adjudicate-list", root]) == 0
    assert run(["readers", "consensus", root, "--out", str(tmp_path / "new"), "--method", "staple"]) == 0
    assert (tmp_path / "new" / "consensus.json").is_file()
