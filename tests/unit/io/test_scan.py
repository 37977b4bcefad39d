"""Layouts are recognised by what lies in the folder, pairs by name, and one bad case stops nothing."""

import json

import pytest

from napari_aleatoric.errors import Cancelled, DataError, GeometryMismatchError
from napari_aleatoric.io import OverlapWarning, load_image, load_label, read_label_map, scan
from napari_aleatoric.io._layouts._finding import bare_name, is_reader_name
from napari_aleatoric.model import Geometry, RecordingReporter


def pairs(dataset):
    return {
        case.case_id: {label.reader: [p.name for p in label.paths] for label in case.labels}
        for case in dataset.cases
    }


@pytest.fixture
def decathlon(tmp_path, put_image, put_label):
    for k in (1, 2, 3):
        put_image(tmp_path / f"imagesTr/case_{k}.nii.gz", k)
        put_label(tmp_path / f"labelsTr/case_{k}.nii.gz", 1, 2)
    content = {
        "name": "x",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "liver", "2": "tumour"},
        "training": [
            {"image": f"./imagesTr/case_{k}.nii.gz", "label": f"./labelsTr/case_{k}.nii.gz"} for k in (3, 1, 2)
        ],
    }
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    return tmp_path


def test_decathlon(decathlon):
    dataset = scan(decathlon)
    assert dataset.layout == "decathlon"
    assert "dataset.json lists 3" in dataset.layout_sentence
    assert [c.case_id for c in dataset.cases] == ["case_1", "case_2", "case_3"]
    assert dataset.classes.names == {1: "liver", 2: "tumour"}
    assert dataset.readers == ("",)
    assert dataset.spacing_known
    assert dataset.problems == ()


def test_bad_cases_are_listed_and_do_not_stop_the_rest(decathlon, put_label):
    image = decathlon / "imagesTr/case_1.nii.gz"
    image.write_bytes(image.read_bytes()[:-40])
    (decathlon / "labelsTr/case_2.nii.gz").unlink()
    dataset = scan(decathlon)
    assert [c.case_id for c in dataset.cases] == ["case_3"]
    reasons = {p.case_id: p.sentence for p in dataset.problems}
    assert "case_1.nii.gz is cut short" in reasons["case_1"]
    assert "labelsTr/case_2.nii.gz, which is not there" in reasons["case_2"]
    assert str(decathlon) not in "".join(reasons.values())


def test_a_label_on_another_grid_is_left_out_unless_resampling_is_asked_for(decathlon, grid, put_label):
    moved = Geometry(grid.shape_zyx, grid.spacing_zyx_mm, (11.2, -20.0, 30.0))
    put_label(decathlon / "labelsTr/case_2.nii.gz", 1, geometry=moved)
    dataset = scan(decathlon)
    assert [p.case_id for p in dataset.problems] == ["case_2"]
    assert "another grid" in dataset.problems[0].sentence

    dataset = scan(decathlon, resample=True)
    assert dataset.problems == ()
    case = dataset.case("case_2")
    image = load_image(case)
    with pytest.raises(GeometryMismatchError, match="another grid"):
        load_label(dataset, case, like=image.geometry, resample=False)
    label = load_label(dataset, case, like=image.geometry)
    assert label.geometry == image.geometry
    # the label's voxels lie 1.2 voxels further along x: the nearest image voxel is one further
    stored = read_label_map(decathlon / "labelsTr/case_2.nii.gz").data
    assert (label.data[:, :, 1:] == stored[:, :, :-1]).all()
    assert label.data.any()


def test_names_given_by_the_user_win(decathlon):
    assert scan(decathlon, class_names={0: "nothing", 2: "lesion"}).classes.names == {2: "lesion"}


def test_nnunet_channels_regions_and_ignore(tmp_path, put_image, put_label):
    for k in ("a", "b"):
        put_image(tmp_path / f"imagesTr/{k}_0000.nrrd", 1)
        put_image(tmp_path / f"imagesTr/{k}_0001.nrrd", 2)
    put_label(tmp_path / "labelsTr/a.nrrd", 1, 2, 3)
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": [3], "ignore": 4}
    content = {"channel_names": {"0": "T1", "1": "T2"}, "labels": labels, "numTraining": 2, "file_ending": ".nrrd"}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    dataset = scan(tmp_path)
    assert dataset.layout == "nnunet"
    assert "Of 2 channels the first one (T1)" in dataset.layout_sentence
    assert dataset.classes.names == {1: "whole", 2: "core", 3: "enhancing"}
    assert dataset.case("a").image.name == "a_0000.nrrd"
    assert [p.case_id for p in dataset.problems] == ["b"]


