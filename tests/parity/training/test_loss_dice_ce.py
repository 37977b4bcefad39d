"""Dice and cross-entropy beside MONAI's, with hard and soft targets, and where numbers are extreme."""

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.training import LossSpec

torch = pytest.importorskip("torch")
monai_losses = pytest.importorskip("monai.losses")

from napari_aleatoric.training._torch._losses import build_objective  # noqa: E402
from napari_aleatoric.training._torch._patches import IGNORED  # noqa: E402

KINDS = ("dice_ce", "duo", "umedsam")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def batch(n_classes=4, shape=(5, 6, 7), size=2, dtype=torch.float32):
    logits = torch.randn(size, n_classes, *shape, dtype=dtype) * 2
    return logits.requires_grad_(), torch.randint(0, n_classes, (size, *shape))


def parts(target, n_classes):
    return torch.nn.functional.one_hot(target, n_classes).movedim(-1, 1).float()


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("shape", [(5, 6, 7), (9, 8)])
@pytest.mark.parametrize("beta", [0.5, 0.3, 0.0, 1.0])
def test_it_is_monais(background, shape, beta):
    logits, target = batch(shape=shape)
    ours = build_objective(LossSpec(beta=beta, include_background=background), 4)(logits, target, part=0.0)
    theirs = monai_losses.DiceCELoss(
        include_background=background,
        to_onehot_y=True,
        softmax=True,
        lambda_dice=beta,
        lambda_ce=1 - beta,
        smooth_nr=1e-5,
        smooth_dr=1e-5,
    )(logits, target[:, None])
    assert ours.total.item() == pytest.approx(theirs.item(), rel=1e-5)
    (expected,) = torch.autograd.grad(theirs, logits)
    (found,) = torch.autograd.grad(ours.total, logits)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_an_absent_class_is_as_in_monai():
    logits, target = batch()
    target[target == 2] = 1
    theirs = monai_losses.DiceLoss(include_background=False, to_onehot_y=True, softmax=True)
    ours = build_objective(LossSpec(), 4)(logits, target, part=0.0).terms["dice"]
    assert ours.item() == pytest.approx(theirs(logits, target[:, None]).item(), rel=1e-5)


def test_the_gradient_is_that_of_finite_differences():
    logits, target = batch(3, (2, 3, 2), dtype=torch.float64)
    target[0, 0, 0, 0] = IGNORED
    weight = torch.rand(2, 2, 3, 2)
    for kind in ("dice_ce", "umedsam"):
        objective = build_objective(LossSpec(kind=kind), 3).double()
        assert torch.autograd.gradcheck(
            lambda z, of=objective: of(z, target, part=0.5, voxel_weight=weight).total, logits, fast_mode=True
        )


@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_0_and_1_are_class_indices(kind):
    logits, target = batch()
    objective = build_objective(LossSpec(kind=kind), 4)
    target[0, :2] = IGNORED
    soft = parts(target.clamp(min=0), 4)
    soft[0, :, :2] = IGNORED
    hard, other = objective(logits, target, part=1.0), objective(logits, soft, part=1.0)
    for name, value in hard.terms.items():
        assert other.terms[name].item() == pytest.approx(value.item(), rel=1e-5), name
    a, b = (torch.autograd.grad(found.total, logits)[0] for found in (hard, other))
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7)


def test_soft_dice_and_cross_entropy_are_their_formulas():
    logits, _ = batch(3, (4, 4))
    soft = torch.rand(2, 3, 4, 4).softmax(dim=1)
    found = build_objective(LossSpec(include_background=True), 3)(logits, soft, part=0.0).terms
    z, y = logits.detach().double().numpy(), soft.double().numpy()
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    entropy = -(y * np.log(p)).sum(axis=1).mean()
    dice = 1 - (2 * (p * y).sum(axis=(2, 3)) + 1e-5) / ((p + y).sum(axis=(2, 3)) + 1e-5)
    assert found["cross_entropy"].item() == pytest.approx(entropy, rel=1e-5)
    assert found["dice"].item() == pytest.approx(dice.mean(), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("right", [True, False])
def test_extreme_logits_stay_finite(kind, right):
    _, target = batch()
    chosen = parts(target, 4) if right else 1 - parts(target, 4)
    logits = (160 * chosen - 80).requires_grad_()
    found = build_objective(LossSpec(kind=kind), 4)(logits, target, part=1.0)
    found.total.backward()
    assert torch.isfinite(found.total)
    assert torch.isfinite(logits.grad).all()
    wanted = 0.0 if right else 160 + np.log(3)
    assert found.terms["cross_entropy"].item() == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("only", [0, 2])
def test_a_single_class_in_the_patch_is_no_trouble(kind, only):
    logits, target = batch()
    found = build_objective(LossSpec(kind=kind), 4)(logits, torch.full_like(target, only), part=1.0)
    found.total.backward()
    assert torch.isfinite(found.total)
    assert torch.isfinite(logits.grad).all()
    assert logits.grad.abs().max() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_is_known_nothing_is_learned(kind):
    logits, target = batch()
    objective = build_objective(LossSpec(kind=kind), 4)
    for found in (
        objective(logits, torch.full_like(target, IGNORED), part=1.0),
        objective(logits, target, part=1.0, voxel_weight=torch.zeros(target.shape)),
        objective(logits, target, part=1.0, sample_weight=torch.zeros(2)),
    ):
        own = [p for p in objective.parameters() if p.requires_grad]
        grads = torch.autograd.grad(found.total, [logits, *own])
        assert found.total.item() == 0
        assert all((g == 0).all() for g in grads)


@pytest.mark.parametrize("kind", KINDS)
def test_in_bfloat16_the_loss_is_taken_in_float32(kind):
    logits, target = batch()
    objective = build_objective(LossSpec(kind=kind), 4)
    low = logits.detach().bfloat16().requires_grad_()
    exact = objective(low.detach().float(), target, part=1.0)
    with torch.autocast("cpu", torch.bfloat16):
        found = objective(low, target, part=1.0)
    found.total.backward()
    assert found.total.dtype == torch.float32
    assert found.total.item() == exact.total.item()
    assert low.grad.dtype == torch.bfloat16
    assert torch.isfinite(low.grad).all()


def test_what_does_not_fit_is_refused():
    logits, target = batch()
    objective = build_objective(LossSpec(), 4)
    wrong = target.clone()
    wrong[0, 0, 0, 0] = 4
    for arguments, options, words in (
        ((logits, wrong), {}, "from 0 to 3"),
        ((logits, target.int()), {}, "int64"),
        ((logits, target[:, :2]), {}, "shape"),
        ((logits, torch.rand(2, 3, 5, 6, 7)), {}, "parts of every class"),
        ((logits[:, :3], target), {}, "4 classes"),
        ((logits, target), {"voxel_weight": torch.ones(2, 5)}, "voxel_weight"),
        ((logits, target), {"voxel_weight": -torch.ones(target.shape)}, "at least 0"),
        ((logits, target), {"sample_weight": torch.tensor([1.0, torch.nan])}, "finite"),
        ((logits, target), {"noise_logits": logits}, "denoise"),
    ):
        with pytest.raises(DataError, match=words):
            objective(*arguments, part=0.0, **options)
    with pytest.raises(DataError, match="two classes"):
        build_objective(LossSpec(), 1)
