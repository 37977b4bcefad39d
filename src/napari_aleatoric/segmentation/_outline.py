"""Asking the promptable segmenter: boxes and points → masks, the choice among them, and what is cleaned up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Embedding, Prediction, PromptSegmenter

from ._prompting import Pointing
from ._spec import SliceSpec

__all__ = ["Outline", "ask", "cleaned", "outline", "stability_of", "staple", "union_of"]

_KINDS = ("box", "points", "both")
_SURE = 1e-5  # probabilities of combined answers stay this far from 0 and 1


@dataclass(frozen=True, eq=False)
class Outline:
    """The segmenter's answer about one object.

    Parameters
    ----------
    pointing : Pointing
        What it was told.
    logits : numpy.ndarray of float32, shape (Y, X)
        On the slice's pixels; above 0 = in the object.
    mask : numpy.ndarray of bool, shape (Y, X)
        The same, cleaned up.
    estimate : float
        Overlap with the object as the network estimates it; the best of several answers, or their mean.
    stability : float
        `stability_of` the logits, 0 … 1.
    """

    pointing: Pointing
    logits: NDArray[np.float32]
    mask: NDArray[np.bool_]
    estimate: float
    stability: float

    @property
    def confidence(self) -> float:
        """How sure all stages are of it, 0 … 1: saliency times estimate times stability (our proposal)."""
        return self.pointing.confidence * min(max(self.estimate, 0.0), 1.0) * self.stability


def outline(
    segmenter: PromptSegmenter,
    image: NDArray[np.uint8],
    pointing: Pointing,
    spec: SliceSpec | None = None,
    *,
    embedding: Embedding | None = None,
    n_parts: int = 1,
) -> Outline:
    """Ask the segmenter about one object.

    Parameters
    ----------
    segmenter : PromptSegmenter
        The frozen model.
    image : numpy.ndarray of uint8, shape (Y, X) or (Y, X, 3)
        The slice.
    pointing : Pointing
        Where it is.
    spec : SliceSpec, optional
        With what it is prompted, and the choice among several answers.
    embedding : Embedding, optional
        Of the slice, if it is there already and the slice is not looked at closely.
    n_parts : int
        Connected parts of the answer that are kept, the largest first.
    """
    spec = spec or SliceSpec()
    kinds = _KINDS if spec.choice != "single" else (spec.point_at,)
    answers = [ask(segmenter, image, pointing.prompt(kind), spec.closely, embedding) for kind in kinds]
    logits = [answer.on_slice() for answer in answers]
    estimates = [answer.iou for answer in answers]
    if spec.choice == "average":
        chosen, estimate = (
            _logit(np.mean([_probability(each) for each in logits], axis=0)),
            float(np.mean(estimates)),
        )
    elif spec.choice == "staple":
        chosen, estimate = _logit(staple([each > 0 for each in logits])), float(np.mean(estimates))
    else:
        best = int(np.argmax(estimates))
        chosen, estimate = logits[best], float(estimates[best])
    mask = cleaned(chosen > 0, largest_hole=spec.largest_hole, n_parts=n_parts)
    return Outline(pointing, chosen, mask, estimate, stability_of(chosen))


def ask(
    segmenter: PromptSegmenter,
    image: NDArray[np.uint8],
    prompt: Any,
    closely: bool,
    embedding: Embedding | None = None,
) -> Prediction:
    """Answer one prompt, in a window of its own or on the slice as a whole."""
    if closely:
        return segmenter.segment(image, prompt)
    return segmenter.predict([embedding or segmenter.embed([image])[0]], [prompt])[0]


def stability_of(logits: NDArray[np.floating]) -> float:
    """Return how little the mask changes with the level: |logits > 1| / |logits > −1|, 0 where it is empty.

    The stability score of Segment Anything's automatic masks (arXiv 2304.02643, appendix B).
    """
    large = int(np.count_nonzero(logits > -1))
    return int(np.count_nonzero(logits > 1)) / large if large else 0.0


def staple(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Estimate, from several masks, the probability that a pixel is in the object (STAPLE, ITK's)."""
    import SimpleITK as sitk

    if not any(mask.any() for mask in masks):
        return np.zeros(masks[0].shape)
    if all(np.array_equal(mask, masks[0]) for mask in masks):
        return masks[0].astype(np.float64)
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
    found = sitk.STAPLE(images, 1.0)  # type: ignore[no-untyped-call]
    return np.asarray(sitk.GetArrayFromImage(found), dtype=np.float64)


def cleaned(mask: NDArray[np.bool_], *, largest_hole: float = 0.2, n_parts: int = 1) -> NDArray[np.bool_]:
    """Fill small holes and keep the largest connected parts.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (Y, X)
        As the segmenter gave it.
    largest_hole : float
        Holes up to this part of the area of the mask are filled.
    n_parts : int
        Parts (8 neighbours) to keep, as many as there were components (MedCLIP-SAMv2's program).
    """
    from scipy import ndimage

    if not mask.any():
        return mask.copy()
    holes, n = ndimage.label(ndimage.binary_fill_holes(mask) & ~mask)
    sizes = np.bincount(holes.ravel(), minlength=n + 1)
    small = np.flatnonzero(sizes[1:] <= largest_hole * mask.sum()) + 1
    filled = mask | np.isin(holes, small)
    parts, n = ndimage.label(filled, structure=np.ones((3, 3), dtype=bool))
    if n <= n_parts:
        return np.asarray(filled)
    sizes = np.bincount(parts.ravel(), minlength=n + 1)[1:]
    return np.asarray(np.isin(parts, np.argsort(-sizes, kind="stable")[:n_parts] + 1))


def union_of(outlines: Sequence[Outline], shape_yx: tuple[int, ...], most_share: float) -> NDArray[np.bool_]:
    """Unite masks; empty where the union is more than ``most_share`` of the slice, which is no answer."""
    whole = np.zeros(shape_yx, dtype=bool)
    for each in outlines:
        whole |= each.mask
    return whole if whole.sum() <= most_share * whole.size else np.zeros(shape_yx, dtype=bool)


def _probability(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -30, 30))))


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float32]:
    p = np.clip(probability, _SURE, 1 - _SURE)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)
