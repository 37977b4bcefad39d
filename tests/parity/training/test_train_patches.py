"""Patches of a training: decided by seed, step and place; weights and slices go along; turns turn."""

import math
from dataclasses import replace

import numpy as np
import pytest

from napari_aleatoric.training import CaseGrid, CaseShelf, NetCase, TrainingSet, TrainSpec, plan_model

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

SPEC = TrainSpec(network="unet", width=4, patch_voxels=4096, batch=4)
GRIDS = [CaseGrid((24, 24, 24), (1.0, 1.0, 1.0))]


@pytest.fixture
def shelf(tmp_path):
    kept, rng = CaseShelf(tmp_path), np.random.default_rng(0)
    for k in range(3):
        labels = np.zeros((2, 24, 24, 24), np.uint16)
        labels[:, 4:12, 4:12, 4 + k : 12] = 1
        labels[1, 20, 20, 20] = 2  # one voxel, by one reader
        image = (labels[0] + rng.normal(0, 0.1, labels[0].shape))[np.newaxis]
        weight = (labels[0] + 0.5).astype(np.float16)
        kept.put(f"case{k}", NetCase(image.astype(np.float16), labels, weight))
    return kept


CASES = TrainingSet(("case0", "case1", "case2"), (), (1.0, 0.25, 0.5))


def draw(shelf, spec=SPEC, plan=None):
    from napari_aleatoric.training._torch._train_patches import TrainDraw

    return TrainDraw(shelf, CASES, plan or plan_model(GRIDS, 1, ["a", "b"], spec), spec)


def test_a_case_comes_with_its_weights_on_the_networks_grid():
    from napari_aleatoric.foundation import Box
    from napari_aleatoric.model import Geometry, Volume
    from napari_aleatoric.training import model_case

    rng = np.random.default_rng(0)
    shape = (24, 24, 26)
    volume = Volume(rng.normal(100, 20, shape).astype(np.float32), Geometry(shape, (1.0, 1.0, 1.0)))
    labels = np.zeros((2, *shape), np.int32)
    labels[:, 8:16, 8:16, 8:16] = 1
    weight = np.where(labels[0] > 0, 0.25, 1.0)
    plan = replace(plan_model(GRIDS, 1, ["a"], SPEC), spacing_zyx_mm=(2.0, 2.0, 2.0))
    case = model_case(volume, labels, Box((0, 0, 2), shape), plan, weight)
    assert case.image.shape == (1, 12, 12, 12)
    assert case.weight is not None
    assert np.array_equal(case.labels[1] == 1, case.weight == np.float16(0.25))
    assert (case.labels[0] == 1).sum() == 4 * 4 * 4
    assert model_case(volume, labels, Box.whole(shape), plan).weight is None


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0, 1.6])
def test_nothing_that_a_barred_voxel_has_a_part_in_is_learned(spacing):
    from napari_aleatoric.foundation import Box
    from napari_aleatoric.model import Geometry, Volume
    from napari_aleatoric.training import model_case

    shape = (24, 24, 24)
    volume = Volume(np.random.default_rng(0).normal(100, 20, shape).astype(np.float32), Geometry(shape, (1.0,) * 3))
    right, wrong = np.zeros((1, *shape), np.int32), np.zeros((1, *shape), np.int32)
    right[:, 8:16, 8:16, 8:16] = wrong[:, 8:16, 8:16, 8:16] = 1
    wrong[0, 7, 9:14, 9:14] = 1  # a reader sees that this is not so, and paints it
    weight = np.ones(shape, np.float32)
    weight[wrong[0] != right[0]] = 0
    plan = replace(plan_model(GRIDS, 1, ["a"], SPEC), spacing_zyx_mm=(spacing,) * 3)
    good, bad = (model_case(volume, labels, Box.whole(shape), plan, weight) for labels in (right, wrong))
    assert np.array_equal(good.weight, bad.weight)
    counts = good.weight > 0
    assert np.array_equal(good.labels[0][counts], bad.labels[0][counts]), "it makes no difference where it counts"
    n = 5 * 5 / spacing**3  # of the new voxels
    assert n * 0.9 <= (~counts).sum() <= 12 * n
    assert counts.mean() > 0.97


def test_the_share_of_a_process_is_part_of_the_whole_step(shelf):
    whole = draw(shelf).step(7, range(4))
    shares = [draw(shelf).step(7, places) for places in (range(2), range(2, 4))]
    for name in ("images", "labels", "voxel_weight", "sample_weight", "sample_index"):
        assert torch.equal(torch.cat([getattr(share, name) for share in shares]), getattr(whole, name))
    other = draw(shelf).step(8, range(4))
    assert not torch.equal(other.images, whole.images)
    assert not torch.equal(draw(shelf, SPEC.model_copy(update={"seed": 1})).step(7, range(4)).images, whole.images)


