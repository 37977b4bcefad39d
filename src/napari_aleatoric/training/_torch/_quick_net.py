"""The quick network: learned from some cases, asked about others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_aleatoric.foundation import torch_device
from napari_aleatoric.model import Reporter
from napari_aleatoric.training._cases import CaseShelf, NetCase
from napari_aleatoric.training._plan import NetPlan
from napari_aleatoric.uncertainty import QuickNetSpec

from ._grid import finer_probabilities, finer_slices
from ._judge import predict_grid
from ._loop import train_net
from ._patches import PatchDraw

__all__ = ["QuickNet", "learn_quick_net"]

_SLAB_NUMBERS = 1 << 26  # probabilities on the image's grid held at a time: 256 MB
_LEAST_SLAB = 8  # slices


class QuickNet:
    """A trained network, ready to be asked about cases it has not seen.

    Parameters
    ----------
    net : torch.nn.Module
        Trained.
    plan : NetPlan
        What it was made for.
    spec : QuickNetSpec
        Settings.
    """

    def __init__(self, net: nn.Module, plan: NetPlan, spec: QuickNetSpec) -> None:
        self._net = net
        self._plan = plan
        self._spec = spec
        self._device, self._dtype = _place(spec)

    @property
    def plan(self) -> NetPlan:
        """Grid, patch and network."""
        return self._plan

    def predict(self, case: NetCase, shape_zyx: tuple[int, int, int]) -> NDArray[np.float16]:
        """Return probabilities (K, Z, Y, X) on an image's grid of that shape; see `predict_grid`."""
        return finer_probabilities(self._on_grid(case, _always).float(), shape_zyx)

    def predict_slabs(
        self, case: NetCase, shape_zyx: tuple[int, int, int], go_on: Callable[[], None] | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Predict as `predict` does, a few slices of the image's grid after the other.

        Parameters
        ----------
        case : NetCase
            On the network's grid; its labels are not looked at.
        shape_zyx : tuple of int
            The image's grid that the answer is wanted on.
        go_on : callable, optional
            Asked again and again; may raise `Cancelled`.

        Yields
        ------
        numpy.ndarray of float32, shape (K, n, Y, X)
            Probabilities of the next n slices.
        """
        found = self._on_grid(case, go_on or _always)
        depth, height, width = shape_zyx
        thick = max(_LEAST_SLAB, _SLAB_NUMBERS // (self._plan.n_rows * height * width))
        for first in range(0, depth, thick):
            yield finer_slices(found, shape_zyx, first, min(first + thick, depth))

    def _on_grid(self, case: NetCase, go_on: Callable[[], None]) -> Tensor:
        return predict_grid(
            self._net,
            self._plan,
            case.image,
            overlap=self._spec.overlap,
            device=self._device,
            dtype=self._dtype,
            go_on=go_on,
        )


def _place(spec: QuickNetSpec) -> tuple[torch.device, torch.dtype]:
    """Return where the network runs and in which type; on a processor float32.

    Convolutions of few channels are about twice as slow there in bfloat16, matrix tiles or not
    (``benchmarks/test_quick_net.py``).
    """
    device, dtype = torch_device(spec.device)
    return device, torch.float32 if device.type == "cpu" else dtype


def _always() -> None:
    """Go on."""


def learn_quick_net(
    plan: NetPlan,
    shelf: CaseShelf,
    names: Sequence[str],
    spec: QuickNetSpec,
    state_file: Path,
    reporter: Reporter,
) -> QuickNet:
    """Train a network on some kept cases, or go on where it stopped; see `train_net`."""
    device, dtype = _place(spec)
    draw = PatchDraw(shelf, names, plan, spec.near_fraction, spec.seed)
    net = train_net(
        plan,
        draw,
        spec,
        state_file,
        reporter,
        device=device,
        dtype=dtype,
    )
    return QuickNet(net, plan, spec)
