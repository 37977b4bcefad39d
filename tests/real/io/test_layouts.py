"""Every layout of the test data is recognised, and each label type is read."""

import warnings

import numpy as np
import pytest

from napari_aleatoric.io import (
    OverlapWarning,
    SoftLabelWarning,
    Workspace,
    load_image,
    load_label,
    on_image_grid,
    read_label_map,
    read_volume,
    scan,
)

pytestmark = pytest.mark.real


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_hippocampus(real_data, tmp_path):
    dataset = scan(real_data / "msd_hippocampus")
    assert dataset.layout == "decathlon"
    assert len(dataset.cases) == 201
    assert dataset.classes.names == {1: "Anterior", 2: "Posterior"}
    assert dataset.spacing_known
    assert dataset.problems == ()
    workspace = Workspace.create(tmp_path / "w", dataset)
    for case in dataset.cases:
        image, label = workspace.load_image(case.case_id), workspace.load_label(case.case_id)
        assert label.geometry == image.geometry
        assert label.data.dtype == np.uint8  # cases 003 and 243 are stored as float32
        assert set(np.unique(label.data)) == {0, 1, 2}


def test_lidc_readers_and_empty_answers(real_data):
    dataset = scan(real_data / "lidc_4rater")
    assert dataset.layout == "rater_files"
    assert len(dataset.cases) == 200
    assert dataset.readers == ("rater1", "rater2", "rater3", "rater4")
    assert len(dataset.items) == 800
    assert not dataset.spacing_known  # 1×1×1 mm was made up
    assert dataset.classes.names == {1: "label 1"}
    empty = 0
    for case in dataset.cases[-40:]:
        like = load_image(case).geometry
        empty += sum(not load_label(dataset, case, r, like=like).data.any() for r in dataset.readers)
    assert empty > 0


def test_chase_photographs_with_two_observers(real_data):
    dataset = scan(real_data / "chase_db1")
    assert dataset.layout == "paired_folders"
    assert dataset.readers == ("rater1", "rater2")
    assert len(dataset.items) == 56
    case = dataset.case("Image_08L")
    image = load_image(case)
    assert image.data.shape == (1, 960, 999, 3)
    one, two = (load_label(dataset, case, r, like=image.geometry) for r in dataset.readers)
    assert [label.paths[0].name for label in case.labels] == ["Image_08L_1stHO.png", "Image_08L_2ndHO.png"]
    assert dice(one.data > 0, two.data > 0) == pytest.approx(0.7543, abs=5e-4)  # from cases.csv


def test_sarcoma_modalities(real_data):
    dataset = scan(real_data / "ibsi_sts")
    assert dataset.layout == "paired_files"
    assert len(dataset.cases) == 18
    assert len({case.patient for case in dataset.cases}) == 6
    assert {load_image(case).modality for case in dataset.cases[:3]} == {"CT", "MR", "PET"}
    assert dataset.problems == ()


@pytest.mark.parametrize("modality", ["CT", "MR_T1", "PET"])
def test_dicom_patient_is_the_nifti_patient(real_data, modality):
    pytest.importorskip("pydicom")
    dataset = scan(real_data / "dicom_ibsi_sts")
    assert dataset.layout == "dicom_folders"
    assert [case.case_id for case in dataset.cases] == ["STS_002_CT", "STS_002_MR_T1", "STS_002_PET"]
    assert {case.patient for case in dataset.cases} == {"STS_002"}
    assert dataset.classes.names == {1: "GTV_Mass"}
    case = dataset.case(f"STS_002_{modality}")
    image = load_image(case)
    label = load_label(dataset, case, like=image.geometry)
    reference = read_volume(real_data / f"ibsi_sts/STS_002/{modality}_image.nii.gz")
    mask = read_label_map(real_data / f"ibsi_sts/STS_002/{modality}_mask.nii.gz")
    assert image.geometry.same_grid(reference.geometry, 0.01)
    assert image.modality == modality.split("_")[0]
    if modality == "PET":
        np.testing.assert_allclose(image.data, reference.data, rtol=1e-6)
    else:
        assert (image.data == reference.data).all()
    assert dice(label.data > 0, mask.data > 0) > 0.999


def test_structure_sets_of_totalsegmentator(real_data):
    dataset = scan(real_data / "totalsegmentator/aorta")
    assert dataset.layout == "structure_files"
    assert dataset.classes.names == {
        1: "aorta",
        2: "brachiocephalic_trunk",
        3: "common_carotid_artery_left",
        4: "subclavian_artery_left",
        5: "vertebrae_T12",
    }
    like = load_image(dataset.cases[0]).geometry
    label = load_label(dataset, dataset.cases[0], like=like)
    for info in dataset.classes:
        alone = read_label_map(real_data / f"totalsegmentator/aorta/{info.class_name}.nii.gz").data > 0
        assert dice(label.data == info.label_value, alone) > 0.99


def test_nuclei_are_paired_by_name(real_data):
    dataset = scan(real_data / "dsb2018_nuclei")
    assert len(dataset.cases) == 30
    image = load_image(dataset.cases[0])
    assert image.data.shape == (1, 256, 256, 3)  # stored with transparency
    assert load_label(dataset, dataset.cases[0], like=image.geometry).data.max() == 42  # from cases.csv