def test_images_and_labels_are_paired_by_name_never_by_order(tmp_path, put_image, put_label):
    for name in ("b", "c", "d"):
        put_image(tmp_path / f"images/{name}.nii.gz")
    for name in ("a", "b", "d"):  # sorted order would pair a with b
        put_label(tmp_path / f"labels/{name}_seg.nii.gz", 4)
    dataset = scan(tmp_path)
    assert dataset.layout == "paired_folders"
    assert pairs(dataset) == {"b": {"": ["b_seg.nii.gz"]}, "d": {"": ["d_seg.nii.gz"]}}
    reasons = {p.case_id: p.sentence for p in dataset.problems}
    assert "has no image" in reasons["a_seg"]
    assert "has no label" in reasons["c"]
    assert dataset.classes.names == {4: "label 4"}  # found by reading the labels


def test_an_exact_name_beats_a_shortened_one(tmp_path, put_image, put_label):
    for name in ("x", "x_seg"):
        put_image(tmp_path / f"images/{name}.nii.gz")
        put_label(tmp_path / f"masks/{name}.nii.gz", 1)
    assert pairs(scan(tmp_path)) == {"x": {"": ["x.nii.gz"]}, "x_seg": {"": ["x_seg.nii.gz"]}}


def test_two_labels_for_one_image_are_not_guessed(tmp_path, put_image, put_label):
    put_image(tmp_path / "images/x.nii.gz")
    put_image(tmp_path / "images/y.nii.gz")
    put_label(tmp_path / "labels/x_seg.nii.gz", 1)
    put_label(tmp_path / "labels/x_mask.nii.gz", 1)
    put_label(tmp_path / "labels/y.nii.gz", 1)
    dataset = scan(tmp_path)
    assert len(dataset.case("x").labels) == 1
    assert [p.case_id for p in dataset.problems] == ["x_seg"]


@pytest.mark.parametrize("folders", ["rater1 rater2", "labels/anna labels/ben"])
def test_one_folder_for_each_reader(tmp_path, put_image, put_label, folders):
    first, second = folders.split()
    for name in ("p", "q"):
        put_image(tmp_path / f"images/{name}.nii.gz")
        put_label(tmp_path / f"{first}/{name}.nii.gz", 1)
    put_label(tmp_path / f"{second}/q.nii.gz")  # a reader who saw nothing: a real answer
    dataset = scan(tmp_path)
    names = tuple(f.split("/")[-1] for f in (first, second))
    assert dataset.readers == names
    assert pairs(dataset)["p"] == {names[0]: ["p.nii.gz"]}
    assert [str(item) for item in dataset.items] == [f"p ({names[0]})", f"q ({names[0]})", f"q ({names[1]})"]
    assert not load_label(
        dataset, dataset.case("q"), names[1], like=load_image(dataset.case("q")).geometry
    ).data.any()


def test_case_folders_with_readers(tmp_path, put_image, put_label):
    for name in ("one", "two"):
        put_image(tmp_path / f"{name}/image.nii.gz")
        put_label(tmp_path / f"{name}/rater1.nii.gz", 1)
        put_label(tmp_path / f"{name}/rater2_mask.nii.gz", 1)
    dataset = scan(tmp_path)
    assert dataset.layout == "rater_files"
    assert dataset.readers == ("rater1", "rater2_mask")
    assert dataset.case("one").patient == "one"


def test_case_folders_with_structures(tmp_path, put_image, put_label, grid):
    put_image(tmp_path / "s1/ct.nii.gz")
    put_label(tmp_path / "s1/segmentations/liver.nii.gz", 1)
    put_label(tmp_path / "s1/segmentations/aorta.nii.gz", 1, 1)
    put_image(tmp_path / "s2/ct.nii.gz")
    put_label(tmp_path / "s2/segmentations/spleen.nii.gz", 1)
    put_label(tmp_path / "s2/segmentations/liver.nii.gz", 1)
    dataset = scan(tmp_path)
    assert dataset.layout == "structure_files"
    assert dataset.classes.names == {1: "aorta", 2: "liver", 3: "spleen"}
    one, two = (load_label(dataset, dataset.case(c), like=grid) for c in ("s1", "s2"))
    assert set(one.data[1].ravel()) == {0, 1}  # slice 1: only the aorta
    assert 2 in one.data[0]
    assert set(two.data.ravel()) == {0, 3}  # spleen over liver: the higher value stays


