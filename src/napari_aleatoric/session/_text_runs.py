"""One piece of long work about words at a time: begun, told about, and stopped within two seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from napari_aleatoric.errors import Cancelled

from ._prompt_worker import UrgencyWorker
from ._text_reporter import RunReporter
from ._text_words import TextDraft
from ._text_work import LoadedSeer, SliceAtWork

__all__ = ["TextRun", "TextRuns"]

_PATIENCE_S = 1.5  # after which a model that does not stop by itself is ended


@dataclass(eq=False)
class TextRun:
    """One piece of work.

    Parameters
    ----------
    reporter : RunReporter
        Hears its steps, and stops it.
    seer : LoadedSeer, optional
        The text-image model that it needs.
    at_work : SliceAtWork, optional
        The slice that it looks at.
    """

    reporter: RunReporter
    seer: LoadedSeer | None = None
    at_work: SliceAtWork | None = None
    is_over: threading.Event = field(default_factory=threading.Event)


class TextRuns:
    """Runs work in a thread of its own. Main thread only.

    Parameters
    ----------
    deliver : callable
        Runs a function in the main thread.
    progressed : callable
        ``progressed(sentence, fraction)``, of the present work.
    ended : callable
        ``ended(run, draft, error)``: the present work came to its end; one of the last two is None. Work that was
        stopped is not told of.
    """

    def __init__(
        self,
        deliver: Callable[[Callable[[], None]], None],
        progressed: Callable[[str, float | None], None],
        ended: Callable[[TextRun, TextDraft | None, BaseException | None], None],
    ) -> None:
        self._deliver, self._progressed, self._ended = deliver, progressed, ended
        self._worker = UrgencyWorker("aleatoric-words")
        self.current: TextRun | None = None

    def begin(
        self,
        work: Callable[[RunReporter], TextDraft],
        seer: LoadedSeer | None = None,
        at_work: SliceAtWork | None = None,
    ) -> None:
        """Do this, after what is stopped but not over."""
        reporter = RunReporter(lambda words, share: self._deliver(lambda: self._step(run, words, share)))
        run = self.current = TextRun(reporter, seer, at_work)

        def whole() -> TextDraft:
            try:
                return work(reporter)
            finally:
                run.is_over.set()

        future = self._worker.submit(0, whole)
        future.add_done_callback(lambda done: self._deliver(lambda: self._done(run, done)))

    def cancel(self) -> bool:
        """Stop the present work; a model that does not stop by itself is ended, and loaded anew when needed.

        Returns
        -------
        bool
            Whether there was any.
        """
        run, self.current = self.current, None
        if run is None:
            return False
        run.reporter.stop()

        def end() -> None:
            if not run.is_over.wait(_PATIENCE_S) and run.seer is not None:
                run.seer.end()

        threading.Thread(target=end, name="aleatoric-stop", daemon=True).start()
        return True

    def close(self) -> None:
        """Tell of nothing any more, and end the thread."""
        if self.current is not None:
            self.current.reporter.stop()
            self.current = None
        self._worker.close()

    def _step(self, run: TextRun, words: str, share: float | None) -> None:
        if run is self.current:
            self._progressed(words, share)

    def _done(self, run: TextRun, future: Future[TextDraft]) -> None:
        error = Cancelled("Stopped.") if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, Cancelled) and run.seer is not None:
            run.seer.end()  # the next time it is loaded anew
        if run is self.current:
            self.current = None
            self._ended(run, None if error is not None else future.result(), error)