def test_nrrd_pairs_with_thick_slices(real_data):
    dataset = scan(real_data / "pyradiomics")
    assert {"brain1", "brain2", "breast1"} <= {case.case_id for case in dataset.cases}
    assert load_image(dataset.case("brain1")).geometry.spacing_zyx_mm[0] == pytest.approx(6.5, abs=0.1)


def test_spinal_cord_labels_are_integers_or_soft(real_data):
    label = read_label_map(real_data / "sct_spinalcord/t2/t2_seg-manual.nii.gz")
    assert label.data.dtype == np.uint8
    soft = []
    for path in sorted((real_data / "sct_spinalcord").rglob("*seg*.nii.gz")):
        import SimpleITK as sitk

        stored = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        if not np.allclose(stored, np.rint(stored)):
            soft.append(path)
            with pytest.warns(SoftLabelWarning, match="clipped to 0..1"):
                read = read_label_map(path)
            assert (read.data == (stored >= 0.5)).all()
        else:
            assert (read_label_map(path).data == stored).all()
    assert soft


def test_large_label_numbers(real_data):
    label = read_label_map(real_data / "niivue/freesurfer_aparc_a2009s_aseg.nii.gz")
    image = read_volume(real_data / "niivue/freesurfer_norm.nii.gz")
    assert label.geometry.same_grid(image.geometry)
    values = np.unique(label.data)
    assert len(values) == 189
    assert values.max() > 10000
    assert label.data.dtype == np.uint16


def test_a_folder_of_everything_dicom_names_what_it_cannot_use(real_data):
    dataset = scan(real_data / "dicom_misc")
    text = {p.case_id: p.sentence for p in dataset.problems}
    sentences = " ".join(p.sentence for p in dataset.problems)
    assert "MR_truncated.dcm) cannot be read" in sentences
    assert "is a DICOM segmentation, which is not read yet" in sentences
    assert "not evenly spaced" in text["monai_CT_DICOM"]
    assert all(str(real_data) not in sentence for sentence in text.values())


def test_dicomdir_tree(real_data):
    dataset = scan(real_data / "dicom_misc/pydicom/dicomdirtests")
    assert dataset.layout == "dicom_folders"
    assert {"98892001_CT5N", "98892003_MR2", "98892003_MR700"} <= {
        c.case_id.rsplit("_series", 1)[0] for c in dataset.cases
    }


def test_compressed_slices(real_data):
    folder = real_data / "dicom_misc/pydicom"
    plain, packed = read_volume(folder / "MR_small.dcm"), read_volume(folder / "MR_small_RLE.dcm")
    assert (plain.data == packed.data).all()
    assert read_volume(folder / "JPEG2000.dcm").data.max() > 0


def test_dicom_series_and_its_segmentation_share_a_grid(real_data):
    image = read_volume(real_data / "dicom_misc/dcmqi/ct-3slice")
    stored = read_label_map(real_data / "dicom_misc/dcmqi/liver_seg.nrrd")
    assert stored.geometry.same_grid(image.geometry, 0.01)
    liver = on_image_grid(stored, image.geometry).data > 0
    here, flipped = (float(np.median(image.data[mask])) for mask in (liver, liver[:, ::-1]))
    assert 30 < here < 80  # HU of liver
    assert flipped < here - 10


def test_structure_sets_with_broken_references_are_read_by_place(real_data):
    pytest.importorskip("pydicom")
    dataset = scan(real_data / "dicom_misc/rt-utils")
    assert dataset.readers == ("invalid_reference_rt", "non_existent_reference_rt", "rt")
    like = load_image(dataset.cases[0]).geometry
    sums = []
    for reader in dataset.readers:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OverlapWarning)  # contours on a slice that is not there
            sums.append(int((load_label(dataset, dataset.cases[0], reader, like=like).data > 0).sum()))
    assert sums[0] == sums[1] > 0
    assert sums[2] > 0


def test_a_manifest_joins_what_no_rule_can(real_data, tmp_path):
    folder = real_data / "totalsegmentator"
    (tmp_path / "list.csv").write_text(
        "case,image,label,reader\n"
        f"dicom,{folder}/example_ct_dicom,{folder}/example_seg_dicom.nii.gz,ai\n"
        f"small,{folder}/example_ct_sm.nii.gz,{folder}/example_seg_fast.nii.gz,fast\n"
        f"small,{folder}/example_ct_sm.nii.gz,{folder}/example_seg_roi_subset.nii.gz,subset\n"
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "list.csv").rename(tmp_path / "data/list.csv")
    dataset = scan(tmp_path / "data")
    assert dataset.problems == ()
    assert dataset.readers == ("ai", "fast", "subset")
    workspace = Workspace.open(Workspace.create(tmp_path / "w", dataset).root)
    assert workspace.dataset == dataset
    for key in dataset.items:
        image, label = workspace.load_image(key.case_id), workspace.load_label(*key)
        assert label.geometry == image.geometry
        assert label.data.any()


def test_the_terminal_stays_quiet(real_data, capfd):
    for name in ("dicom_misc", "totalsegmentator", "niivue"):
        scan(real_data / name)
    read_volume(real_data / "totalsegmentator/example_ct_dicom")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""
