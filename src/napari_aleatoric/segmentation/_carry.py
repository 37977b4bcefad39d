"""From one slice to the next: a mask is carried through a volume in both directions until a rule says stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Embedding, Prediction, Prompt, PromptSegmenter, SliceTracker, bilinear

from ._outline import Outline, ask, cleaned
from ._prompting import Box, widened
from ._spec import VolumeSpec
from ._stack import SliceStack

__all__ = ["LIMIT", "Carried", "carry"]

LIMIT = 6.0
"""Logits of carried masks are kept within ± this."""

_STEP = 0.05  # of a kept logit
_RIM = 3  # pixels round a mask that are kept
_LEAST = 4  # pixels: a smaller mask is none
_EVEN = 6.0  # of 255: intensities that differ less are the same


@dataclass(frozen=True)
class _Crop:
    """The logits round a mask, in steps of 0.05; −LIMIT elsewhere."""

    at_yx: tuple[int, int]
    steps: NDArray[np.int8]

    @classmethod
    def of(cls, logits: NDArray[np.float32], mask: NDArray[np.bool_]) -> _Crop:
        ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        y0, x0 = max(0, int(ys[0]) - _RIM), max(0, int(xs[0]) - _RIM)
        part = (slice(y0, int(ys[-1]) + 1 + _RIM), slice(x0, int(xs[-1]) + 1 + _RIM))
        inside = np.where(mask[part], np.maximum(logits[part], _STEP), np.minimum(logits[part], -_STEP))
        return cls((y0, x0), np.rint(np.clip(inside, -LIMIT, LIMIT) / _STEP).astype(np.int8))

    @property
    def where(self) -> tuple[slice, slice]:
        (y, x), (h, w) = self.at_yx, self.steps.shape
        return (slice(y, y + h), slice(x, x + w))


@dataclass(eq=False)
class Carried:
    """One object, carried from one key slice.

    Parameters
    ----------
    key_slice : int
        Where it began.
    outline : Outline
        The answer there.
    estimates : dict of int to float
        Overlap as the network estimates it, by slice.
    stopped : dict of int to str
        Why it went no further, by direction: −1 towards the first slice, +1 towards the last.
    """

    key_slice: int
    outline: Outline
    estimates: dict[int, float] = field(default_factory=dict)
    stopped: dict[int, str] = field(default_factory=dict)
    _crops: dict[int, _Crop] = field(default_factory=dict)

    @property
    def slices(self) -> list[int]:
        """Slices that have a mask, in order."""
        return sorted(self._crops)

    def keep(self, number: int, logits: NDArray[np.float32], mask: NDArray[np.bool_], estimate: float) -> None:
        """Note the answer on one slice."""
        self._crops[number] = _Crop.of(logits, mask)
        self.estimates[number] = estimate

    def logits(self, number: int, shape_yx: tuple[int, int]) -> NDArray[np.float32]:
        """Return the answer on a slice, (Y, X), within ±LIMIT; −LIMIT where it was not carried to."""
        found = np.full(shape_yx, -LIMIT, dtype=np.float32)
        crop = self._crops.get(number)
        if crop is not None:
            found[crop.where] = crop.steps.astype(np.float32) * _STEP
        return found

    def mask(self, number: int, shape_yx: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the mask on a slice, (Y, X)."""
        return np.asarray(self.logits(number, shape_yx) > 0)

    @property
    def n_pixels(self) -> int:
        """Size of all its masks together."""
        return sum(int(np.count_nonzero(crop.steps > 0)) for crop in self._crops.values())


@dataclass(frozen=True)
class _Looks:
    """What the stop rule compares with."""

    mean: float
    deviation: float


def carry(
    stack: SliceStack,
    segmenter: PromptSegmenter,
    key_slice: int,
    outline: Outline,
    spec: VolumeSpec,
    *,
    embeddings: Sequence[Embedding] | None = None,
    tick: Callable[[int], None] = lambda number: None,
) -> Carried:
    """Carry a mask from its slice to both ends of the object.

    The box of a mask, a little widened, is the prompt on the next slice; on slices looked at as a whole the answer
    before is given as well. A `SliceTracker` follows the object by its own memory instead. Both stop, our proposal,
    where the mask is empty or nearly the whole slice, where the network's own estimate, Dice with the slice before
    or the growth is beyond its limit, or where the mean intensity in the mask has moved away from the key's.

    Parameters
    ----------
    stack : SliceStack
        The volume.
    segmenter : PromptSegmenter
        The frozen model.
    key_slice : int
        Where the mask is.
    outline : Outline
        The mask.
    spec : VolumeSpec
        The limits.
    embeddings : sequence of Embedding, optional
        Of all slices, for what is not looked at closely and for trackers; see `LazyEmbeddings`.
    tick : callable
        Told the slice before every one; may raise `Cancelled`.
    """
    carried = Carried(key_slice, outline)
    if np.count_nonzero(outline.mask) < _LEAST:
        return carried
    carried.keep(key_slice, outline.logits, outline.mask, outline.estimate)
    looks = _looks(stack.image(key_slice), outline.mask)
    tracked = _track(segmenter, key_slice, outline, embeddings, tick)
    for direction in (1, -1):
        before, logits = outline.mask, outline.logits
        number = key_slice
        while True:
            number += direction
            if not 0 <= number < len(stack):
                carried.stopped[direction] = "the volume ends"
                break
            tick(number)
            image = stack.image(number)
            if tracked is None:
                answer = _next(
                    segmenter, image, before, logits, spec, None if embeddings is None else embeddings[number]
                )
                logits, estimate = answer.on_slice(), answer.iou
                given = answer.logits if answer.window_xyxy is None else None
            else:
                logits, estimate = bilinear(tracked[number], stack.shape_yx), 1.0
                given = None
            mask = cleaned(logits > 0, largest_hole=spec.largest_hole)
            reason = _stops(image, mask, before, estimate, looks, spec)
            if reason:
                carried.stopped[direction] = reason
                break
            carried.keep(number, logits, mask, estimate)
            before, logits = mask, logits if given is None else given
    return carried


