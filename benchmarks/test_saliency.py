"""Saliency on a network as large as BiomedCLIP's image half: ten steps of ten draws, plainly and as we do it.

``make bench`` runs it. The numbers in the network are random: they decide nothing about the time. The formula is
timed in three forms: with gradients of the network's own numbers, as a program gets them that does not switch them
off; without them; and ours.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")
timm_model = pytest.importorskip("open_clip.timm_model")

from napari_aleatoric.foundation import SaliencySpec  # noqa: E402
from napari_aleatoric.foundation._torch._m2ib import bottleneck, noise_of  # noqa: E402
from napari_aleatoric.foundation._torch._text_image_layers import vision_layers  # noqa: E402

F = torch.nn.functional
STEPS, DRAWS = 10, 10


def plain(visual, pixels, text, layer, spec, noise):
    """Every step runs the whole network on ten copies of the image."""
    a, kept = None, {}

    def replace(module, inputs, h):
        nonlocal a
        if a is None:
            a = torch.full((1, *h.shape[1:]), 5.0, requires_grad=True)
        lam = a.sigmoid().expand(len(h), -1, -1)
        mean, variance = lam * h, ((1 - lam) ** 2).clamp(min=1e-10)
        kept["kl"] = 0.5 * (mean**2 + variance - variance.log() - 1)
        return mean + variance.sqrt() * kept["noise"]

    handle, optimiser = visual.trunk.blocks[layer].register_forward_hook(replace), None
    for step in range(spec.steps):
        kept["noise"] = noise(step)
        vectors = visual(pixels.expand(spec.draws, -1, -1, -1))
        optimiser = optimiser or torch.optim.Adam([a], lr=spec.learning_rate)
        loss = spec.beta * kept["kl"].mean() - F.cosine_similarity(vectors, text).mean()
        optimiser.zero_grad()
        visual.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        visual(pixels.expand(spec.draws, -1, -1, -1))
    handle.remove()
    return kept["kl"].mean(0).sum(-1).detach()


@pytest.mark.parametrize("layer", [7, 9])
def test_saliency_at_least_three_times_faster_than_the_plain_loop(layer, capsys):
    torch.manual_seed(0)
    visual = timm_model.TimmModel("vit_base_patch16_224", 512, pool="", proj="linear").eval()
    pixels, text = torch.randn(1, 3, 224, 224), F.normalize(torch.randn(1, 512), dim=-1)
    spec = SaliencySpec(layer=layer, steps=STEPS, draws=DRAWS)
    layers = vision_layers(visual)
    noise = noise_of(spec, 197, 768)

    def ours():
        with torch.no_grad():
            hidden = layers.below(pixels, layer)
        return bottleneck(lambda h: layers.above(h, layer), hidden, text, spec)[0]

    seconds, found = {}, {}
    for name, learning, run in (
        ("plain", True, lambda: plain(visual, pixels, text, layer, spec, noise)),
        ("plain, frozen", False, lambda: plain(visual, pixels, text, layer, spec, noise)),
        ("ours", False, ours),
    ):
        visual.requires_grad_(learning)
        started = time.process_time()  # other programs on the machine do not count
        found[name] = run()
        seconds[name] = time.process_time() - started
    with capsys.disabled():
        told = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
        print(f"\nlayer {layer}, ViT-B/16, {STEPS} x {DRAWS}, processor time: {told}")
    assert np.allclose(found["ours"].numpy(), found["plain"].numpy(), atol=1e-3, rtol=1e-3)
    assert seconds["plain"] > 3 * seconds["ours"]
