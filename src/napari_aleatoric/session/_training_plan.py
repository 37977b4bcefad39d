"""What would be trained, worked out from the labels as they are, while somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_aleatoric.errors import AleatoricError, Cancelled
from napari_aleatoric.model import SilentReporter

from ._sentence import sentence_of
from ._training_net import NetWishes
from ._training_work import Beside, Deliver, Worker, in_a_thread

if TYPE_CHECKING:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import RetrainSpec

    from ._session import ReviewSession
    from ._training import Training

__all__ = ["PlanView", "TrainingPlan"]


_NNUNET_PLANS = (
    "nnU-Net plans grid, network, patches and batch itself when the training begins, from the labels that it "
    "learns from; loss, number of steps, split and judgement are those chosen here."
)


@dataclass(frozen=True)
class PlanView:
    """What is shown of a plan.

    Parameters
    ----------
    wishes : NetWishes
        What is chosen.
    preset_width : int
        Channels of the finest level where none are chosen.
    lines : tuple of str
        The plan in sentences; empty while it is read, and where there is a problem.
    patch_zyx, spacing_zyx_mm, batch
        What is planned where nothing is chosen; None while it is not known.
    progress : str
        What is being read.
    problem : str
        Why nothing can be planned so, and what to do.
    """

    wishes: NetWishes = field(default_factory=NetWishes)
    preset_width: int = 16
    lines: tuple[str, ...] = ()
    patch_zyx: tuple[int, int, int] | None = None
    spacing_zyx_mm: tuple[float, float, float] | None = None
    batch: int | None = None
    progress: str = ""
    problem: str = ""


class TrainingPlan:
    """The plan of the training that is wished for. Main thread only; cases are read beside it.

    Attributes
    ----------
    view : PlanView
        What is shown.

    Parameters
    ----------
    session : ReviewSession
        Whose data set.
    training : Training
        Whose wishes.
    deliver, worker : callable, optional
        As for `Training`.
    """

    view_changed = Signal(object)  # PlanView

    def __init__(
        self,
        session: ReviewSession,
        training: Training,
        deliver: Deliver | None = None,
        worker: Worker = in_a_thread,
    ) -> None:
        self._session, self._training = session, training
        self._deliver = deliver or (lambda call: call())
        self._work = Beside(self._deliver, worker, self._refused)
        self._is_awake = False
        self._asked: RetrainSpec | None = None
        self._turn = 0  # of the newest question; readings for older ones stop
        self.view = PlanView()
        session.opened.connect(self._ask)
        training.view_changed.connect(self._wishes_changed)

    def wake(self) -> None:
        """Somebody looks."""
        self._is_awake = True
        self._ask()

    def rest(self) -> None:
        """Nobody looks: stop reading."""
        self._is_awake = False
        self._turn += 1

    def close(self) -> None:
        """Let go."""
        self.rest()
        self._work.close()

    def change(self, **wishes: Any) -> None:
        """Wish something else of the network; see `NetWishes`."""
        self._training.change(net=replace(self._training.view.wishes.net, **wishes))

    def as_planned(self) -> None:
        """Take all wishes back."""
        self._training.change(net=NetWishes())

    def _wishes_changed(self, *_: object) -> None:
        if self._is_awake and self._training.spec != self._asked:
            self._ask()

    def _ask(self, *_: object) -> None:
        workspace, spec = self._session.workspace, self._training.spec
        if not self._is_awake:
            return
        self._turn += 1
        self._asked = spec
        self._show(progress="Reading the cases …", keep=True)
        if workspace is None:
            self._show(problem="Open a data set first.")
            return
        turn, memory = self._turn, self._training.memory_bytes

        def say(words: str) -> None:
            self._deliver(lambda: self._told(turn, words))

        reporter = _Told(say, lambda: turn != self._turn)
        self._work.ask("plan", lambda: (turn, _planned(workspace, spec, memory, reporter)), self._came)

    def _told(self, turn: int, words: str) -> None:
        if turn == self._turn:
            self._show(progress=words, keep=True)

    def _came(self, found: tuple[int, PlanView]) -> None:
        turn, view = found
        if turn == self._turn:
            self._take(view)

    def _refused(self, error: BaseException) -> None:
        self._show(problem=sentence_of(error))

    def _show(self, *, progress: str = "", problem: str = "", keep: bool = False) -> None:
        self._take(replace(self.view if keep else PlanView(), progress=progress, problem=problem))

    def _take(self, view: PlanView) -> None:
        from napari_aleatoric.training import TrainSpec

        wishes = self._training.view.wishes
        width = TrainSpec.of_preset(wishes.preset).width
        view = replace(view, wishes=wishes.net, preset_width=width)
        if view != self.view:
            self.view = view
            self.view_changed.emit(view)


class _Told(SilentReporter):
    """Hands every tenth message on; stops the reading when nobody waits for it."""

    def __init__(self, say: Callable[[str], None], is_stale: Callable[[], bool]) -> None:
        self._say, self._is_stale = say, is_stale

    def step(self, done: float, total: float, message: str = "") -> None:
        """Say it."""
        if self._is_stale():
            raise Cancelled("Something else was wished for.")
        if int(done) % 10 == 0:
            self._say(f"{message} …")


def _planned(workspace: Workspace, spec: RetrainSpec, memory: int | None, reporter: SilentReporter) -> PlanView:
    from napari_aleatoric.review import plan_retraining
    from napari_aleatoric.training import need_nnunet, plan_in_words

    try:
        if spec.backend == "nnunet":
            need_nnunet()
            return PlanView(lines=(_NNUNET_PLANS,))
        plan = plan_retraining(workspace, spec, reporter, memory_bytes=memory)
    except Cancelled:
        return PlanView()
    except AleatoricError as error:
        return PlanView(problem=str(error))
    return PlanView(
        lines=plan_in_words(plan),
        patch_zyx=plan.patch_zyx,
        spacing_zyx_mm=plan.spacing_zyx_mm,
        batch=plan.batch,
    )
