"""Asks a frozen segmenter about the slice on the screen, without ever making the window wait."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.errors import AleatoricError, Cancelled, JobFailedError
from napari_aleatoric.foundation import Embedding, Prompt, PromptSegmenter, intensity_range
from napari_aleatoric.model import Volume

from ._close_up import close_up
from ._prompt_worker import UrgencyWorker
from ._segmenter_host import SegmenterHost
from ._slice_look import SliceLook
from ._slice_plane import SlicePlane

__all__ = ["PromptAnswer", "PromptPhase", "PromptStatus", "Prompting"]

_LOAD, _ASK, _LOOK, _AHEAD = range(4)  # urgencies
_KEPT = 24  # slices
_QUICK_S = 0.5  # a segmenter that looks at a slice in less also looks at its neighbours ahead
_CLOSE_UP = 0.4  # a box of at least this share of the slice is answered from the whole slice


class PromptPhase(StrEnum):
    """What is going on."""

    OFF = "off"
    LOADING = "loading"
    LOOKING = "looking"
    READY = "ready"
    ANSWERING = "answering"
    IDLE = "idle"
    FAILED = "failed"


@dataclass(frozen=True)
class PromptStatus:
    """What is going on, in words.

    Parameters
    ----------
    phase : PromptPhase
        For programs.
    sentence : str
        For people.
    """

    phase: PromptPhase
    sentence: str

    @property
    def busy(self) -> bool:
        """Whether something can be waited for."""
        return self.phase in (PromptPhase.LOADING, PromptPhase.LOOKING, PromptPhase.ANSWERING)


@dataclass(frozen=True, eq=False)
class PromptAnswer:
    """A mask for a prompt.

    Parameters
    ----------
    plane : SlicePlane
        Which slice.
    prompt : Prompt
        What was asked, in pixels of the slice.
    mask : numpy.ndarray of bool, shape (down, right)
        Pixels of the object.
    overlap : float
        Intersection over union with the object, as the network estimates it.
    logits : numpy.ndarray of float32 or None
        What a next prompt about the same object may go on from.
    about : object
        As `Prompting.ask` was told.
    seconds : float
        From the question to here.
    """

    plane: SlicePlane
    prompt: Prompt
    mask: NDArray[np.bool_]
    overlap: float
    logits: NDArray[np.float32] | None
    about: object
    seconds: float


@dataclass(eq=False)
class _Model:
    """A segmenter and where it lives; ``segmenter`` and ``seconds`` belong to the worker's thread."""

    host: SegmenterHost
    segmenter: PromptSegmenter | None = None
    seconds: float = 0.0


@dataclass(eq=False)
class _Case:
    """A volume; ``limits`` belong to the worker's thread."""

    volume: Volume
    limits: tuple[float, float] | None = None


@dataclass(eq=False)
class _Slice:
    """What is known of a slice; all but ``future`` belongs to the worker's thread until that is done."""

    plane: SlicePlane
    look: SliceLook | None = None
    embedding: Embedding | None = None
    future: Future[Any] | None = None


@dataclass(eq=False)
class _Question:
    plane: SlicePlane
    prompt: Prompt
    about: object
    future: Future[Any] = field(default_factory=Future)


