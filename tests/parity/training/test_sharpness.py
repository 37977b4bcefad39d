"""The sharpness-aware step beside numpy and a loop written by hand; what it leaves as it was."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import Cancelled, DataError

torch = pytest.importorskip("torch")

from napari_aleatoric.training._torch._sharpness import (  # noqa: E402
    SharpnessAware,
    average_gradients,
    frozen_running_statistics,
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(norm=torch.nn.BatchNorm2d):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, bias=False), norm(4), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 1)
    )


def images():
    return torch.randn(3, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def closure_of(net, scaler=None, seen=None):
    def closure():
        if seen is not None:
            seen.append(copy.deepcopy(net.state_dict()))
        loss = net(images()).square().mean()
        (loss if scaler is None else scaler.scale(loss)).backward()
        return loss.detach()

    return closure


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 1.0), st.floats(1e-3, 0.1))
def test_on_a_quadratic_it_is_the_formula(seed, rho, rate):
    """L = ½ wᵀAw over two groups, four steps, in numpy."""
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(5, 5))
    a, w = root @ root.T, draw.normal(size=5)
    first, second = (torch.tensor(part, requires_grad=True) for part in (w[:2], w[2:]))
    matrix = torch.tensor(a)
    base = torch.optim.SGD([{"params": [first]}, {"params": [second], "lr": 2 * rate}], lr=rate)
    sharp = SharpnessAware(base, rho)

    def closure():
        whole = torch.cat([first, second])
        loss = 0.5 * whole @ matrix @ whole
        loss.backward()
        return loss.item()

    rates = np.array([rate, rate, 2 * rate, 2 * rate, 2 * rate])
    for _ in range(4):
        g = a @ w
        assert sharp.step(closure) == pytest.approx(0.5 * w @ g, rel=1e-9)
        w = w - rates * (a @ (w + rho * g / (np.linalg.norm(g) + 1e-12)))
        found = torch.cat([first, second]).detach().numpy()
        assert found == pytest.approx(w, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("clip", [None, 0.01])
def test_it_is_the_loop_written_by_hand(clip):
    by_hand, ours = network(), network()
    settings_ = {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}
    plain = torch.optim.SGD(by_hand.parameters(), **settings_)
    sharp = SharpnessAware(torch.optim.SGD(ours.parameters(), **settings_), 0.1, network=ours, clip_norm=clip)
    for _ in range(4):
        plain.zero_grad()
        by_hand(images()).square().mean().backward()
        g = [p.grad.clone() for p in by_hand.parameters()]
        norm = torch.cat([x.flatten() for x in g]).norm()
        statistics = {k: v.clone() for k, v in by_hand.state_dict().items() if "running" in k or "num_" in k}
        kept = [p.detach().clone() for p in by_hand.parameters()]
        with torch.no_grad():
            for p, x in zip(by_hand.parameters(), g, strict=True):
                p.add_(0.1 * x / norm)
        plain.zero_grad()
        by_hand(images()).square().mean().backward()
        with torch.no_grad():
            for p, x in zip(by_hand.parameters(), kept, strict=True):
                p.copy_(x)
        by_hand.load_state_dict(statistics, strict=False)
        if clip is not None:
            assert torch.nn.utils.clip_grad_norm_(by_hand.parameters(), clip) > clip
        plain.step()
        sharp.step(closure_of(ours))
    for name, value in by_hand.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-5, atol=1e-7, msg=name)


def test_the_weights_come_back_bit_by_bit_and_the_statistics_are_of_the_first_pass():
    net, seen = network(), []
    sharp = SharpnessAware(torch.optim.SGD(net.parameters(), lr=0.0), 0.7, network=net)
    before = copy.deepcopy(net.state_dict())
    sharp.step(closure_of(net, seen=seen))
    one = network()
    one(images())
    for name, value in net.state_dict().items():
        statistics = "running" in name or "num_batches" in name
        assert torch.equal(value, (one.state_dict() if statistics else before)[name])
    moved = [(seen[1][name] - before[name]).flatten() for name, _ in net.named_parameters()]
    assert torch.cat(moved).norm().item() == pytest.approx(0.7, rel=1e-5)


@pytest.mark.parametrize(
    "norm",
    [
        torch.nn.BatchNorm2d,
        lambda n: torch.nn.BatchNorm2d(n, momentum=None),
        lambda n: torch.nn.InstanceNorm2d(n, track_running_stats=True),
        lambda n: torch.nn.GroupNorm(2, n),
    ],
)
def test_frozen_statistics_change_nothing_but_themselves(norm):
    net, other = network(norm), network(norm)
    before = copy.deepcopy(net.state_dict())
    with frozen_running_statistics(net):
        found = net(images())
    assert torch.equal(found, other(images()))
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(net(images()), found)
    for name, value in net.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])  # they go on afterwards
    net.eval()
    of_training = net(images())
    with frozen_running_statistics(net):
        assert torch.equal(net(images()), of_training)


def test_stopped_in_the_second_pass_the_weights_are_back():
    net, calls = network(), []
    sharp = SharpnessAware(torch.optim.SGD(net.parameters(), lr=0.1), network=net)
    before = [p.detach().clone() for p in net.parameters()]

    def closure():
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled("Stopped as asked.")
        net(images()).square().mean().backward()

    with pytest.raises(Cancelled):
        sharp.step(closure)
    assert all(torch.equal(p, x) for p, x in zip(net.parameters(), before, strict=True))
    sharp.step(closure_of(net))


def test_stopped_and_taken_up_it_ends_the_same():
    whole, parts = network(), network()

    def optimiser(net):
        return SharpnessAware(torch.optim.AdamW(net.parameters(), lr=0.01), 0.1, network=net)

    first = optimiser(whole)
    for _ in range(6):
        first.step(closure_of(whole))
    second = optimiser(parts)
    for _ in range(3):
        second.step(closure_of(parts))
    state, weights = copy.deepcopy(second.state_dict()), copy.deepcopy(parts.state_dict())
    fresh = network()
    fresh.load_state_dict(weights)
    third = optimiser(fresh)
    third.load_state_dict(state)
    assert third.param_groups is third.base.param_groups
    for _ in range(3):
        third.step(closure_of(fresh))
    for name, value in whole.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value), name
    torch.optim.AdamW(fresh.parameters()).load_state_dict(state)  # the base's own


def test_a_schedule_on_it_moves_the_base():
    net = network()
    sharp = SharpnessAware(torch.optim.SGD(net.parameters(), lr=1.0))
    schedule = torch.optim.lr_scheduler.StepLR(sharp, 1, 0.1)
    sharp.step(closure_of(net))
    schedule.step()
    assert sharp.base.param_groups[0]["lr"] == pytest.approx(0.1)
    sharp.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.5})
    assert [g["lr"] for g in sharp.base.param_groups] == pytest.approx([0.1, 0.5])
    assert len(sharp.param_groups) == 2


def test_parameters_without_a_gradient_stay():
    net = network()
    net[3].requires_grad_(False)
    sharp = SharpnessAware(torch.optim.SGD(net.parameters(), lr=0.1))
    before = net[3].weight.clone()
    sharp.step(closure_of(net))
    assert torch.equal(net[3].weight, before)
    nothing = torch.nn.Parameter(torch.ones(2))
    idle = SharpnessAware(torch.optim.SGD([nothing], lr=0.1))
    idle.step(lambda: (0 * nothing).sum().backward())
    assert (nothing == 1).all()


def test_a_scaled_loss_makes_the_same_step():
    plain, scaled = network(), network()
    one = SharpnessAware(torch.optim.SGD(plain.parameters(), lr=0.1), network=plain, clip_norm=0.1)
    other = SharpnessAware(torch.optim.SGD(scaled.parameters(), lr=0.1), network=scaled, clip_norm=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    for _ in range(3):
        one.step(closure_of(plain))
        other.step(closure_of(scaled, scaler), scaler)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(scaled.state_dict()[name], value, rtol=1e-5, atol=1e-6, msg=name)


def test_an_overflow_skips_the_step_and_lowers_the_scale():
    net = network()
    sharp = SharpnessAware(torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), network=net)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    before = [p.detach().clone() for p in net.parameters()]
    for broken in ([1], [2]):
        calls = []

        def closure(calls=calls, broken=broken):
            calls.append(1)
            loss = net(images()).square().mean() * (torch.inf if len(calls) in broken else 1)
            scaler.scale(loss).backward()

        scale = scaler.get_scale()
        sharp.step(closure, scaler)
        assert all(torch.equal(p, x) for p, x in zip(net.parameters(), before, strict=True))
        assert scaler.get_scale() == scale / 2


def test_a_gradient_that_is_not_finite_is_told():
    w = torch.nn.Parameter(torch.ones(2))
    sharp = SharpnessAware(torch.optim.SGD([w], lr=0.1))
    with pytest.raises(DataError, match="finite gradient"):
        sharp.step(lambda: (w * torch.nan).sum().backward())
    assert (w == 1).all()
    with pytest.raises(DataError, match="closure"):
        sharp.step()
    with pytest.raises(DataError, match="rho above 0"):
        SharpnessAware(torch.optim.SGD([w], lr=0.1), rho=0)


def test_under_autocast_it_steps():
    net = network()
    sharp = SharpnessAware(torch.optim.SGD(net.parameters(), lr=0.1), network=net)

    def closure():
        with torch.autocast("cpu", torch.bfloat16):
            loss = net(images()).float().square().mean()
        loss.backward()
        return loss.item()

    values = [sharp.step(closure) for _ in range(10)]
    assert values[-1] < values[0]


def test_with_one_process_there_is_nothing_to_average():
    w = torch.nn.Parameter(torch.ones(2))
    average_gradients([w])
    assert w.grad is None
