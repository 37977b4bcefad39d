"""What DUO costs beside plain Dice and cross-entropy in a step of a U-Net, there and back.

A step is the network's part, which is the same whatever the loss, and the loss's part, from logits to their
gradient. The losses take turns on the logits of every pass; of each part the least processor time counts, so that
what else the machine does falls on all alike, and the least time on the clock is told beside it. House target: a
step with DUO takes at most 5 % more than one with MONAI's DiceCELoss. Memory is what autograd keeps from the loss's
way there to its way back.
"""

from __future__ import annotations

import time

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from monai.losses import DiceCELoss  # noqa: E402
from monai.networks.nets import UNet  # noqa: E402

from napari_aleatoric.training import LossSpec  # noqa: E402
from napari_aleatoric.training._torch._losses import build_objective  # noqa: E402

SIDE, CLASSES, ROUNDS, TURNS = 96, 5, 3, 4
TARGET = 1.05


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def losses():
    monai = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True)
    plain = build_objective(LossSpec(), CLASSES)
    duo = build_objective(LossSpec(kind="duo"), CLASSES)
    return {
        "MONAI DiceCELoss": lambda z, y: monai(z, y[:, None]),
        "ours, dice_ce": lambda z, y: plain(z, y, part=1.0).total,
        "ours, duo": lambda z, y: duo(z, y, part=1.0).total,
    }


def seconds(run) -> tuple[float, float]:
    """Processor time of all threads, and time on the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    run()
    return time.process_time() - processor, time.perf_counter() - clock


def least(values):
    return tuple(map(min, zip(*values, strict=True)))


def target():
    """Blocks of every class, as organs are, not noise."""
    coarse = torch.randint(0, CLASSES, (1, 1, 6, 6, 6)).float()
    return torch.nn.functional.interpolate(coarse, (SIDE,) * 3)[:, 0].long()


def kept_bytes(loss, logits, labels) -> int:
    """Bytes of the tensors that autograd keeps, each storage once, without the logits and the labels."""
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss(logits, labels)
    return sum(n for at, n in kept.items() if at not in {logits.data_ptr(), labels.data_ptr()})


def test_a_step_with_duo(benchmark, capsys):
    network = UNet(3, 1, CLASSES, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)
    image, labels, every = torch.randn(1, 1, SIDE, SIDE, SIDE), target(), losses()
    of_network, of_losses = [], {name: [] for name in every}

    def there_and_back(loss, logits):
        logits.grad = None
        loss(logits, labels).backward()

    for _ in range(ROUNDS):
        network.zero_grad()
        outs = []
        there = seconds(lambda outs=outs: outs.append(network(image)))
        logits = outs[0].detach().requires_grad_()
        for _ in range(TURNS):
            for name, loss in every.items():
                of_losses[name].append(seconds(lambda loss=loss, logits=logits: there_and_back(loss, logits)))
        back = seconds(lambda outs=outs, logits=logits: outs[0].backward(logits.grad))
        of_network.append((there[0] + back[0], there[1] + back[1]))
    benchmark.pedantic(there_and_back, (every["ours, duo"], logits), rounds=1)
    common, found = least(of_network), {name: least(values) for name, values in of_losses.items()}
    kept = {name: kept_bytes(loss, logits, labels) / 2**20 for name, loss in every.items()}
    ratio = (common[0] + found["ours, duo"][0]) / (common[0] + found["MONAI DiceCELoss"][0])
    with capsys.disabled():
        print(f"\n{SIDE}³, {CLASSES} classes; the network {common[0]:.2f} s ({common[1]:.2f} s on the clock)")
        for name, (a, b) in found.items():
            print(f"{name}: {a * 1e3:.0f} ms ({b * 1e3:.0f} ms on the clock), keeps {kept[name]:.1f} MiB")
        print(f"a step with duo / with MONAI: {ratio:.4f}")
    assert ratio < TARGET
    assert kept["ours, duo"] < TARGET * kept["MONAI DiceCELoss"]
