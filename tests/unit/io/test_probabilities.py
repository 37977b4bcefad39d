"""Probabilities of other programs: found by name, placed by position in the patient, refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK

from napari_aleatoric.errors import AleatoricError, GeometryMismatchError
from napari_aleatoric.io import ProbabilityFolder, read_probabilities
from napari_aleatoric.model import ClassTable, Geometry

CLASSES = ClassTable.from_names({2: "shell", 5: "bright core"})
SHAPE = (6, 8, 10)


def turned(degrees: float, flips: tuple[int, int, int] = (1, 1, 1)) -> tuple[tuple[float, ...], ...]:
    """Direction matrix: turned about z and x, then single axes turned round."""
    a, b = np.radians(degrees), np.radians(degrees / 2)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return tuple(map(tuple, (about_x @ about_z @ np.diag(flips)).tolist()))


FLIPPED = Geometry(SHAPE, (3.0, 1.0, 0.5), (5, -6, 7), turned(0, (-1, 1, -1)))
OBLIQUE = Geometry(SHAPE, (3.0, 1.0, 0.5), (5, -6, 7), turned(20, (-1, -1, 1)))


def noise(seed: int = 0, shape: tuple[int, ...] = SHAPE, n: int = 3) -> np.ndarray:
    """Probabilities without any symmetry, shape (n, Z, Y, X)."""
    p = np.random.default_rng(seed).random((n, *shape)) ** 3 + 0.01
    return np.asarray((p / p.sum(axis=0)).astype(np.float32))


def upright(values: np.ndarray, geometry: Geometry) -> np.ndarray:
    return np.stack([geometry.upright_reorientation().apply(one) for one in values])


def read(root: Path, geometry: Geometry, classes: ClassTable = CLASSES) -> np.ndarray:
    return read_probabilities(ProbabilityFolder(root, classes).find("a"), classes, geometry)


def write_nifti(path: Path, values: np.ndarray, geometry: Geometry) -> None:
    """Write (Z, Y, X) or (K, Z, Y, X) by nibabel: x, y, z, then channels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(
        nibabel.Nifti1Image(
            values.T if values.ndim == 3 else np.moveaxis(values, 0, -1).transpose(2, 1, 0, 3),
            geometry.ras_from_index_xyz,
        ),
        path,
    )


@pytest.mark.parametrize("key", ["probabilities", "softmax"])
@pytest.mark.parametrize("geometry", [FLIPPED, OBLIQUE])
def test_nnunets_arrays_lie_on_the_stored_grid(tmp_path: Path, key: str, geometry: Geometry) -> None:
    p = noise()
    np.savez_compressed(tmp_path / "a.npz", **{key: p.astype(np.float16)})
    np.testing.assert_allclose(read(tmp_path, geometry), upright(p, geometry), atol=2e-3)


@pytest.mark.parametrize("geometry", [FLIPPED, OBLIQUE])
@pytest.mark.parametrize("order", [("R", "A", "S"), ("I", "L", "P"), ("A", "S", "R")])
def test_channels_stored_in_another_axis_order_are_turned_exactly(
    tmp_path: Path, geometry: Geometry, order: Any
) -> None:
    p = noise()
    write_nifti(tmp_path / "b.nii.gz", p, geometry)
    image = nibabel.load(tmp_path / "b.nii.gz")
    from_to = nibabel.orientations.ornt_transform(
        nibabel.orientations.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(order)
    )
    nibabel.save(image.as_reoriented(from_to), tmp_path / "a.nii.gz")
    np.testing.assert_allclose(read(tmp_path, geometry), upright(p, geometry), atol=1e-5)