def test_overlapping_structures_are_said(tmp_path, put_image, put_label, grid):
    put_image(tmp_path / "s1/image.nii.gz")
    put_label(tmp_path / "s1/liver.nii.gz", 1)
    put_label(tmp_path / "s1/tumour.nii.gz", 1)
    dataset = scan(tmp_path)
    with pytest.warns(OverlapWarning, match="6 voxels"):
        label = load_label(dataset, dataset.cases[0], like=grid)
    assert set(label.data.ravel()) == {0, 2}


def test_modality_pairs_are_cases_of_one_patient(tmp_path, put_image, put_label):
    other = Geometry((3, 4, 4), (4.0, 4.0, 4.0))
    for patient in ("P1", "P2"):
        put_image(tmp_path / patient / "CT_image.nii.gz")
        put_label(tmp_path / patient / "CT_mask.nii.gz", 1)
        put_image(tmp_path / patient / "PET_image.nii.gz", geometry=other)
        put_label(tmp_path / patient / "PET_mask.nii.gz", 1, geometry=other)
    dataset = scan(tmp_path)
    assert dataset.layout == "paired_files"
    assert [(c.case_id, c.patient) for c in dataset.cases] == [
        ("P1_CT", "P1"),
        ("P1_PET", "P1"),
        ("P2_CT", "P2"),
        ("P2_PET", "P2"),
    ]
    assert load_image(dataset.case("P1_PET")).modality == "PET"


def test_a_folder_that_cannot_be_understood_is_named(tmp_path, put_image, put_label):
    put_image(tmp_path / "good/image.nii.gz")
    put_label(tmp_path / "good/label.nii.gz", 1)
    put_image(tmp_path / "odd/foo.nii.gz")
    put_image(tmp_path / "odd/bar.nii.gz")
    dataset = scan(tmp_path)
    assert [c.case_id for c in dataset.cases] == ["good"]
    assert "cannot be told from their names" in dataset.problems[0].sentence


def test_csv_manifest(tmp_path, put_image, put_label, grid):
    put_image(tmp_path / "deep/a.nii.gz")
    put_image(tmp_path / "deep/b.nii.gz")
    put_label(tmp_path / "l/1.nii.gz", 1)
    put_label(tmp_path / "l/2.nii.gz", 2)
    (tmp_path / "list.csv").write_text(
        "\ufeffcase;image;label;reader;class_names\n"
        "first;deep/a.nii.gz;l/1.nii.gz;anna;1=liver| 2=tumour\n"
        "first;deep/a.nii.gz;l/2.nii.gz;ben;\n"
        "second;deep/b.nii.gz;l/1.nii.gz;anna;\n"
        "third;deep/c.nii.gz;l/1.nii.gz;anna;\n"
        "fourth;deep/b.nii.gz;l/1.nii.gz;anna;\n"
        "fourth;deep/b.nii.gz;l/2.nii.gz;anna;\n",
        encoding="utf-8",
    )
    for root in (tmp_path, tmp_path / "list.csv"):
        dataset = scan(root)
        assert dataset.layout == "manifest"
        assert dataset.root == tmp_path.resolve()
        assert pairs(dataset) == {
            "first": {"anna": ["1.nii.gz"], "ben": ["2.nii.gz"]},
            "second": {"anna": ["1.nii.gz"]},
        }
        assert dataset.classes.names == {1: "liver", 2: "tumour"}
        reasons = {p.case_id: p.sentence for p in dataset.problems}
        assert "c.nii.gz, which is not there" in reasons["third"]
        assert "two labels by the same reader" in reasons["fourth"]


def test_manifest_with_one_file_for_each_structure(tmp_path, put_image, put_label, grid):
    put_image(tmp_path / "a.nii.gz")
    put_label(tmp_path / "x.nii.gz", 1)
    put_label(tmp_path / "y.nii.gz", 1, 1)
    (tmp_path / "m.csv").write_text(
        "image,label,class_name,label_value\na.nii.gz,x.nii.gz,liver,7\na.nii.gz,y.nii.gz,spleen,3\n"
    )
    dataset = scan(tmp_path)
    assert dataset.classes.names == {3: "spleen", 7: "liver"}
    label = load_label(dataset, dataset.case("a"), like=grid)
    assert set(label.data[0].ravel()) == {0, 7}
    assert set(label.data[1].ravel()) == {0, 3}


