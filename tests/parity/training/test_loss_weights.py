"""Weights of voxels and samples: 0 is as if they were not there, and only ratios matter. All kinds of loss."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.training import LossSpec

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from napari_aleatoric.training._torch._losses import build_objective  # noqa: E402
from napari_aleatoric.training._torch._patches import IGNORED  # noqa: E402

SPECS = {
    "dice_ce": LossSpec(),
    "duo": LossSpec(kind="duo", alpha=2.0),
    "denoise": LossSpec(kind="duo", denoise=True),
    "umedsam": LossSpec(kind="umedsam"),
}
few = settings(max_examples=15, deadline=None)
kinds = st.sampled_from(sorted(SPECS))
seeds = st.integers(0, 2**31)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def batch(seed, size=2, shape=(4, 5, 6)):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, 3, *shape, generator=draw, dtype=torch.float64)
    noise = torch.randn(size, 3, *shape, generator=draw, dtype=torch.float64)
    return logits, torch.randint(0, 3, (size, *shape), generator=draw), noise


def value(kind, logits, target, noise, **weights):
    """Total, terms, and gradient of the logits."""
    spec = SPECS[kind]
    objective = build_objective(spec, 3).double()
    logits = logits.clone().requires_grad_()
    found = objective(
        logits, target, part=1.0, noise_logits=noise.clone().requires_grad_() if spec.denoise else None, **weights
    )
    (grad,) = torch.autograd.grad(found.total, logits)
    return torch.stack([found.total.detach(), *found.terms.values(), *found.class_weight]), grad


def same(a, b):
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@few
@given(kinds, seeds, st.integers(1, 2), st.booleans())
def test_voxels_of_weight_0_are_not_there(kind, seed, cut, by_label):
    """A slab that does not count, whatever is in it, is as if the patch had been cut off behind it."""
    logits, target, noise = batch(seed)
    expected, of_rest = value(kind, logits[:, :, cut:], target[:, cut:], noise[:, :, cut:])
    weight = torch.ones(target.shape)
    weight[:, :cut] = 0
    logits[:, :, :cut] *= 30
    if by_label:
        target[:, :cut] = IGNORED
        found, grad = value(kind, logits, target, noise)
    else:
        found, grad = value(kind, logits, target, noise, voxel_weight=weight)
    same(found, expected)
    same(grad[:, :, cut:], of_rest)
    assert (grad[:, :, :cut] == 0).all()


@few
@given(kinds, seeds, st.booleans())
def test_samples_of_weight_0_are_not_there(kind, seed, unknown):
    logits, target, noise = batch(seed, size=3)
    expected, of_rest = value(kind, logits[1:], target[1:], noise[1:], sample_weight=torch.tensor([1.0, 3.0]))
    if unknown:
        target[0] = IGNORED
    weight = torch.tensor([2.0 if unknown else 0.0, 1.0, 3.0])
    found, grad = value(kind, logits, target, noise, sample_weight=weight)
    same(found, expected)
    same(grad[1:], of_rest)
    assert (grad[0] == 0).all()


@few
@given(kinds, seeds, st.sampled_from([0.25, 2.0, 1024.0]))
def test_only_ratios_of_weights_matter(kind, seed, factor):
    logits, target, noise = batch(seed)
    draw = torch.Generator().manual_seed(seed)
    voxels, samples = torch.rand(target.shape, generator=draw), torch.rand(2, generator=draw) + 0.1
    expected = value(kind, logits, target, noise, voxel_weight=voxels, sample_weight=samples)
    found = value(kind, logits, target, noise, voxel_weight=factor * voxels, sample_weight=factor * samples)
    same(found[0], expected[0])
    same(found[1], expected[1])


@few
@given(kinds, seeds)
def test_even_weights_are_none(kind, seed):
    logits, target, noise = batch(seed)
    expected = value(kind, logits, target, noise)
    found = value(
        kind, logits, target, noise, voxel_weight=torch.full(target.shape, 3.0), sample_weight=torch.full((2,), 5.0)
    )
    same(found[0], expected[0])
    same(found[1], expected[1])


@few
@given(kinds, seeds)
def test_a_sample_that_comes_twice_weighs_2(kind, seed):
    logits, target, noise = batch(seed)
    twice = [torch.cat([x, x[:1]]) for x in (logits, target, noise)]
    expected, _ = value(kind, *twice)
    found, _ = value(kind, logits, target, noise, sample_weight=torch.tensor([2.0, 1.0]))
    same(found, expected)


@few
@given(st.sampled_from(["dice_ce", "umedsam"]), seeds)
def test_a_heavier_voxel_counts_more(kind, seed):
    """Cross-entropy is the weighted mean, and so is the focal term: against the sums written out."""
    logits, target, _ = batch(seed)
    weight = torch.rand(target.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    true = logits.log_softmax(dim=1).gather(1, target[:, None])[:, 0]
    over = (1, 2, 3)
    wanted = {"cross_entropy": ((weight * -true).sum(over) / weight.sum(over)).mean()}
    wanted["focal"] = ((weight * -0.5 * (1 - true.exp()) ** 2 * true).sum(over) / weight.sum(over)).mean()
    terms = build_objective(SPECS[kind], 3).double()(logits, target, part=1.0, voxel_weight=weight).terms
    for name in wanted.keys() & terms.keys():
        same(terms[name], wanted[name])
