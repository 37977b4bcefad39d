"""Images of every format, and files that are none."""

import gzip

import numpy as np
import pytest
import SimpleITK as sitk

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.io import (
    FirstChannelWarning,
    read_geometry,
    read_label_map,
    read_volume,
    write_label_map,
    write_volume,
    write_whole,
)
from napari_aleatoric.model import Geometry, LabelMap, Volume

_COLUMNS = np.linalg.qr([[0.9, 0.2, 0.1], [-0.3, 0.9, 0.0], [-0.1, 0.1, 1.0]])[0]
OBLIQUE = Geometry((4, 5, 6), (3.27, 0.97, 0.98), (-30.5, 88.25, -609.4), _COLUMNS)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_volumes_come_back_as_they_were_written(tmp_path, suffix, kind):
    data = (np.random.default_rng(1).random(OBLIQUE.shape_zyx) * 200).astype(kind)
    path = tmp_path / f"v{suffix}"
    write_volume(path, Volume(data, OBLIQUE))
    again = read_volume(path)
    assert again.data.dtype == data.dtype
    assert (again.data == data).all()
    assert again.geometry.same_grid(OBLIQUE, 1e-4)
    assert read_geometry(path) == again.geometry
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing temporary is left


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colour_pictures(tmp_path, suffix):
    data = np.random.default_rng(2).integers(0, 255, (1, 7, 9, 3)).astype(np.uint8)
    write_volume(tmp_path / f"p{suffix}", Volume(data, Geometry((1, 7, 9), spacing_known=False)))
    again = read_volume(tmp_path / f"p{suffix}")
    assert again.is_rgb
    assert again.modality == "RGB"
    assert (again.data == data).all()
    assert again.geometry == Geometry((1, 7, 9), spacing_known=False)


def test_transparency_is_dropped(tmp_path):
    from PIL import Image

    data = np.random.default_rng(2).integers(0, 255, (7, 9, 4)).astype(np.uint8)
    Image.fromarray(data, "RGBA").save(tmp_path / "p.png")
    assert (read_volume(tmp_path / "p.png").data[0] == data[..., :3]).all()


def test_grey_jpeg_and_sixteen_bit_png(tmp_path):
    from PIL import Image

    Image.fromarray(np.full((16, 16), 77, np.uint8)).save(tmp_path / "g.jpg")
    grey = read_volume(tmp_path / "g.jpg")
    assert grey.data.shape == (1, 16, 16)
    assert (abs(grey.data.astype(int) - 77) <= 1).all()
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    Image.fromarray(deep).save(tmp_path / "d.png")
    assert (read_volume(tmp_path / "d.png").data[0] == deep).all()


def test_printing_resolution_is_no_spacing(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "p.tif", dpi=(300, 300))
    geometry = read_geometry(tmp_path / "p.tif")
    assert not geometry.spacing_known
    assert geometry.spacing_zyx_mm == (1, 1, 1)


def test_of_several_time_points_the_first_is_read(tmp_path):
    data = np.arange(3 * 4 * 5 * 6, dtype=np.float32).reshape(3, 4, 5, 6)
    sitk.WriteImage(sitk.GetImageFromArray(data, isVector=False), str(tmp_path / "t.nii.gz"))
    with pytest.warns(FirstChannelWarning, match="3 channels or time points"):
        volume = read_volume(tmp_path / "t.nii.gz")
    assert (volume.data == data[0]).all()


def test_of_several_components_the_first_is_read(tmp_path):
    data = np.random.default_rng(0).random((3, 4, 5, 2)).astype(np.float32)
    sitk.WriteImage(sitk.GetImageFromArray(data, isVector=True), str(tmp_path / "t.nrrd"))
    with pytest.warns(FirstChannelWarning, match="2 components"):
        volume = read_volume(tmp_path / "t.nrrd")
    assert (volume.data == data[..., 0]).all()


