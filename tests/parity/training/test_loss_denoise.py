"""Label denoising: sizes, formula, a second head that really learns, and what it does to wrong labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.training import LossSpec

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from monai.networks.nets import DynUNet, UNet  # noqa: E402

from napari_aleatoric.training._torch._losses import (  # noqa: E402
    build_objective,
    parameter_groups,
    with_noise_head,
)
from napari_aleatoric.training._torch._losses._label_noise import LabelNoise  # noqa: E402

NOW = LossSpec(denoise=True, warm_up=0.0, ramp=0.0)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def small_net(n_classes=3):
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 12, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(12, 12, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(12, n_classes, 1),
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 2**31), st.booleans())
def test_sizes_keep_the_papers_constraints(n_samples, n_classes, seed, by_sample):
    noise = LabelNoise(n_classes, [str(i) for i in range(n_samples)] if by_sample else None, seed)
    rows = torch.arange(n_samples)
    sizes = noise.size(rows, n_samples).detach()
    over = 0 if by_sample else 1
    assert sizes.mean(dim=over).abs().max() < 1e-4
    assert (sizes.square().mean(dim=over) - 1).abs().max() < 1e-2
    if by_sample:
        assert torch.equal(noise.size(rows[:1], 1)[0], sizes[0])
    else:
        assert sizes[0].argmax() == 0  # the background loses first


def test_denoised_targets_are_their_formula():
    noise = LabelNoise(3, ["a", "b", "c"], 0)
    y, z, rows = torch.rand(2, 3, 7), torch.randn(2, 3, 7), torch.tensor([2, 0])
    found = noise.denoised(y, z, rows).detach().numpy()
    e = noise.epsilon.detach().double().numpy()
    sizes = ((e - e.mean(axis=0)) / (e.std(axis=0) + 1e-6))[[2, 0]]
    wanted = np.clip(y.numpy() - sizes[:, :, None] / (1 + np.exp(-z.double().numpy())), 0, 1)
    assert found == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("kind", ["dice_ce", "duo"])
@pytest.mark.parametrize("size", ["class", "sample"])
def test_the_second_head_and_its_sizes_learn_and_the_network_does_not_feel_it(kind, size):
    """With the target held fast, as in the released text, the head would have no gradient at all."""
    network = with_noise_head(small_net())
    spec = NOW.model_copy(update={"kind": kind, "noise_size": size})
    objective = build_objective(spec, 3, ["a", "b", "c"])
    image, target = torch.randn(2, 1, 8, 8), torch.randint(0, 3, (2, 8, 8))
    logits, noise = network(image)
    found = objective(logits, target, part=1.0, noise_logits=noise, sample_index=torch.tensor([0, 2]))
    found.total.backward()
    assert network.noise_head.weight.grad.abs().max() > 0
    assert objective.label_noise.epsilon.grad.abs().max() > 0
    of_network = [p.grad.clone() for p in network.network.parameters()]
    network.zero_grad()
    logits, noise = network(image)
    held = objective(logits, target, part=1.0, noise_logits=noise.detach(), sample_index=torch.tensor([0, 2]))
    held.total.backward()
    for p, grad in zip(network.network.parameters(), of_network, strict=True):
        torch.testing.assert_close(p.grad, grad)


def test_before_it_begins_labels_are_as_given_and_every_gradient_is_there():
    network = with_noise_head(small_net())
    objective = build_objective(LossSpec(denoise=True), 3)
    image, target = torch.randn(2, 1, 8, 8), torch.randint(0, 3, (2, 8, 8))
    logits, noise = network(image)
    found = objective(logits, target, part=0.05, noise_logits=noise)
    plain = build_objective(LossSpec(), 3)(logits, target, part=0.05)
    assert found.total.item() == plain.total.item()
    assert "noise" not in found.terms
    found.total.backward()
    own = [*network.noise_head.parameters(), *objective.parameters()]
    assert all(p.grad is not None and (p.grad == 0).all() for p in own)


def test_with_a_silent_head_it_is_the_plain_loss():
    logits, target = torch.randn(2, 3, 8, 8), torch.randint(0, 3, (2, 8, 8))
    found = build_objective(NOW, 3)(logits, target, part=1.0, noise_logits=torch.full_like(logits, -80.0))
    plain = build_objective(LossSpec(), 3)(logits, target, part=1.0)
    for name, value in plain.terms.items():
        assert found.terms[name].item() == pytest.approx(value.item(), rel=1e-5)


def test_extreme_noise_logits_stay_finite():
    for high in (80.0, -80.0):
        logits, noise = (torch.full((1, 3, 4, 4), v).requires_grad_() for v in (high, high))
        found = build_objective(NOW, 3)(logits, torch.zeros(1, 4, 4).long(), part=1.0, noise_logits=noise)
        found.total.backward()
        assert torch.isfinite(found.total)
        assert torch.isfinite(logits.grad).all()
        assert torch.isfinite(noise.grad).all()


def test_overlooked_voxels_are_found_on_a_toy():
    """A fifth of the object is given as background: the denoised target is nearer to the truth than the given one.

    Not so from every start: see the page on losses.
    """
    torch.manual_seed(2)
    draw = torch.Generator().manual_seed(2)
    grid = torch.stack(torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij"))
    centres = torch.rand(4, 2, 1, 1, generator=draw) * 6 + 5
    truth = ((grid - centres).square().sum(dim=1) <= 20).long()
    image = truth[:, None] + 0.1 * torch.randn(4, 1, 16, 16, generator=draw)
    labels = truth.clone()
    labels[(truth == 1) & (torch.rand(truth.shape, generator=draw) < 0.2)] = 0
    network = with_noise_head(small_net(2))
    objective = build_objective(LossSpec(denoise=True, warm_up=0.2), 2)
    optimiser = torch.optim.Adam(parameter_groups(network, objective, 1e-2, 0.0))
    for step in range(200):
        logits, noise = network(image)
        found = objective(logits, labels, part=step / 200, noise_logits=noise)
        optimiser.zero_grad()
        found.total.backward()
        optimiser.step()
    with torch.no_grad():
        noise = network(image)[1].flatten(2)
        y, t = (torch.nn.functional.one_hot(x, 2).movedim(-1, 1).float().flatten(2) for x in (labels, truth))
        denoised = objective.label_noise.denoised(y, noise, None)
    before, after = (y - t).abs().mean().item(), (denoised - t).abs().mean().item()
    assert after < 0.8 * before


def unet(**others):
    return UNet(2, 1, 3, (4, 8), (2,), **others)


def dyn_unet():
    return DynUNet(2, 1, 3, [3] * 3, [1, 2, 2], [2, 2], filters=[4, 8, 8])


def strided():
    """Without a bias, made by a transposed convolution."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, 2, 1), torch.nn.ReLU(), torch.nn.ConvTranspose2d(4, 3, 2, 2, bias=False)
    )


