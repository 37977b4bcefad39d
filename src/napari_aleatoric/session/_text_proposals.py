"""Drafts that nobody has accepted or rejected yet, kept in the workspace: a machine's proposals, never labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from psygnal import Signal
from pydantic import Field, ValidationError

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace, item_folder_name, read_label_map, safe_name, write_label_map, write_whole
from napari_aleatoric.model import ItemKey, LabelMap, Spec
from napari_aleatoric.segmentation import Query, Worked, remember

from ._item import ItemData
from ._prompt_worker import UrgencyWorker
from ._sentence import sentence_of
from ._slice_plane import WholeVolume
from ._text_picture import DraftPointing, upright_plane
from ._text_words import DraftSlice, TextDraft

__all__ = ["ProposalKeeper", "forget_proposal", "keep_proposal", "kept_proposal"]

_Place = tuple[float, float]


class _Pointed(Spec):
    """What points at one object, in pixels of its slice; see `DraftPointing`."""

    box_xyxy: tuple[float, float, float, float] | None = None
    inside_xy: tuple[_Place, ...] = ()
    outside_xy: tuple[_Place, ...] = ()


class _Slice(Spec):
    """A slice that was looked at closely, or pointed at."""

    at: tuple[int, int] = Field(description="Axis and number of the slice.")
    pointings: tuple[_Pointed, ...]


class _Record(Spec):
    """What is known of a proposal, beside its mask."""

    status: str = Field(default="proposed by a machine, not accepted", description="For people who find the file.")
    case_id: str
    text: str
    sentences: tuple[str, ...]
    modality: str
    slice_at: tuple[int, int] | None = Field(description="Axis and number of the slice; none = the whole volume.")
    found: str = Field(description="The sentence that was told.")
    score: float
    text_image_model: str
    segmenter: str
    created: str
    slices: tuple[_Slice, ...] = Field(default=(), description="Boxes and points; none in older files.")


def keep_proposal(workspace: Workspace, item: ItemData, draft: TextDraft) -> None:
    """Write a draft as it is now, in the place of what was kept before; the label is not touched."""
    mask, record = _files(workspace, item.key)
    record.unlink(missing_ok=True)
    mask.parent.mkdir(parents=True, exist_ok=True)
    write_label_map(mask, LabelMap(draft.label, item.image.geometry))
    region = draft.region
    about = _Record(
        case_id=item.key.case_id,
        text=draft.query.text,
        sentences=draft.query.sentences,
        modality=draft.modality,
        slice_at=None if isinstance(region, WholeVolume) else (region.axis, region.index),
        found=draft.sentence,
        score=draft.score,
        text_image_model=draft.seer,
        segmenter=draft.segmenter,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        slices=tuple(
            _Slice(
                at=(part.plane.axis, part.plane.index), pointings=tuple(_Pointed(**vars(p)) for p in part.pointings)
            )
            for part in draft.slices
        ),
    )
    write_whole(record, about.model_dump_json(indent=1).encode())


def kept_proposal(workspace: Workspace, item: ItemData) -> TextDraft | None:
    """Return the draft that is kept for an item; None if there is none, or it does not fit the image any more."""
    mask, record = _files(workspace, item.key)
    try:
        about = _Record.model_validate_json(record.read_bytes())
        label = read_label_map(mask)
    except (OSError, ValidationError, AleatoricError):
        return None
    if not label.geometry.same_grid(item.image.geometry, 1e-3):
        return None
    data = np.array(label.data > 0, dtype=np.uint8)
    slices = tuple(_slice_again(part, data.shape) for part in about.slices if _is_there(part.at, data.shape))
    region = WholeVolume() if about.slice_at is None else upright_plane(*about.slice_at)
    words = f"A proposal that was neither accepted nor rejected: {about.found}"
    query = Query(about.text, about.sentences)
    names = (about.text_image_model, about.segmenter)
    return TextDraft(query, about.modality, region, data, slices, words, about.score, *names)


def _is_there(at: tuple[int, int], shape: tuple[int, ...]) -> bool:
    return 0 <= at[0] < len(shape) and 0 <= at[1] < shape[at[0]]


def _slice_again(kept: _Slice, shape: tuple[int, ...]) -> DraftSlice:
    """Return what was pointed at; where the words were seen is not kept, and nothing is shown of it."""
    plane = upright_plane(*kept.at)
    seen = shape[plane.down], shape[plane.right]
    pointings = tuple(DraftPointing(each.box_xyxy, each.inside_xy, each.outside_xy) for each in kept.pointings)
    return DraftSlice(plane, np.zeros(seen, np.float32), np.zeros(seen, bool), pointings)


def _pointed_at(draft: TextDraft, drawn: Mapping[int, Sequence[DraftPointing]]) -> tuple[DraftSlice, ...]:
    """Return the slices of a draft with what points at them now, and those that were pointed at since."""
    known = {part.plane.index: replace(part, pointings=()) for part in draft.slices}
    found = []
    for number in sorted({*known, *drawn}):
        plane = upright_plane(draft.axis, number)
        blank = DraftSlice(plane, np.zeros(0, np.float32), np.zeros(0, bool))
        found.append(replace(known.get(number, blank), pointings=tuple(drawn.get(number, ()))))
    return tuple(found)


def forget_proposal(workspace: Workspace, key: ItemKey) -> None:
    """Take away what is kept for an item: a person has decided."""
    for path in reversed(_files(workspace, key)):
        path.unlink(missing_ok=True)


def _files(workspace: Workspace, key: ItemKey) -> tuple[Path, Path]:
    folder = workspace.root / "proposals" / safe_name(key.case_id)
    name = item_folder_name(key)
    return folder / f"{name}.nii.gz", folder / f"{name}.json"


class ProposalKeeper:
    """Writes and reads proposals beside the window, one after the other. Main thread only.

    Parameters
    ----------
    deliver : callable
        Runs a function in the main thread.
    """

    failed = Signal(str)  # why something could not be kept

    def __init__(self, deliver: Callable[[Callable[[], None]], None]) -> None:
        self._deliver = deliver
        self._worker = UrgencyWorker("aleatoric-proposals")
        self._waiting: tuple[ItemKey, Future[None]] | None = None  # what may not be written yet

    def keep(
        self,
        workspace: Workspace,
        item: ItemData,
        draft: TextDraft,
        drawn: Mapping[int, Sequence[DraftPointing]] | None = None,
    ) -> None:
        """Write a draft as it is at this moment; only the latest of several counts.

        Parameters
        ----------
        workspace : Workspace
            Where it is kept.
        item : ItemData
            Which case it is of.
        draft : TextDraft
            What is kept.
        drawn : mapping of int to DraftPointing, optional
            What is pointed at by now, by slice along the draft's axis; by default what the draft came with.
        """
        slices = draft.slices if drawn is None else _pointed_at(draft, drawn)
        now = replace(draft, label=draft.label.copy(), slices=slices)
        self._submit(item.key, lambda: keep_proposal(workspace, item, now))

    def forget(self, workspace: Workspace, key: ItemKey) -> None:
        """Take away what is kept for an item."""
        self._submit(key, lambda: forget_proposal(workspace, key))

    def recall(self, workspace: Workspace, item: ItemData, then: Callable[[TextDraft], None]) -> None:
        """Read what is kept for an item; ``then`` is called in the main thread if there is something."""

        def read() -> None:
            draft = kept_proposal(workspace, item)
            if draft is not None:
                self._deliver(lambda: then(draft))

        self._worker.submit(0, read)

    def remember(self, folder: Path, worked: Worked, then: Callable[[], None]) -> None:
        """Note words that led to an accepted draft; ``then`` is called in the main thread when that is written."""

        def write() -> None:
            remember(folder, worked)
            self._deliver(then)

        self._worker.submit(0, write).add_done_callback(self._done)

    def close(self) -> None:
        """Write what waits, and end the thread."""
        if self._waiting is not None and not self._waiting[1].cancelled():
            self._waiting[1].exception()  # waits
        self._worker.close()

    def _submit(self, key: ItemKey, work: Callable[[], None]) -> None:
        if self._waiting is not None and self._waiting[0] == key:
            self._waiting[1].cancel()
        future = self._worker.submit(0, work)
        self._waiting = (key, future)
        future.add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            words = f"It is not kept for the next time. {sentence_of(error)}"
            self._deliver(lambda: self.failed.emit(words))
