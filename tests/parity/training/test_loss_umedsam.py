"""Learned weights of terms, focal loss and shape distance; each known defect has a test that it would fail."""

import copy
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_aleatoric.training import LossSpec

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from napari_aleatoric.training._torch._losses import build_objective, parameter_groups  # noqa: E402
from napari_aleatoric.training._torch._losses._shape import signed_distance  # noqa: E402
from napari_aleatoric.training._torch._losses._term_weights import TermWeights  # noqa: E402
from napari_aleatoric.training._torch._patches import IGNORED  # noqa: E402

SPEC = LossSpec(kind="umedsam")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def three(*values):
    return dict(zip("abc", torch.tensor(values), strict=True))


def ball(shape, centre, radius):
    grid = np.indices(shape)
    return ((grid - np.reshape(centre, (-1, *(1 for _ in shape)))) ** 2).sum(axis=0) <= radius**2


def test_the_check_value():
    weights = TermWeights("abc", 6.0)
    assert weights(three(0.3, 0.2, 0.1)).item() == pytest.approx(2.379442, abs=1e-6)
    assert all(w == 0.5 for w in weights.weights().values())


def test_the_learned_variances_are_the_best_ones():
    weights = TermWeights("abc", 6.0)
    values = (1.0, 0.1, 0.01)
    optimiser = torch.optim.LBFGS(weights.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = weights(three(*values))
        loss.backward()
        return loss

    optimiser.step(closure)
    best = [(v + np.sqrt(v * v + 8 * v)) / 4 for v in values]
    assert weights.log_variance.exp().detach().numpy() == pytest.approx(best, rel=1e-2)
    assert [w.item() for w in weights.weights().values()] == pytest.approx([0.5, 2.0, 6.83], rel=1e-2)


def test_at_a_limit_it_waits_and_comes_back():
    weights = TermWeights("abc", 2.0)
    optimiser = torch.optim.SGD(weights.parameters(), lr=1.0)

    def go(values, steps):
        for _ in range(steps):
            optimiser.zero_grad()
            weights(three(*values)).backward()
            optimiser.step()
        return weights.log_variance.detach().clone()

    low = go((0.0, 0.0, 0.0), 50)
    assert (low < -2).all()
    assert (low > -3).all()  # and not ever further, although the gradient always points there
    assert [w.item() for w in weights.weights().values()] == pytest.approx([0.5 * np.exp(2)] * 3)
    assert (go((4.0, 4.0, 4.0), 3) > -2).all()


def test_the_dice_term_is_a_loss_so_weights_stay_finite():
    """With −Dice the variance of Dice goes to 0 and the loss to −∞."""
    target = torch.from_numpy(ball((8, 8, 8), (4, 4, 4), 2).astype(np.int64))[None]
    logits = 20 * torch.nn.functional.one_hot(target, 2).movedim(-1, 1).float() - 10
    objective = build_objective(SPEC, 2)
    optimiser = torch.optim.SGD(objective.parameters(), lr=0.5)
    for _ in range(100):
        optimiser.zero_grad()
        found = objective(logits, target, part=1.0)
        found.total.backward()
        optimiser.step()
        assert found.total.item() >= 0
    assert 0 <= found.terms["dice"].item() < 1e-3
    bad = objective(-logits, target, part=1.0).terms
    assert bad["dice"].item() > 0.9
    assert all(value >= 0 for value in bad.values())


def test_the_focal_term_takes_one_softmax():
    logits, target = torch.randn(2, 3, 4, 5, 6), torch.randint(0, 3, (2, 4, 5, 6))
    z = logits.double().numpy()
    p = np.take_along_axis(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), target[:, None].numpy(), 1)
    found = build_objective(SPEC, 3)(logits, target, part=1.0).terms["focal"].item()
    assert found == pytest.approx((-0.5 * (1 - p) ** 2 * np.log(p)).mean(), rel=1e-5)
    once = logits.softmax(dim=1)
    twice = build_objective(SPEC, 3)(once, target, part=1.0).terms["focal"].item()
    assert abs(found - twice) > 0.1 * found


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_the_focal_term_has_a_gradient_for_every_gamma(gamma):
    target = torch.zeros(1, 2, 2, 2, dtype=torch.int64)
    logits = torch.tensor([90.0, -90.0]).reshape(1, 2, 1, 1, 1).expand(1, 2, 2, 2, 2).clone().requires_grad_()
    spec = LossSpec(kind="umedsam", focal_gamma=gamma, shape=False)
    build_objective(spec, 2)(logits, target, part=1.0).total.backward()
    assert torch.isfinite(logits.grad).all()


