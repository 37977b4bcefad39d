"""One step of the quick network on the processor: float32, as we do it, beside bfloat16. ``make bench`` runs it."""

from __future__ import annotations

import time

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from napari_aleatoric.training import CaseGrid, QuickNetSpec, plan_net  # noqa: E402
from napari_aleatoric.training._torch._loop import base_loss  # noqa: E402
from napari_aleatoric.training._torch._unet import build_net  # noqa: E402

STEPS = 4


@pytest.mark.parametrize("shape", [(35, 50, 35), (6, 128, 128)], ids=["volume", "few slices"])
def test_a_step_in_float32_and_in_bfloat16(shape, capsys):
    plan = plan_net([CaseGrid(shape, (1.0, 1.0, 1.0))], 1, 2, QuickNetSpec())
    images = torch.randn(plan.patches_per_step, 1, *plan.patch_zyx)
    labels = (torch.rand(plan.patches_per_step, *plan.patch_zyx) > 0.9).long()

    def seconds(lower: bool) -> float:
        net = build_net(plan, 0)
        taken = []
        for _ in range(STEPS):
            begun = time.perf_counter()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=lower):
                logits = net(images)
            base_loss(logits.float(), labels).backward()
            taken.append(time.perf_counter() - begun)
        return min(taken)

    ours, other = seconds(False), seconds(True)
    with capsys.disabled():
        print(f"\n{shape}: float32 {ours:.2f} s, bfloat16 {other:.2f} s: {other / ours:.1f} times as long")
