"""DICOM series and structure sets, written here by pydicom with every trap known from practice."""

import numpy as np
import pytest

from napari_aleatoric.errors import DataError, GeometryMismatchError, MissingExtraError
from napari_aleatoric.io import OverlapWarning, load_image, load_label, read_geometry, read_volume, scan

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian, generate_uid  # noqa: E402

CT = "1.2.840.10008.5.1.4.1.1.2"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
OBLIQUE = np.linalg.qr([[0.9, 0.3, 0.1], [-0.3, 0.9, 0.2], [0.0, -0.2, 1.0]])[0]
OBLIQUE = OBLIQUE * np.sign(np.diag(OBLIQUE))


def _meta(kind):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = kind
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def write_slice(
    path, pixels, position, uid, *, direction=None, spacing=(0.7, 0.9), slope=1, intercept=-1024, **more
):
    item = Dataset()
    direction = np.eye(3) if direction is None else direction
    item.file_meta = _meta(CT)
    item.SOPClassUID, item.SOPInstanceUID = CT, item.file_meta.MediaStorageSOPInstanceUID
    item.PatientName, item.PatientID = "SECRET^NAME", "SECRET-ID"
    item.Modality, item.SeriesInstanceUID, item.StudyInstanceUID = "CT", uid, "1.2.3"
    item.ImagePositionPatient = [f"{v:.6f}" for v in position]
    item.ImageOrientationPatient = [f"{v:.8f}" for v in direction[:, :2].T.ravel()]
    item.PixelSpacing = list(spacing)  # row distance (y), column distance (x)
    item.SliceThickness = "2.5"
    item.Rows, item.Columns = pixels.shape
    item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
    item.BitsAllocated = item.BitsStored = 16
    item.HighBit, item.PixelRepresentation = 15, 0
    item.RescaleSlope, item.RescaleIntercept = slope, intercept
    for name, value in more.items():
        setattr(item, name, value)
    item.PixelData = pixels.astype("<u2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    item.save_as(path, enforce_file_format=True)


def write_series(folder, uid="1.2.3.4", n=6, *, direction=OBLIQUE, seed=0, order=None, prefix="", **more):
    """A volume whose file names are in no order. Returns (pixels (Z, Y, X), geometry-like matrix)."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 3000, (n, 12, 10))
    for k in range(n):
        name = f"{prefix}{(k * 5) % 7:03d}.dcm" if order is None else f"{prefix}{order[k]:03d}.dcm"
        position = np.array([-50.0, 20.0, 7.0]) + 2.0 * k * direction[:, 2]
        write_slice(folder / name, pixels[k], position, uid, direction=direction, **more)
    return pixels


def write_structures(path, rois, series_uid="1.2.3.4"):
    """``rois``: name → list of (N, 3) LPS points."""
    item = Dataset()
    item.file_meta = _meta(RTSTRUCT)
    item.SOPClassUID, item.SOPInstanceUID = RTSTRUCT, item.file_meta.MediaStorageSOPInstanceUID
    item.Modality = "RTSTRUCT"
    series = Dataset()
    series.SeriesInstanceUID = series_uid
    study = Dataset()
    study.RTReferencedSeriesSequence = Sequence([series])
    frame = Dataset()
    frame.RTReferencedStudySequence = Sequence([study])
    item.ReferencedFrameOfReferenceSequence = Sequence([frame])
    item.StructureSetROISequence, item.ROIContourSequence = Sequence(), Sequence()
    for number, (name, contours) in enumerate(rois.items(), start=4):
        roi = Dataset()
        roi.ROINumber, roi.ROIName = number, name
        item.StructureSetROISequence.append(roi)
        drawn = Dataset()
        drawn.ReferencedROINumber, drawn.ContourSequence = number, Sequence()
        for points in contours:
            contour = Dataset()
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = [f"{v:.5f}" for v in np.ravel(points)]
            drawn.ContourSequence.append(contour)
        item.ROIContourSequence.append(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    item.save_as(path, enforce_file_format=True)


def square(geometry, z, low, high):
    """Contour around the voxels low..high (inclusive) of y and x in slice z."""
    a, b = low - 0.5, high + 0.5
    return geometry.lps_from_index([[z, a, a], [z, a, b], [z, b, b], [z, b, a]])


def test_slices_are_ordered_by_place_not_by_name(tmp_path):
    pixels = write_series(tmp_path)
    volume = read_volume(tmp_path)
    assert (volume.data == pixels - 1024).all()
    assert volume.modality == "CT"
    geometry = volume.geometry
    np.testing.assert_allclose(geometry.spacing_zyx_mm, (2.0, 0.7, 0.9))
    np.testing.assert_allclose(geometry.lps_from_index([0, 0, 0]), [-50, 20, 7], atol=1e-5)
    np.testing.assert_allclose(geometry.direction_lps, OBLIQUE, atol=1e-6)
    assert read_geometry(tmp_path) == geometry


def test_the_first_axis_runs_along_the_normal(tmp_path):
    """Slices stored head first or feet first give the same volume."""
    pixels = write_series(tmp_path / "a", order=range(6))
    write_series(tmp_path / "b", order=range(5, -1, -1))
    a, b = read_volume(tmp_path / "a"), read_volume(tmp_path / "b")
    assert (a.data == b.data).all()
    assert a.geometry == b.geometry
    assert len(pixels) == 6


def test_series_without_a_number(tmp_path):
    pixels = write_series(tmp_path, uid="")
    assert (read_volume(tmp_path).data == pixels - 1024).all()


def test_several_series_in_one_folder(tmp_path):
    first = write_series(tmp_path, "1.1", prefix="a", seed=1)
    second = write_series(tmp_path, "1.2", n=4, prefix="b", seed=2)
    with pytest.raises(DataError, match=r"2 DICOM series \(CT of 6 slices; CT of 4 slices\)"):
        read_volume(tmp_path)
    assert (read_volume(tmp_path, series_uid="1.1").data == first - 1024).all()
    assert (read_volume(tmp_path, series_uid="1.2").data == second - 1024).all()
    with pytest.raises(DataError, match="no DICOM image series"):
        read_volume(tmp_path, series_uid="9.9")


def test_a_scout_view_in_the_same_series_is_a_volume_of_its_own(tmp_path):
    pixels = write_series(tmp_path, "1.1")
    scout = np.ones((12, 10), int)
    write_slice(tmp_path / "zzz.dcm", scout, (0, 0, 0), "1.1", direction=np.eye(3)[:, [1, 2, 0]])
    with pytest.raises(DataError, match="2 DICOM series"):
        read_volume(tmp_path)
    assert (read_volume(tmp_path, series_uid="1.1").data == pixels - 1024).all()


def test_two_echoes_at_the_same_place_are_two_volumes(tmp_path):
    a = write_series(tmp_path, "1.1", prefix="a", seed=1, EchoTime="10")
    b = write_series(tmp_path, "1.1", prefix="b", seed=2, EchoTime="100")
    assert (read_volume(tmp_path, series_uid="1.1").data == a - 1024).all()
    assert (read_volume(tmp_path, series_uid="1.1#2").data == b - 1024).all()


def test_a_missing_slice_is_noticed(tmp_path):
    write_series(tmp_path, order=range(6))
    (tmp_path / "003.dcm").unlink()
    with pytest.raises(DataError, match="distances run from 2 to 4 mm"):
        read_volume(tmp_path)


def test_a_tilted_gantry_is_refused(tmp_path):
    for k in range(4):
        write_slice(tmp_path / f"{k}.dcm", np.zeros((4, 4)), (0, 0.6 * k, 2.0 * k), "1.1")
    with pytest.raises(DataError, match="tilted gantry"):
        read_volume(tmp_path)


def test_a_damaged_slice_spoils_its_series_only(tmp_path):
    write_series(tmp_path, "1.1", prefix="a")
    good = write_series(tmp_path, "1.2", prefix="b", seed=5)
    path = tmp_path / "a000.dcm"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match=r"a000\.dcm\) cannot be read"):
        read_volume(tmp_path, series_uid="1.1")
    assert (read_volume(tmp_path).data == good - 1024).all()


def test_every_slice_keeps_its_own_scale(tmp_path):
    for k, slope in enumerate((1, 0.25, 3.5)):
        write_slice(
            tmp_path / f"{k}.dcm",
            np.full((4, 4), 10),
            (0, 0, 2.0 * k),
            "1.1",
            slope=slope,
            intercept=0,
            Modality="PT",
        )
    volume = read_volume(tmp_path)
    assert volume.modality == "PET"
    np.testing.assert_allclose(volume.data[:, 0, 0], [10, 2.5, 35])


def test_structures_become_voxels_on_an_oblique_grid(tmp_path):
    write_series(tmp_path / "p1/image")
    geometry = read_geometry(tmp_path / "p1/image")
    write_structures(
        tmp_path / "p1/mask/RS.dcm",
        {
            "liver": [square(geometry, 1, 2, 7), square(geometry, 1, 4, 5), square(geometry, 2, 3, 3)],
            "Spleen": [square(geometry, 4, 1, 2)],
        },
    )
    dataset = scan(tmp_path)
    assert dataset.layout == "dicom_folders"
    assert dataset.classes.names == {1: "liver", 2: "Spleen"}
    case = dataset.cases[0]
    label = load_label(dataset, case, like=load_image(case).geometry)
    expected = np.zeros((6, 12, 10), np.uint8)
    expected[1, 2:8, 2:8] = 1
    expected[1, 4:6, 4:6] = 0  # a contour in a contour is a hole
    expected[2, 3, 3] = 1
    expected[4, 1:3, 1:3] = 2
    assert (label.data == expected).all()


def test_the_same_contour_twice_does_not_cancel_itself(tmp_path):
    write_series(tmp_path)
    geometry = read_geometry(tmp_path)
    write_structures(tmp_path / "rs.dcm", {"liver": [square(geometry, 1, 2, 4)] * 2})
    dataset = scan(tmp_path)
    assert load_label(dataset, dataset.cases[0], like=geometry).data.sum() == 9


def test_structures_drawn_across_the_slices(tmp_path):
    write_series(tmp_path)
    geometry = read_geometry(tmp_path)
    sagittal = geometry.lps_from_index([[0.5, 1.5, 3], [0.5, 6.5, 3], [3.5, 6.5, 3], [3.5, 1.5, 3]])
    write_structures(tmp_path / "rs.dcm", {"x": [sagittal]})
    dataset = scan(tmp_path)
    expected = np.zeros((6, 12, 10))
    expected[1:4, 2:7, 3] = 1
    assert (load_label(dataset, dataset.cases[0], like=geometry).data == expected).all()


def test_a_structure_set_of_another_image_is_refused(tmp_path):
    write_series(tmp_path)
    geometry = read_geometry(tmp_path)
    far = square(geometry, 1, 2, 4) + 500 * OBLIQUE[:, 2]
    slanted = geometry.lps_from_index([[0, 1, 1], [1, 1, 8], [3, 8, 8], [2, 8, 1]])
    for name, points, word in (("a", far, "None of the 1 contours"), ("b", slanted, "do not lie in the slices")):
        write_structures(tmp_path / f"{name}/rs.dcm", {"liver": [points]})
        (tmp_path / f"{name}/image").mkdir()
        for path in tmp_path.glob("*.dcm"):
            (tmp_path / f"{name}/image/{path.name}").write_bytes(path.read_bytes())
        (tmp_path / f"{name}/mask").mkdir()
        (tmp_path / f"{name}/rs.dcm").rename(tmp_path / f"{name}/mask/rs.dcm")
        dataset = scan(tmp_path / name)
        with pytest.raises(GeometryMismatchError, match=word):
            load_label(dataset, dataset.cases[0], like=geometry)


def test_contours_partly_outside_are_said(tmp_path):
    write_series(tmp_path)
    geometry = read_geometry(tmp_path)
    write_structures(tmp_path / "rs.dcm", {"x": [square(geometry, 1, 2, 4), square(geometry, 9, 2, 4)]})
    dataset = scan(tmp_path)
    with pytest.warns(OverlapWarning, match=r"1 of 2 contours of rs\.dcm lie outside"):
        load_label(dataset, dataset.cases[0], like=geometry)


def test_each_series_takes_the_structure_set_that_names_it(tmp_path):
    write_series(tmp_path, "1.2.3.111", prefix="a")
    write_series(tmp_path, "1.2.3.222", prefix="b", n=4)
    geometry = read_geometry_of(tmp_path, "1.2.3.111")
    write_structures(tmp_path / "rs1.dcm", {"x": [square(geometry, 1, 2, 4)]}, "1.2.3.111")
    write_structures(tmp_path / "rs2.dcm", {"x": [square(geometry, 2, 5, 5)]}, "1.2.3.222")
    dataset = scan(tmp_path)
    sums = [load_label(dataset, case, like=load_image(case).geometry).data.sum() for case in dataset.cases]
    assert sums == [9, 1]


def read_geometry_of(folder, uid):
    return read_geometry(folder, series_uid=uid)


def test_without_pydicom_the_sentence_names_the_command(tmp_path, monkeypatch):
    write_series(tmp_path)
    write_structures(tmp_path / "rs.dcm", {"x": [square(read_geometry(tmp_path), 1, 2, 4)]})
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    dataset = scan(tmp_path)
    assert "pip install 'napari-aleatoric[dicom]'" in dataset.problems[0].sentence
    from napari_aleatoric.io._rtstruct import rtstruct_names

    with pytest.raises(MissingExtraError):
        rtstruct_names(tmp_path / "rs.dcm")


def test_no_name_of_a_patient_in_what_is_kept(tmp_path):
    from napari_aleatoric.io import Workspace

    write_series(tmp_path / "data/p1/image")
    write_structures(
        tmp_path / "data/p1/mask/rs.dcm", {"x": [square(read_geometry(tmp_path / "data/p1/image"), 1, 2, 4)]}
    )
    workspace = Workspace.create(tmp_path / "w", scan(tmp_path / "data"))
    assert b"SECRET" not in (workspace.root / "workspace.json").read_bytes()
    assert "SECRET" not in repr(workspace.dataset)


def test_dicom_images_with_label_maps_in_other_formats(tmp_path, put_label):
    write_series(tmp_path / "a/images/p1")
    geometry = read_geometry(tmp_path / "a/images/p1")
    put_label(tmp_path / "a/labels/p1.nii.gz", 1, 2, geometry=geometry)
    write_series(tmp_path / "b/p1/dicom")
    put_label(tmp_path / "b/p1/segmentation/liver.nrrd", 1, 1, geometry=geometry)
    put_label(tmp_path / "b/p1/segmentation/spleen.nrrd", 1, geometry=geometry)
    for name, layout, values in (("a", "paired_folders", {0, 1, 2}), ("b", "dicom_folders", {0, 1, 2})):
        dataset = scan(tmp_path / name)
        assert dataset.layout == layout
        assert [case.case_id for case in dataset.cases] == ["p1"]
        assert set(load_label(dataset, dataset.cases[0], like=geometry).data.ravel()) == values


def test_a_structure_set_that_is_cut_short_is_listed(tmp_path):
    write_series(tmp_path / "image")
    write_structures(tmp_path / "mask/rs.dcm", {"x": [square(read_geometry(tmp_path / "image"), 1, 2, 4)]})
    path = tmp_path / "mask/rs.dcm"
    path.write_bytes(path.read_bytes()[:500])
    dataset = scan(tmp_path)
    assert dataset.cases == ()
    assert "rs.dcm is not a whole DICOM structure set" in dataset.problems[0].sentence