def test_weights_of_voxels_and_samples_go_along(shelf):
    from napari_aleatoric.training._torch._patches import IGNORED

    for step in range(6):
        batch = draw(shelf).step(step, range(4))
        assert torch.equal(batch.sample_weight, torch.tensor([1.0, 0.25, 0.5])[batch.sample_index])
        known = batch.labels != IGNORED
        assert torch.equal(batch.voxel_weight[known] > 1, (batch.labels == 1)[known])


def test_without_augmentation_a_patch_is_a_part_of_the_image(shelf):
    spec = SPEC.model_copy(update={"augmentation": 0.0})
    found = draw(shelf, spec).step(0, range(4))
    for pixels, row in zip(found.images, found.sample_index, strict=True):
        image = shelf.get(CASES.names[row]).image[0].astype(np.float32)
        corner = np.argwhere(image == pixels[0, 0, 0, 0].item())
        size = pixels.shape[1:]
        parts = [image[tuple(slice(a, a + n) for a, n in zip(at, size, strict=True))] for at in corner]
        assert any(part.shape == size and np.array_equal(part, pixels[0]) for part in parts)


def test_near_patches_show_rare_classes(shelf):
    spec = SPEC.model_copy(update={"near_fraction": 1.0, "augmentation": 0.0, "patch_zyx": (8, 8, 8)})
    shown = [(draw(shelf, spec).step(k, range(4)).labels == 2).flatten(1).any(1).float().mean() for k in range(25)]
    assert 0.1 < np.mean(shown) < 0.45  # half of the patches have the reader who saw it, half of those are near it


def test_flips_keep_image_and_labels_together_and_sides_are_never_flipped(shelf):
    spec = SPEC.model_copy(update={"near_fraction": 0.0})
    plan = plan_model(GRIDS, 1, ["left", "right"], spec)
    assert plan.mirror_axes == ()
    plan = replace(plan, mirror_axes=(0, 1, 2))
    batch = draw(shelf, spec, plan).step(0, range(4))
    inside = batch.labels == 1
    for pixels, mask in zip(batch.images[:, 0], inside, strict=True):
        if 0 < mask.sum() < mask.numel():
            assert pixels[mask].mean() - pixels[~mask].mean() > 0.5


def test_a_quarter_turn_is_a_quarter_turn():
    from napari_aleatoric.training._torch._train_augment import Turn, resampled

    block = torch.arange(3 * 5 * 5, dtype=torch.float32).reshape(1, 3, 5, 5)
    c, s = math.cos(math.pi / 2), math.sin(math.pi / 2)
    turn = Turn(np.array([[1, 0, 0], [0, c, -s], [0, s, c]]))
    for nearest in (True, False):
        found = resampled(block, turn, np.array([1.0, 2.0, 2.0]), (3, 5, 5), nearest=nearest)
        assert torch.allclose(found, torch.rot90(block, -1, (2, 3)), atol=1e-4)
    same = resampled(block, Turn(np.eye(3)), np.array([1.0, 2.0, 2.0]), (3, 5, 5), nearest=False)
    assert torch.allclose(same, block, atol=1e-4)


def test_turns_are_by_millimetres_and_thick_slices_are_not_tilted():
    from napari_aleatoric.training._torch._train_augment import Turn

    rng = np.random.default_rng(0)
    thin = replace(plan_model(GRIDS, 1, ["a"], SPEC), spacing_zyx_mm=(2.0, 1.0, 0.8))
    thick = replace(thin, spacing_zyx_mm=(5.0, 1.0, 1.0))
    scale = np.diag(thin.spacing_zyx_mm)
    turns = [t for t in (Turn.drawn(thin, 1.0, rng) for _ in range(60)) if t is not None]
    assert 10 < len(turns) < 40
    for turn in turns:  # in millimetres a rotation times a factor
        there = scale @ turn.input_from_output @ np.linalg.inv(scale)
        factor = np.cbrt(np.linalg.det(there))
        np.testing.assert_allclose(there @ there.T, factor**2 * np.eye(3), atol=1e-9)
        assert math.exp(-0.16) < factor < math.exp(0.16)
    flat = [t for t in (Turn.drawn(thick, 1.0, rng) for _ in range(60)) if t is not None]
    assert all(np.allclose(t.input_from_output[0], [1, 0, 0]) for t in flat)
    assert Turn.drawn(thin, 0.0, rng) is None
