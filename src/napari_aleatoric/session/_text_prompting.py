"""Looks for words in the case on the screen, and outlines anew what a person drags; the window never waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import TextImageModel
from napari_aleatoric.model import Volume
from napari_aleatoric.segmentation import Query, VolumeSpec

from ._prompt_work import CaseInView
from ._prompt_worker import UrgencyWorker
from ._prompting import Prompting
from ._sentence import sentence_of
from ._slice_plane import SlicePlane
from ._text_host import TextHost
from ._text_picture import DraftPointing, upright_plane
from ._text_reporter import RunReporter
from ._text_runs import TextRun, TextRuns
from ._text_words import TextDraft, TextPhase, TextStatus
from ._text_work import LoadedSeer, SliceAtWork, draft_carried, draft_of_slice, draft_of_volume

__all__ = ["TextPrompting"]

_LOADING = "The models are loaded\u00a0…"
_STOPPED = "Stopped; nothing was drawn."


class TextPrompting:
    """One text-image model, the case on the screen, and the draft that words gave. Main thread only.

    Parameters
    ----------
    host : callable
        ``host(source)`` returns where the text-image model of that name or folder will live.
    prompting : Prompting
        Has the segmenter, which boxes and points share.
    deliver : callable
        Runs a function in the main thread; the default runs it where it is (tests, scripts).
    spec : VolumeSpec
        Settings of all stages.
    """

    NO_MODEL = (
        "No text-image model is here. Get one in the Models dock, or choose a folder with one under Words "
        "(open_clip_config.json and weights)."
    )

    status_changed = Signal(object)  # TextStatus
    drafted = Signal(object)  # TextDraft: something new was looked for; it may be empty
    redrawn = Signal(object)  # SlicePlane: the draft's label was changed there
    dropped = Signal()  # the draft is gone

    def __init__(
        self,
        host: Callable[[str], TextHost],
        prompting: Prompting,
        deliver: Callable[[Callable[[], None]], None] | None = None,
        spec: VolumeSpec | None = None,
    ) -> None:
        self._make_host, self._prompting = host, prompting
        self._deliver = deliver or (lambda call: call())
        self.spec = spec or VolumeSpec()
        self.runs = TextRuns(self._deliver, self._progressed, self._ended)
        self._edits = UrgencyWorker("aleatoric-draft")
        self._source = ""
        self._seer: LoadedSeer | None = None
        self._case: CaseInView | None = None
        self._slices: dict[SlicePlane, SliceAtWork] = {}
        self._asked: dict[SlicePlane, Future[Any]] = {}  # what was dragged, and is being outlined
        self.draft: TextDraft | None = None
        self.status = TextStatus(TextPhase.IDLE, "")

    # -- which model --------------------------------------------------------------------------------------

    @property
    def model(self) -> str:
        """Name or folder of the text-image model; "" for none."""
        return self._source

    def choose(self, source: str) -> None:
        """Take another text-image model; it is loaded when it is needed."""
        if source != self._source:
            self.cancel()
            self._close_seer()
            self._source = source

    def _close_seer(self) -> None:
        if self._seer is not None:
            self._seer.end()
            self._seer = None

    # -- the case -----------------------------------------------------------------------------------------

    def show(self, volume: Volume | None) -> None:
        """Take another case; what is going on about the one before is stopped, its draft forgotten."""
        self.cancel()
        self.drop()
        self._case = None if volume is None else CaseInView(volume)

    def close(self) -> None:
        """End threads and processes."""
        self.runs.close()
        self._forget_edits()
        self._close_seer()
        self._edits.close()

    # -- looking for words ----------------------------------------------------------------------------------

    def find(self, query: Query, plane: SlicePlane | None) -> None:
        """Look for something; `drafted` follows, or a status that says why not.

        Parameters
        ----------
        query : Query
            Words, and the sentences that stand for them.
        plane : SlicePlane or None
            In this slice; None = in the whole volume.
        """
        case = self._case
        if case is None:
            self._tell(TextPhase.FAILED, "Open a case first; then look for something in it.")
            return
        if why := self._prompting.forbidden():
            self._tell(TextPhase.FAILED, why)
            return
        if not self._source:
            self._tell(TextPhase.FAILED, self.NO_MODEL)
            return
        self.cancel()
        self.drop()
        source = self._source
        seer = self._seer = self._seer or LoadedSeer(lambda: self._make_host(source))
        at_work = None if plane is None else SliceAtWork(case, upright_plane(plane.axis, plane.index))
        lent, spec = self._prompting.lend(), self.spec

        def look(model: TextImageModel, reporter: RunReporter) -> TextDraft:
            outliner = lent.result()
            if at_work is None:
                return draft_of_volume(model, outliner, case, query, spec, reporter)
            return draft_of_slice(model, outliner, at_work, query, spec, reporter)

        def work(reporter: RunReporter) -> TextDraft:
            model = None
            try:
                model = seer.load()
                return look(model, reporter)
            except Cancelled:
                if reporter.stopping or model is None or seer.is_open(model):
                    raise
                return look(seer.load(), reporter)  # it was ended because of the run before

        self._tell(TextPhase.RUNNING, _LOADING)
        self.runs.begin(work, seer, at_work)

    def carry(self, drawn: Mapping[int, Sequence[DraftPointing]]) -> None:
        """Carry what is pointed at in slices of the draft through the volume; `drafted` follows.

        Parameters
        ----------
        drawn : mapping of int to DraftPointing
            By slice, along the draft's axis.
        """
        draft, case = self.draft, self._case
        if draft is None or case is None or self.runs.current is not None:
            return
        if why := self._prompting.forbidden():
            self._tell(TextPhase.FAILED, why)
            return
        if not any(each.point_at for some in drawn.values() for each in some):
            self.say("Draw a box first, or click into the object.")
            return
        lent, spec = self._prompting.lend(), self.spec
        self._tell(TextPhase.RUNNING, _LOADING)
        self.runs.begin(lambda reporter: draft_carried(lent.result(), case, draft, drawn, spec, reporter))

    def cancel(self) -> None:
        """Stop looking, within two seconds."""
        if self.runs.cancel():
            self.say(_STOPPED)

    def _progressed(self, words: str, share: float | None) -> None:
        self._tell(TextPhase.RUNNING, words, share)

    def _ended(self, run: TextRun, draft: TextDraft | None, error: BaseException | None) -> None:
        if draft is not None:
            if run.at_work is not None:
                self._slices[run.at_work.plane] = run.at_work
            self.take(draft)
        elif error is None or isinstance(error, Cancelled):
            self.say(_STOPPED)
        else:
            self._tell(TextPhase.FAILED, sentence_of(error))

    def take(self, draft: TextDraft) -> None:
        """Make a draft the present one: what was found now, or is kept from an earlier session."""
        self.draft = draft
        self.drafted.emit(draft)
        self._tell(TextPhase.DRAFT if draft.found else TextPhase.IDLE, draft.sentence)

    def drop(self) -> None:
        """Forget the draft: it was accepted, rejected, or something else is looked for."""
        self._forget_edits()
        if self.draft is not None:
            self.draft = None
            self.dropped.emit()

    def say(self, sentence: str) -> None:
        """Tell something; where there is a draft, it stays."""
        self._tell(TextPhase.IDLE if self.draft is None else TextPhase.DRAFT, sentence)

    # -- what was dragged -------------------------------------------------------------------------------------

    def edit(self, plane: SlicePlane, drawn: Sequence[DraftPointing]) -> None:
        """Outline what is pointed at in one slice of the draft, instead of what was; `redrawn` follows.

        A newer wish about the same slice replaces an older one. Other slices stay as they are.
        """
        draft, case = self.draft, self._case
        if draft is None or case is None or self.runs.current is not None:
            return
        plane = upright_plane(plane.axis, plane.index)
        older = self._asked.pop(plane, None)
        if older is not None:
            older.cancel()
        at_work = self._slices.setdefault(plane, SliceAtWork(case, plane))
        lent, spec, wanted = self._prompting.lend(), self.spec, tuple(drawn)
        future = self._edits.submit(0, lambda: at_work.outlined(lent.result(), wanted, spec))
        self._asked[plane] = future
        future.add_done_callback(lambda done: self._deliver(lambda: self._outlined(plane, done)))

    def _outlined(self, plane: SlicePlane, future: Future[NDArray[np.bool_]]) -> None:
        if self._asked.get(plane) is not future or self.draft is None:
            return  # a late answer to an old question
        del self._asked[plane]
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self.say("The segmenter was stopped." if isinstance(error, Cancelled) else sentence_of(error))
            return
        mask = future.result()
        plane.cut(self.draft.label)[...] = mask
        self.redrawn.emit(plane)
        words = "Drawn anew." if mask.any() else "The segmenter outlines nothing there, or all of the slice."
        self.say(words)

    def _forget_edits(self) -> None:
        for future in self._asked.values():
            future.cancel()
        self._asked.clear()
        self._slices.clear()

    def _tell(self, phase: TextPhase, sentence: str, fraction: float | None = None) -> None:
        status = TextStatus(phase, sentence, fraction)
        if status != self.status:
            self.status = status
            self.status_changed.emit(status)
