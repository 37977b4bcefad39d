"""A training keeps what its network draws of one slice, at every look and whether or not it was stopped."""

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.model import RecordingReporter
from napari_aleatoric.training import (
    EXAMPLE_FOLDER,
    CaseGrid,
    CaseShelf,
    ExampleShelf,
    NetCase,
    TrainingSet,
    TrainSpec,
    plan_model,
    train_model,
)

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
pytest.importorskip("accelerate")

SPEC = TrainSpec(
    network="segresnet",
    iterations=40,
    width=8,
    patch_voxels=8192,
    voxels_per_step=8192,
    validate_every=20,
    device="cpu",
)
SHAPE = (14, 20, 18)


@pytest.fixture
def shelf(tmp_path):
    kept = CaseShelf(tmp_path / "cases")
    rng = np.random.default_rng(5)
    for k in range(4):
        grid = np.indices(SHAPE) - np.reshape((7, 9 + k % 3, 8), (3, 1, 1, 1))
        mask = (grid**2).sum(axis=0) <= 25
        image = rng.normal(0, 0.4, SHAPE) + 2.0 * mask
        kept.put(f"case{k}", NetCase(image[np.newaxis].astype(np.float16), mask[np.newaxis].astype(np.uint16)))
    return kept


def test_every_look_leaves_a_picture(shelf, tmp_path):
    plan = plan_model([CaseGrid(SHAPE, (2.0, 1.0, 0.5))], 1, ["ball"], SPEC)
    cases = TrainingSet(("case0", "case1"), ("case3", "case2"))
    folder = tmp_path / "network"
    with pytest.raises(Cancelled):
        train_model(plan, shelf, cases, SPEC, folder, RecordingReporter(cancel_after=30))
    example = ExampleShelf(folder / EXAMPLE_FOLDER)
    assert example.steps() == (20,)
    early = example.found(20)
    train_model(plan, shelf, cases, SPEC, folder)
    assert example.steps() == (20, 40)
    np.testing.assert_array_equal(example.found(20), early)
    kept = example.slice()
    truth = shelf.get("case3").labels[0]
    place = int(np.count_nonzero(truth, axis=(1, 2)).argmax())
    np.testing.assert_array_equal(kept.label, truth[place])
    assert kept.spacing_yx == (plan.spacing_zyx_mm[1], plan.spacing_zyx_mm[2])
    found = example.found(40)
    assert 2 * (found & truth[place]).sum() / (found.sum() + truth[place].sum()) > 0.7, "it is that slice"
