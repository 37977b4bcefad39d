"""One slice from a sentence to a mask, with everything that was found on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Embedding, PromptSegmenter, Saliency, TextImageModel, likeness

from ._components import Components, components_of
from ._limits import NotFoundLimits, limits_of
from ._outline import Outline, outline, union_of
from ._prompting import Pointing, pointings_of
from ._query import Query, QueryVectors, presence, query_vectors
from ._spec import SliceSpec
from ._threshold import CoarseMask, coarse_mask

__all__ = ["SliceSegmentation", "outline_all", "segment_slice", "slice_from_saliency"]


@dataclass(frozen=True, eq=False)
class SliceSegmentation:
    """What was found in one slice, stage by stage; every stage can be shown as a layer.

    Parameters
    ----------
    query : Query
        What was looked for.
    saliency : Saliency
        Where the model sees it, and how well the slice suits the words.
    coarse : CoarseMask
        The saliency map above a level.
    components : Components
        Its connected parts and which were kept.
    pointings : tuple of Pointing
        Boxes and points.
    outlines : tuple of Outline
        The segmenter's answer to each.
    mask : numpy.ndarray of bool, shape (Y, X)
        All of them; empty if nothing was found.
    presence : float
        Part of the other words that suit the slice less, 0 … 1.
    sentence : str
        What was found, or why nothing.
    limits : NotFoundLimits
        Below which it is not found, and who chose them.
    """

    query: Query
    saliency: Saliency
    coarse: CoarseMask
    components: Components
    pointings: tuple[Pointing, ...]
    outlines: tuple[Outline, ...]
    mask: NDArray[np.bool_]
    presence: float
    sentence: str
    limits: NotFoundLimits = field(default_factory=NotFoundLimits)

    @property
    def found(self) -> bool:
        """Whether there is a mask."""
        return bool(self.mask.any())

    @property
    def confidence(self) -> float:
        """Of the surest outline, 0 … 1; 0 if nothing was found."""
        return max((each.confidence for each in self.outlines), default=0.0) if self.found else 0.0


def segment_slice(
    image: NDArray[np.uint8],
    query: Query | str,
    model: TextImageModel,
    segmenter: PromptSegmenter,
    spec: SliceSpec | None = None,
    *,
    vectors: QueryVectors | None = None,
    allowed: NDArray[np.bool_] | None = None,
    embedding: Embedding | None = None,
) -> SliceSegmentation:
    """Look for something in one slice and outline it.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (Y, X) or (Y, X, 3)
        The slice; bring it there with `foundation.to_uint8`.
    query : Query or str
        What is looked for; a plain string is asked as it is.
    model : TextImageModel
        Knows where words are seen.
    segmenter : PromptSegmenter
        Outlines what it is pointed at.
    spec : SliceSpec, optional
        Every stage's settings.
    vectors : QueryVectors, optional
        Of the query, if they are there already.
    allowed : numpy.ndarray of bool, shape (Y, X), optional
        Where it may lie; components that lie elsewhere for the most part are not gone on with.
    embedding : Embedding, optional
        Of the slice, for ``closely=False``.

    Returns
    -------
    SliceSegmentation
        With an empty mask and a sentence where it was not found: never the whole slice.
    """
    spec = spec or SliceSpec()
    query = Query.plain(query) if isinstance(query, str) else query
    vectors = vectors or query_vectors(model, query)
    saliency = model.saliency(image, vectors.wanted, method=spec.saliency_method, spec=spec.saliency)
    suits = 1.0
    if len(vectors.others):
        suits = presence([saliency.score], likeness(model, [image], vectors.others))
    limits = limits_of(spec, model)
    return slice_from_saliency(
        image, query, saliency, segmenter, spec, suits=suits, allowed=allowed, embedding=embedding, limits=limits
    )


def slice_from_saliency(
    image: NDArray[np.uint8],
    query: Query,
    saliency: Saliency,
    segmenter: PromptSegmenter,
    spec: SliceSpec,
    *,
    suits: float = 1.0,
    allowed: NDArray[np.bool_] | None = None,
    embedding: Embedding | None = None,
    limits: NotFoundLimits | None = None,
) -> SliceSegmentation:
    """Go on from a saliency map: threshold, components, prompts, masks; see `segment_slice`.

    ``limits`` are those of the settings where none are given.
    """
    shape = image.shape[:2]
    limits = limits or limits_of(spec)
    if saliency.map_yx.shape != shape:
        raise DataError(f"Expected a saliency map on the slice's pixels {shape}, got {saliency.map_yx.shape}.")
    coarse = coarse_mask(saliency.map_yx, spec.threshold, spec.fixed_level)
    anywhere = components_of(coarse, saliency.map_yx, spec, pieces=query.pieces)
    components = anywhere
    if allowed is not None:
        components = components_of(coarse, saliency.map_yx, spec, allowed, query.pieces)
    pointings = pointings_of(components, spec)
    refusal = _refusal(query, saliency, coarse, suits, limits, bool(anywhere.kept), bool(pointings))
    outlines: tuple[Outline, ...] = ()
    mask = np.zeros(shape, dtype=bool)
    if not refusal:
        n_parts = len(components.kept) if spec.boxes == "one" else 1
        outlines, mask = outline_all(image, pointings, segmenter, spec, embedding=embedding, n_parts=n_parts)
        if not mask.any():
            refusal = _not(query, "the segmenter outlines nothing there, or all of the slice")
    sentence = refusal or (
        f"'{query.text}' outlined in {len(outlines)} place{'' if len(outlines) == 1 else 's'} "
        f"(similarity {saliency.score:.3f}, suits better than {100 * suits:.0f} % of other words)."
    )
    return SliceSegmentation(
        query, saliency, coarse, components, pointings, outlines, mask, suits, sentence, limits
    )


def outline_all(
    image: NDArray[np.uint8],
    pointings: tuple[Pointing, ...],
    segmenter: PromptSegmenter,
    spec: SliceSpec,
    *,
    embedding: Embedding | None = None,
    n_parts: int = 1,
) -> tuple[tuple[Outline, ...], NDArray[np.bool_]]:
    """Outline everything that is pointed at; where a box was dragged, this is all that is done again.

    Returns
    -------
    outlines : tuple of Outline
        One for each.
    mask : numpy.ndarray of bool, shape (Y, X)
        Their union; empty where it would be nearly the whole slice.
    """
    if not spec.closely and embedding is None and pointings:
        embedding = segmenter.embed([image])[0]
    found = tuple(outline(segmenter, image, p, spec, embedding=embedding, n_parts=n_parts) for p in pointings)
    return found, union_of(found, image.shape[:2], spec.most_share)


def _refusal(
    query: Query,
    saliency: Saliency,
    coarse: CoarseMask,
    suits: float,
    limits: NotFoundLimits,
    any_part: bool,
    any_here: bool,
) -> str:
    """Return why nothing is found, "" if something is."""
    if saliency.score < limits.least_score:
        return _not(query, f"the similarity is {saliency.score:.3f}, less than {limits.least_score:.3f}")
    if suits < limits.least_presence:
        return _not(query, f"the slice suits it better than {100 * suits:.0f} % of other words only")
    if coarse.remark:
        return _not(query, coarse.remark[0].lower() + coarse.remark[1:].rstrip("."))
    if not any_part:
        return _not(query, "what stands out is smaller than a structure would be")
    if not any_here:
        side = f"on the patient's {query.side}" if query.side else "where it may lie"
        return _not(query, f"nothing stands out {side}")
    return ""


def _not(query: Query, why: str) -> str:
    return f"'{query.text}' was not found: {why}."
