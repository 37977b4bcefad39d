"""Many images from words to proposals, and the verb ``segment``."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np
import pytest
import SimpleITK as sitk

from napari_aleatoric.cli._main import run
from napari_aleatoric.errors import Cancelled, DataError, NotFoundError
from napari_aleatoric.io import Workspace, read_label_map, scan, write_volume
from napari_aleatoric.model import Geometry, LabelMap, RecordingReporter, Volume
from napari_aleatoric.segmentation import (
    FolderSpec,
    VolumeSpec,
    _segment_folder,
    images_in,
    list_images,
    segment_cases,
    segment_workspace,
)

SPEC = FolderSpec(texts=("liver", "kidney"), volume=VolumeSpec(window=(0, 255), pieces=2))


def patient(seed: int) -> Volume:
    """A liver of 120, and in even cases a kidney of 200, stored from the left to the right and tilted."""
    grey = np.full((10, 24, 30), 40, np.uint8)
    grey[2:8, 4:16, 4 + seed : 16 + seed] = 120
    if seed % 2 == 0:
        grey[3:7, 17:22, 20:26] = 200
    c, s = np.cos(0.2), np.sin(0.2)
    geometry = Geometry((10, 24, 30), (4.0, 1.5, 1.2), (7.0, -3.0, 11.0), ((-c, s, 0), (s, c, 0), (0, 0, 1)))
    return Volume(grey, geometry, "CT")


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(3):
        write_volume(folder / f"case_{seed}.nii.gz", patient(seed))
    return folder


def table_of(path):
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_folder_becomes_a_data_set_of_proposals_on_the_same_grids(
    images, tmp_path, words, grey_segmenter
) -> None:
    out = tmp_path / "proposals"
    summary = segment_cases(images_in(images), out, SPEC, words, grey_segmenter)
    assert (summary.n_cases, summary.n_done, summary.n_reused) == (3, 3, 0)
    assert summary.n_found == {"liver": 3, "kidney": 2}
    for seed in range(3):
        label, image = read_label_map(out / "labels" / f"case_{seed}.nii.gz"), patient(seed)
        assert label.geometry.same_grid(image.geometry)
        assert np.array_equal(np.unique(label.data), [0, 1, 2] if seed % 2 == 0 else [0, 1])
        liver, truth = label.data == 1, image.data == 120
        assert 2 * (liver & truth).sum() / (liver.sum() + truth.sum()) > 0.9
        # the same file by ITK alone lies where the image lies
        mask, itk = (
            sitk.ReadImage(str(f)) for f in (out / "labels" / f"case_{seed}.nii.gz", images / f"case_{seed}.nii.gz")
        )
        assert mask.GetDirection() == pytest.approx(itk.GetDirection())
        assert mask.GetOrigin() == pytest.approx(itk.GetOrigin())
        assert mask.GetSpacing() == pytest.approx(itk.GetSpacing())
    found = scan(out)
    assert found.layout == "manifest"
    assert found.classes.names == {1: "liver", 2: "kidney"}
    assert [case.case_id for case in found.cases] == ["case_0", "case_1", "case_2"]
    assert found.cases[0].image.resolve() == (images / "case_0.nii.gz").resolve()
    assert sorted(path.name for path in images.iterdir()) == [f"case_{n}.nii.gz" for n in range(3)]


def test_the_table_has_the_least_sure_first_and_says_why(images, tmp_path, words, grey_segmenter) -> None:
    out = tmp_path / "proposals"
    ask = SPEC.model_copy(update={"texts": ("kidney",)})
    segment_cases(images_in(images), out, ask, words, grey_segmenter)
    rows = table_of(out / "proposals.csv")
    assert rows[0]["case"] == "case_1"  # nothing was found there
    assert rows[0]["found"] == "no"
    assert float(rows[0]["case_uncertainty"]) == 1.0
    assert rows[0]["sentence"].startswith("'kidney' was not found: ")
    assert float(rows[1]["uncertainty"]) < 0.2


def test_finished_cases_are_kept_after_a_stop_and_not_done_again(images, tmp_path, words, grey_segmenter) -> None:
    out = tmp_path / "proposals"

    class StopAtSecond(RecordingReporter):
        def step(self, done, total, message=""):
            super().step(done, total, message)
            if message == "case_1 is read":
                raise Cancelled("Stopped as asked.")

    with pytest.raises(Cancelled):
        segment_cases(images_in(images), out, SPEC, words, grey_segmenter, reporter=StopAtSecond())
    assert [row["label"] for row in table_of(out / "manifest.csv")] == ["labels/case_0.nii.gz", "", ""]
    first = (out / "labels" / "case_0.nii.gz").stat().st_mtime_ns
    again = segment_cases(images_in(images), out, SPEC, words, grey_segmenter)
    assert (again.n_done, again.n_reused) == (2, 1)
    assert (out / "labels" / "case_0.nii.gz").stat().st_mtime_ns == first
    assert segment_cases(images_in(images), out, SPEC, words, grey_segmenter).n_done == 0


def test_other_settings_images_or_lost_labels_are_done_anew(images, tmp_path, words, grey_segmenter) -> None:
    out = tmp_path / "proposals"
    segment_cases(images_in(images), out, SPEC, words, grey_segmenter)
    write_volume(images / "case_1.nii.gz", patient(4))
    (out / "labels" / "case_2.nii.gz").unlink()
    assert segment_cases(images_in(images), out, SPEC, words, grey_segmenter).n_done == 2
    other = SPEC.model_copy(update={"volume": SPEC.volume.model_copy(update={"threshold": "fixed"})})
    assert segment_cases(images_in(images), out, other, words, grey_segmenter).n_done == 3
    elsewhere = other.model_copy(update={"device": "cpu", "destination": "x"})
    assert segment_cases(images_in(images), out, elsewhere, words, grey_segmenter).n_done == 0


def test_a_damaged_image_is_refused_and_the_rest_goes_on(images, tmp_path, words, grey_segmenter) -> None:
    (images / "case_1.nii.gz").write_bytes(b"nothing")
    summary = segment_cases(images_in(images), tmp_path / "out", SPEC, words, grey_segmenter)
    assert summary.n_done == 2
    assert [problem.case_id for problem in summary.refused] == ["case_1"]
    assert table_of(tmp_path / "out" / "manifest.csv")[1]["label"] == ""


def test_words_are_needed_and_images_too(images, tmp_path, words, grey_segmenter) -> None:
    for texts in ((), ("liver", "liver")):
        with pytest.raises(DataError, match="one to 255 different words"):
            segment_cases([], tmp_path, FolderSpec(texts=texts), words, grey_segmenter)
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="Expected images in none"):
        images_in(tmp_path / "none")


@pytest.fixture
def fakes(monkeypatch, words, grey_segmenter):
    import napari_aleatoric.segmentation as package

    for place in (_segment_folder, package):
        monkeypatch.setattr(place, "open_text_model", lambda source, **options: words)
        monkeypatch.setattr(place, "open_segmenter", lambda name, **options: grey_segmenter)


def test_a_workspace_of_images_without_labels_gets_its_labels(images, tmp_path, fakes) -> None:
    out = tmp_path / "proposals"
    out.mkdir()
    list_images(images_in(images), out, ("liver",))
    found = scan(out, class_names={1: "liver"})
    workspace = Workspace.create(tmp_path / "review", found)
    assert workspace.dataset.items == ()
    spec = FolderSpec(texts=("liver",), model="m", destination=str(out), volume=SPEC.volume)
    assert segment_workspace(workspace, spec).n_found == {"liver": 3}
    workspace.rescan()
    assert len(workspace.dataset.items) == 3
    assert workspace.load_label("case_2").data.any()


def test_the_data_set_itself_is_never_written_to(images, tmp_path, fakes) -> None:
    (tmp_path / "data" / "labels").mkdir(parents=True)
    images.rename(tmp_path / "data" / "images")
    for seed in range(3):
        from napari_aleatoric.io import write_label_map

        label = LabelMap((patient(seed).data == 120).astype(np.uint8), patient(seed).geometry)
        write_label_map(tmp_path / "data" / "labels" / f"case_{seed}.nii.gz", label)
    workspace = Workspace.create(tmp_path / "review", scan(tmp_path / "data"))
    with pytest.raises(DataError, match="never written to"):
        segment_workspace(workspace, FolderSpec(texts=("liver",), destination=str(tmp_path / "data" / "new")))
    with pytest.raises(DataError, match="never written to"):
        segment_workspace(workspace, FolderSpec(texts=("liver",), destination=str(tmp_path / "data")))
    done = segment_workspace(workspace, SPEC)
    assert done.destination == workspace.exports_dir / "proposals"
    assert done.n_done == 3


def test_without_a_name_the_shipped_model_is_opened_and_without_one_a_sentence_says_so(monkeypatch) -> None:
    from napari_aleatoric import foundation
    from napari_aleatoric.segmentation import _models

    opened = []
    monkeypatch.setattr(foundation, "load_text_image", lambda source, **_: opened.append(source))
    named = FolderSpec(texts=("liver",)).model
    published = {"biomedclip": foundation.TEXT_IMAGE_WEIGHTS["biomedclip"]}
    monkeypatch.setattr(_models, "TEXT_IMAGE_WEIGHTS", published)
    with pytest.raises(NotFoundError, match=r"No text-image model was named, and this copy .* came without one"):
        _segment_folder.open_text_model(named)
    ours = dataclasses.replace(published["biomedclip"], name="clip-small", origin="shipped")
    monkeypatch.setattr(_models, "TEXT_IMAGE_WEIGHTS", {**published, "clip-small": ours})
    _segment_folder.open_text_model(named)
    _segment_folder.open_text_model("biomedclip")
    assert opened == ["clip-small", "biomedclip"]


def test_a_job_may_open_the_door() -> None:
    from napari_aleatoric.jobs import DOORS
    from napari_aleatoric.jobs._doors import door_callable, validated_spec

    assert DOORS["segment"] == "napari_aleatoric.segmentation:segment_workspace"
    assert door_callable("segment") is segment_workspace
    assert validated_spec("segment", {"texts": ["liver"], "volume": {"key_slices": 2}}).volume.key_slices == 2


# -- the verb ----------------------------------------------------------------------------------------


def call(capsys, *arguments):
    status = run([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_one_volume_becomes_a_mask_on_its_grid(images, tmp_path, fakes, capsys) -> None:
    mask = tmp_path / "mask.nii.gz"
    status, out, err = call(
        capsys, "segment", images / "case_0.nii.gz", "--text", "liver", "-t", "prostate", "--out", mask,
        "--model", "m", "--set", "window=[0, 255]", "--set", "threshold=two-means",
    )  # fmt: skip
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("1  'liver' found: ")
    assert lines[1].startswith("2  'prostate' was not found: the images suit it better than")
    label = read_label_map(mask)
    assert label.geometry.same_grid(patient(0).geometry)
    assert np.array_equal(np.unique(label.data), [0, 1])
    status, out, _ = call(
        capsys, "segment", images / "case_0.nii.gz", "--text", "prostate", "--out", mask, "--model", "m",
        "--set", "window=[0, 255]", "--json",
    )  # fmt: skip
    document = json.loads(out)
    assert status == 0
    assert document["classes"][0]["found"] is False
    assert document["spec"]["window"] == [0, 255]
    assert not read_label_map(mask).data.any()


def test_a_folder_becomes_proposals(images, tmp_path, fakes, capsys) -> None:
    out_folder = tmp_path / "drafts"
    arguments = (
        "segment",
        images,
        "--text",
        "liver",
        "--out",
        out_folder,
        "--model",
        "m",
        "--set",
        "window=[0,255]",
    )
    status, out, err = call(capsys, *arguments)
    assert status == 0, err
    assert out.startswith("3 cases segmented, 0 were there already; 0 refused.")
    _, out, _ = call(capsys, *arguments, "--json")
    assert json.loads(out)["reused"] == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{image}", "--out", "x.nii.gz"], "Say what to look for"),
        (["{image}", "--text", "liver"], "--out mask.nii.gz"),
        (["{image}", "--text", "liver", "--out", "{image}"], "would replace the image"),
        (["{image}", "--text", "liver", "--out", "x.nii.gz", "--set", "treshold=otsu"], "treshold"),
        (["{image}", "--text", "liver", "--out", "x.nii.gz", "--set", "otsu"], "a setting like threshold=otsu"),
        (["{image}", "--text", "liver", "--out", "x.nii.gz", "--background"], "--background is for folders"),
        (["{folder}", "--text", "liver"], "--out FOLDER"),
        (["{folder}", "--text", "liver", "--out", "{folder}/new"], "would lie among the images"),
        (["nowhere", "--text", "liver", "--out", "x.nii.gz"], "no file or folder 'nowhere'"),
    ],
)
def test_wrong_use_is_a_sentence(images, capsys, arguments, sentence) -> None:
    image = str(images / "case_0.nii.gz")
    status, _, err = call(capsys, "segment", *(a.format(image=image, folder=images) for a in arguments))
    assert status == 1
    assert sentence in err
