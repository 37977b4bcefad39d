"""The doors to the quick network; torch is loaded when one is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Reporter, SilentReporter, Volume
from napari_aleatoric.uncertainty import QuickNetSpec

from ._cases import CaseShelf, NetCase, case_grid, standardised
from ._plan import NetPlan

if TYPE_CHECKING:
    from ._torch._quick_net import QuickNet

__all__ = ["learn_quick_net", "net_case"]


def net_case(volume: Volume, labels: NDArray[np.integer[Any]], box: Box, plan: NetPlan) -> NetCase:
    """Bring a case to the network's grid.

    Parameters
    ----------
    volume : Volume
        Upright, grey or colour.
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices by reader, on the whole upright grid.
    box : Box
        The part that is looked at.
    plan : NetPlan
        Of the data set. Where it has colour images, a grey one counts as one of three equal colours; where it has
        none, a colour image is taken as the mean of its colours.
    """
    from ._torch._grid import coarser_image, coarser_labels

    shape = plan.shape_of(case_grid(volume, box))
    image = standardised(volume, box)
    if len(image) > plan.n_channels:
        image = image.mean(axis=0, keepdims=True)
    if len(image) < plan.n_channels:
        image = np.repeat(image, plan.n_channels, axis=0)
    return NetCase(coarser_image(image, shape), coarser_labels(labels[(slice(None), *box.slices)], shape))


def learn_quick_net(
    plan: NetPlan,
    shelf: CaseShelf,
    names: Sequence[str],
    spec: QuickNetSpec,
    state_file: Path,
    reporter: Reporter | None = None,
) -> QuickNet:
    """Train a network on some kept cases, or go on where it stopped.

    Parameters
    ----------
    plan : NetPlan
        Grid, patch and network.
    shelf : CaseShelf
        Where the cases are.
    names : sequence of str
        The cases to learn from, by their names on the shelf; the same order gives the same network.
    spec : QuickNetSpec
        How long and how fast.
    state_file : Path
        Where the state is kept between runs, every 15 seconds and when the work is stopped.
    reporter : Reporter, optional
        Hears of every step and may stop there.

    Returns
    -------
    QuickNet
        With ``predict(case, shape_zyx)``.
    """
    from ._torch._quick_net import learn_quick_net as learn

    told = reporter or SilentReporter()
    return learn(plan, shelf, names, spec, state_file, told)
