"""The decoupled hard-negative noise contrastive loss of MedCLIP-SAM."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_aleatoric.errors import DataError

__all__ = ["dhn_nce"]


def dhn_nce(
    images: Tensor, texts: Tensor, *, temperature: float = 0.6, beta_image: float = 0.15, beta_text: float = 0.15
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

    Returns
    -------
    torch.Tensor, scalar

    Raises
    ------
    DataError
        If there are fewer than two pairs.
    """
    if len(images) < 2 or images.shape != texts.shape:
        raise DataError(
            f"Expected at least two pairs of vectors, got {tuple(images.shape)} and {tuple(texts.shape)}."
        )
    likeness = images @ texts.T / temperature
    return _one_way(likeness, beta_image) + _one_way(likeness.T, beta_text)


def _one_way(likeness: Tensor, beta: float) -> Tensor:
    n = len(likeness)
    own = torch.eye(n, dtype=torch.bool, device=likeness.device)
    others = likeness.masked_fill(own, float("-inf"))
    weight = (beta * likeness).masked_fill(own, float("-inf"))  # β = 0 leaves the pair itself out, too
    weight = weight - weight.logsumexp(dim=1, keepdim=True)  # ln W without ln (B−1)
    total = (others.masked_fill(own, 0) + weight).logsumexp(dim=1)
    return (total - likeness.diagonal()).mean() + torch.log(likeness.new_tensor(float(n - 1)))