def test_json_manifest(tmp_path, put_image, put_label):
    put_image(tmp_path / "a.nii.gz")
    put_label(tmp_path / "x.nii.gz", 1)
    put_label(tmp_path / "y.nii.gz", 1)
    content = {"classes": {"1": "liver"}, "cases": [{"case": "A", "image": "a.nii.gz", "patient": "p7"}]}
    content["cases"][0]["labels"] = {"anna": "x.nii.gz", "ben": "y.nii.gz"}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    dataset = scan(tmp_path)
    assert dataset.readers == ("anna", "ben")
    assert dataset.case("A").patient == "p7"
    assert dataset.classes.names == {1: "liver"}


def test_two_manifests_are_a_question(tmp_path, put_image):
    put_image(tmp_path / "a.nii.gz")
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text("image,label\na.nii.gz,\n")
    with pytest.raises(DataError, match=r"one\.csv, two\.csv"):
        scan(tmp_path)


def test_placeholder_spacing_is_noticed(tmp_path, put_image, put_label):
    made_up = Geometry((4, 5, 6))
    put_image(tmp_path / "images/a.nii.gz", geometry=made_up)
    put_label(tmp_path / "labels/a.nii.gz", 1, geometry=made_up)
    dataset = scan(tmp_path)
    assert not dataset.spacing_known
    assert "true spacing seems to be unknown" in dataset.layout_sentence
    assert scan(tmp_path, spacing_known=True).spacing_known


def test_too_many_values_are_refused_for_the_case_with_an_image_for_a_label(tmp_path, put_image, put_label):
    big = Geometry((10, 20, 20), (2.0, 2.0, 2.0))
    for name in ("a", "b"):
        put_image(tmp_path / f"images/{name}.nii.gz", geometry=big)
    put_label(tmp_path / "labels/a.nii.gz", 1, geometry=big)
    put_image(tmp_path / "labels/b.nii.gz", 3, geometry=big)  # an image where a label should be
    dataset = scan(tmp_path)
    assert [c.case_id for c in dataset.cases] == ["a"]
    assert "more than the 255 classes" in dataset.problems[0].sentence
    assert len(scan(tmp_path, class_names={1: "x"}).cases) == 2  # named: only these are looked at


def test_nothing_recognised(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="No images with labels were recognised"):
        scan(tmp_path)
    with pytest.raises(DataError, match="There is no folder nowhere"):
        scan(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is not a manifest"):
        scan(tmp_path / "notes.txt")


def test_the_layout_can_be_demanded(decathlon):
    with pytest.raises(DataError, match="of the layout 'manifest'"):
        scan(decathlon, layout="manifest")


def test_scan_can_be_stopped_and_reports(decathlon):
    reporter = RecordingReporter()
    scan(decathlon, reporter=reporter)
    assert reporter.steps[-1][:2] == (3, 3)
    with pytest.raises(Cancelled):
        scan(decathlon, reporter=RecordingReporter(cancel_after=4))


def test_hidden_files_are_no_cases(tmp_path, put_image, put_label):
    put_image(tmp_path / "images/a.nii.gz")
    put_label(tmp_path / "labels/a.nii.gz", 1)
    (tmp_path / "images/._a.nii.gz").write_bytes(b"x")
    (tmp_path / "labels/._a.nii.gz").write_bytes(b"x")
    dataset = scan(tmp_path)
    assert len(dataset.cases) == 1
    assert dataset.problems == ()


@pytest.mark.parametrize(
    "name", ["rater1", "rater_2", "Reader A", "reader_anna", "observer3", "expert", "r1", "raterB"]
)
def test_reader_names(name):
    assert is_reader_name(name)


@pytest.mark.parametrize(
    "name", ["rib", "roi", "rv", "right_kidney", "liver", "1", "expertise", "rater1of4x", "label"]
)
def test_structure_names_are_no_readers(name):
    assert not is_reader_name(name)


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("x", "x"),
        ("x_seg", "x"),
        ("x-label", "x"),
        ("Image_01L_1stHO", "Image_01L"),
        ("Image_01L_2ndHO", "Image_01L"),
        ("x_gt_rater1", "x"),
        ("21_manual1", "21_manual1"),
        ("21_manual", "21"),
        ("seg", "seg"),
        ("case_0001", "case_0001"),
    ],
)
def test_bare_names(name, bare):
    assert bare_name(name) == bare
