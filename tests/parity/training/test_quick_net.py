"""The quick network: loss, patches, stop and go, and whether it learns. Beside MONAI where it has the same."""

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.model import RecordingReporter, SilentReporter
from napari_aleatoric.training import CaseGrid, CaseShelf, NetCase, QuickNetSpec, learn_quick_net, plan_net

torch = pytest.importorskip("torch")
monai_losses = pytest.importorskip("monai.losses")

TINY = QuickNetSpec(iterations=12, width=4, voxels_per_step=8192, patch_voxels=8192, overlap=0.25)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the networks are tiny
    yield
    torch.set_num_threads(before)


def ball(shape, centre, radius):
    grid = np.indices(shape)
    return ((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0) <= radius**2


@pytest.fixture
def shelf(tmp_path):
    """Six noisy balls, bright on dark; of two sizes."""
    kept = CaseShelf(tmp_path / "cases")
    rng = np.random.default_rng(5)
    for k in range(6):
        shape = (14 + k, 20, 18)
        mask = ball(shape, (7 + k // 2, 9 + k % 3, 8), 5)
        image = rng.normal(0, 0.4, shape) + 2.0 * mask
        kept.put(f"case{k}", NetCase(image[np.newaxis].astype(np.float16), mask[np.newaxis].astype(np.uint16)))
    return kept


@pytest.fixture
def plan():
    return plan_net([CaseGrid((14, 20, 18), (1.0, 1.0, 1.0))], 1, 2, TINY)


def learned(plan, shelf, tmp_path, spec=TINY, reporter=None, names=("case0", "case1", "case2", "case3")):
    return learn_quick_net(plan, shelf, names, spec, tmp_path / "state.pt", reporter or SilentReporter())


def weights(net):
    return torch.cat([value.flatten() for value in net._net.state_dict().values()])


def test_the_loss_is_monais_where_nothing_is_ignored():
    from napari_aleatoric.training._torch._loop import base_loss

    torch.manual_seed(0)
    logits, target = torch.randn(2, 4, 5, 6, 7), torch.randint(0, 4, (2, 5, 6, 7))
    theirs = monai_losses.DiceCELoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True, smooth_nr=1.0, smooth_dr=1.0
    )
    assert base_loss(logits, target).item() == pytest.approx(theirs(logits, target[:, None]).item(), rel=1e-5)


def test_ignored_voxels_change_nothing():
    from napari_aleatoric.training._torch._loop import base_loss
    from napari_aleatoric.training._torch._patches import IGNORED

    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 4, 4, 4), torch.randint(0, 3, (2, 4, 4, 4))
    small = base_loss(logits[..., :2], target[..., :2])
    target[..., 2:] = IGNORED
    logits[..., 2:] *= 100
    assert base_loss(logits, target).item() == pytest.approx(small.item(), rel=1e-5)


def test_it_learns_what_it_has_not_seen(plan, shelf, tmp_path):
    spec = TINY.model_copy(update={"iterations": 80, "learning_rate": 1e-2})
    net = learned(plan, shelf, tmp_path, spec)
    for name in ("case4", "case5"):
        case = shelf.get(name)
        p = net.predict(case, case.labels.shape[1:])
        assert p.shape == (2, *case.labels.shape[1:])
        assert np.allclose(p.astype(np.float32).sum(axis=0), 1, atol=2e-3)
        found, true = p[1] > 0.5, case.labels[0] == 1
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.85


def test_stopped_anywhere_it_ends_the_same(plan, shelf, tmp_path):
    whole = weights(learned(plan, shelf, tmp_path / "whole"))
    for stop_at in (1, 5, 10):
        place = tmp_path / f"stopped{stop_at}"
        with pytest.raises(Cancelled):
            learned(plan, shelf, place, reporter=RecordingReporter(cancel_after=stop_at))
        reporter = RecordingReporter()
        assert torch.allclose(weights(learned(plan, shelf, place, reporter=reporter)), whole, atol=1e-6)
        assert len(reporter.metrics) == TINY.iterations - (stop_at - 1)


def test_a_failure_within_a_step_leaves_the_last_whole_state(plan, shelf, tmp_path, monkeypatch):
    from napari_aleatoric.training._torch import _loop

    whole = weights(learned(plan, shelf, tmp_path / "whole"))
    with pytest.raises(Cancelled):
        learned(plan, shelf, tmp_path, reporter=RecordingReporter(cancel_after=5))
    kept = (tmp_path / "state.pt").read_bytes()
    step = torch.optim.AdamW.step

    def interrupted(*arguments, **keywords):
        step(*arguments, **keywords)  # the weights have moved, the count has not
        raise MemoryError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(_loop.torch.optim.AdamW, "step", interrupted)
        with pytest.raises(MemoryError):
            learned(plan, shelf, tmp_path)
    assert (tmp_path / "state.pt").read_bytes() == kept
    assert torch.allclose(weights(learned(plan, shelf, tmp_path)), whole, atol=1e-6)


def test_finished_training_is_not_repeated(plan, shelf, tmp_path):
    first = weights(learned(plan, shelf, tmp_path))
    reporter = RecordingReporter()
    again = weights(learned(plan, shelf, tmp_path, reporter=reporter))
    assert torch.equal(first, again)
    assert not reporter.metrics


@pytest.mark.parametrize("damage", [b"", b"not a state", None])
def test_a_state_that_does_not_fit_is_not_used(plan, shelf, tmp_path, damage):
    other = TINY.model_copy(update={"seed": 1})
    first = weights(learned(plan, shelf, tmp_path))
    if damage is not None:
        (tmp_path / "state.pt").write_bytes(damage)
    found = weights(learned(plan, shelf, tmp_path, other))
    assert not torch.allclose(found, first)
    assert torch.allclose(found, weights(learned(plan, shelf, tmp_path / "fresh", other)), atol=1e-6)


def test_beyond_the_rim_the_image_goes_on_and_nothing_is_learned(shelf, tmp_path):
    from napari_aleatoric.training._torch._patches import IGNORED, PatchDraw

    thin = CaseShelf(tmp_path / "thin")
    image = np.arange(3 * 20 * 18, dtype=np.float16).reshape(1, 3, 20, 18) / 100
    thin.put("a", NetCase(image, np.ones((1, 3, 20, 18), np.uint16)))
    plan = plan_net([CaseGrid((16, 20, 18), (1.0, 1.0, 1.0))], 1, 2, TINY)
    images, labels = PatchDraw(thin, ["a"], plan, 0.5, seed=0).step(3)
    depth = plan.patch_zyx[0]
    before = (depth - 3 + 1) // 2
    assert (labels[:, before : before + 3] == 1).all()
    assert (labels[:, :before] == IGNORED).all()
    assert (labels[:, before + 3 :] == IGNORED).all()
    assert torch.equal(images[:, :, 0], images[:, :, before])
    assert not torch.equal(images[:, :, before], images[:, :, before + 1])


def test_near_patches_show_every_class(tmp_path):
    from napari_aleatoric.training._torch._patches import PatchDraw

    label = np.zeros((1, 40, 40, 40), np.uint16)
    label[0, :20, :20, :20] = 1
    label[0, 35, 35, 35] = 2  # one voxel in 64,000
    shelf = CaseShelf(tmp_path)
    shelf.put("a", NetCase(np.zeros((1, 40, 40, 40), np.float16), label))
    plan = plan_net([CaseGrid((40, 40, 40), (1.0, 1.0, 1.0))], 1, 3, TINY)
    draw = PatchDraw(shelf, ["a"], plan, 1.0, seed=0)
    rare = [(draw.step(k)[1] == 2).flatten(1).any(dim=1).float().mean().item() for k in range(30)]
    assert 0.3 < np.mean(rare) < 0.7
    never = PatchDraw(shelf, ["a"], plan, 0.0, seed=0)
    assert np.mean([(never.step(k)[1] == 2).any().item() for k in range(30)]) < 0.3


def test_a_picture_goes_through_a_flat_network(tmp_path):
    shelf = CaseShelf(tmp_path / "cases")
    rng = np.random.default_rng(0)
    label = np.zeros((1, 1, 40, 44), np.uint16)
    label[0, 0, 10:30, 12:30] = 1
    image = rng.normal(0, 0.3, (3, 1, 40, 44)) + label
    shelf.put("a", NetCase(image.astype(np.float16), label))
    plan = plan_net([CaseGrid((1, 40, 44), (1.0, 1.0, 1.0))], 3, 2, TINY)
    net = learn_quick_net(plan, shelf, ["a"], TINY, tmp_path / "state.pt")
    assert net.predict(shelf.get("a"), (1, 80, 88)).shape == (2, 1, 80, 88)


def test_few_slices_are_looked_at_one_by_one(tmp_path):
    shelf = CaseShelf(tmp_path / "cases")
    rng = np.random.default_rng(0)
    for k in range(4):
        mask = ball((4 + k, 32, 32), (2, 14 + k, 18 - k), 7)
        image = rng.normal(0, 0.4, mask.shape) + 2.0 * mask
        shelf.put(f"case{k}", NetCase(image[np.newaxis].astype(np.float16), mask[np.newaxis].astype(np.uint16)))
    spec = TINY.model_copy(update={"iterations": 60, "width": 8, "learning_rate": 1e-2})
    plan = plan_net([CaseGrid((n, 32, 32), (1.0, 1.0, 1.0)) for n in (4, 5, 6)], 1, 2, spec)
    assert plan.is_flat
    net = learn_quick_net(plan, shelf, ["case0", "case1", "case2"], spec, tmp_path / "state.pt")
    case = shelf.get("case3")
    found = net.predict(case, case.labels.shape[1:])[1].astype(np.float32)
    mask = case.labels[0] > 0
    assert 2 * found[mask].sum() / (found.sum() + mask.sum()) > 0.7
    other = case.image.copy()
    other[:, 4] = 0
    changed = net.predict(NetCase(other, case.labels), case.labels.shape[1:])[1].astype(np.float32)
    np.testing.assert_allclose(np.delete(changed, 4, axis=0), np.delete(found, 4, axis=0), atol=2e-3)
    assert np.abs(changed[4] - found[4]).max() > 0.3


def test_slabs_are_the_whole_in_parts(plan, shelf, tmp_path, monkeypatch):
    from napari_aleatoric.training._torch import _quick_net

    net = learned(plan, shelf, tmp_path)
    case = shelf.get("case5")
    for shape in (case.labels.shape[1:], (37, 25, 30), (9, 20, 18), (1, 20, 18)):
        whole = net.predict(case, shape)
        for numbers, least in ((1 << 26, 8), (1, 5), (1, 1)):
            monkeypatch.setattr(_quick_net, "_SLAB_NUMBERS", numbers)
            monkeypatch.setattr(_quick_net, "_LEAST_SLAB", least)
            slabs = list(net.predict_slabs(case, shape))
            assert len(slabs) == (1 if numbers > 1 else -(-shape[0] // least))
            np.testing.assert_allclose(np.concatenate(slabs, axis=1), whole.astype(np.float32), atol=1e-3)


def test_a_case_too_large_for_one_piece_is_predicted_in_several(plan, shelf, tmp_path, monkeypatch):
    from napari_aleatoric.training._torch import _judge

    net = learned(plan, shelf, tmp_path, TINY.model_copy(update={"iterations": 60, "learning_rate": 1e-2}))
    rng = np.random.default_rng(0)
    shape = (70, 20, 18)
    mask = np.any([ball(shape, (z, 9, 8), 5) for z in range(0, 70, 9)], axis=0)  # something in every window
    image = (rng.normal(0, 0.4, shape) + 2.0 * mask)[np.newaxis].astype(np.float16)
    case = NetCase(image, mask[np.newaxis].astype(np.uint16))
    whole = net.predict(case, shape).astype(np.float32)
    monkeypatch.setattr(_judge, "_MOST_NUMBERS", 1)  # as thick as a window
    parts = net.predict(case, shape).astype(np.float32)
    assert np.allclose(parts.sum(axis=0), 1, atol=2e-3)
    assert not np.array_equal(parts, whole)  # other windows
    assert (parts.argmax(axis=0) == whole.argmax(axis=0)).mean() > 0.97
    found = parts[1] > 0.5
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.85


def test_prediction_stops_between_windows(plan, shelf, tmp_path):
    net = learned(plan, shelf, tmp_path)
    asked = []

    def go_on():
        asked.append(1)
        raise Cancelled("Stopped as asked.")

    with pytest.raises(Cancelled):
        next(net.predict_slabs(shelf.get("case5"), (19, 20, 18), go_on))
    assert len(asked) == 1


def test_grey_among_colour_and_colour_among_grey(plan):
    from dataclasses import replace

    from napari_aleatoric.foundation import Box
    from napari_aleatoric.model import Geometry, Volume
    from napari_aleatoric.training import net_case

    rng = np.random.default_rng(0)
    colour = Volume(rng.integers(0, 255, (14, 20, 18, 3), dtype=np.uint8), Geometry((14, 20, 18)))
    grey = Volume(colour.data[..., 0], colour.geometry)
    box, label = Box.whole((14, 20, 18)), np.zeros((1, 14, 20, 18), np.uint16)
    of_three = net_case(grey, label, box, replace(plan, n_channels=3)).image
    assert of_three.shape[0] == 3
    assert np.array_equal(of_three[0], of_three[2])
    assert net_case(colour, label, box, plan).image.shape[0] == 1
    mean = net_case(colour, label, box, replace(plan, n_channels=3)).image.astype(np.float32).mean(axis=0)
    assert np.allclose(net_case(colour, label, box, plan).image[0].astype(np.float32), mean, atol=2e-2)


def test_grids_there_and_back_lie_on_each_other():
    from napari_aleatoric.training._torch._grid import coarser_image, coarser_labels, finer_probabilities

    mask = ball((40, 44, 48), (20.5, 15.0, 30.0), 9)
    small = (20, 22, 24)
    image = coarser_image(mask[np.newaxis].astype(np.float32), small)
    assert image[0].astype(np.float64).sum() * 8 == pytest.approx(mask.sum(), rel=1e-3)  # averages keep the mass
    labels = coarser_labels(mask[np.newaxis], small)
    back = finer_probabilities(torch.from_numpy(labels.astype(np.float32)), mask.shape)[0] > 0.5
    assert 2 * (back & mask).sum() / (back.sum() + mask.sum()) > 0.93
    found, true = np.argwhere(back).mean(axis=0), np.argwhere(mask).mean(axis=0)
    assert np.abs(found - true).max() < 0.15
    soft = finer_probabilities(torch.from_numpy(image[0:1].astype(np.float32)), mask.shape)[0] > 0.5
    assert np.abs(np.argwhere(soft).mean(axis=0) - true).max() < 0.05
