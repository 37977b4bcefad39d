"""The decoupled hard-negative noise contrastive loss of MedCLIP-SAM."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_aleatoric.errors import DataError

__all__ = ["dhn_nce"]


def dhn_nce(
    images: Tensor,
    texts: Tensor,
    *,
    temperature: float = 0.6,
    beta_image: float = 0.15,
    beta_text: float = 0.15,
    negatives: Tensor | None = None,
) -> Tensor:
    """Draw pairs together and push all others apart, the likest of them most.

    With s = I·Tᵀ/τ, for images L = mean_i [ −s_ii + ln Σ_{j≠i} e^{s_ij} W_ij ] and
    W_ij = (B−1) e^{β s_ij} / Σ_{k≠i} e^{β s_ik}; the same for captions with sᵀ; their sum. MedCLIP-SAMv2
    (arXiv 2409.19483), equations 9 to 13, as the paper prints them: the pair itself is not in the logarithm's sum
    (decoupled). The mean over the batch stands for the paper's sum, which is only a scale. The program that was
    released with the paper computes something else.

    Parameters
    ----------
    images, texts : torch.Tensor, shape (B, D)
        Vectors of length 1; a row of each is a pair.
    temperature : float
        τ.
    beta_image, beta_text : float
        β1 (from image to text) and β2: how much harder negatives count; 0 = all alike.
    negatives : torch.Tensor of bool, shape (B, B), optional
        Whether caption j (column) says nothing that is true of image i (row), so that they may be pushed apart; by
        default all but the diagonal, which never counts. Our own proposal, for captions that suit several images
        of a batch: the sums run over the negatives alone and their number stands for B−1; an image or a caption
        without any adds nothing, and the mean is over those that have some.

    Returns
    -------
    torch.Tensor, scalar

    Raises
    ------
    DataError
        If there are fewer than two pairs, or the negatives have another shape or type.
    """
    if len(images) < 2 or images.shape != texts.shape:
        raise DataError(
            f"Expected at least two pairs of vectors, got {tuple(images.shape)} and {tuple(texts.shape)}."
        )
    if negatives is None:
        negatives = torch.ones((len(images), len(images)), dtype=torch.bool, device=images.device)
    elif negatives.shape != (len(images), len(images)) or negatives.dtype != torch.bool:
        raise DataError(
            f"Expected negatives of bool for every image with every caption, ({len(images)}, {len(images)}), got "
            f"{negatives.dtype} {tuple(negatives.shape)}."
        )
    own = torch.eye(len(images), dtype=torch.bool, device=images.device)
    apart = negatives.to(images.device) & ~own
    likeness = images @ texts.T / temperature
    return _one_way(likeness, beta_image, apart) + _one_way(likeness.T, beta_text, apart.T)


def _one_way(likeness: Tensor, beta: float, apart: Tensor) -> Tensor:
    some = apart.any(dim=1)
    if not some.any():
        return likeness.sum() * 0.0  # nothing to learn from, and a gradient of 0
    pairs, likeness, apart = likeness.diagonal()[some], likeness[some], apart[some]
    weight = (beta * likeness).masked_fill(~apart, float("-inf"))  # β = 0 leaves the others out, too
    weight = weight - weight.logsumexp(dim=1, keepdim=True)  # ln W without the number of negatives
    total = (likeness.masked_fill(~apart, 0) + weight).logsumexp(dim=1)
    return (total - pairs + torch.log(apart.sum(dim=1).to(likeness.dtype))).mean()