class Prompting:
    """One segmenter, the case on the screen, and the slices it has looked at. Main thread only.

    Parameters
    ----------
    host : callable
        ``host(name)`` returns where the segmenter of that name will live; it is opened in a thread.
    deliver : callable
        Runs a function in the main thread; the default runs it where it is (tests, scripts).
    """

    status_changed = Signal(object)  # PromptStatus
    answered = Signal(object)  # PromptAnswer
    unanswered = Signal(object, str)  # about, why

    def __init__(
        self, host: Callable[[str], SegmenterHost], deliver: Callable[[Callable[[], None]], None] | None = None
    ) -> None:
        self._make_host = host
        self._deliver = deliver or (lambda call: call())
        self._worker = UrgencyWorker()
        self._name = "sam-small"
        self._active = False
        self._model: _Model | None = None
        self._loading = False
        self._failure = ""
        self._note = ""
        self._case: _Case | None = None
        self._plane: SlicePlane | None = None
        self._slices: OrderedDict[SlicePlane, _Slice] = OrderedDict()
        self._questions: list[_Question] = []
        self._told = self.status

    # -- what is chosen -----------------------------------------------------------------------------

    @property
    def model(self) -> str:
        """Name of the segmenter."""
        return self._name

    @property
    def active(self) -> bool:
        """Whether prompts are expected."""
        return self._active

    @property
    def status(self) -> PromptStatus:
        """What is going on."""
        if self._failure:
            return PromptStatus(PromptPhase.FAILED, self._failure)
        if not self._active:
            return PromptStatus(PromptPhase.OFF, "")
        if self._loading:
            return PromptStatus(PromptPhase.LOADING, f"Loading {self._name} …")
        if self._case is None:
            return PromptStatus(PromptPhase.IDLE, "Open a case to segment in.")
        if self._plane is None:
            return PromptStatus(PromptPhase.IDLE, "Prompts are drawn in slices: turn the 3-D view off.")
        if self._questions:
            return PromptStatus(PromptPhase.ANSWERING, "Drawing …")
        seen = self._slices.get(self._plane)
        if seen is None or seen.future is None or not seen.future.done():
            return PromptStatus(PromptPhase.LOOKING, f"Looking at slice {self._plane.index} …")
        return PromptStatus(PromptPhase.READY, self._note or "Ready.")

    def choose(self, name: str) -> None:
        """Use another segmenter; it is loaded when it is needed."""
        if name == self._name and not self._failure:
            return
        self._name = name
        self._let_go()
        if self._active:
            self.start()
        self._tell()

    # -- on and off -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Expect prompts: load the segmenter if it is not there, and look at the slice on the screen."""
        self._active = True
        self._failure = ""
        if self._model is None:
            self._load()
        self._look()
        self._tell()

    def stop(self) -> None:
        """Expect no more prompts; what is loaded stays loaded."""
        self._active = False
        self._note = self._failure = ""
        self._drop_questions()
        self._drop_looks(set())
        if self._loading:
            self._let_go()
        self._tell()

    def close(self) -> None:
        """End the thread and let go of the segmenter."""
        self._active = False
        self._let_go()
        self._worker.close()

    def _load(self) -> None:
        model = self._model = _Model(self._make_host(self._name))
        self._loading = True

        def open_it() -> None:
            model.segmenter = model.host.open()

        self._then(self._worker.submit(_LOAD, open_it), lambda future: self._loaded(model, future))

    def _loaded(self, model: _Model, future: Future[Any]) -> None:
        if model is not self._model:
            return
        self._loading = False
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._let_go()
            self._active = False
            self._failure = "" if isinstance(error, Cancelled) else _sentence(error)
        self._tell()

    def _let_go(self) -> None:
        """Forget the segmenter and all it has seen."""
        self._drop_questions()
        self._drop_looks(set())
        self._slices.clear()
        self._loading = False
        self._failure = self._note = ""
        if self._model is not None:
            self._model.host.close()
            self._model = None

    # -- what is on the screen ------------------------------------------------------------------------

    def show(self, volume: Volume | None) -> None:
        """Take another case; questions about the one before are forgotten."""
        self._drop_questions()
        self._drop_looks(set())
        self._slices.clear()
        self._case = None if volume is None else _Case(volume)
        self._plane = None
        self._note = ""
        self._tell()

    def look_at(self, plane: SlicePlane | None) -> None:
        """Take note of the slice on the screen, None = none; what only it made worth looking at is dropped."""
        if plane == self._plane:
            return
        self._plane = plane
        self._note = ""
        self._look()
        self._tell()

    def _look(self) -> None:
        if not self._active or self._case is None or self._plane is None:
            return
        wanted = [self._plane, *self._plane.neighbours(self._case.volume.geometry.shape_zyx)]
        self._drop_looks(set(wanted))
        seen = self._seen(self._plane)
        if seen.future is None:
            self._submit_look(seen, _LOOK)
        elif seen.future.done():
            self._look_ahead()

    def _look_ahead(self) -> None:
        """Look at the neighbours of the slice on the screen, where that costs little."""
        case, plane, model = self._case, self._plane, self._model
        if not self._active or case is None or plane is None or model is None or model.seconds > _QUICK_S:
            return
        for near in plane.neighbours(case.volume.geometry.shape_zyx):
            seen = self._seen(near)
            if seen.future is None:
                self._submit_look(seen, _AHEAD)

    def _seen(self, plane: SlicePlane) -> _Slice:
        seen = self._slices.setdefault(plane, _Slice(plane))
        self._slices.move_to_end(plane)
        while len(self._slices) > _KEPT:
            _, old = self._slices.popitem(last=False)
            if old.future is not None:
                old.future.cancel()
        return seen

    def _submit_look(self, seen: _Slice, urgency: int) -> None:
        case, model = self._case, self._model
        if case is None or model is None:
            return
        seen.future = self._worker.submit(urgency, lambda: _embed(model, case, seen))
        self._then(seen.future, lambda future: self._looked(seen, future))

    def _looked(self, seen: _Slice, future: Future[Any]) -> None:
        if self._slices.get(seen.plane) is not seen or seen.future is not future:
            return
        if not future.cancelled() and (error := future.exception()) is not None:
            if self._model is not None and not isinstance(error, Cancelled):
                self._broke(error)
            return
        if seen.plane == self._plane:
            self._look_ahead()
        self._tell()

    def _drop_looks(self, wanted: set[SlicePlane]) -> None:
        for plane, seen in list(self._slices.items()):
            if plane not in wanted and seen.future is not None and seen.future.cancel():
                del self._slices[plane]

    # -- questions and answers ------------------------------------------------------------------------

    def ask(self, plane: SlicePlane, prompt: Prompt, about: object = None) -> None:
        """Ask for a mask; `answered` or `unanswered` follows.

        Parameters
        ----------
        plane : SlicePlane
            Which slice.
        prompt : Prompt
            In pixels of the slice as displayed: x along ``plane.right``, y along ``plane.down``.
        about : object, optional
            What is pointed at; a newer question about the same object replaces an older one.
        """
        case, model = self._case, self._model
        if not self._active or case is None or model is None:
            self.unanswered.emit(about, "Segmenting is off.")
            return
        if about is not None:
            for older in [q for q in self._questions if q.about is about]:
                older.future.cancel()
                self._questions.remove(older)
        started = time.perf_counter()
        question = _Question(plane, prompt, about)
        seen = self._seen(plane)
        self._questions.append(question)
        question.future = self._worker.submit(_ASK, lambda: _answer(model, case, seen, prompt))
        self._then(question.future, lambda future: self._answer_came(question, started, future))
        self._tell()

    def _answer_came(self, question: _Question, started: float, future: Future[Any]) -> None:
        if question not in self._questions:
            return  # a late answer to an old question
        self._questions.remove(question)
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or error is not None:
            why = "" if error is None or isinstance(error, Cancelled) else _sentence(error)
            self.unanswered.emit(question.about, why)
            self._note = why
            if error is not None and (isinstance(error, JobFailedError) or not isinstance(error, AleatoricError)):
                self._broke(error)
        elif question.plane != self._plane:
            self._note = "You moved on before the answer came; nothing was drawn."
            self.unanswered.emit(question.about, self._note)
        else:
            found: _Found = future.result()
            overlap = float(min(max(found.overlap, 0.0), 1.0))
            if found.mask.any():
                self._note = f"Drawn; estimated overlap {overlap:.2f}."
            else:
                self._note = "Nothing was found there."
            seconds = time.perf_counter() - started
            self.answered.emit(
                PromptAnswer(
                    question.plane, question.prompt, found.mask, overlap, found.logits, question.about, seconds
                )
            )
        self._tell()

    def _drop_questions(self) -> None:
        questions, self._questions = self._questions, []
        for question in questions:
            question.future.cancel()
            self.unanswered.emit(question.about, "")

    # -- the rest -------------------------------------------------------------------------------------

    def _broke(self, error: BaseException) -> None:
        """Give up on this segmenter; the next start loads it anew."""
        self._let_go()
        self._active = False
        self._failure = _sentence(error)
        self._tell()

    def _then(self, future: Future[Any], call: Callable[[Future[Any]], None]) -> None:
        future.add_done_callback(lambda done: self._deliver(lambda: call(done)))

    def _tell(self) -> None:
        status = self.status
        if status != self._told:
            self._told = status
            self.status_changed.emit(status)


