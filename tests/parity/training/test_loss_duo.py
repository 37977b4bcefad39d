"""DUO: the perception scale beside the numpy reference and an SVD, and what its weights do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.training import LossSpec
from napari_aleatoric.uncertainty import perception_scale

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from napari_aleatoric.training._torch._losses import build_objective  # noqa: E402
from napari_aleatoric.training._torch._losses._scale import perception_scales  # noqa: E402
from napari_aleatoric.training._torch._patches import IGNORED  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def smooth_logits(seed, size=2, n_classes=3, shape=(8, 10, 12)):
    """Balls with steep rims, as a network's logits are, and a little noise."""
    draw = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"))
    maps = []
    for _ in range(size * n_classes):
        centre = draw.uniform(0, shape).reshape(-1, *(1 for _ in shape))
        distance = np.sqrt(((grid - centre) ** 2).sum(axis=0)) - draw.uniform(1, 5)
        maps.append(np.clip(-3 * distance, -12, 12) + draw.normal(0, 0.1, shape))
    return torch.from_numpy(np.array(maps, np.float32).reshape(size, n_classes, *shape))


def by_svd(z):
    """From singular values, as the formula reads."""
    sigma = torch.linalg.svdvals(z.double().reshape(len(z), -1)).square()
    p = sigma / sigma.sum()
    return float(-(p * p.clamp(min=1e-300).log()).sum() / np.log(min(len(z), z[0].numel())))


@pytest.mark.parametrize("shape", [(8, 10, 12), (16, 2, 3), (1, 9, 8), (9, 8), (2, 5, 5), (1, 1, 7)])
def test_the_scale_is_that_of_the_reference_and_of_an_svd(shape):
    logits = smooth_logits(0, shape=shape)
    found = perception_scales(logits)
    for b in range(2):
        for c in range(3):
            z = logits[b, c]
            assert found[b, c].item() == pytest.approx(perception_scale(z.numpy()), abs=2e-6)
            rows = z if z.ndim == 2 or len(z) > 1 else z[0]
            if min(rows.shape) > 1:
                assert found[b, c].item() == pytest.approx(by_svd(rows), abs=2e-6)


@pytest.mark.parametrize(
    ("sigma", "wanted"),
    [((1, 1), 1.0), ((2, 1), 0.721928), ((3, 2, 1), 0.755928), ((10, 1, 1, 1), 0.118077), ((1, 0, 0), 0)],
)
def test_the_check_values(sigma, wanted):
    n = len(sigma)
    rotation = torch.linalg.qr(torch.randn(n, n, generator=torch.Generator().manual_seed(0)))[0]
    z = (torch.diag(torch.tensor(sigma, dtype=torch.float32)) @ rotation).reshape(1, 1, n, 1, n)
    assert perception_scales(z).item() == pytest.approx(wanted, abs=2e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-12, 1e12))
def test_it_lies_in_0_to_1_and_knows_no_unit(seed, factor):
    logits = smooth_logits(seed, size=1, shape=(5, 4, 6))
    found = perception_scales(logits)
    assert ((found >= 0) & (found <= 1)).all()
    torch.testing.assert_close(perception_scales(logits * factor), found, rtol=0, atol=1e-5)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(perception_scales(logits[:, order]), found[:, order], rtol=0, atol=1e-9)


def test_what_is_not_finite_counts_as_0():
    logits = smooth_logits(0)
    broken = logits.clone()
    broken[0, 0, 2, 3, 4], broken[1, 2, 0] = torch.nan, torch.inf
    clean = torch.nan_to_num(broken, nan=0.0, posinf=0.0)
    torch.testing.assert_close(perception_scales(broken), perception_scales(clean), rtol=0, atol=1e-6)
    assert (perception_scales(torch.zeros(1, 2, 4, 4, 4)) < 1e-6).all()
    huge = perception_scales(logits * 1e30)  # the Gram matrix leaves the range of float32
    torch.testing.assert_close(huge, perception_scales(logits), rtol=0, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 3.0])
def test_every_class_of_every_sample_is_divided(alpha):
    """The total against the formula, written out with numpy."""
    logits = smooth_logits(1)
    target = torch.randint(0, 3, (2, 8, 10, 12), generator=torch.Generator().manual_seed(0))
    spec = LossSpec(kind="duo", alpha=alpha, beta=0.3, include_background=True)
    found = build_objective(spec, 3)(logits, target, part=1.0)
    z = logits.double().numpy()
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    total, weights = 0.0, np.zeros((2, 3))
    for b in range(2):
        for c in range(3):
            y = target[b].numpy() == c
            dice = 1 - (2 * p[b, c][y].sum() + 1e-5) / (p[b, c].sum() + y.sum() + 1e-5)
            entropy = -np.log(p[b, c][y]).sum() / y.size
            weights[b, c] = 1 / (1 + alpha * perception_scale(logits[b, c].numpy()))
            total += weights[b, c] * (0.3 * dice / 3 + 0.7 * entropy) / 2
    assert found.total.item() == pytest.approx(total, rel=1e-5)
    assert found.class_weight.numpy() == pytest.approx(weights.mean(axis=0), rel=1e-5)
    assert ((found.class_weight >= 1 / (1 + alpha) - 1e-6) & (found.class_weight <= 1)).all()


