"""The loss of learning from several readers, after UMA-Net (Wang et al., arXiv 2304.00466); our formulas."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_aleatoric.training._readers_spec import UmaSpec
from napari_aleatoric.uncertainty import departure

from ._losses import LossParts
from ._patches import IGNORED
from ._reader_loss import readers_present
from ._train_patches import Batch

__all__ = ["UmaObjective", "agreed_target", "attenuated_loss", "label_quality", "of_whole_readers"]


class UmaObjective(nn.Module):
    """L = 1[q ≥ t]·L_seg(first predictor) + 1[q < t]·λ·L_seg(second predictor) + L_uncertainty (our proposal).

    L_seg is the chosen loss against the readers' weighted mean Σ ŵ_r y_r. As cross-entropy is linear in its target,
    with ``dice_ce`` this is half of Σ_r mean ŵ_r·CE(p, y_r) + Dice(p, Σ ŵ_r y_r). The weights carry no gradient,
    and L_uncertainty (`attenuated_loss`) none to the predictors. They are those of whole readers
    (`of_whole_readers`), or of voxels. Early in the training s_r counts less in them.

    t is a quantile of the quality q of the last epoch's patches (as many as there are cases), patches in which
    nobody drew anything apart: those have q = 1 and go to the first predictor.

    Parameters
    ----------
    objective : Objective
        The loss against one target.
    spec : UmaSpec
        Which parts.
    epoch : int
        Patches whose quality t is taken from.
    """

    def __init__(self, objective: nn.Module, spec: UmaSpec, epoch: int) -> None:
        super().__init__()
        self.objective = objective
        self.spec = spec
        self.recent: Tensor
        self.written: Tensor
        self.register_buffer("recent", torch.full((epoch,), math.nan))
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))

    def forward(
        self, primary: Tensor, auxiliary: Tensor | None, log_variance: Tensor | None, batch: Batch, part: float
    ) -> LossParts:
        """Work out the loss of a step.

        Parameters
        ----------
        primary, auxiliary : torch.Tensor, shape (N, K, *S)
            Logits of both predictors.
        log_variance : torch.Tensor, shape (N, R, *S), or None
            s_r; None: from the readers' departure from each other.
        batch : Batch
            With labels (N, R, *S).
        part : float
            How much of the training is done.
        """
        labels, spec = batch.labels, self.spec
        if log_variance is None:
            log_variance = departing_log_variance(labels, primary.shape[1], spec)
        held = log_variance.detach()
        told_apart = spec.strength(part) if spec.weigh else 0.0
        n_rows = primary.shape[1]
        apart = of_whole_readers(held, labels, n_rows, spec.band_voxels) if spec.apart == "reader" else held
        target = sharpened(agreed_target(labels, told_apart * apart, n_rows), spec.sharpen)
        uncertainty = shown_uncertainty(held, spec)
        by_reader, drawn = label_quality(uncertainty, labels, spec.band_voxels)
        present = readers_present(labels)
        quality = (by_reader * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)
        threshold = self._threshold()
        high = torch.ones_like(drawn) if part < spec.warm_up or not spec.route else ~drawn | (quality >= threshold)
        self._remember(quality[drawn])
        counts = batch.sample_weight * torch.where(high, 1.0, spec.auxiliary_weight if spec.auxiliary else 0.0)
        logits = primary
        if auxiliary is not None:
            logits = torch.where(high.reshape(-1, *[1] * (primary.ndim - 1)), primary, auxiliary)
        found: LossParts = self.objective(
            logits,
            target,
            part=part,
            voxel_weight=batch.voxel_weight,
            sample_weight=counts,
            sample_index=batch.sample_index,
        )
        total = found.total * (counts.sum() / batch.sample_weight.sum().clamp(min=1e-12))
        terms = {**found.terms, "quality": quality.mean(), "threshold": threshold, "high": high.float().mean()}
        if spec.maps == "learned":
            own = attenuated_loss(log_variance, primary.detach(), labels, batch.voxel_weight)
            terms["uncertainty"] = own.detach()
            total = total + own
        return LossParts(total, terms, found.class_weight, found.scale)

    def _threshold(self) -> Tensor:
        known = self.recent[~self.recent.isnan()]
        return known.quantile(self.spec.quantile) if len(known) else self.recent.new_zeros(())

    @torch.no_grad()
    def _remember(self, quality: Tensor) -> None:
        for value in quality:
            self.recent[int(self.written) % len(self.recent)] = value
            self.written += 1


def agreed_target(labels: Tensor, log_variance: Tensor, n_rows: int) -> Tensor:
    """Return Σ_r ŵ_r y_r with ŵ_r = w_r / Σ_q w_q, w_r = exp(−s_r), of the readers who know a voxel (our proposal).

    Parameters
    ----------
    labels : torch.Tensor of int64, shape (N, R, *S)
        Class indices, `IGNORED` where unknown.
    log_variance : torch.Tensor, shape (N, R, *S)
        s_r; all 0: readers count alike.
    n_rows : int
        K.

    Returns
    -------
    torch.Tensor, shape (N, K, *S)
        Sums to 1; −1 where no reader knows.
    """
    known = labels != IGNORED
    weight = torch.softmax((-log_variance).masked_fill(~known, -torch.inf), dim=1)
    weight = weight.masked_fill(~known, 0.0)
    rows = [(weight * (labels == row)).sum(dim=1) for row in range(n_rows)]
    return torch.stack(rows, dim=1).masked_fill(~known.any(dim=1)[:, None], -1.0)


def sharpened(target: Tensor, part: float) -> Tensor:
    """Return (1 − a)·t + a·[class of more than half of t, else background], a = `part`, of parts t (our proposal).

    The mean over readers asks for a voxel that two of four drew; a vote does not.

    Parameters
    ----------
    target : torch.Tensor, shape (N, K, *S)
        From `agreed_target`; −1 where unknown stays.
    part : float
        0: as it is; 1: the weighted vote.
    """
    if part == 0:
        return target
    most = (target > 0.5).to(target.dtype)
    most[:, 0] = 1 - most[:, 1:].sum(dim=1)
    return torch.where(target[:, :1] < 0, target, torch.lerp(target, most, part))


def attenuated_loss(log_variance: Tensor, logits: Tensor, labels: Tensor, voxel_weight: Tensor) -> Tensor:
    """Return the mean over readers of mean_i [exp(−s_r)·CE(p, y_r) + s_r/2], mean over the patches (our proposal).

    Smallest at s_r = ln(2·CE): where a label contradicts what the network has learned, s_r grows. After the learned
    attenuation of Kendall and Gal (arXiv 1703.04977).

    Parameters
    ----------
    log_variance : torch.Tensor, shape (N, R, *S)
        s_r.
    logits : torch.Tensor, shape (N, K, *S)
        Of the network, without a gradient.
    labels : torch.Tensor of int64, shape (N, R, *S)
        `IGNORED` where unknown; those voxels, and readers without a label, do not count.
    voxel_weight : torch.Tensor, shape (N, *S)
        How much a voxel counts in the means.
    """
    logs = logits.float().log_softmax(dim=1)
    known = labels != IGNORED
    entropy = -logs.gather(1, labels.clamp(min=0))
    weight = known * voxel_weight[:, None]
    values = ((-log_variance).exp() * entropy + 0.5 * log_variance) * weight
    counted = weight.flatten(2).sum(dim=2)
    by_reader = values.flatten(2).sum(dim=2) / counted.clamp(min=1e-12)
    present = counted > 0
    by_patch = (by_reader * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)
    return by_patch.sum() / present.any(dim=1).sum().clamp(min=1)


def label_quality(uncertainty: Tensor, labels: Tensor, band_voxels: float) -> tuple[Tensor, Tensor]:
    """Return q_r = 1 − mean of u_r over the union of all labels and what lies near it (our proposal).

    Parameters
    ----------
    uncertainty : torch.Tensor, shape (N, R, *S)
        u_r, 0 to 1.
    labels : torch.Tensor of int64, shape (N, R, *S)
        `IGNORED` where unknown; not counted.
    band_voxels : float
        How far is near: distance of voxel centres, in voxels of the grid.

    Returns
    -------
    torch.Tensor, shape (N, R)
        1 where nobody drew anything.
    torch.Tensor of bool, shape (N,)
        Whether anybody did.
    """
    counted = near_drawn(labels, band_voxels)
    n = counted.flatten(2).sum(dim=2)
    mean = (uncertainty * counted).flatten(2).sum(dim=2) / n.clamp(min=1)
    return torch.where(n > 0, 1 - mean, 1.0), (labels > 0).flatten(1).any(dim=1)


def near_drawn(labels: Tensor, band_voxels: float) -> Tensor:
    """Return which voxels of known labels lie in or near what any reader of the patch drew, shape (N, R, *S)."""
    union = (labels > 0).any(dim=1, keepdim=True).float()
    reach = [min(math.floor(band_voxels), size - 1) for size in union.shape[2:]]
    offsets = torch.meshgrid(*(torch.arange(-r, r + 1) for r in reach), indexing="ij")
    ball = (sum(o**2 for o in offsets) <= band_voxels**2).to(union)  # type: ignore[union-attr]
    near = F.conv3d(union, ball[None, None], padding=reach) > 0.5
    return near & (labels != IGNORED)


def of_whole_readers(log_variance: Tensor, labels: Tensor, n_rows: int, band_voxels: float) -> Tensor:
    """Return one log-variance for each reader of a patch (our proposal).

    From every s_r(i) the mean of all s_q(j) in the patch whose label says the same class is taken, and what is left
    is averaged over the voxels of the reader near what anybody drew. Voxel by voxel, and with classes that are
    uncertain as such, weights would side with what the network draws already: where it draws too little, those who
    drew more would lose theirs.

    Parameters
    ----------
    log_variance : torch.Tensor, shape (N, R, *S)
        s_r.
    labels : torch.Tensor of int64, shape (N, R, *S)
        `IGNORED` where unknown; not counted.
    n_rows : int
        K.
    band_voxels : float
        How far is near; see `label_quality`.

    Returns
    -------
    torch.Tensor, shape (N, R, *S)
        The same at all voxels of a reader; 0 for one of whom nothing is known there.
    """
    counted = near_drawn(labels, band_voxels)
    ones = [1] * (labels.ndim - 2)
    left = torch.zeros_like(log_variance)
    for row in range(n_rows):
        here = counted & (labels == row)
        usual = (log_variance * here).flatten(1).sum(dim=1) / here.flatten(1).sum(dim=1).clamp(min=1)
        left = torch.where(here, log_variance - usual.reshape(-1, 1, *ones), left)
    mean = left.flatten(2).sum(dim=2) / counted.flatten(2).sum(dim=2).clamp(min=1)
    return mean.reshape(*mean.shape, *ones).expand_as(log_variance)


def shown_uncertainty(log_variance: Tensor, spec: UmaSpec) -> Tensor:
    """Return u_r, 0 to 1: the sigmoid of a learned s_r; of departures what they were, 1 − exp(−s_r)."""
    return log_variance.sigmoid() if spec.maps == "learned" else 1 - (-log_variance).exp()


def departing_log_variance(labels: Tensor, n_rows: int, spec: UmaSpec) -> Tensor:
    """Return s_r = −ln(1 − u_r), u_r of `uncertainty.departure`: a reader weighs 1 − u_r. One alone: 0.

    Parameters
    ----------
    labels : torch.Tensor of int64, shape (N, R, *S)
        `IGNORED` where unknown.
    n_rows : int
        K.
    spec : UmaSpec
        With the limit of s_r.
    """
    found = np.zeros(tuple(labels.shape), dtype=np.float32)
    given = labels.cpu().numpy()
    for row, present in enumerate(readers_present(labels).cpu().numpy()):
        if present.sum() > 1:
            far = departure(np.maximum(given[row][present], 0), n_rows=n_rows).by_reader
            found[row][present] = -np.log(np.maximum(1 - far, math.exp(-spec.log_variance_limit)))
    return torch.from_numpy(found).to(labels.device)
