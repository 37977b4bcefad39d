"""A look at cases that are not learned from: Dice by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.training._cases import CaseShelf, NetCase
from napari_aleatoric.training._model_plan import ModelPlan

from ._predict_grid import predict_mirrored
from ._train_processes import Processes

__all__ = ["case_dice", "validation_dice"]

_OVERLAP = 0.25  # less than in prediction: it is looked at often


def case_dice(found: NDArray[np.integer], labels: NDArray[np.integer], n_rows: int) -> NDArray[np.float64]:
    """Return Dice of every class but background, mean over the readers; NaN where neither has it.

    Parameters
    ----------
    found : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices.
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices by reader.
    n_rows : int
        K.

    Returns
    -------
    numpy.ndarray of float64, shape (K − 1,)
        2·overlap / (found + labelled).
    """
    own = np.bincount(found.ravel(), minlength=n_rows)[1:n_rows]
    scores = []
    for label in labels:
        theirs = np.bincount(label.ravel(), minlength=n_rows)[1:n_rows]
        both = np.bincount(found[found == label].ravel(), minlength=n_rows)[1:n_rows]
        total = own + theirs
        scores.append(np.where(total > 0, 2 * both / np.maximum(total, 1), np.nan))
    values = np.array(scores)
    known = ~np.isnan(values)
    return np.asarray(np.where(known.any(0), np.nansum(values, 0) / np.maximum(known.sum(0), 1), np.nan))


def validation_dice(
    network: nn.Module,
    plan: ModelPlan,
    shelf: CaseShelf,
    names: Sequence[str],
    processes: Processes,
    dtype: torch.dtype,
    go_on: Callable[[], None],
    seen: Callable[[NetCase, NDArray[np.integer]], None] | None = None,
) -> NDArray[np.float64]:
    """Predict cases on the network's grid, shared among the processes, and return the mean Dice of every class.

    Parameters
    ----------
    network : torch.nn.Module
        Is put into evaluation.
    plan : ModelPlan
        Its plan.
    shelf : CaseShelf
        Where the cases are.
    names : sequence of str
        Which.
    processes : Processes
        Who shares the work.
    dtype : torch.dtype
        Precision.
    go_on : callable
        Asked between windows; may raise `Cancelled`, which is then raised in every process.
    seen : callable, optional
        Given the first of the cases and what the network draws of it, class indices (Z, Y, X).

    Returns
    -------
    numpy.ndarray of float64, shape (K − 1,)
        Mean over the cases where network or readers have the class; NaN where none has it.
    """
    network.eval()
    sums, counts, stopped = np.zeros(plan.n_rows - 1), np.zeros(plan.n_rows - 1), 0.0
    try:
        for name in names[processes.rank :: processes.n]:
            case = shelf.get(name)
            p = predict_mirrored(
                network,
                plan,
                case.image,
                axes=(),
                overlap=_OVERLAP,
                device=processes.device,
                dtype=dtype,
                go_on=go_on,
            )
            found = p.argmax(dim=0).numpy()
            if seen is not None and name == names[0]:
                seen(case, found)
            scores = case_dice(found, np.asarray(case.labels), plan.n_rows)
            counts += ~np.isnan(scores)
            sums += np.nan_to_num(scores)
    except Cancelled:
        stopped = 1.0
    told = processes.summed(torch.tensor([*sums, *counts, stopped], dtype=torch.float32)).double().numpy()
    if told[-1] > 0:
        raise Cancelled("Stopped as asked.")
    sums, counts = told[: len(sums)], told[len(sums) : -1]
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