def _embed(model: _Model, case: _Case, seen: _Slice) -> None:
    """Look at a slice; in the worker's thread."""
    if model.segmenter is None:
        raise Cancelled("The segmenter is not loaded.")
    if seen.embedding is not None:
        return
    started = time.perf_counter()
    seen.embedding = model.segmenter.embed([_look_of(case, seen).image])[0]
    model.seconds = time.perf_counter() - started


def _look_of(case: _Case, seen: _Slice) -> SliceLook:
    if seen.look is None:
        volume = case.volume
        if case.limits is None:
            case.limits = intensity_range(volume.data)
        pixels = seen.plane.cut(volume.data)
        seen.look = SliceLook.of(pixels, seen.plane.spacing(volume.geometry.spacing_zyx_mm), case.limits)
    return seen.look


@dataclass(frozen=True, eq=False)
class _Found:
    mask: NDArray[np.bool_]
    overlap: float
    logits: NDArray[np.float32] | None  # of the whole slice


def _answer(model: _Model, case: _Case, seen: _Slice, prompt: Prompt) -> _Found:
    """Answer a prompt; in the worker's thread."""
    if model.segmenter is None:
        raise Cancelled("The segmenter is not loaded.")
    look = _look_of(case, seen)
    asked = look.prompt(prompt)
    if asked.box_xyxy is not None:
        x0, y0, x1, y1 = asked.box_xyxy
        if max(x1 - x0, y1 - y0) + 1 < _CLOSE_UP * max(look.image.shape[:2]):
            found = model.segmenter.segment(look.image, asked)
            return _Found(look.mask(found), found.iou, None)
    _embed(model, case, seen)
    assert seen.embedding is not None
    found = model.segmenter.predict([seen.embedding], [asked])[0]
    if asked.box_xyxy is not None or not asked.points_xy:
        return _Found(look.mask(found), found.iou, found.logits)
    closer = close_up(model.segmenter, look, asked, found)
    return _Found(look.mask(closer), closer.iou, found.logits)


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, AleatoricError) else f"{type(error).__name__}: {error}"