def test_another_oblique_grid_is_interpolated_by_position_in_the_patient(tmp_path: Path) -> None:
    """A probability that is linear in the patient's space comes through linear interpolation unchanged."""
    slope = np.array([0.013, -0.021, 0.008])

    def of_place(points_lps: np.ndarray) -> np.ndarray:
        return np.asarray(0.4 + (points_lps - middle) @ slope)

    middle = OBLIQUE.corners_lps.mean(axis=0)
    own = Geometry((30, 34, 32), (0.9, 0.7, 0.6), (0, 0, 0), turned(-35, (1, -1, -1)))
    shift = middle - own.corners_lps.mean(axis=0)
    own = Geometry((30, 34, 32), (0.9, 0.7, 0.6), tuple(shift), turned(-35, (1, -1, -1)))
    place = of_place(own.lps_from_index(np.moveaxis(np.indices(own.shape_zyx), 0, -1)))
    p = np.stack([1 - place - 0.2, np.full_like(place, 0.2), place])
    assert p.min() > 0
    write_nifti(tmp_path / "a.nii.gz", p.astype(np.float32), own)
    turn = OBLIQUE.upright_reorientation()
    grid = turn.apply_geometry(OBLIQUE)
    expected = of_place(grid.lps_from_index(np.moveaxis(np.indices(grid.shape_zyx), 0, -1)))
    assert np.ptp(expected) > 0.1
    found = read(tmp_path, OBLIQUE)
    assert found.shape == (3, *grid.shape_zyx)
    np.testing.assert_allclose(found[2], expected, atol=2e-4)


def test_one_file_for_each_class_in_bytes(tmp_path: Path) -> None:
    p = noise()
    for name, row in (("prob_bg_u8", 0), ("Shell", 1), ("5", 2)):
        write_nifti(tmp_path / "a" / f"{name}.nii.gz", np.rint(p[row] * 255).astype(np.uint8), OBLIQUE)
    whole = read(tmp_path, OBLIQUE)
    np.testing.assert_allclose(whole, upright(p, OBLIQUE), atol=6e-3)
    np.testing.assert_allclose(whole.sum(axis=0), 1, atol=1e-5)


def test_names_that_begin_with_the_case_and_no_background(tmp_path: Path) -> None:
    p = noise()
    write_nifti(tmp_path / "a_bright_core_prob.nii.gz", p[2], FLIPPED)
    write_nifti(tmp_path / "a_2.nii.gz", p[1], FLIPPED)
    write_nifti(tmp_path / "ab_2.nii.gz", p[0], FLIPPED)
    np.testing.assert_allclose(read(tmp_path, FLIPPED), upright(p, FLIPPED), atol=1e-5)


def test_a_class_without_a_file_has_none_and_background_takes_the_rest(tmp_path: Path) -> None:
    p = noise()
    write_nifti(tmp_path / "a" / "shell.nii.gz", p[1], FLIPPED)
    files = ProbabilityFolder(tmp_path, CLASSES).find("a")
    assert files.class_indices == (1,)
    found = read_probabilities(files, CLASSES, FLIPPED)
    assert found[2].max() == 0
    np.testing.assert_allclose(found[0], 1 - upright(p, FLIPPED)[1], atol=1e-5)


def test_a_channel_for_every_number_up_to_the_largest_value(tmp_path: Path) -> None:
    p = noise(n=6)
    np.savez(tmp_path / "a.npz", p)
    found = read(tmp_path, FLIPPED)
    np.testing.assert_allclose(found[1:], upright(p, FLIPPED)[[2, 5]], atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)


def test_the_only_class_alone(tmp_path: Path) -> None:
    p = noise()
    write_nifti(tmp_path / "a_softmax.nii.gz", p[1], FLIPPED)
    one = ClassTable.from_names({7: "lesion"})
    found = read(tmp_path, FLIPPED, one)
    np.testing.assert_allclose(found[1], upright(p, FLIPPED)[1], atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)


def test_components_of_each_voxel(tmp_path: Path) -> None:
    p = noise()
    image = SimpleITK.GetImageFromArray(np.moveaxis(p, 0, -1), isVector=True)
    image.SetSpacing(FLIPPED.spacing_zyx_mm[::-1])
    image.SetOrigin(FLIPPED.origin_lps)
    image.SetDirection([v for row in FLIPPED.direction_lps for v in row])
    SimpleITK.WriteImage(image, str(tmp_path / "a.nrrd"))
    np.testing.assert_allclose(read(tmp_path, FLIPPED), upright(p, FLIPPED), atol=1e-5)


