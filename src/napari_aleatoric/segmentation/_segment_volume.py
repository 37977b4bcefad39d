"""A volume from a sentence to a mask: the door."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import PromptSegmenter, TextImageModel
from napari_aleatoric.model import LabelMap, Reporter, SilentReporter, SubReporter, Volume

from ._carry_all import carry_all
from ._limits import NotFoundLimits, limits_of, with_limits
from ._look import Look, look_at_slices
from ._objects import (
    CarriedObject,
    chosen_objects,
    consistent,
    group_carried,
    largest_parts,
    pieces_of,
    uncertainty_of,
    united,
)
from ._query import Query, QueryVectors, query_vectors
from ._segment_slice import SliceSegmentation, segment_slice
from ._spec import VolumeSpec
from ._stack import SliceStack

__all__ = ["KeySlice", "VolumeSegmentation", "segment_volume"]

_LOOKED, _OUTLINED = 30, 50  # percent of the work


@dataclass(frozen=True, eq=False)
class KeySlice:
    """One slice that was looked at closely, with all its stages."""

    number: int
    result: SliceSegmentation


@dataclass(frozen=True, eq=False)
class VolumeSegmentation:
    """What was found in a volume, and everything on the way.

    Parameters
    ----------
    query : Query
        What was looked for.
    label : LabelMap
        1 in the object, 0 elsewhere, uint8, on exactly the grid of the image; all 0 if it was not found.
    sentence : str
        What was found, or why nothing.
    look : Look
        How well the slices suit the words.
    keys : tuple of KeySlice
        The key slices with their stages.
    objects : tuple of CarriedObject
        What was carried from them, the surest first; all, also those not taken.
    replaced : tuple of int
        Slices that were put right by their neighbours.
    agreement : float
        Mean Dice of what the key slices gave, over the volume; NaN where one key slice spoke alone.
    uncertainty : float
        1 − stability of the mask, 0 … 1, high = unsure: orders proposals for review.
    stack : SliceStack
        The slices; knows where each lies in the upright frame.
    limits : NotFoundLimits
        Below which it is not found, and who chose them.
    """

    query: Query
    label: LabelMap
    sentence: str
    look: Look
    keys: tuple[KeySlice, ...]
    objects: tuple[CarriedObject, ...]
    replaced: tuple[int, ...]
    agreement: float
    uncertainty: float
    stack: SliceStack
    limits: NotFoundLimits = field(default_factory=NotFoundLimits)

    @property
    def found(self) -> bool:
        """Whether there is a mask."""
        return bool(self.label.data.any())

    @property
    def volume_ml(self) -> float:
        """Volume of the mask in millilitres; NaN where the spacing is not known."""
        if not self.label.geometry.spacing_known:
            return float("nan")
        return int(np.count_nonzero(self.label.data)) * self.label.geometry.voxel_volume_ml


def segment_volume(
    volume: Volume,
    query: Query | str,
    model: TextImageModel,
    segmenter: PromptSegmenter,
    spec: VolumeSpec = VolumeSpec(),  # noqa: B008  (frozen)
    *,
    vectors: QueryVectors | None = None,
    reporter: Reporter = SilentReporter(),  # noqa: B008  (stateless)
) -> VolumeSegmentation:
    """Look for something in a volume and outline it in 3-D.

    Evenly spread slices are compared with the words; the best, some way apart, are segmented as in `segment_slice`;
    their masks are carried from slice to slice in both directions; what covers the same place votes. All but the
    stages of a slice is our own proposal.

    Parameters
    ----------
    volume : Volume
        In its stored order, whatever that is; work goes on in the upright frame, so that left and right mean the
        patient's.
    query : Query or str
        What is looked for; a plain string is asked as it is, against nothing.
    model : TextImageModel
        Knows where words are seen.
    segmenter : PromptSegmenter
        Outlines what it is pointed at; a `SliceTracker` follows objects by itself.
    spec : VolumeSpec
        Every stage's settings.
    vectors : QueryVectors, optional
        Of the query, if they are there already.
    reporter : Reporter
        Told about every slice; may stop the work there.

    Returns
    -------
    VolumeSegmentation
        With an empty label and a sentence where it was not found.

    Raises
    ------
    Cancelled
        If the reporter says so.
    """
    query = Query.plain(query) if isinstance(query, str) else query
    stack = SliceStack.of(volume, spec.plane, spec.window)

    def tick() -> None:
        reporter.step(0, 100, f"'{query.text}' is put into the model's words")

    vectors = vectors or query_vectors(model, query, tick)
    look = look_at_slices(stack, model, vectors, spec, SubReporter(reporter, 0, _LOOKED, 100))
    limits = limits_of(spec, model)
    refusal = _unsuited(query, look, limits)
    if refusal:
        return _nothing(query, stack, look, limits, refusal)
    keys = _key_slices(stack, query, vectors, model, segmenter, look, spec, reporter)
    starts = [(key.number, each) for key in keys if key.result.found for each in key.result.outlines]
    carried = carry_all(stack, segmenter, starts, spec, SubReporter(reporter, _OUTLINED, 100, 100))
    objects = group_carried(carried, stack.shape_yx)
    if not objects:
        why = next((key.result.sentence for key in keys if not key.result.found), "")
        why = why or f"'{query.text}' was not found: nothing is outlined."
        return _nothing(query, stack, look, limits, why, keys)
    pieces = pieces_of(spec, query.pieces)
    taken = chosen_objects(objects, pieces)
    logits, replaced = consistent(united(taken, stack))
    drawn = stack.empty()
    for number, plane in logits.items():
        stack.put(plane > 0, number, drawn)
    mask = largest_parts(drawn.astype(bool), pieces, spec.least_piece)
    if not mask.any():
        contradiction = f"'{query.text}' was not found: the key slices contradict each other."
        return _nothing(query, stack, look, limits, contradiction, keys)
    reporter.step(100, 100, f"'{query.text}' is done")
    agreement = float(np.nanmean([each.agreement for each in taken])) if _any_pair(taken) else float("nan")
    return VolumeSegmentation(
        query,
        stack.label_map(mask.astype(np.uint8)),
        _found_sentence(query, mask, logits, keys, agreement, stack),
        look,
        keys,
        objects,
        replaced,
        agreement,
        uncertainty_of(list(logits.values())),
        stack,
        limits,
    )


def _key_slices(
    stack: SliceStack,
    query: Query,
    vectors: QueryVectors,
    model: TextImageModel,
    segmenter: PromptSegmenter,
    look: Look,
    spec: VolumeSpec,
    reporter: Reporter,
) -> tuple[KeySlice, ...]:
    sided = bool(query.side) and spec.side == "strict" and stack.knows_sides
    middle = stack.middle_lps_x() if sided else 0.0
    inner = with_limits(spec, NotFoundLimits(least_presence=0.0, least_score=-1.0))  # judged for the volume
    found = []
    for row, number in enumerate(look.key_slices):
        done = _LOOKED + (_OUTLINED - _LOOKED) * row / len(look.key_slices)
        reporter.step(done, 100, f"'{query.text}' is outlined in slice {number + 1}")
        allowed = stack.on_side(number, query.side, middle) if sided else None
        result = segment_slice(
            stack.image(number), query, model, segmenter, inner, vectors=vectors, allowed=allowed
        )
        found.append(KeySlice(number, result))
    return tuple(found)


def _unsuited(query: Query, look: Look, limits: NotFoundLimits) -> str:
    if not look.numbers:
        return f"'{query.text}' was not found: every slice is the same everywhere. Check the window."
    if look.score < limits.least_score:
        why = f"its best slices have a similarity of {look.score:.3f}, less than {limits.least_score:.3f}"
        return f"'{query.text}' was not found: {why}."
    if look.presence < limits.least_presence:
        share = f"{100 * look.presence:.0f} % of other words, not {100 * limits.least_presence:.0f} %"
        return f"'{query.text}' was not found: the images suit it better than {share}."
    return ""


def _nothing(
    query: Query,
    stack: SliceStack,
    look: Look,
    limits: NotFoundLimits,
    sentence: str,
    keys: tuple[KeySlice, ...] = (),
) -> VolumeSegmentation:
    label, nan = stack.label_map(stack.empty()), float("nan")
    return VolumeSegmentation(query, label, sentence, look, keys, (), (), nan, 1.0, stack, limits)


def _any_pair(objects: tuple[CarriedObject, ...]) -> bool:
    return any(not np.isnan(each.agreement) for each in objects)


def _found_sentence(
    query: Query,
    mask: NDArray[np.bool_],
    logits: dict[int, NDArray[np.float32]],
    keys: tuple[KeySlice, ...],
    agreement: float,
    stack: SliceStack,
) -> str:
    size = f"{int(mask.sum()):,} voxels"
    if stack.stored.spacing_known:
        size = f"{int(mask.sum()) * stack.stored.voxel_volume_ml:.1f} ml"
    n = sum(key.result.found for key in keys)
    agree = "" if np.isnan(agreement) else f", which agree with Dice {agreement:.2f}"
    more = f"from {n} key slice{'' if n == 1 else 's'}{agree}"
    return f"'{query.text}' found: {size} in slices {min(logits) + 1} to {max(logits) + 1}, {more}."
