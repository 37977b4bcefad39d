"""Handing on what a filter keeps: the right files, untouched voxels and grids, all of it or nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from sklearn.model_selection import KFold

from napari_aleatoric.errors import Cancelled, DataError, WorkspaceError
from napari_aleatoric.io import Workspace, read_geometry, scan, write_label_map, write_volume
from napari_aleatoric.model import (
    Decision,
    Geometry,
    ItemKey,
    ItemScores,
    LabelMap,
    RecordingReporter,
    ScoreValue,
    Verdict,
    Volume,
)
from napari_aleatoric.review import (
    FilterExportSpec,
    FilterSpec,
    ReviewStore,
    current_label,
    export_filtered,
    save_correction,
)

# turned by 20 degrees, stored flipped, three different spacings
OBLIQUE = Geometry.from_lps_matrix(
    (5, 6, 7),
    np.array([[-0.9397, 0.684, 0, 12], [0.342, 1.879, 0, -7], [0, 0, -3, 90], [0, 0, 0, 1.0]])
    @ np.diag([1.0, 1.0, 1.0, 1.0]),
)
KEEP_MOST = FilterSpec(measure="nll_union", percentiles=(0, 70))


def give_scores(workspace: Workspace) -> None:
    """Case i has the score i."""
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
        for i, key in enumerate(workspace.dataset.items):
            store.put_item_scores(
                ItemScores(key, (ScoreValue("nll_union", 0, float(i)), ScoreValue("volume_voxels", 1, 10.0))),
                fingerprint=workspace.fingerprint(*key),
                spec_digest="d",
            )


@pytest.fixture
def scored(make_workspace: Callable[..., Workspace]) -> Workspace:
    workspace = make_workspace(10, geometry=OBLIQUE)
    give_scores(workspace)
    return workspace


def export(workspace: Workspace, dest: Path, layout: str = "nnunet", **wishes: Any):
    spec = FilterExportSpec(filter=wishes.pop("filter", KEEP_MOST), destination=str(dest), layout=layout, **wishes)
    return export_filtered(workspace, spec)


def assert_same_labels(path: Path, workspace: Workspace, key: ItemKey) -> None:
    """The file holds the present label: values and places, as nibabel reads both."""
    with ReviewStore.open(workspace.store_url) as store:
        expected = current_label(workspace, store, key)
    theirs = nibabel.load(path)
    np.testing.assert_array_equal(np.asarray(theirs.dataobj).transpose(2, 1, 0), expected.data)
    np.testing.assert_allclose(theirs.affine, expected.geometry.ras_from_index_xyz, atol=1e-4)
    assert np.asarray(theirs.dataobj).dtype.kind in "iu"


def test_nnunet_holds_the_kept_cases_as_links(scored: Workspace, tmp_path: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in scored.dataset_root.iterdir()}
    done = export(scored, tmp_path / "out" / "Dataset001_Liver")
    folder = tmp_path / "out" / "Dataset001_Liver"
    assert (done.n_kept, done.n_total, done.n_corrected) == (7, 10, 0)
    assert done.files == {"link": 14}
    names = [f"case_{i}" for i in range(7)]
    assert sorted(p.name for p in (folder / "imagesTr").iterdir()) == [f"{n}_0000.nii.gz" for n in names]
    assert sorted(p.name for p in (folder / "labelsTr").iterdir()) == [f"{n}.nii.gz" for n in names]
    content = json.loads((folder / "dataset.json").read_text())
    assert content["labels"] == {"background": 0, "liver": 1, "tumour": 3}
    assert (content["numTraining"], content["file_ending"]) == (7, ".nii.gz")
    assert content["channel_names"] == {"0": "image"}
    for i in range(7):
        image = folder / "imagesTr" / f"case_{i}_0000.nii.gz"
        assert image.is_symlink()
        assert image.resolve() == (scored.dataset_root / f"image_{i}.nii.gz")
        assert_same_labels(folder / "labelsTr" / f"case_{i}.nii.gz", scored, ItemKey(f"case_{i}"))
    again = scan(folder)
    assert (again.layout, again.problems) == ("nnunet", ())
    assert [c.case_id for c in again.cases] == names
    assert again.classes == scored.dataset.classes
    assert any("without gaps, and these are 1, 3" in remark for remark in done.remarks)
    assert {p: p.stat().st_mtime_ns for p in scored.dataset_root.iterdir()} == before
    assert not list(folder.parent.glob(".*"))


def test_links_survive_when_data_and_export_move_together(scored: Workspace, tmp_path: Path) -> None:
    export(scored, tmp_path / "set", "msd")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "data", tmp_path / "elsewhere" / "data")
    shutil.move(tmp_path / "set", tmp_path / "elsewhere" / "set")
    assert len(scan(tmp_path / "elsewhere" / "set").cases) == 7


@pytest.mark.parametrize("layout", ["nnunet", "msd", "monai"])
def test_a_corrected_label_goes_along_as_corrected(scored: Workspace, tmp_path: Path, layout: str) -> None:
    key = ItemKey("case_2")
    with ReviewStore.open(scored.store_url) as store:
        label = current_label(scored, store, key)
        data = label.data.copy()
        data[:2] = 3
        saved = save_correction(scored, store, key, LabelMap(data, label.geometry), reader="Zoë")
    done = export(scored, tmp_path / "set", layout)
    assert done.n_corrected == 1
    assert done.files["written"] == 1
    again = scan(tmp_path / "set")
    opened = Workspace.create(tmp_path / "second", again)
    np.testing.assert_array_equal(opened.load_label("case_2").data, data)
    np.testing.assert_array_equal(opened.load_label("case_3").data, scored.load_label("case_3").data)
    assert opened.load_label("case_2").geometry.same_grid(scored.grid("case_2"), 1e-3)
    told = json.loads((tmp_path / "set" / "filter.json").read_text())
    assert told["corrected"] == {"case_2": saved.correction_id}


def test_a_copied_set_stands_by_itself(scored: Workspace, tmp_path: Path) -> None:
    done = export(scored, tmp_path / "set", "msd", files="copy")
    assert done.files == {"copy": 14}
    shutil.rmtree(scored.dataset_root)
    again = scan(tmp_path / "set")
    assert again.layout == "decathlon"
    assert len(again.cases) == 7
    assert not any(p.is_symlink() for p in (tmp_path / "set").rglob("*"))


def test_where_links_are_refused_files_are_copied(
    scored: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert export(scored, tmp_path / "hard").files == {"link": 14}  # hard links
    first = tmp_path / "hard" / "imagesTr" / "case_0_0000.nii.gz"
    assert first.samefile(scored.dataset_root / "image_0.nii.gz")
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert export(scored, tmp_path / "set").files == {"copy": 14}
    first = tmp_path / "set" / "imagesTr" / "case_0_0000.nii.gz"
    assert first.read_bytes() == (scored.dataset_root / "image_0.nii.gz").read_bytes()


def test_a_data_list_names_files_where_they_are(scored: Workspace, tmp_path: Path) -> None:
    done = export(scored, tmp_path / "list", "monai")
    assert done.files == {"named": 14}
    assert sorted(p.name for p in (tmp_path / "list").iterdir()) == ["dataset.json", "filter.json"]
    content = json.loads((tmp_path / "list" / "dataset.json").read_text())
    assert content["training"][0] == {
        "image": "../data/image_0.nii.gz",
        "label": "../data/label_0_0.nii.gz",
        "case": "case_0",
    }
    again = scan(tmp_path / "list")
    assert [c.case_id for c in again.cases] == [f"case_{i}" for i in range(7)]  # not "image_0"
    assert again.classes == scored.dataset.classes


def test_labels_that_other_programs_would_read_otherwise_are_written(tmp_path: Path) -> None:
    """Another axis order than the image, fractions-as-floats, one file per structure."""
    data = tmp_path / "data"
    rng = np.random.default_rng(1)
    rows = ["case,image,label,class_name,label_value"]
    truth = {}
    for name in ("turned", "floats", "parts", "plain"):
        image = rng.integers(0, 200, OBLIQUE.shape_zyx).astype(np.int16)
        label = LabelMap((rng.random(OBLIQUE.shape_zyx) < 0.3).astype(np.uint8), OBLIQUE)
        truth[name] = label.data
        write_volume(data / f"{name}.nii.gz", Volume(image, OBLIQUE))
        path = data / f"{name}_seg.nii.gz"
        if name == "turned":
            write_label_map(path, label.upright())
        elif name == "floats":
            write_volume(path, Volume(label.data.astype(np.float32), OBLIQUE))
        else:
            write_label_map(path, label)
        rows.append(f"{name},{name}.nii.gz,{path.name},{'liver,1' if name == 'parts' else ','}")
    (data / "manifest.csv").write_text("\n".join(rows))
    workspace = Workspace.create(tmp_path / "w", scan(data, class_names={1: "liver"}))
    give_scores(workspace)
    done = export(workspace, tmp_path / "set", filter=FilterSpec(measure="nll_union", percentiles=(0, 100)))
    assert done.files == {"link": 5, "written": 3}
    for name, expected in truth.items():
        path = tmp_path / "set" / "labelsTr" / f"{name}.nii.gz"
        assert path.is_symlink() is (name == "plain")
        image = nibabel.load(tmp_path / "set" / "imagesTr" / f"{name}_0000.nii.gz")
        theirs = nibabel.load(path)
        np.testing.assert_array_equal(np.asarray(theirs.dataobj).transpose(2, 1, 0), expected)
        np.testing.assert_allclose(theirs.affine, image.affine, atol=1e-4)


def test_nothing_is_left_of_a_stopped_or_failed_export(scored: Workspace, tmp_path: Path) -> None:
    spec = FilterExportSpec(filter=KEEP_MOST, destination=str(tmp_path / "set"), files="copy")
    with pytest.raises(Cancelled):
        export_filtered(scored, spec, reporter=RecordingReporter(cancel_after=12))
    shutil.copy(scored.dataset_root / "label_6_0.nii.gz", tmp_path / "kept")
    (scored.dataset_root / "label_6_0.nii.gz").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"label_6_0\.nii\.gz"):
        export_filtered(scored, spec)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "kept", "workspace"]


def test_only_our_own_untouched_export_is_replaced(scored: Workspace, tmp_path: Path) -> None:
    dest = tmp_path / "set"
    export(scored, dest)
    with pytest.raises(WorkspaceError, match=r"holds an earlier export of a filter\. Choose another folder"):
        export(scored, dest)
    few = FilterSpec(measure="nll_union", percentiles=(0, 30))
    with pytest.raises(Cancelled):
        export_filtered(
            scored,
            FilterExportSpec(filter=few, destination=str(dest), replace=True),
            reporter=RecordingReporter(cancel_after=3),
        )
    assert len(list((dest / "imagesTr").iterdir())) == 7  # the old one, whole
    export(scored, dest, filter=few, replace=True)
    assert len(list((dest / "imagesTr").iterdir())) == 3
    (dest / "notes.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match=r"1 file that did not come with it \(notes.txt\)"):
        export(scored, dest, replace=True)
    assert (dest / "notes.txt").read_text() == "mine"
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "thesis.tex").write_text("mine")
    with pytest.raises(WorkspaceError, match="no earlier export of a filter, so it is left alone"):
        export(scored, stranger, replace=True)
    with pytest.raises(WorkspaceError, match="lies in the data set"):
        export(scored, scored.dataset_root / "new")


def test_what_a_killed_export_left_behind_is_removed_by_the_next(scored: Workspace, tmp_path: Path) -> None:
    left = tmp_path / ".set.0123abcd.partial"
    (left / "imagesTr").mkdir(parents=True)
    (left / ".napari-aleatoric-export").touch()
    other = tmp_path / ".set.4567cdef.partial"  # without our lock: somebody else's
    other.mkdir()
    export(scored, tmp_path / "set")
    assert not left.exists()
    assert other.exists()


def test_a_split_is_nnunets_own_without_the_dropped_ones(scored: Workspace, tmp_path: Path) -> None:
    with ReviewStore.open(scored.store_url) as store:
        store.decide(Decision(case_id="case_0", reader="Zoë", verdict=Verdict.REJECTED))
    done = export(scored, tmp_path / "split", "split", folds=5)
    # nine are judged, ⌈0.7·9⌉ = 7 stay
    kept = [f"case_{i}" for i in range(1, 8)]
    assert (tmp_path / "split" / "kept.txt").read_text().split() == kept
    assert (tmp_path / "split" / "dropped.txt").read_text().split() == ["case_0", "case_8", "case_9"]
    splits = json.loads((tmp_path / "split" / "splits_final.json").read_text())
    names = sorted(f"case_{i}" for i in range(10))
    theirs = KFold(n_splits=5, shuffle=True, random_state=12345).split(names)
    for ours, (train, held_out) in zip(splits, theirs, strict=True):
        assert ours["train"] == [names[i] for i in train if names[i] in kept]
        assert ours["val"] == [names[i] for i in held_out if names[i] != "case_0"]
    assert done.files == {}
    assert "as nnU-Net does by itself" in done.remarks[0]
    with pytest.raises(DataError, match="10 cases cannot be split into 11 folds"):
        export(scored, tmp_path / "more", "split", folds=11)


def test_a_split_keeps_patients_together(tmp_path: Path) -> None:
    data = tmp_path / "data"
    rows = ["case,image,label,patient,class_names"]
    for i in range(12):
        write_volume(
            data / f"i{i}.nii.gz", Volume(np.full((2, 3, 4), i, np.int16), Geometry((2, 3, 4), (2.0, 1.0, 1.0)))
        )
        write_label_map(
            data / f"l{i}.nii.gz", LabelMap(np.ones((2, 3, 4), np.uint8), Geometry((2, 3, 4), (2.0, 1.0, 1.0)))
        )
        rows.append(f"case_{i:02d},i{i}.nii.gz,l{i}.nii.gz,p{i // 3},1=liver")
    (data / "manifest.csv").write_text("\n".join(rows))
    workspace = Workspace.create(tmp_path / "w", scan(data))
    give_scores(workspace)
    done = export(workspace, tmp_path / "split", "split", folds=2)
    assert "one patient are in the same fold" in done.remarks[0]
    splits = json.loads((tmp_path / "split" / "splits_final.json").read_text())
    assert sorted(case for split in splits for case in split["val"]) == [f"case_{i:02d}" for i in range(12)]
    for split in splits:
        patients = [{int(case[-2:]) // 3 for case in split[part]} for part in ("train", "val")]
        assert not patients[0] & patients[1]


def test_labels_by_several_readers_need_a_choice(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    workspace = make_workspace(4, readers=("A", "B"))
    give_scores(workspace)
    with pytest.raises(DataError, match=r"several readers \(A, B\)"):
        export(workspace, tmp_path / "set", filter=FilterSpec(measure="nll_union", percentiles=(0, 100)))
    only = FilterSpec(measure="nll_union", percentiles=(0, 50), label_reader="B")
    export(workspace, tmp_path / "set", filter=only)
    assert_same_labels(tmp_path / "set" / "labelsTr" / "case_1.nii.gz", workspace, ItemKey("case_1", "B"))
    assert not (tmp_path / "set" / "labelsTr" / "case_2.nii.gz").exists()


def test_without_a_folder_it_goes_to_the_workspace(scored: Workspace) -> None:
    done = export_filtered(scored, FilterExportSpec(filter=KEEP_MOST, layout="monai"))
    assert done.destination == scored.root / "exports" / "filtered-monai"
    assert len(scan(done.destination).cases) == 7


def test_a_filter_that_keeps_nothing_writes_nothing(scored: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="keeps none of 10 labels"):
        export(scored, tmp_path / "set", filter=FilterSpec(measure="nll_union", values=(99.0, None)))
    assert not (tmp_path / "set").exists()


def nnunet_data(folder: Path, n_channels: int) -> Workspace:
    geometry = Geometry((3, 4, 5), (2.0, 1.0, 1.0), (5.0, 6.0, 7.0))
    rng = np.random.default_rng(0)
    for i in range(4):
        for c in range(n_channels):
            image = Volume(rng.integers(0, 99, geometry.shape_zyx).astype(np.int16), geometry)
            write_volume(folder / "imagesTr" / f"scan{i}_{c:04d}.nii.gz", image)
        write_label_map(folder / "labelsTr" / f"scan{i}.nii.gz", LabelMap(np.ones((3, 4, 5), np.uint8), geometry))
    content = {
        "channel_names": {"0": "T1", "1": "FLAIR"},
        "labels": {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3},
        "regions_class_order": [1, 2],
        "numTraining": 4,
        "file_ending": ".nii.gz",
        "licence": "CC0",
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    workspace = Workspace.create(folder.with_name("w"), scan(folder))
    give_scores(workspace)
    return workspace


def test_all_channels_regions_and_the_licence_go_along(tmp_path: Path) -> None:
    workspace = nnunet_data(tmp_path / "data", 2)
    done = export(workspace, tmp_path / "set", filter=FilterSpec(measure="nll_union", percentiles=(0, 50)))
    assert done.files == {"link": 6}
    for c in (0, 1):
        path = tmp_path / "set" / "imagesTr" / f"scan1_{c:04d}.nii.gz"
        assert path.resolve() == tmp_path / "data" / "imagesTr" / f"scan1_{c:04d}.nii.gz"
    content = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert content["channel_names"] == {"0": "T1", "1": "FLAIR"}
    assert content["labels"] == {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}
    assert content["regions_class_order"] == [1, 2]
    assert (content["licence"], content["numTraining"]) == ("CC0", 2)
    export(workspace, tmp_path / "list", "monai", filter=FilterSpec(measure="nll_union", percentiles=(0, 50)))
    listed = json.loads((tmp_path / "list" / "dataset.json").read_text())["training"][1]
    assert listed["image"] == ["../data/imagesTr/scan1_0000.nii.gz", "../data/imagesTr/scan1_0001.nii.gz"]
    assert [c.case_id for c in scan(tmp_path / "list").cases] == ["scan0", "scan1"]


def test_several_channels_in_one_file_are_not_lost(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for i in range(3):
        for folder, shape in (("imagesTr", (5, 4, 3, 2)), ("labelsTr", (5, 4, 3))):
            (data / folder).mkdir(parents=True, exist_ok=True)
            nibabel.save(
                nibabel.Nifti1Image(np.ones(shape, np.int16), np.diag([1, 1, 2, 1.0])),
                data / folder / f"b{i}.nii.gz",
            )
    listed = [{"image": f"./imagesTr/b{i}.nii.gz", "label": f"./labelsTr/b{i}.nii.gz"} for i in range(3)]
    content = {"modality": {"0": "T1", "1": "T2"}, "labels": {"0": "background", "1": "tumour"}, "training": listed}
    (data / "dataset.json").write_text(json.dumps(content))
    workspace = Workspace.create(tmp_path / "w", scan(data))
    give_scores(workspace)
    everything = FilterSpec(measure="nll_union", percentiles=(0, 100))
    with pytest.raises(DataError, match="holds 2 channels in one file, and nnU-Net wants a file for each"):
        export(workspace, tmp_path / "set", filter=everything)
    assert not (tmp_path / "set").exists()
    export(workspace, tmp_path / "set", "msd", filter=everything)
    assert nibabel.load(tmp_path / "set" / "imagesTr" / "b1.nii.gz").shape == (5, 4, 3, 2)


def test_an_image_without_a_usable_file_is_written_on_its_grid(tmp_path: Path) -> None:
    """A header and its voxels in two files cannot be linked as one."""
    data = tmp_path / "data"
    data.mkdir()
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    image.SetSpacing((1.0, 2.0, 3.0))
    image.SetOrigin((4.0, 5.0, 6.0))
    for i in range(2):
        sitk.WriteImage(image, str(data / f"ct_{i}.mhd"))
        sitk.WriteImage(sitk.Cast(image > 20, sitk.sitkUInt8), str(data / f"ct_{i}_seg.nii.gz"))
    rows = ["case,image,label,class_names", *(f"c{i},ct_{i}.mhd,ct_{i}_seg.nii.gz,1=x" for i in range(2))]
    (data / "manifest.csv").write_text("\n".join(rows))
    workspace = Workspace.create(tmp_path / "w", scan(data))
    give_scores(workspace)
    done = export(workspace, tmp_path / "set", filter=FilterSpec(measure="nll_union", percentiles=(0, 100)))
    assert done.files == {"written": 2, "link": 2}
    path = tmp_path / "set" / "imagesTr" / "c1_0000.nii.gz"
    assert read_geometry(path).same_grid(workspace.grid("c1"), 1e-3)
    np.testing.assert_array_equal(np.asarray(nibabel.load(path).dataobj).ravel("F"), np.arange(60))
    assert json.loads((tmp_path / "set" / "dataset.json").read_text())["channel_names"] == {"0": "CT"}