def test_damaged_files_are_refused_with_a_sentence(tmp_path, put_image):
    whole = put_image(tmp_path / "whole.nii.gz").read_bytes()
    cases = {
        "empty.nii.gz": b"",
        "text.nii.gz": b"this is no image",
        "text.nrrd": b"this is no image",
        "cut.nii.gz": whole[: len(whole) // 2],
        "header.nii.gz": whole[:30],
        "cut.nii": gzip.decompress(whole)[:400],
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name.replace(".", r"\.")) as caught:
            read_volume(tmp_path / name)
        assert str(tmp_path) not in str(caught.value)
        assert len(str(caught.value)) < 300
    with pytest.raises(DataError, match="There is no file nowhere"):
        read_volume(tmp_path / "nowhere.nii.gz")
    with pytest.raises(DataError, match="DICOM"):
        read_volume(tmp_path)


def test_itk_does_not_write_to_the_terminal(tmp_path, put_image, capfd):
    nib = pytest.importorskip("nibabel")
    matrix = np.diag([2.0, 3, 4, 1])
    matrix[0, 1] = 0.004
    nib.save(nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), matrix), tmp_path / "sheared.nii")
    read_volume(tmp_path / "sheared.nii")
    (tmp_path / "cut.nii.gz").write_bytes(put_image(tmp_path / "w.nii.gz").read_bytes()[:120])
    with pytest.raises(DataError):
        read_volume(tmp_path / "cut.nii.gz")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def test_label_maps_are_written_small(tmp_path, grid):
    data = np.zeros(grid.shape_zyx, np.int64)
    data[1, 2, 3] = 255
    write_label_map(tmp_path / "l.nii.gz", LabelMap(data, grid))
    assert sitk.ReadImage(str(tmp_path / "l.nii.gz")).GetPixelIDTypeAsString() == "8-bit unsigned integer"
    assert (read_label_map(tmp_path / "l.nii.gz").data == data).all()
    data[0, 0, 0] = 300
    write_label_map(tmp_path / "l.nii.gz", LabelMap(data, grid))  # replaces the first one
    assert read_label_map(tmp_path / "l.nii.gz").data[0, 0, 0] == 300


def test_formats_that_lose_something_are_refused(tmp_path, grid):
    label = LabelMap(np.zeros(grid.shape_zyx, np.uint8), grid)
    for name in ("a.mhd", "a.jpg", "a.xyz", "a"):
        with pytest.raises(DataError, match="Expected a file name ending"):
            write_label_map(tmp_path / name, label)
    with pytest.raises(DataError, match="one slice only"):
        write_label_map(tmp_path / "a.png", label)
    flat = LabelMap(np.full((1, 3, 3), 70_000), Geometry((1, 3, 3), spacing_known=False))
    with pytest.raises(DataError, match=r"a\.png"):
        write_label_map(tmp_path / "a.png", flat)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_reads_back_differently_keeps_the_old_file(tmp_path, grid, monkeypatch):
    from napari_aleatoric.io import _write

    path = tmp_path / "l.nii.gz"
    old = LabelMap(np.ones(grid.shape_zyx, np.uint8), grid)
    write_label_map(path, old)
    before = path.read_bytes()
    real = _write.image_of
    monkeypatch.setattr(_write, "image_of", lambda data, *a, **k: real(np.zeros_like(data), *a, **k))
    with pytest.raises(DataError, match="reads back with other voxels"):
        write_label_map(path, LabelMap(np.full(grid.shape_zyx, 2, np.uint8), grid))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["l.nii.gz"]


def test_a_grid_that_the_format_bends_is_refused(tmp_path, grid, monkeypatch):
    from napari_aleatoric.io import _write

    real = _write.image_of

    def bent(data, geometry, **k):
        image = real(data, geometry, **k)
        image.SetOrigin([o + 0.5 for o in image.GetOrigin()])
        return image

    monkeypatch.setattr(_write, "image_of", bent)
    with pytest.raises(DataError, match="another grid"):
        write_label_map(tmp_path / "l.nii.gz", LabelMap(np.ones(grid.shape_zyx, np.uint8), grid))
    assert list(tmp_path.iterdir()) == []


def test_write_whole_replaces_at_once(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "a.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WorkspaceError, match="No space left on device"):
        write_whole(path, b"three")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]