def _next(
    segmenter: PromptSegmenter,
    image: NDArray[np.uint8],
    before: NDArray[np.bool_],
    logits: NDArray[np.float32],
    spec: VolumeSpec,
    embedding: Embedding | None,
) -> Prediction:
    """Answer on the slice beside one that has a mask."""
    box = widened(_box(before), spec.carry_margin, before.shape)
    if spec.closely:
        return ask(segmenter, image, Prompt(box), closely=True)
    embedding = embedding or segmenter.embed([image])[0]
    earlier = logits if logits.shape == embedding.mask_yx else bilinear(logits, embedding.mask_yx)
    return ask(segmenter, image, Prompt(box, mask_logits=earlier), False, embedding)


def _track(
    segmenter: PromptSegmenter,
    key_slice: int,
    outline: Outline,
    embeddings: Sequence[Embedding] | None,
    tick: Callable[[int], None],
) -> dict[int, NDArray[np.float32]] | None:
    """Follow an object by a tracker's own memory; None for a segmenter that has none."""
    if not isinstance(segmenter, SliceTracker) or embeddings is None:
        return None
    found: dict[int, NDArray[np.float32]] = {}
    for number, logits in segmenter.track(embeddings, key_slice, Prompt(_box(outline.mask))):
        tick(number)
        found[number] = np.asarray(logits, dtype=np.float32)  # on the mask grid, which is small
    return found


def _stops(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    before: NDArray[np.bool_],
    estimate: float,
    looks: _Looks,
    spec: VolumeSpec,
) -> str:
    """Return why the carrying ends before this slice; "" if it goes on."""
    area, area_before = int(np.count_nonzero(mask)), int(np.count_nonzero(before))
    if area < _LEAST:
        return "nothing is outlined there"
    if area > spec.most_share * mask.size:
        return "all of the slice is outlined"
    if estimate < spec.least_estimate:
        return f"the segmenter's own estimate is {estimate:.2f}"
    if area > spec.most_growth * area_before:
        return f"the area grows {area / area_before:.1f} times"
    overlap = 2 * int(np.count_nonzero(mask & before)) / (area + area_before)
    if overlap < spec.least_overlap:
        return f"Dice with the slice before is {overlap:.2f}"
    drift = abs(_looks(image, mask).mean - looks.mean) / max(looks.deviation, _EVEN)
    if drift > spec.most_drift:
        return f"the mean intensity has moved by {drift:.1f} standard deviations"
    return ""


def _looks(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> _Looks:
    grey = image.mean(axis=-1) if image.ndim == 3 else image
    values = grey[mask].astype(np.float64)
    return _Looks(float(values.mean()), float(values.std()))


def _box(mask: NDArray[np.bool_]) -> Box:
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (float(xs[0]), float(ys[0]), float(xs[-1]), float(ys[-1]))


class LazyEmbeddings(Sequence[Embedding]):
    """The embedded slices of a stack; each is looked at when it is first asked for, and a few are held.

    Parameters
    ----------
    stack : SliceStack
        The slices.
    segmenter : PromptSegmenter
        Who looks.
    held_bytes : int
        Of embeddings in memory, at most; at least one.
    """

    def __init__(self, stack: SliceStack, segmenter: PromptSegmenter, held_bytes: int = 1_000_000_000) -> None:
        self._stack, self._segmenter, self._most = stack, segmenter, held_bytes
        self._held: dict[int, Embedding] = {}

    def __len__(self) -> int:
        return len(self._stack)

    @overload
    def __getitem__(self, index: int) -> Embedding: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Embedding]: ...
    def __getitem__(self, index: int | slice) -> Embedding | Sequence[Embedding]:
        """Return one embedding, or several."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        number = index % len(self)
        if number not in self._held:
            found = self._segmenter.embed([self._stack.image(number)])[0]
            while self._held and (len(self._held) + 1) * found.n_bytes > self._most:
                self._held.pop(next(iter(self._held)))
            self._held[number] = found
        return self._held[number]

    def __iter__(self) -> Iterator[Embedding]:
        return (self[i] for i in range(len(self)))
