"""Sample sets on disk, read back by another reader than the one that wrote them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import nibabel
import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError, NotFoundError
from napari_aleatoric.model import Geometry, RecordingReporter
from napari_aleatoric.samples import (
    SampleSpec,
    is_complete,
    make_case,
    open_sample_case,
    open_sample_readers,
    open_sample_set,
    read_truth,
    write_samples,
)

SPEC = SampleSpec(n_cases=4, matrix=48, error_fraction=0.5)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "samples"
    reporter = RecordingReporter()
    write_samples(folder, SPEC, reporter)
    assert [step[:2] for step in reporter.steps] == [(i, 4) for i in range(5)]
    return folder


def test_layout_is_decathlon(written):
    description = json.loads((written / "dataset.json").read_text())
    assert description["labels"] == {
        "0": "background", "1": "liver", "2": "spleen", "3": "right kidney", "4": "left kidney", "5": "tumour",
    }  # fmt: skip
    assert description["numTraining"] == len(description["training"]) == 4
    for entry in description["training"]:
        assert (written / entry["image"]).is_file()
        assert (written / entry["label"]).is_file()
    assert not list(written.rglob(".*"))


def test_nibabel_sees_the_same_voxels_at_the_same_place(written):
    for index in range(4):
        case = make_case(SPEC, index)
        image = nibabel.load(written / "imagesTr" / f"{case.case_id}.nii.gz")
        np.testing.assert_array_equal(np.asarray(image.dataobj).T, case.image.data)
        geometry = Geometry.from_ras_matrix(image.shape[::-1], image.affine)
        assert geometry.same_grid(case.image.geometry, 0.01)
        letters = "".join(nibabel.aff2axcodes(image.affine))
        assert letters == case.image.geometry.orientation_letters
        for place, label in (("labelsTr", case.given), ("truth/labels", case.truth)):
            stored = nibabel.load(written / place / f"{case.case_id}.nii.gz")
            np.testing.assert_array_equal(np.asarray(stored.dataobj).T, label.data)
            np.testing.assert_allclose(stored.affine, image.affine, atol=1e-4)


def test_truth_names_the_wrong_cases(written):
    truth = read_truth(written)
    assert list(truth) == [f"abdomen_{i:03d}" for i in range(1, 5)]
    assert [error is not None for error in truth.values()] == [
        make_case(SPEC, i).error is not None for i in range(4)
    ]
    assert sum(error is not None for error in truth.values()) == 2
    assert all(error == make_case(SPEC, i).error for i, error in enumerate(truth.values()))


def test_readers_manifest_points_at_files(written):
    with (written / "readers" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert {row["reader"] for row in rows} == {"reader_a", "reader_b", "reader_c"}
    for row in rows:
        assert (written / "readers" / row["image"]).resolve().is_file()
        assert (written / "readers" / row["label"]).is_file()


def test_writing_again_gives_the_same_and_foreign_folders_are_refused(written, tmp_path):
    before = read_truth(written)
    assert is_complete(written, SPEC)
    assert not is_complete(written, SampleSpec())
    write_samples(written, SPEC)
    assert read_truth(written) == before
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="other files"):
        write_samples(tmp_path, SPEC)
    foreign = tmp_path / "set"
    foreign.mkdir()
    (foreign / "dataset.json").write_text("{}")
    with pytest.raises(DataError, match="other files"):
        write_samples(foreign, SPEC)
    with pytest.raises(DataError, match="folder"):
        write_samples(tmp_path / "thesis.txt", SPEC)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_stopped_set_is_not_complete(tmp_path):
    with pytest.raises(Cancelled):
        write_samples(tmp_path / "set", SPEC, RecordingReporter(cancel_after=2))
    assert not is_complete(tmp_path / "set", SPEC)
    with pytest.raises(NotFoundError, match=r"truth\.json"):
        read_truth(tmp_path / "set")


def test_damaged_truth_is_said(tmp_path):
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "truth.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        read_truth(tmp_path)


def test_napari_samples_are_layers_in_millimetres():
    for make in (open_sample_case, open_sample_readers):
        layers = make()
        assert [kind for _, _, kind in layers] == ["image"] + ["labels"] * (len(layers) - 1)
        for data, options, _ in layers:
            assert data.shape == layers[0][0].shape
            assert options["scale"] == layers[0][1]["scale"]
            assert options["scale"][0] > options["scale"][1] > 2
            assert options["units"] == ("mm", "mm", "mm")
    _, truth, given = open_sample_case()
    assert (truth[0] != given[0]).any()
    assert given[1]["visible"]
    assert not truth[1]["visible"]
    assert given[1]["metadata"]["planted_error"]


def test_napari_sample_set_is_written_once(tmp_path, monkeypatch):
    from napari_aleatoric.samples import _open_sample

    monkeypatch.setattr(_open_sample.platformdirs, "user_data_path", lambda _: tmp_path)
    monkeypatch.setattr(_open_sample, "SampleSpec", lambda: SPEC)
    layers = open_sample_set()
    folder = _open_sample.sample_set_folder(SPEC)
    assert {options["metadata"]["dataset"] for _, options, _ in layers} == {str(folder)}
    stamp = (folder / "truth" / "truth.json").stat().st_mtime_ns
    open_sample_set()
    assert (folder / "truth" / "truth.json").stat().st_mtime_ns == stamp


def test_the_package_is_light():
    code = (
        "import sys, napari_aleatoric.samples\n"
        "heavy = {'napari', 'qtpy', 'torch', 'sklearn', 'SimpleITK', 'distributed'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
