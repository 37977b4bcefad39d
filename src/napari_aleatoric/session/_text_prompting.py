"""Looks for words in the case on the screen, and outlines anew what a person drags; the window never waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
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
from ._text_words import TextDraft, TextPhase, TextStatus
from ._text_work import LoadedSeer, SliceAtWork, draft_of_slice, draft_of_volume

__all__ = ["TextPrompting"]

_PATIENCE_S = 1.5  # after which a model that does not stop by itself is ended
_STOPPED = "Stopped; nothing was drawn."


@dataclass(eq=False)
class _Run:
    """One time of looking for words."""

    seer: LoadedSeer
    reporter: RunReporter | None = None
    is_over: threading.Event = field(default_factory=threading.Event)


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
        "No text-image model is here. Choose a folder with one (open_clip_config.json and weights) under Words, "
        "or get one with: aleatoric weights download biomedclip"
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
        self._runs, self._edits = UrgencyWorker("aleatoric-words"), UrgencyWorker("aleatoric-draft")
        self._source = ""
        self._seer: LoadedSeer | None = None
        self._case: CaseInView | None = None
        self._run: _Run | None = None
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
        self._run = None
        self._forget_edits()
        self._close_seer()
        self._runs.close()
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
        if not self._source:
            self._tell(TextPhase.FAILED, self.NO_MODEL)
            return
        self.cancel()
        self.drop()
        source = self._source
        seer = self._seer = self._seer or LoadedSeer(lambda: self._make_host(source))
        run = self._run = _Run(seer)
        run.reporter = reporter = RunReporter(
            lambda words, share: self._deliver(lambda: self._progressed(run, words, share))
        )
        self._tell(TextPhase.RUNNING, "The models are loaded …")
        lent = self._prompting.lend()
        at_work = None if plane is None else SliceAtWork(case, upright_plane(plane.axis, plane.index))
        spec = self.spec

        def look(model: TextImageModel) -> TextDraft:
            outliner = lent.result()
            if at_work is None:
                return draft_of_volume(model, outliner, case, query, spec, reporter)
            return draft_of_slice(model, outliner, at_work, query, spec, reporter)

        def work() -> TextDraft:
            model = None
            try:
                model = seer.load()
                return look(model)
            except Cancelled:
                if reporter.stopping or model is None or seer.is_open(model):
                    raise
                return look(seer.load())  # it was ended because of the run before
            finally:
                run.is_over.set()

        future = self._runs.submit(0, work)
        future.add_done_callback(lambda done: self._deliver(lambda: self._found(run, at_work, done)))

    def cancel(self) -> None:
        """Stop looking, within two seconds: a model that does not stop by itself is ended, and loaded anew."""
        run, self._run = self._run, None
        if run is None:
            return
        if run.reporter is not None:
            run.reporter.stop()

        def end() -> None:
            if not run.is_over.wait(_PATIENCE_S):
                run.seer.end()

        threading.Thread(target=end, name="aleatoric-stop", daemon=True).start()
        self._tell(TextPhase.IDLE, _STOPPED)

    def _progressed(self, run: _Run, words: str, share: float | None) -> None:
        if run is self._run:
            self._tell(TextPhase.RUNNING, words, share)

    def _found(self, run: _Run, at_work: SliceAtWork | None, future: Future[TextDraft]) -> None:
        error = Cancelled("") if future.cancelled() else future.exception()
        stopped = isinstance(error, Cancelled)
        if error is not None and not stopped and self._seer is run.seer:
            self._close_seer()  # the next time it is loaded anew
        if run is not self._run:
            return
        self._run = None
        if error is not None:
            phase = TextPhase.IDLE if stopped else TextPhase.FAILED
            self._tell(phase, _STOPPED if stopped else sentence_of(error))
            return
        draft = future.result()
        if at_work is not None:
            self._slices[at_work.plane] = at_work
        self.take(draft)

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
        if draft is None or case is None or self._run is not None:
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
