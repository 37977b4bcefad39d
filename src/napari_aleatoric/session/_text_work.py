"""What is done in threads for words: look for them in a slice or a volume, and outline anew what was dragged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import Embedding, TextImageModel
from napari_aleatoric.model import Reporter, SubReporter
from napari_aleatoric.segmentation import (
    Query,
    SliceSegmentation,
    SliceSpec,
    SliceStack,
    VolumeSpec,
    outline,
    query_vectors,
    segment_from_pointings,
    segment_slice,
    segment_volume,
)

from ._prompt_work import CaseInView, LoadedModel
from ._slice_look import SliceLook
from ._slice_plane import SlicePlane, WholeVolume
from ._text_host import TextHost
from ._text_picture import PLANES, DraftPointing, TextPicture, upright_plane
from ._text_reporter import ReportingSeer, StopOnly
from ._text_words import DraftSlice, TextDraft

__all__ = ["LoadedSeer", "SliceAtWork", "draft_carried", "draft_of_slice", "draft_of_volume"]

_QUICK_S = 0.5  # a segmenter that looks at a slice in less looks at every box by itself: better with small networks
_READ, _SEEN = 15, 90  # percent of the work on a slice


class LoadedSeer:
    """A text-image model, loaded when it is needed, and anew after it was ended.

    Parameters
    ----------
    make : callable
        Returns where it will live.
    """

    def __init__(self, make: Callable[[], TextHost]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._host: TextHost | None = None
        self._opened: TextImageModel | None = None

    def load(self) -> TextImageModel:
        """Open it, unless it is open; takes seconds."""
        with self._lock:
            if self._opened is not None:
                return self._opened
            host = self._host = self._host or self._make()
        opened = host.open()
        with self._lock:
            if host is not self._host:
                raise Cancelled("The model was ended while it was loaded.")
            self._opened = opened
            return opened

    def is_open(self, model: TextImageModel | None) -> bool:
        """Whether this is what was opened last, and it was not ended since."""
        return model is not None and model is self._opened

    def end(self) -> None:
        """End it at once, from any thread; what is under way ends with `Cancelled`."""
        with self._lock:
            host, self._host, self._opened = self._host, None, None
        if host is not None:
            host.close()


def draft_of_slice(
    seer: TextImageModel,
    outliner: LoadedModel,
    at_work: SliceAtWork,
    query: Query,
    spec: SliceSpec,
    reporter: Reporter,
) -> TextDraft:
    """Look for words in one slice; see `segmentation.segment_slice`.

    Raises
    ------
    Cancelled
        If the reporter says so.
    """
    picture, case = at_work.picture, at_work.case
    reporter.step(0, 100, f"The words for '{query.text}' are read")
    vectors = query_vectors(seer, query, lambda: reporter.step(5, 100, f"The words for '{query.text}' are read"))
    embedding = at_work.embedding(outliner)
    telling = ReportingSeer(seer, SubReporter(reporter, _READ, _SEEN, 100))
    found = segment_slice(
        picture.image,
        query,
        telling,
        outliner.segmenter,
        spec.model_copy(update={"closely": spec.closely and embedding is None}),
        vectors=vectors,
        allowed=picture.on_side(case, query.side if spec.side == "strict" else ""),
        embedding=embedding,
    )
    label = np.zeros(case.volume.geometry.shape_zyx, dtype=np.uint8)
    picture.plane.cut(label)[...] = picture.mask_on_slice(found.mask)
    score = found.saliency.score
    sentence = found.sentence if found.found else _with_score(found.sentence, score, found.presence)
    names = (seer.name, outliner.segmenter.name)
    part = _draft_slice(picture, found, spec)
    if spec.choice == "single":
        masks = [picture.mask_on_slice(each.mask) for each in found.outlines]
        at_work.know(dict(zip(part.pointings, masks, strict=False)))
    return TextDraft(query, case.volume.modality, picture.plane, label, (part,), sentence, score, *names)


def draft_of_volume(
    seer: TextImageModel,
    outliner: LoadedModel,
    case: CaseInView,
    query: Query,
    spec: VolumeSpec,
    reporter: Reporter,
) -> TextDraft:
    """Look for words in the whole volume; see `segmentation.segment_volume`.

    Raises
    ------
    Cancelled
        If the reporter says so.
    """
    told = StopOnly(reporter)
    spec = spec.model_copy(update={"window": spec.window or case.window})
    if outliner.seconds > _QUICK_S:
        spec = spec.model_copy(update={"closely": False})
    found = segment_volume(
        case.volume, query, ReportingSeer(seer, told), outliner.segmenter, spec, reporter=_Whole(told)
    )
    parts = [_draft_slice(_on_stack(found.stack, key.number), key.result, spec) for key in found.keys]
    label = np.array(found.label.data > 0, dtype=np.uint8)
    sentence = found.sentence
    if not found.found:
        sentence = _with_score(sentence, found.look.score, found.look.presence)
    names = (seer.name, outliner.segmenter.name)
    return TextDraft(
        query, case.volume.modality, WholeVolume(), label, tuple(parts), sentence, found.look.score, *names
    )


def draft_carried(
    outliner: LoadedModel,
    case: CaseInView,
    draft: TextDraft,
    drawn: Mapping[int, Sequence[DraftPointing]],
    spec: VolumeSpec,
    reporter: Reporter,
) -> TextDraft:
    """Carry what is pointed at in slices of a draft through the volume; see `segmentation.segment_from_pointings`.

    Raises
    ------
    Cancelled
        If the reporter says so.
    """
    closely = spec.closely and outliner.seconds <= _QUICK_S
    spec = spec.model_copy(update={"window": case.window, "plane": PLANES[draft.axis], "closely": closely})
    stack = SliceStack.of(case.volume, spec.plane, spec.window)
    pointings = {
        number: [(_on_stack(stack, number).pointing(each), each.point_at) for each in some if each.point_at]
        for number, some in drawn.items()
    }
    found = segment_from_pointings(case.volume, pointings, outliner.segmenter, spec, reporter=reporter)
    label = np.array(found.data > 0, dtype=np.uint8)
    planes = {part.plane.index: part for part in draft.slices}
    shape = _on_stack(stack, 0).look.shape
    parts = tuple(
        DraftSlice(
            upright_plane(stack.axis, number),
            planes[number].saliency if number in planes else np.zeros(shape, np.float32),
            planes[number].coarse if number in planes else np.zeros(shape, bool),
            tuple(drawn.get(number, ())),
        )
        for number in sorted({*planes, *drawn})
    )
    reached = int(np.count_nonzero(label.any(axis=tuple(k for k in range(3) if k != stack.axis))))
    begun = f"{len(pointings)} slice{'' if len(pointings) == 1 else 's'}"
    sentence = f"'{draft.query.text}' carried from {begun}; it is in {reached} now."
    return replace(draft, label=label, slices=parts, region=WholeVolume(), sentence=sentence)


def _on_stack(stack: SliceStack, number: int) -> TextPicture:
    """Return the picture of a slice of a stack, whose pixels are those of the slice."""
    plane, image = upright_plane(stack.axis, number), stack.image(number)
    shown = image[::-1] if plane.axis != 0 else image
    return TextPicture(plane, SliceLook(shown, stack.shape_yx), image)


class _Whole:
    """The steps of the whole, noted for parts that only ask whether to stop."""

    def __init__(self, told: StopOnly) -> None:
        self.step, self.metric = told.whole, told.metric


def _with_score(sentence: str, score: float, presence: float) -> str:
    """Say with what score nothing was found, where the sentence does not say it by itself."""
    if "similarity" in sentence:
        return sentence
    more = "" if "of other words" in sentence else f", suits better than {100 * presence:.0f} % of other words"
    return f"{sentence} (Similarity {score:.3f}{more}.)"


def _draft_slice(picture: TextPicture, found: SliceSegmentation, spec: SliceSpec) -> DraftSlice:
    pointings: tuple[DraftPointing, ...] = ()
    if found.found:  # else a box would say that there is something
        with_points = spec.point_at != "box" or spec.choice != "single"
        pointings = tuple(picture.pointing_on_slice(p, with_points=with_points) for p in found.pointings)
        if spec.point_at == "points":
            pointings = tuple(replace(p, box_xyxy=None) for p in pointings)
    saliency = np.clip(picture.values_on_slice(found.saliency.map_yx), 0, 1)
    return DraftSlice(picture.plane, saliency, picture.mask_on_slice(found.components.mask), pointings)


@dataclass(eq=False)
class SliceAtWork:
    """One slice that words are looked for in, then outlined again and again; the worker's but for its making.

    Parameters
    ----------
    case : CaseInView
        Which volume.
    plane : SlicePlane
        Which slice of it.
    """

    case: CaseInView
    plane: SlicePlane
    _picture: TextPicture | None = None
    _embedding: Embedding | None = None
    _known: dict[DraftPointing, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def picture(self) -> TextPicture:
        """The slice as the models see it; made at the first call."""
        if self._picture is None:
            self._picture = TextPicture.of(self.case, self.plane)
        return self._picture

    def embedding(self, outliner: LoadedModel) -> Embedding | None:
        """Look at the slice as a whole where that takes long: done once, and prompts are answered from it.

        Returns
        -------
        Embedding or None
            None for a quick segmenter, which looks at each prompted place by itself.
        """
        if self._embedding is None and not 0 < outliner.seconds <= _QUICK_S:
            started = time.perf_counter()
            found = outliner.segmenter.embed([self.picture.image])[0]
            outliner.seconds = time.perf_counter() - started
            self._embedding = found if outliner.seconds > _QUICK_S else None
        return self._embedding

    def know(self, masks: Mapping[DraftPointing, NDArray[np.bool_]]) -> None:
        """Take note of what is outlined already."""
        self._known.update(masks)

    def outlined(self, outliner: LoadedModel, drawn: Iterable[DraftPointing], spec: SliceSpec) -> NDArray[np.bool_]:
        """Return the pixels of the slice that are outlined, (down, right); only what is new is asked.

        Empty where it would be nearly the whole slice, as of `segmentation.outline_all`.
        """
        wanted = [each for each in drawn if each.point_at]
        self._known = {each: self._one(outliner, each, spec) for each in wanted}
        whole = np.zeros(self.picture.look.shape, dtype=bool)
        for mask in self._known.values():
            whole |= mask
        return whole if whole.sum() <= spec.most_share * whole.size else np.zeros_like(whole)

    def _one(self, outliner: LoadedModel, drawn: DraftPointing, spec: SliceSpec) -> NDArray[np.bool_]:
        if drawn in self._known:
            return self._known[drawn]
        embedding = self.embedding(outliner)
        changes = {"point_at": drawn.point_at, "choice": "single", "closely": spec.closely and embedding is None}
        pointing = self.picture.pointing(drawn)
        wanted = spec.model_copy(update=changes)
        found = outline(outliner.segmenter, self.picture.image, pointing, wanted, embedding=embedding)
        return self.picture.mask_on_slice(found.mask)
