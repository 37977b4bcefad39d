"""The multi-modal information bottleneck: which patches a sentence needs to see.

Wang et al. (NeurIPS 2023), as MedCLIP-SAMv2 uses it (Koleilat et al., arXiv 2409.19483, equation 16).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_aleatoric.foundation._saliency import SaliencySpec

__all__ = ["bottleneck", "information", "noise_of"]

_START = 5.0  # of a, so that all but 0.7 % of the image is let through
_LEAST_DEVIATION = 1e-5  # √1e-10; below it the logarithm of the variance is −∞

Going = Callable[[int], None]


def information(mean: Tensor, deviation: Tensor) -> Tensor:
    """Return KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − ln σ² − 1), in nats, element by element."""
    variance = deviation**2
    return 0.5 * (mean**2 + variance - variance.log() - 1)


def noise_of(spec: SaliencySpec, n_tokens: int, n_channels: int) -> Callable[[int], Tensor]:
    """Return what gives the noise of a step, (draws, T, C): the same for every slice, by the seed alone."""

    def draw(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(spec.seed * 1_000_003 + step)
        return torch.randn((spec.draws, n_tokens, n_channels), generator=generator)

    return draw


def bottleneck(
    above: Callable[[Tensor], Tensor],
    hidden: Tensor,
    targets: Tensor,
    spec: SaliencySpec,
    *,
    draws_at_once: int | None = None,
    go_on: Going | None = None,
) -> Tensor:
    """Find how much of each token has to get through for the vectors to stay near their targets.

    For every slice by itself, a mask λ = sigmoid(a) for each token and channel is sought with Adam that minimises
    β · mean KL − mean cos(target, vector(μ + σ n)), where μ = λh, σ = 1 − λ and n is standard normal noise. The
    network above the layer is run on several slices and draws at a time; their gradients do not mix.

    Parameters
    ----------
    above : callable
        From the answer of the layer (N, T, C) to vectors (N, D). Its numbers must not ask for gradients.
    hidden : torch.Tensor of float32, shape (N, T, C)
        h, the answer of the layer to N slices.
    targets : torch.Tensor of float32, shape (N, D)
        Vectors of length 1: of sentences, or of images where ``hidden`` is of sentences.
    spec : SaliencySpec
        β, steps, draws, rate and seed.
    draws_at_once : int, optional
        Draws of noise that go through the network together; None = all.
    go_on : callable, optional
        Told the number of passes that are done; may raise.

    Returns
    -------
    torch.Tensor, shape (N, T)
        KL in nats, summed over the channels, with the mask after the last step.
    """
    n, t, c = hidden.shape
    draw = noise_of(spec, t, c)
    at_once = min(spec.draws, draws_at_once or spec.draws)
    a = torch.full_like(hidden, _START, requires_grad=True)
    optimiser = torch.optim.Adam([a], lr=spec.learning_rate)
    done = 0
    for step in range(spec.steps):
        optimiser.zero_grad(set_to_none=True)
        noise = draw(step).to(hidden)
        mean, deviation = _masked(a, hidden)
        (spec.beta * information(mean, deviation).mean(dim=(1, 2)).sum()).backward()  # type: ignore[no-untyped-call]
        for start in range(0, spec.draws, at_once):
            part = noise[start : start + at_once]
            mean, deviation = _masked(a, hidden)
            seen = mean[:, None] + deviation[:, None] * part
            vectors = F.normalize(above(seen.flatten(0, 1)), dim=-1).view(n, len(part), -1)
            likeness = (vectors * targets[:, None]).sum(dim=-1)
            (-likeness.sum() / spec.draws).backward()  # type: ignore[no-untyped-call]
            done += len(part)
            if go_on is not None:
                go_on(done)
        optimiser.step()
    with torch.no_grad():
        return information(*_masked(a, hidden)).sum(dim=-1)


def _masked(a: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    passed = a.sigmoid()
    return passed * hidden, (1 - passed).clamp(min=_LEAST_DEVIATION)
