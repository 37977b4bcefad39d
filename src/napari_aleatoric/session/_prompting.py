"""Asks a frozen segmenter about the slice on the screen, without ever making the window wait."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from psygnal import Signal

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import Prompt
from napari_aleatoric.model import Volume

from ._prompt_questions import Question, Questions
from ._prompt_words import PromptAnswer, PromptPhase, PromptStatus
from ._prompt_work import CaseInView, LoadedModel, answer
from ._prompt_worker import UrgencyWorker
from ._segmenter_host import SegmenterHost
from ._sentence import sentence_of
from ._slice_plane import SlicePlane
from ._slices_seen import SlicesSeen

__all__ = ["PromptAnswer", "PromptPhase", "PromptStatus", "Prompting"]

_LOAD, _ASK = 0, 1  # urgencies; looking at slices comes after them


class Prompting:
    """One segmenter, the case on the screen, and the slices it has looked at. Main thread only.

    `SlicesSeen` knows what was looked at and what comes next, `Questions` what is still to be answered; what
    happens in the worker's thread is in ``_prompt_work``.

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
        self.forbidden: Callable[[], str] = lambda: ""  # why models must not be asked about the case in view
        self._deliver = deliver or (lambda call: call())
        self._worker = UrgencyWorker()
        self._name = "sam-small"
        self._active = False
        self._model: LoadedModel | None = None
        self._loading = False
        self._failure = self._note = ""
        self._case: CaseInView | None = None
        self._plane: SlicePlane | None = None
        self._slices: SlicesSeen | None = None  # of this model and case; None until the first is needed
        self._questions = Questions()
        self._told = self.status

    # -- what is chosen, and where it stands ----------------------------------------------------------

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
        if self._slices is None or not self._slices.has(self._plane):
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
        if self._slices is not None:
            self._slices.drop()
        if self._loading:
            self._let_go()
        self._tell()

    def close(self) -> None:
        """End the thread and let go of the segmenter."""
        self._active = False
        self._let_go()
        self._worker.close()

    def lend(self) -> Future[LoadedModel]:
        """Return the segmenter for other work than prompts; it is loaded if it is not yet.

        The future has the reason if it cannot be. Whoever has it calls it from a thread of their own. It may be
        closed meanwhile, which ends calls with `Cancelled`.
        """
        if self._model is None:
            self._load()
        model = self._model

        def loaded() -> LoadedModel:
            if model is None:
                raise Cancelled("The segmenter is not loaded.")
            model.load()  # where it is not loaded by now, this tells why
            return model

        return self._worker.submit(_LOAD, loaded)

    def _load(self) -> None:
        model = self._model = LoadedModel(self._make_host(self._name))
        self._loading = True
        self._then(self._worker.submit(_LOAD, model.load), lambda future: self._loaded(model, future))

    def _loaded(self, model: LoadedModel, future: Future[Any]) -> None:
        if model is not self._model:
            return
        self._loading = False
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._give_up(error)
        self._tell()

    def _let_go(self) -> None:
        """Forget the segmenter and all it has seen."""
        self._drop_questions()
        self._drop_slices()
        self._loading = False
        self._failure = self._note = ""
        if self._model is not None:
            self._model.host.close()
            self._model = None

    def _give_up(self, error: BaseException) -> None:
        """Let go of a segmenter that is of no use; the next start loads it anew."""
        self._let_go()
        self._active = False
        self._failure = "" if isinstance(error, Cancelled) else sentence_of(error)

    # -- what is on the screen ------------------------------------------------------------------------

    def show(self, volume: Volume | None) -> None:
        """Take another case; questions about the one before are forgotten."""
        self._drop_questions()
        self._drop_slices()
        self._case = None if volume is None else CaseInView(volume)
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
        slices = self._slices_now()
        if slices is not None and self._plane is not None:
            slices.look(self._plane)

    def _slices_now(self) -> SlicesSeen | None:
        """Return the slices of this case under this segmenter; None while prompting is off or no case is open."""
        if not self._active or self._case is None or self._model is None:
            return None
        if self._slices is None:
            self._slices = SlicesSeen(self._model, self._case, self._worker, self._looked, self._then)
        return self._slices

    def _looked(self, plane: SlicePlane, error: BaseException | None) -> None:
        if error is not None:
            if not isinstance(error, Cancelled):
                self._give_up(error)
                self._tell()
            return
        if plane == self._plane and self._active and self._slices is not None:
            self._slices.look_ahead(plane)
        self._tell()

    def _drop_slices(self) -> None:
        if self._slices is not None:
            self._slices.close()
            self._slices = None

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
        if why := self.forbidden():
            self.unanswered.emit(about, why)
            return
        slices, model = self._slices_now(), self._model
        if slices is None or model is None:
            self.unanswered.emit(about, "Segmenting is off.")
            return
        self._questions.drop_older(about)
        seen = slices.of(plane)
        question = Question(plane, prompt, about, self._worker.submit(_ASK, lambda: answer(model, seen, prompt)))
        self._questions.add(question)
        self._then(question.future, lambda _: self._answer_came(question))
        self._tell()

    def _answer_came(self, question: Question) -> None:
        if not self._questions.take(question):
            return  # a late answer to an old question
        outcome = question.outcome(self._plane)
        self._note = outcome.note
        if outcome.answer is not None:
            self.answered.emit(outcome.answer)
        else:
            self.unanswered.emit(question.about, outcome.note)
        if outcome.broken is not None:
            self._give_up(outcome.broken)
        self._tell()

    def _drop_questions(self) -> None:
        for about in self._questions.drop():
            self.unanswered.emit(about, "")

    # -- the rest -------------------------------------------------------------------------------------

    def _then(self, future: Future[Any], call: Callable[[Future[Any]], None]) -> None:
        future.add_done_callback(lambda done: self._deliver(lambda: call(done)))

    def _tell(self) -> None:
        status = self.status
        if status != self._told:
            self._told = status
            self.status_changed.emit(status)
