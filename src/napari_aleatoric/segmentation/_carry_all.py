"""Several masks are carried through a volume; from words, or from what a person pointed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_aleatoric.foundation import PromptSegmenter, SliceTracker
from napari_aleatoric.model import LabelMap, Reporter, SilentReporter, SubReporter, Volume

from ._carry import Carried, LazyEmbeddings, carry
from ._objects import consistent, group_carried, united
from ._outline import Outline, outline
from ._prompting import Pointing
from ._spec import VolumeSpec
from ._stack import SliceStack

__all__ = ["carry_all", "segment_from_pointings"]

_OUTLINED = 20  # percent of the work


def carry_all(
    stack: SliceStack,
    segmenter: PromptSegmenter,
    starts: Sequence[tuple[int, Outline]],
    spec: VolumeSpec,
    reporter: Reporter,
) -> list[Carried]:
    """Carry each mask from its slice in both directions; see `carry`.

    Raises
    ------
    Cancelled
        If the reporter says so; asked at every slice.
    """
    whole = not spec.closely or isinstance(segmenter, SliceTracker)
    embeddings = LazyEmbeddings(stack, segmenter) if whole else None
    found = []
    for row, (number, start) in enumerate(starts):
        seen = 0

        def tick(at: int, row: int = row, number: int = number) -> None:
            nonlocal seen
            seen += 1
            share = (row + min(1.0, seen / len(stack))) / len(starts)
            reporter.step(share, 1, f"The mask of slice {number + 1} is carried to slice {at + 1}")

        found.append(carry(stack, segmenter, number, start, spec, embeddings=embeddings, tick=tick))
    return found


def segment_from_pointings(
    volume: Volume,
    pointings: Mapping[int, Sequence[tuple[Pointing, str]]],
    segmenter: PromptSegmenter,
    spec: VolumeSpec = VolumeSpec(),  # noqa: B008  (frozen)
    *,
    reporter: Reporter = SilentReporter(),  # noqa: B008  (stateless)
) -> LabelMap:
    """Outline what a person pointed at in some slices, and carry it through the volume.

    Everything that was pointed at is kept; what covers the same place votes, as in `segment_volume`. On the slices
    that were pointed at, the outlines stay as the segmenter gave them: a person looked there (our proposal).

    Parameters
    ----------
    volume : Volume
        In its stored order.
    pointings : mapping of int to (Pointing, str)
        By slice of `SliceStack`, in pixels of its slices; each with what of it is asked: box, points or both.
    segmenter : PromptSegmenter
        Outlines and carries.
    spec : VolumeSpec
        Settings; ``plane`` says which slices are meant.
    reporter : Reporter
        Told about every slice; may stop the work there.

    Returns
    -------
    LabelMap
        1 in the object, uint8, on exactly the grid of the volume.
    """
    stack = SliceStack.of(volume, spec.plane, spec.window)
    starts: list[tuple[int, Outline]] = []
    for row, (number, some) in enumerate(sorted(pointings.items())):
        reporter.step(_OUTLINED * row / len(pointings), 100, f"Slice {number + 1} is outlined")
        for pointing, point_at in some:
            asked = spec.model_copy(update={"point_at": point_at, "choice": "single"})
            starts.append((number, outline(segmenter, stack.image(number), pointing, asked)))
    started = [(number, each) for number, each in starts if each.mask.any()]
    carried = carry_all(stack, segmenter, started, spec, SubReporter(reporter, _OUTLINED, 100, 100))
    logits, _ = consistent(united(group_carried(carried, stack.shape_yx), stack))
    drawn = stack.empty()
    for number, plane in logits.items():
        stack.put(plane > 0, number, drawn)
    for number in pointings:
        stack.put(0 * stack.take(number, drawn), number, drawn)
    for number, each in starts:
        stack.put(stack.take(number, drawn) | each.mask, number, drawn)
    return stack.label_map(drawn)