def test_with_alpha_0_and_before_the_warm_up_ends_it_is_the_plain_loss():
    logits = smooth_logits(2)
    target = torch.randint(0, 3, (2, 8, 10, 12))
    plain = build_objective(LossSpec(), 3)(logits, target, part=1.0)
    for spec, part in ((LossSpec(kind="duo", alpha=0), 1.0), (LossSpec(kind="duo", warm_up=0.4), 0.39)):
        found = build_objective(spec, 3)(logits, target, part=part)
        assert found.total.item() == pytest.approx(plain.total.item(), rel=1e-6)
        assert (found.scale > 0).all()  # measured from the first step
    assert plain.scale.isnan().all()
    assert (plain.class_weight == 1).all()


def test_the_weights_come_gradually():
    logits = smooth_logits(2)
    target = torch.randint(0, 3, (2, 8, 10, 12))
    objective = build_objective(LossSpec(kind="duo", alpha=1.0, warm_up=0.2, ramp=0.5), 3)
    low, half, full = (objective(logits, target, part=part).class_weight for part in (0.2, 0.45, 0.7))
    scale = objective(logits, target, part=0.0).scale
    assert (low == 1).all()
    assert ((half > full) & (half < low)).all()
    one = build_objective(LossSpec(kind="duo", alpha=1.0, warm_up=0.2, ramp=0.5), 3)
    same = one(logits[:1], target[:1], part=0.45)
    torch.testing.assert_close(same.class_weight, 1 / (1 + 0.5 * same.scale))
    assert (scale > 0).all()


def test_the_weight_is_held_fast_unless_asked_otherwise():
    logits = smooth_logits(3).requires_grad_()
    target = torch.randint(0, 3, (2, 8, 10, 12))
    found = build_objective(LossSpec(kind="duo"), 3)(logits, target, part=1.0)
    (held,) = torch.autograd.grad(found.total, logits)
    free_one = build_objective(LossSpec(kind="duo", detach_scale=False), 3)
    free = free_one(logits, target, part=1.0)
    assert free.total.item() == pytest.approx(found.total.item(), rel=1e-6)
    (moving,) = torch.autograd.grad(free.total, logits)
    assert (moving - held).abs().max() > 1e-6
    low = smooth_logits(3, size=1, shape=(3, 2, 4)).double().requires_grad_()
    where = torch.randint(0, 3, (1, 3, 2, 4))
    assert torch.autograd.gradcheck(lambda z: free_one(z, where, part=1.0).total, low, fast_mode=True)
    with pytest.raises(RuntimeError):
        torch.autograd.gradcheck(
            lambda z: build_objective(LossSpec(kind="duo"), 3)(z, where, part=1.0).total, low, fast_mode=True
        )


def test_equal_singular_values_do_not_break_the_gradient():
    logits = torch.eye(6).reshape(1, 1, 6, 1, 6).repeat(1, 2, 1, 1, 1).requires_grad_()
    perception_scales(logits).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_rows_that_are_not_seen_are_not_there():
    logits = smooth_logits(4)
    seen = torch.ones(2, 8, 10, 12, dtype=torch.bool)
    seen[0, :3], seen[0, :, 7:] = False, False
    found = perception_scales(logits, seen)
    assert found[0, 1].item() == pytest.approx(perception_scale(logits[0, 1, 3:, :7].numpy()), abs=2e-6)
    assert found[1, 1].item() == pytest.approx(perception_scale(logits[1, 1].numpy()), abs=2e-6)


def test_hard_classes_keep_more_weight():
    """Low scale = hard: a class whose map is blurred and small counts more than a steep, large one."""
    grid = torch.stack(torch.meshgrid(*(torch.arange(16.0),) * 3, indexing="ij"))
    distance = (grid - 8).square().sum(dim=0).sqrt()
    logits = torch.stack([distance - 6, 6 * (6 - distance).clamp(-2, 2), 0.3 * (2 - distance).clamp(-2, 2)])[None]
    target = torch.full((1, 16, 16, 16), IGNORED)
    target[:, 4:12] = 1
    weight = build_objective(LossSpec(kind="duo"), 3)(logits, target, part=1.0).class_weight
    assert weight[2] > weight[1]
