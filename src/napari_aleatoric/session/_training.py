"""Training from the window: what is wished, what would be learned from, and the trainings there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_aleatoric.errors import AleatoricError, Cancelled
from napari_aleatoric.io import Workspace
from napari_aleatoric.jobs import JobHandle, JobStatus

from ._notice import Kind, Notice
from ._sentence import sentence_of
from ._training_curves import TrainingCurves
from ._training_doors import preview_in_words, promote_row, roll_back_in_words
from ._training_machine import Machine, look_at_machine
from ._training_shelf import TrainingFacts, TrainingShelf
from ._training_view import TrainingPreview, TrainingView, training_view
from ._training_wishes import TrainingWishes, retrain_spec
from ._training_work import Beside, Deliver, Worker, in_a_thread

if TYPE_CHECKING:
    from napari_aleatoric.review import RetrainSpec

    from ._session import ReviewSession

__all__ = ["Training"]

_DOOR = "train"


class Training:
    """The trainings of a session's data set. Main thread only; files are read beside it.

    Attributes
    ----------
    view : TrainingView
        What is shown.
    curves : TrainingCurves
        Of the chosen training.

    Parameters
    ----------
    session : ReviewSession
        Whose data set; jobs are started and followed through it.
    deliver : callable, optional
        Runs a function in the main thread; the default runs it where it is (tests, scripts).
    worker : callable, optional
        Runs a function elsewhere; the default in a thread.
    look_at : callable, optional
        Says where a training would run.
    """

    view_changed = Signal(object)  # TrainingView
    curves_changed = Signal(object)  # TrainingCurves

    def __init__(
        self,
        session: ReviewSession,
        deliver: Deliver | None = None,
        worker: Worker = in_a_thread,
        look_at: Callable[[], Machine] = look_at_machine,
    ) -> None:
        self._session, self._look_at = session, look_at
        deliver = deliver or (lambda call: call())
        self._files = Beside(deliver, worker, self._refused)
        self._probe = Beside(deliver, worker, self._refused)
        self._is_awake = False
        self._is_stale = True
        self._forget()
        self._machine: Machine | str | None = None
        self._wishes = TrainingWishes()
        self._spec = retrain_spec(self._wishes)
        self.view = TrainingView()
        self.curves = TrainingCurves()
        session.opened.connect(self._opened)
        session.queue_changed.connect(self._labels_changed)
        session.job_changed.connect(self._job_changed)

    def _forget(self) -> None:
        self._shelf: TrainingShelf | None = None
        self._facts: TrainingFacts | None = None
        self._preview: TrainingPreview | None = None
        self._status: JobStatus | None = None  # of the training that is under way, or was last
        self._wanted = ""  # key of the chosen row; "" = the newest

    # -- looking --------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Somebody looks: read what is stale, from now on at once."""
        self._is_awake = True
        if self._machine is None:
            self._probe.ask("machine", self._look, self._machine_came)
        if self._is_stale:
            self.look_again()

    def rest(self) -> None:
        """Nobody looks: read nothing until somebody does."""
        self._is_awake = False

    def tick(self) -> None:
        """Read how a training under way goes; the window calls this about once a second."""
        if self._is_awake and self.view.is_running:
            self._read_facts()

    def look_again(self) -> None:
        """Read everything again."""
        if not self._is_awake or self._session.workspace is None:
            self._is_stale = True
            self._show()
            return
        self._is_stale = False
        self._read_facts()
        self._read_preview()

    def choose(self, key: str) -> None:
        """Show curves and judgement of a row."""
        if self._facts is None or key == self._facts.chosen or self._facts.row(key) is None:
            return
        self._wanted = key
        self._facts = replace(self._facts, chosen=key)
        self._show()
        self._read_facts()

    def change(self, **wishes: Any) -> None:
        """Wish something else; see `TrainingWishes`."""
        before, self._wishes = self._wishes, replace(self._wishes, **wishes)
        if self._wishes == before:
            return
        self._spec = retrain_spec(self._wishes)
        self._show()
        if self._is_awake:
            self._read_preview()

    @property
    def spec(self) -> RetrainSpec:
        """The settings that follow from what is wished."""
        return self._spec

    @property
    def memory_bytes(self) -> int | None:
        """Memory that a training may use here; None while that is not known."""
        return self._machine.free_bytes if isinstance(self._machine, Machine) else None

    # -- acting ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Train as it is wished, in the background."""
        if self.view.can_start:
            self._wanted = ""
            self._session.start(_DOOR, self._spec)
            self._read_facts()

    def stop(self) -> None:
        """Ask the training to stop; what it has learned is kept."""
        if self._session.job is not None and self._session.job.door == _DOOR:
            self._session.cancel_job()
        elif self._shelf is not None and self._facts is not None and self._facts.running:
            self._shelf.handle(self._facts.running).cancel()
        if self._status is not None and not self._status.is_over:
            self._take_status(replace(self._status, cancelling=True))

    def resume(self) -> None:
        """Let the chosen training go on where it was."""
        row, workspace = self.view.chosen, self._session.workspace
        if row is None or workspace is None or not self.view.can_resume:
            return
        if not row.run_ids:
            from napari_aleatoric.review import RetrainSpec

            self._session.start(_DOOR, RetrainSpec.model_validate(row.spec))
            self._read_facts()
            return
        root, run_id = workspace.root, row.run_ids[-1]
        self._files.ask("resume", lambda: JobHandle(root, run_id).resume(), self._resumed)

    def promote(self) -> None:
        """Put the chosen model to use."""
        row, workspace = self.view.chosen, self._session.workspace
        if row is not None and workspace is not None and self.view.can_promote:
            self._files.ask("promote", lambda: promote_row(workspace, row), self._promoted)

    def roll_back(self) -> None:
        """Take the last promotion back."""
        workspace = self._session.workspace
        if workspace is not None and self.view.can_roll_back:
            self._files.ask("promote", lambda: roll_back_in_words(workspace), self._promoted)

    def predict(self) -> None:
        """Let the chosen model look at all cases, in the background; what it says becomes measures of the queue."""
        row = self.view.chosen
        if row is not None and self.view.can_predict:
            from napari_aleatoric.review import PredictSpec

            self._session.start("predict", PredictSpec(model=row.model_id))
            self._show()

    def close(self) -> None:
        """Let go; trainings go on."""
        for work in (self._files, self._probe):
            work.close()

    # -- what is read ---------------------------------------------------------------------------------

    def _read_facts(self) -> None:
        workspace = self._session.workspace
        if workspace is None:
            return
        if self._shelf is None:
            self._shelf = TrainingShelf(workspace)
        shelf, wanted = self._shelf, self._wanted
        self._files.ask("facts", lambda: (shelf, shelf.read(wanted)), self._facts_came)

    def _facts_came(self, found: tuple[TrainingShelf, TrainingFacts]) -> None:
        shelf, facts = found
        if shelf is not self._shelf:  # of a data set that was open before
            return
        if self._wanted and self._wanted != facts.chosen and facts.row(self._wanted) is not None:
            facts = replace(facts, chosen=self._wanted)  # chosen while it was read; its curves are on their way
        self._facts = facts
        self._status = facts.status if facts.status is not None else self._ended_status()
        self._show()
        if facts.curves != self.curves:
            self.curves = facts.curves
            self.curves_changed.emit(self.curves)

    def _ended_status(self) -> JobStatus | None:
        """Return the end of the training that was watched: once read as over it is not read again."""
        return self._status if self._status is not None and self._status.is_over else None

    def _read_preview(self) -> None:
        workspace, spec = self._session.workspace, self._spec
        if workspace is None:
            return

        def work() -> tuple[Workspace, RetrainSpec, TrainingPreview]:
            return workspace, spec, preview_in_words(workspace, spec)

        self._files.ask("preview", work, self._preview_came)

    def _preview_came(self, found: tuple[Workspace, RetrainSpec, TrainingPreview]) -> None:
        workspace, spec, preview = found
        if workspace is self._session.workspace and spec == self._spec:
            self._preview = preview
            self._show()

    def _look(self) -> Machine | str | None:
        try:
            return self._look_at()
        except Cancelled:
            return None
        except AleatoricError as error:
            return str(error)

    def _machine_came(self, machine: Machine | str | None) -> None:
        self._machine = machine
        self._show()

    # -- what happens ---------------------------------------------------------------------------------

    def _opened(self, workspace: object) -> None:
        self._files.forget()
        self._forget()
        self.curves = TrainingCurves()
        self.curves_changed.emit(self.curves)
        self.look_again()

    def _labels_changed(self, *_: object) -> None:
        self._is_stale = True
        if self._is_awake and self._session.workspace is not None:
            self._is_stale = False
            self._read_preview()

    def _job_changed(self, status: JobStatus | None) -> None:
        job = self._session.job
        if status is None or job is None or job.door != _DOOR:
            self._show()
            return
        self._take_status(status)
        if status.is_over:
            self.look_again()

    def _take_status(self, status: JobStatus) -> None:
        self._status = status
        self._show()

    def _resumed(self, job: JobHandle) -> None:
        self._wanted = ""
        self._session.follow(job, own=True)
        self._read_facts()

    def _promoted(self, words: str) -> None:
        self._session.notice.emit(Notice(words, Kind.SUCCESS))
        self._read_facts()
        self._read_preview()  # its advice speaks of the model in use

    def _refused(self, error: BaseException) -> None:
        self._session.notice.emit(Notice(sentence_of(error), Kind.ERROR))

    def _other_job(self) -> str:
        job, status = self._session.job, self._session.job_status
        is_over = status is not None and status.is_over
        return "" if job is None or is_over or job.door == _DOOR else job.door

    def _show(self) -> None:
        nothing = None
        if self._session.workspace is None:
            nothing = TrainingPreview(problem="Open a data set first.")
        elif self._wishes.misfit and self._preview is not None:
            nothing = replace(self._preview, problem=self._wishes.misfit)
        view = training_view(
            self._wishes,
            self._spec.model_dump(mode="json"),
            nothing or self._preview,
            self._facts,
            self._machine,
            self._status,
            self._other_job(),
        )
        if view != self.view:
            self.view = view
            self.view_changed.emit(view)
