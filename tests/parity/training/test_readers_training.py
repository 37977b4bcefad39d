"""Trainings that learn from several readers: what is kept, what a spoilt reader costs, stops and gaps."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, NotFoundError
from napari_aleatoric.model import RecordingReporter
from napari_aleatoric.training import (
    CaseGrid,
    CaseShelf,
    LossSpec,
    NetCase,
    TrainingSet,
    TrainSpec,
    UmaSpec,
    build_objective,
    load_model,
    plan_model,
    reader_uncertainty,
    train_model,
)

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
pytest.importorskip("accelerate")

SHAPE = (6, 24, 24)
TINY = TrainSpec(
    network="unet",
    readers="uma",
    iterations=8,
    width=4,
    patch_voxels=4096,
    voxels_per_step=8192,
    validate_every=4,
    uma=UmaSpec(width=4, route=True),
    device="cpu",
)
CASES = TrainingSet(tuple(f"case{k}" for k in range(6)), ("case6",))
UNSEEN = TrainingSet(CASES.names)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ball(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask of a bright ball on dark."""
    grid = np.indices(SHAPE) - np.reshape((3, 9 + k % 3, 12 - k % 2), (3, 1, 1, 1))
    mask = (grid**2).sum(axis=0) <= 20
    image = np.random.default_rng(k).normal(0, 0.3, SHAPE) + 2.0 * mask
    return image[np.newaxis].astype(np.float16), mask


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Three readers, of whom the third draws beside the ball; some missing, and a case where all drew nothing."""
    kept = CaseShelf(tmp_path_factory.mktemp("cases"))
    for k in range(8):
        image, mask = ball(k)
        labels = np.stack([mask, mask, np.roll(mask, 9, axis=2)]).astype(np.uint16)
        if k == 1:
            labels = labels[1:]
        if k == 2:
            labels = labels[:1]
        if k == 3:
            image, labels = image * np.float16(0), labels * 0
        kept.put(f"case{k}", NetCase(image, labels))
    return kept


def planned(spec):
    return plan_model([CaseGrid(SHAPE, (1.0, 1.0, 1.0))], 1, ["ball"], spec)


def trained(shelf, folder, spec=TINY, cases=CASES, reporter=None):
    return train_model(planned(spec), shelf, cases, spec, folder, reporter)


@pytest.mark.parametrize("network", ["unet", "segresnet", "dynunet", "plainconvunet", "resenc"])
@pytest.mark.parametrize("dimensions", ["2d", "3d"])
def test_a_second_predictor_stands_on_the_same_trunk(network, dimensions):
    if network in ("plainconvunet", "resenc"):
        pytest.importorskip("dynamic_network_architectures")
    from napari_aleatoric.training._torch._networks import build_network
    from napari_aleatoric.training._torch._uma_network import with_readers

    spec = TINY.model_copy(update={"network": network, "dimensions": dimensions})
    plan = planned(spec)
    net = build_network(plan, 0)
    both = with_readers(net, plan, spec.uma, 0)
    images = torch.randn(2, plan.n_inputs, *plan.patch_zyx)
    labels = torch.zeros((2, 3, *plan.patch_zyx), dtype=torch.int64)
    labels[1, 2] = -1
    primary, auxiliary, log_variance = both(images, labels)
    assert torch.equal(primary, net(images))
    assert auxiliary.shape == primary.shape
    assert not torch.allclose(primary, auxiliary)
    assert log_variance.shape == labels.shape
    assert (log_variance[1, 2] == 0).all()
    auxiliary.sum().backward()
    own = dict(both.auxiliary.named_parameters())
    trunk = [p for p in net.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert trunk
    assert all(p.grad is not None for p in own.values() if p.requires_grad)
    head = dict(net.get_submodule(both.head_name).named_parameters())
    assert set(head) == set(own)
    assert all(p.grad is None for p in head.values())  # the first predictor learns nothing from the second's loss
    assert all(p.grad is None for p in both.log_variance.parameters())


def test_only_trunk_and_first_predictor_are_kept(shelf, tmp_path):
    from safetensors.torch import load_file

    reporter = RecordingReporter()
    model = trained(shelf, tmp_path, reporter=reporter)
    plain = trained(shelf, tmp_path / "plain", TINY.model_copy(update={"readers": "random"}))
    names = [set(load_file(next((f / "checkpoints").iterdir()))) for f in (tmp_path, tmp_path / "plain")]
    assert names[0] == names[1]
    assert model.digest != plain.digest
    told = {name for name, _, _ in reporter.metrics}
    assert {"loss/quality", "loss/threshold", "loss/high", "loss/uncertainty"} <= told
    case = shelf.get("case7")
    assert load_model(tmp_path).predict(case, SHAPE).probabilities.shape == (2, *SHAPE)
    with pytest.raises(NotFoundError, match="readers 'uma'"):
        reader_uncertainty(tmp_path / "plain", case)


@pytest.mark.parametrize("dimensions", ["2d", "3d"])
def test_a_spoilt_reader_loses_weight_where_wrong(shelf, tmp_path, dimensions):
    changes = {"iterations": 200, "dimensions": dimensions, "width": 8, "uma": UmaSpec(width=8)}
    spec = TINY.model_copy(update=changes)
    model = trained(shelf, tmp_path, spec, UNSEEN)
    image, mask = ball(7)
    wrong = np.roll(mask, 9, axis=2)
    case = NetCase(image, np.stack([mask, wrong]).astype(np.uint16))
    found = reader_uncertainty(tmp_path, case)
    assert found.maps.shape == (2, *SHAPE)
    right, spoilt = found.maps.astype(np.float32)
    beside = wrong & ~mask
    assert spoilt[beside].mean() > right[beside].mean() + 0.2
    assert found.quality_by_reader[0] > found.quality_by_reader[1] + 0.05
    assert found.quality == pytest.approx(np.mean(found.quality_by_reader))
    p = model.predict(case, SHAPE).probabilities[1]
    assert p[mask].mean() > p[beside].mean() + 0.3
    finer = reader_uncertainty(tmp_path, case, (12, 48, 48))
    assert finer.maps.shape == (2, 12, 48, 48)
    assert finer.quality_by_reader == found.quality_by_reader


@pytest.mark.parametrize(
    "uma",
    [
        UmaSpec(width=4, route=True),
        UmaSpec(maps="departure", route=True),
        UmaSpec(auxiliary=False, width=4, route=True),
        UmaSpec(width=4),
    ],
    ids=["all", "departure", "no second", "no routing"],
)
def test_stopped_anywhere_it_ends_the_same_bit_for_bit(shelf, tmp_path, uma):
    spec = TINY.model_copy(update={"uma": uma})
    whole = trained(shelf, tmp_path / "whole", spec)
    for stop_at in (3, 4):
        with pytest.raises(Cancelled):
            trained(shelf, tmp_path / "stopped", spec, reporter=RecordingReporter(cancel_after=stop_at))
    assert trained(shelf, tmp_path / "stopped", spec).digest == whole.digest
    files = [tmp_path / name / "readers.safetensors" for name in ("whole", "stopped")]
    if uma.maps == "learned":
        assert files[0].read_bytes() == files[1].read_bytes()
    else:
        assert not files[0].exists()


def test_neighbouring_slices_stand_beside_a_readers_label(shelf, tmp_path):
    trained(shelf, tmp_path, TINY.model_copy(update={"dimensions": "2.5d", "iterations": 2}), UNSEEN)
    case = shelf.get("case4")
    whole = reader_uncertainty(tmp_path, case).maps
    assert whole.shape == (3, *SHAPE)
    part = NetCase(case.image[:, 1:4], case.labels[:, 1:4])
    alone = reader_uncertainty(tmp_path, part).maps
    np.testing.assert_allclose(alone[:, 1], whole[:, 2], atol=2e-3)  # its neighbours are the same
    assert np.abs(alone[:, 0].astype(np.float32) - whole[:, 1].astype(np.float32)).max() > 2e-3


@pytest.mark.parametrize("loss", ["duo", "umedsam"])
def test_other_losses_learn_from_the_readers_mean_too(shelf, tmp_path, loss):
    reporter = RecordingReporter()
    trained(shelf, tmp_path, TINY.model_copy(update={"loss": LossSpec(kind=loss, warm_up=0)}), reporter=reporter)
    assert all(np.isfinite(value) for name, value, _ in reporter.metrics if name == "loss")


def test_each_reader_counts_alike_and_a_missing_one_not_at_all(shelf):
    from napari_aleatoric.training._torch._reader_loss import of_each_reader
    from napari_aleatoric.training._torch._train_patches import TrainDraw

    spec = TINY.model_copy(update={"readers": "each"})
    batch = TrainDraw(shelf, UNSEEN, planned(spec), spec).step(1, range(8))
    n, r = batch.labels.shape[:2]
    assert r == 3
    there = (batch.labels >= 0).flatten(2).any(2)
    assert [len(shelf.get(UNSEEN.names[row]).labels) for row in batch.sample_index] == there.sum(1).tolist()
    assert not there.all()
    logits = torch.randn(n, 2, *batch.labels.shape[2:], dtype=torch.float64)
    objective = build_objective(LossSpec(), 2)
    found = of_each_reader(objective, logits, batch, 0.5)
    expected = 0.0
    for i in range(n):
        losses = [
            float(objective(logits[i : i + 1], batch.labels[i, k][None], part=0.5).total)
            for k in range(r)
            if there[i, k]
        ]
        expected += np.mean(losses) / n
    assert float(found.total) == pytest.approx(expected, rel=1e-6)


def test_where_all_are_asked_the_patches_are_those_of_one_drawn(shelf):
    from napari_aleatoric.training._torch._train_patches import TrainDraw

    plain = TINY.model_copy(update={"readers": "random"})
    one = TrainDraw(shelf, UNSEEN, planned(plain), plain).step(2, range(6))
    every = TrainDraw(shelf, UNSEEN, planned(TINY), TINY).step(2, range(6))
    assert torch.equal(one.images, every.images)
    assert one.labels.shape == (6, *planned(TINY).patch_zyx)
    same = (one.labels[:, None] == every.labels).flatten(2).all(2)
    assert same.any(1).all()  # the label that was drawn is one of them
