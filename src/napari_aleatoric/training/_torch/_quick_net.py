"""The quick network: learned from some cases, asked about others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_aleatoric.foundation import torch_device
from napari_aleatoric.model import Reporter
from napari_aleatoric.training._cases import CaseShelf, NetCase
from napari_aleatoric.training._plan import NetPlan
from napari_aleatoric.uncertainty import QuickNetSpec

from ._judge import predict_case
from ._loop import train_net
from ._patches import PatchDraw

__all__ = ["QuickNet", "learn_quick_net"]


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
        self._device, self._dtype = torch_device(spec.device)

    @property
    def plan(self) -> NetPlan:
        """Grid, patch and network."""
        return self._plan

    def predict(self, case: NetCase, shape_zyx: tuple[int, int, int]) -> NDArray[np.float16]:
        """Return probabilities (K, Z, Y, X) on an image's grid of that shape; see `predict_case`."""
        return predict_case(
            self._net,
            self._plan,
            case,
            shape_zyx,
            overlap=self._spec.overlap,
            device=self._device,
            dtype=self._dtype,
        )


def learn_quick_net(
    plan: NetPlan,
    shelf: CaseShelf,
    names: Sequence[str],
    spec: QuickNetSpec,
    state_file: Path,
    reporter: Reporter,
) -> QuickNet:
    """Train a network on some kept cases, or go on where it stopped; see `train_net`."""
    device, dtype = torch_device(spec.device)
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
