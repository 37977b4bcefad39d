"""Prompts whose answers are on their way."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from napari_aleatoric.errors import AleatoricError, Cancelled, JobFailedError
from napari_aleatoric.foundation import Prompt

from ._prompt_words import PromptAnswer
from ._prompt_work import Found
from ._sentence import sentence_of
from ._slice_plane import SlicePlane

__all__ = ["Outcome", "Question", "Questions"]


@dataclass(eq=False)
class Question:
    """One prompt.

    Parameters
    ----------
    plane : SlicePlane
        On which slice.
    prompt : Prompt
        In pixels of the slice.
    about : object
        What is pointed at; None = nothing that another prompt could point at, too.
    future : Future
        Its `Found`.
    asked : float
        When, in seconds of `time.perf_counter`.
    """

    plane: SlicePlane
    prompt: Prompt
    about: object
    future: Future[Found]
    asked: float = field(default_factory=time.perf_counter)

    def outcome(self, plane: SlicePlane | None) -> Outcome:
        """Say what came of it, its future being done and this slice being on the screen."""
        error = None if self.future.cancelled() else self.future.exception()
        if self.future.cancelled() or error is not None:
            why = "" if error is None or isinstance(error, Cancelled) else sentence_of(error)
            is_broken = isinstance(error, JobFailedError) or not isinstance(error, AleatoricError | None)
            return Outcome(None, why, error if is_broken else None)
        if self.plane != plane:
            return Outcome(None, "You moved on before the answer came; nothing was drawn.")
        found = self.future.result()
        note = f"Drawn; estimated overlap {found.overlap:.2f}." if found.mask.any() else "Nothing was found there."
        seconds = time.perf_counter() - self.asked
        answer = PromptAnswer(
            self.plane, self.prompt, found.mask, found.overlap, found.logits, self.about, seconds, found.segmenter
        )
        return Outcome(answer, note)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a question.

    Parameters
    ----------
    answer : PromptAnswer or None
        None if there is nothing to draw.
    note : str
        A sentence for the user; "" if there is nothing to say.
    broken : BaseException or None
        Why the segmenter is of no use any more.
    """

    answer: PromptAnswer | None
    note: str
    broken: BaseException | None = None


class Questions:
    """All questions that are open. Main thread only."""

    def __init__(self) -> None:
        self._open: list[Question] = []

    def __len__(self) -> int:
        return len(self._open)

    def drop_older(self, about: object) -> None:
        """Drop what was asked about the same object before: a newer question replaces it."""
        if about is not None:
            for older in [q for q in self._open if q.about is about]:
                older.future.cancel()
                self._open.remove(older)

    def add(self, question: Question) -> None:
        """Wait for its answer."""
        self._open.append(question)

    def take(self, question: Question) -> bool:
        """Close a question that was answered; False if it was dropped before: the answer came late."""
        if question not in self._open:
            return False
        self._open.remove(question)
        return True

    def drop(self) -> list[Any]:
        """Drop all; return what they were about."""
        dropped, self._open = self._open, []
        for question in dropped:
            question.future.cancel()
        return [question.about for question in dropped]