@pytest.mark.parametrize("make", [unet, lambda: unet(num_res_units=2), dyn_unet, strided, small_net])
def test_any_network_gets_a_second_head(make):
    torch.manual_seed(3)
    network = make()
    image = torch.randn(2, 1, 16, 16)
    expected = network(image)
    both = with_noise_head(network)
    logits, noise = both(image)
    assert torch.equal(logits, expected)
    assert noise.shape == logits.shape
    assert noise.sigmoid().mean() < 0.3  # labels are taken for right at first
    noise.sum().backward()
    assert all(p.grad is None for p in network.parameters())
    assert both.noise_head.weight.grad.abs().sum() > 0
    torch.manual_seed(3)
    again = with_noise_head(make())
    assert torch.equal(again.noise_head.weight, both.noise_head.weight)
    again.load_state_dict(both.state_dict())
    assert torch.equal(again(image)[1], both(image)[1])


def test_a_network_that_does_not_fit_is_refused():
    with pytest.raises(NotFoundError, match="none"):
        with_noise_head(torch.nn.Linear(2, 2))
    with pytest.raises(NotFoundError, match="'nowhere'"):
        with_noise_head(small_net(), "nowhere")
    inner = with_noise_head(small_net(), "0")
    with pytest.raises(DataError, match="logits' shape"):
        inner(torch.randn(1, 1, 8, 8))
    shared = torch.nn.Conv2d(3, 3, 1)
    with pytest.raises(DataError, match="used 2 times"):
        with_noise_head(torch.nn.Sequential(shared, shared))(torch.randn(1, 3, 4, 4))


def test_what_is_missing_is_told():
    logits, target = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    by_sample = NOW.model_copy(update={"noise_size": "sample"})
    with pytest.raises(DataError, match="noise logits"):
        build_objective(NOW, 3)(logits, target, part=1.0)
    with pytest.raises(DataError, match="sample_names"):
        build_objective(by_sample, 3)
    with pytest.raises(DataError, match="own name"):
        build_objective(by_sample, 3, ["a", "a"])
    objective = build_objective(by_sample, 3, ["a", "b"])
    with pytest.raises(DataError, match="sample_index"):
        objective(logits, target, part=1.0, noise_logits=logits)
    with pytest.raises(DataError, match="from 0 to 1"):
        objective(logits, target, part=1.0, noise_logits=logits, sample_index=torch.tensor([0, 2]))
