"""Every network takes what the plan says and gives logits; all that asks for a gradient gets one."""

from dataclasses import replace

import numpy as np
import pytest

from napari_aleatoric.training import CaseGrid, LossSpec, ModelPlan, TrainSpec, plan_model

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
pytest.importorskip("dynamic_network_architectures")

ALL = ("unet", "segresnet", "swinunetr", "dynunet", "plainconvunet", "resenc")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the networks are tiny
    yield
    torch.set_num_threads(before)


def planned(network: str, dimensions: str, **changes) -> ModelPlan:
    spec = TrainSpec(network=network, dimensions=dimensions, width=4, patch_voxels=16_000, **changes)
    return plan_model([CaseGrid((20, 40, 33), (2.0, 1.0, 1.0))], 1, ["a", "b"], spec)


@pytest.mark.parametrize("dimensions", ["2d", "2.5d", "3d"])
@pytest.mark.parametrize("network", ALL)
def test_patches_become_logits(network, dimensions):
    from napari_aleatoric.training._torch._losses import with_noise_head
    from napari_aleatoric.training._torch._networks import build_network

    plan = planned(network, dimensions)
    assert plan.is_flat == (dimensions != "3d")
    net = build_network(plan, 3)
    pixels = torch.randn(1, plan.n_inputs, *plan.patch_zyx)
    logits, noise = with_noise_head(net)(pixels)
    assert logits.shape == noise.shape == (1, 3, *plan.patch_zyx)
    logits.square().mean().backward()
    assert all((p.grad is not None) == p.requires_grad for p in net.parameters())
    again, other = build_network(plan, 3), build_network(plan, 4)
    same = [torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert any(not torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))


def test_kernels_are_flat_where_slices_are_thick():
    from napari_aleatoric.training._torch._networks import build_network

    spec = TrainSpec(network="plainconvunet", width=4, patch_voxels=16_000)
    plan = plan_model([CaseGrid((12, 40, 40), (5.0, 1.0, 1.0))], 1, ["a"], spec)
    kernels = [tuple(p.shape[2:]) for p in build_network(plan, 0).parameters() if p.ndim == 5]
    assert kernels[0] == (1, 3, 3)
    assert (3, 3, 3) in kernels
    assert plan.strides[1] == (1, 2, 2)


def test_a_neighbouring_slice_is_seen_in_2_5d_only():
    from napari_aleatoric.training._torch._networks import build_network
    from napari_aleatoric.training._torch._predict_grid import predict_mirrored, with_neighbours

    image = np.random.default_rng(0).normal(size=(1, 5, 40, 32)).astype(np.float16)
    stacked = with_neighbours(image, 1)
    assert np.array_equal(stacked[:, 2], image[0, 1:4])
    assert np.array_equal(stacked[0, 0], image[0, 0])  # the outermost is repeated
    changed = image.copy()
    changed[:, 3] += 3
    for dimensions, others in (("2d", False), ("2.5d", True)):
        plan = planned("unet", dimensions)
        net = build_network(plan, 0).eval()
        how = {"overlap": 0.25, "device": torch.device("cpu"), "dtype": torch.float32, "go_on": lambda: None}
        before, after = (predict_mirrored(net, plan, v, axes=(), **how) for v in (image, changed))
        moved = [(before[:, z] != after[:, z]).any().item() for z in range(5)]
        assert moved == [False, False, others, True, others]


def test_mirrored_predictions_are_the_mean_over_flips():
    from napari_aleatoric.training._torch._networks import build_network
    from napari_aleatoric.training._torch._predict_grid import predict_mirrored

    plan = planned("unet", "3d")
    net = build_network(plan, 0).eval()
    image = np.random.default_rng(0).normal(size=(1, *plan.patch_zyx)).astype(np.float16)
    how = {"overlap": 0.25, "device": torch.device("cpu"), "dtype": torch.float32, "go_on": lambda: None}
    plain = predict_mirrored(net, plan, image, axes=(), **how).float()
    flipped = predict_mirrored(net, plan, np.flip(image, 3), axes=(), **how).float().flip(3)
    both = predict_mirrored(net, plan, image, axes=(2,), **how).float()
    assert not torch.allclose(plain, flipped, atol=1e-2)
    assert torch.allclose(both, (plain + flipped) / 2, atol=1e-3)


def test_memory_needed_is_of_the_order_of_what_is_kept():
    from napari_aleatoric.training import memory_needed
    from napari_aleatoric.training._torch._losses import build_objective
    from napari_aleatoric.training._torch._networks import build_network

    for network in ALL:
        plan = replace(planned(network, "3d"), batch=1)
        kept: dict[int, int] = {}

        def pack(t, kept=kept):
            kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
            return t

        net, objective = build_network(plan, 0), build_objective(LossSpec(), 3)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            logits = net(torch.randn(1, 1, *plan.patch_zyx))
            objective(logits, torch.zeros((1, *plan.patch_zyx), dtype=torch.int64), part=0.0)
        measured = sum(kept.values()) + 12 * sum(4 * p.numel() for p in net.parameters()) / 4
        assert 0.5 < memory_needed(plan) / measured < 4, (network, memory_needed(plan), measured)