def test_a_picture(tmp_path: Path) -> None:
    p = noise(shape=(8, 9))
    np.savez(tmp_path / "a.npz", probabilities=p)
    picture = Geometry((1, 8, 9), spacing_known=False)
    np.testing.assert_allclose(read(tmp_path, picture)[:, 0], p, atol=1e-5)


def test_arrays_beside_segmentations_and_in_subfolders_are_found(tmp_path: Path) -> None:
    """As nnU-Net leaves its cross-validation behind."""
    p = noise()
    for fold, case in ((0, "a"), (1, "b")):
        folder = tmp_path / f"fold_{fold}" / "validation"
        write_nifti(folder / f"{case}.nii.gz", np.zeros(SHAPE, np.uint8), FLIPPED)
        np.savez(folder / f"{case}.npz", probabilities=p)
    assert ProbabilityFolder(tmp_path, CLASSES).find("a").paths[0].name == "a.npz"
    np.savez(tmp_path / "fold_1" / "validation" / "a.npz", probabilities=p)
    with pytest.raises(AleatoricError, match=r"twice: fold_0/validation/a\.npz and fold_1"):
        ProbabilityFolder(tmp_path, CLASSES).find("a")


def test_the_digest_changes_with_any_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", probabilities=noise())

    def digest() -> str:
        folder = ProbabilityFolder(tmp_path, CLASSES)
        return folder.digest([folder.find("a")])

    before = digest()
    assert digest() == before
    np.savez(tmp_path / "a.npz", probabilities=noise(1).astype(np.float16))
    assert digest() != before


WRONG = {
    "other shape": (noise(shape=(5, 8, 10)), "on the grid of the image"),
    "other classes": (noise(n=4), "4 channels; the data set has 3 classes"),
    "not one": (noise() * 0.5, "sum to 0.5 to 0.5"),
    "logits": (noise() * 20 - 5, "after the softmax"),
    "not finite": (np.full((3, *SHAPE), np.nan, np.float32), "values from nan"),
    "segmentation": (np.full((3, *SHAPE), 7, np.int16), "whole numbers up to 7"),
    "flat": (np.zeros(4, np.float32), r"shape \(4,\)"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_probability_is_refused(tmp_path: Path, what: str) -> None:
    values, words = WRONG[what]
    np.savez(tmp_path / "a.npz", probabilities=values)
    with pytest.raises(AleatoricError, match=words):
        read(tmp_path, FLIPPED)


def test_damaged_and_foreign_archives_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK no archive")
    with pytest.raises(AleatoricError, match="cannot be read"):
        read(tmp_path, FLIPPED)
    np.savez(tmp_path / "a.npz", one=np.zeros(3), two=np.zeros(3))
    with pytest.raises(AleatoricError, match="holds one, two"):
        read(tmp_path, FLIPPED)
    np.savez(tmp_path / "a.npz", probabilities=np.array([{}], dtype=object))
    with pytest.raises(AleatoricError, match="cannot be read"):
        read(tmp_path, FLIPPED)


def test_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    away = Geometry(SHAPE, (3.0, 1.0, 0.5), (25, -6, 7), turned(20))
    write_nifti(tmp_path / "a.nii.gz", noise(), away)
    with pytest.raises(GeometryMismatchError, match="covers only"):
        read(tmp_path, OBLIQUE)


def test_missing_cases_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(AleatoricError, match=r"case 'a' in the folder .*a\.npz"):
        ProbabilityFolder(tmp_path, CLASSES).find("a")
    with pytest.raises(AleatoricError, match="no folder 'absent'"):
        ProbabilityFolder(tmp_path / "absent", CLASSES)
    write_nifti(tmp_path / "a" / "background.nii.gz", noise()[0], FLIPPED)  # background alone says nothing
    with pytest.raises(AleatoricError, match="no probabilities of case"):
        ProbabilityFolder(tmp_path, CLASSES).find("a")
    write_nifti(tmp_path / "a" / "shell.nii.gz", noise()[0], FLIPPED)
    write_nifti(tmp_path / "a_2.nii.gz", noise()[0], FLIPPED)
    with pytest.raises(AleatoricError, match="twice"):
        ProbabilityFolder(tmp_path, CLASSES).find("a")