def test_the_variances_in_use_are_the_ones_that_learn():
    """As if made for a whole training: initialised, moved, registered, stepped."""
    network = torch.nn.Conv3d(1, 3, 1)
    objective = build_objective(SPEC, 3).to("cpu")
    objective.apply(lambda module: None)
    groups = parameter_groups(network, objective, lr=0.1, weight_decay=0.3)
    assert [g["weight_decay"] for g in groups] == [0.3, 0.0]
    assert {id(p) for p in groups[1]["params"]} == {id(p) for p in objective.parameters()}
    optimiser = torch.optim.SGD(groups, lr=0.1)
    image, target = torch.randn(1, 1, 4, 4, 4), torch.randint(0, 3, (1, 4, 4, 4))
    first = objective(network(image), target, part=0.0)
    for _ in range(5):
        optimiser.zero_grad()
        objective(network(image), target, part=0.0).total.backward()
        optimiser.step()
    last = objective(network(image), target, part=0.0)
    for name in ("dice", "cross_entropy", "focal", "shape"):
        assert first.terms[f"weight_{name}"].item() == 0.5
        assert last.terms[f"weight_{name}"].item() != 0.5
    again = build_objective(SPEC, 3)
    again.load_state_dict(copy.deepcopy(objective.state_dict()))
    assert again(network(image), target, part=0.0).total.item() == last.total.item()
    assert len(parameter_groups(network, build_objective(LossSpec(), 3), 0.1, 0.3)) == 1


def test_the_distance_is_scipys_with_a_sign():
    mask = ball((9, 14, 11), (4, 6, 5), 3)
    seen = np.ones_like(mask)
    wanted = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    assert signed_distance(mask, seen) == pytest.approx(wanted / np.abs(wanted).max(), abs=1e-5)
    assert signed_distance(mask[4], seen[4]).shape == (14, 11)
    assert not signed_distance(np.zeros_like(mask), seen).any()
    assert not signed_distance(seen, seen).any()


def test_the_distance_does_not_know_what_is_not_seen():
    mask = ball((9, 14, 11), (4, 2, 5), 3)
    mask[:, :4] = mask[:, 4:8]
    seen = np.ones_like(mask)
    seen[:, :4] = False
    assert signed_distance(mask, seen)[:, 4:] == pytest.approx(signed_distance(mask[:, 4:], seen[:, 4:]), abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1))
def test_the_shape_term_is_0_at_the_reference_and_above_elsewhere(seed, share):
    draw = np.random.default_rng(seed)
    target = torch.from_numpy((draw.random((1, 4, 5, 6)) < share).astype(np.int64))
    target[0, 0, 0, 0] = IGNORED
    right = 200 * torch.nn.functional.one_hot(target.clamp(min=0), 2).movedim(-1, 1).float()
    objective = build_objective(SPEC, 2)
    assert objective(right, target, part=0.0).terms["shape"].item() == pytest.approx(0, abs=1e-6)
    other = torch.from_numpy(draw.normal(0, 2, (1, 2, 4, 5, 6)).astype(np.float32))
    known = target[target != IGNORED]
    if 0 < known.sum() < known.numel():
        assert objective(other, target, part=0.0).terms["shape"].item() > 0


def test_the_shape_term_is_its_formula_and_grows_with_the_way():
    mask = ball((10, 10, 10), (4, 4, 4), 2)
    target = torch.from_numpy(mask.astype(np.int64))[None]
    phi = signed_distance(mask, np.ones_like(mask))

    def shape(p):
        logits = torch.stack([torch.zeros(10, 10, 10), torch.from_numpy(p).logit(1e-6).float()])[None]
        return build_objective(SPEC, 2)(logits, target, part=0.0).terms["shape"].item()

    p = np.random.default_rng(0).uniform(0.1, 0.9, mask.shape)
    assert shape(p) == pytest.approx((phi * p).mean() - np.minimum(phi, 0).mean(), rel=1e-4)
    moved = [shape(ball((10, 10, 10), (4, 4, 4 + k), 2).astype(float)) for k in range(4)]
    assert all(a < b for a, b in pairwise(moved))


def test_distances_are_measured_once_for_a_target_that_comes_twice(monkeypatch):
    from napari_aleatoric.training._torch._losses import _shape

    calls = []
    plain = _shape.signed_distance
    monkeypatch.setattr(_shape, "signed_distance", lambda *a: calls.append(1) or plain(*a))
    objective = build_objective(SPEC, 3)
    logits, target = torch.randn(2, 3, 4, 4, 4), torch.randint(0, 3, (2, 4, 4, 4))
    first = objective(logits, target, part=0.0).terms["shape"]
    assert objective(logits, target, part=0.0).terms["shape"] == first
    assert len(calls) == 4
    target[0] = 0  # the same tensor with other values
    assert objective(logits, target, part=0.0).terms["shape"] != first
    assert len(calls) == 8
    objective(logits, target.clone(), part=0.0)
    assert len(calls) == 12
