"""The training loop: stops at any step and goes on as if it had not."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError, Cancelled, DataError
from napari_aleatoric.model import Reporter
from napari_aleatoric.training._cases import CaseShelf, NetCase
from napari_aleatoric.training._example import EXAMPLE_FOLDER, ExampleShelf
from napari_aleatoric.training._model_plan import ModelPlan
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._reader_maps import READERS_FILE
from napari_aleatoric.training._schedule import checkpoint_steps, rate_factor
from napari_aleatoric.training._train import TrainingSet

from ._kept_state import keep_state
from ._losses import LossParts
from ._train_checkpoints import checkpoint_path, write_weights
from ._train_parts import TrainingParts
from ._train_patches import Batch, TrainDraw
from ._train_processes import Processes
from ._train_validate import validation_dice

__all__ = ["Trained", "TrainingLoop"]

_KEEP_EVERY_S = 15.0
_KEEP_SHARE = 20.0  # keeping a large network takes at most a twentieth of the time
_PACE_FROM, _PACE_TO = 3, 15  # steps whose pace says how many fit into the time
_AHEAD = ("cuda", "mps")  # devices beside which the processor makes the next patches meanwhile
_TOLD = 200  # times in a training that terms and classes are reported


@dataclass
class Trained:
    """How far a training has come.

    Parameters
    ----------
    step : int
        Steps done.
    total : int
        Steps to do.
    looked : int
        Steps done at the last look at the validation cases; −1 before the first.
    best : float
        Highest mean Dice of a look; −1 before the first.
    worse : int
        Looks since then.
    dice : list of float
        By class, at the best look; at the last one with cycles.
    """

    step: int
    total: int
    looked: int = -1
    best: float = -1.0
    worse: int = 0
    dice: tuple[float, ...] = ()


class TrainingLoop:
    """One training, from the state that it was left in to its end.

    Parameters
    ----------
    plan : ModelPlan
        The one in use.
    shelf, training_set, spec, folder
        See `train_model`.
    asked : str
        What the work is; only the same work takes up its state.
    processes : Processes
        Who takes part.
    dtype : torch.dtype
        Precision.
    reporter : Reporter
        Hears of every step, in the first process.
    """

    def __init__(
        self,
        plan: ModelPlan,
        shelf: CaseShelf,
        training_set: TrainingSet,
        spec: TrainSpec,
        folder: Path,
        asked: str,
        processes: Processes,
        dtype: torch.dtype,
        reporter: Reporter,
    ) -> None:
        self._plan, self._shelf, self._set, self._spec = plan, shelf, training_set, spec
        self._folder, self._asked, self._processes, self._dtype = folder, asked, processes, dtype
        self._reporter = reporter
        self._draw = TrainDraw(shelf, training_set, plan, spec)
        self._places = processes.places(plan.batch)
        self._parts = TrainingParts(plan, spec, training_set, processes)
        self._at = Trained(0, spec.iterations)
        self._kept, self._pause = time.monotonic(), _KEEP_EVERY_S

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same work."""
        self._parts.load(state)
        self._at = Trained(**{**state["at"], "dice": tuple(state["at"]["dice"])})

    def run(self) -> Trained:
        """Train to the end; checkpoints are then in the folder.

        Raises
        ------
        Cancelled
            Between two steps, or windows of a validation case; the state is kept.
        """
        try:
            with self._patches() as patches:
                while self._at.step < self._at.total and not self._is_enough():
                    self._ask("Learning")
                    if self._at.step and self._at.step % self._spec.validate_every == 0:
                        self._look()
                        if self._is_enough():
                            break
                    self._step(patches)
                self._look()
        except Cancelled:  # comes between two steps only; of anything else the last kept state is the whole one
            self._keep()
            raise
        if not self._set.validation and not self._names():
            self._write("last")
        uncertainty = self._parts.readers_uncertainty
        if uncertainty is not None and self._processes.is_first:
            write_weights(self._folder / READERS_FILE, uncertainty.state_dict())
        self._keep()
        return self._at

    def _step(self, patches: Iterator[Batch]) -> None:
        at, spec = self._at, self._spec
        rate = self._parts.rate * rate_factor(at.step, at.total, spec)
        if at.step == _PACE_FROM:
            self._started = time.monotonic()
        batch = next(patches).to(self._processes.device)
        found = self._parts.step(batch, at.step / at.total, rate, spec.seed * 1_000_003 + at.step)
        loss = float(found.total.detach())
        at.step += 1
        if not math.isfinite(loss):
            raise DataError(
                f"Expected a loss that is a number, got {loss} in step {at.step}. Lower the learning rate, or take "
                "precision fp32; what was learned before is kept."
            )
        self._parts.follow(at.step, at.total)
        self._tell(found, loss, rate)
        self._set_pace()
        if at.step in self._names():
            self._write(self._names()[at.step])
        if time.monotonic() - self._kept > self._pause:
            self._keep()

    def _set_pace(self) -> None:
        """Let the number of steps follow from the time that is given, once."""
        if self._spec.minutes is None or self._at.step != _PACE_TO or not hasattr(self, "_started"):
            return
        pace = (time.monotonic() - self._started) / (_PACE_TO - _PACE_FROM)
        fits = math.ceil(self._spec.minutes * 60 / max(pace, 1e-6))
        self._at.total = int(self._processes.agreed(max(_PACE_TO, min(fits, self._spec.iterations))))

    def _names(self) -> dict[int, str]:
        return checkpoint_steps(self._at.total, self._spec)

    def _is_enough(self) -> bool:
        patience = self._spec.early_stopping_patience
        return patience is not None and self._spec.schedule != "cyclic" and self._at.worse >= patience

    def _look(self) -> None:
        """Look at the validation cases, unless that was done after this step, and keep the best weights."""
        at = self._at
        if not self._set.validation or at.looked == at.step:
            return
        dice = validation_dice(
            self._parts.judged,
            self._plan,
            self._shelf,
            self._set.validation,
            self._processes,
            self._dtype,
            lambda: self._say("Looking at the validation cases"),
            self._keep_example,
        )
        known = dice[~np.isnan(dice)]
        mean = float(known.mean()) if known.size else 0.0
        if self._processes.is_first:
            for name, value in zip(self._plan.class_names, dice, strict=True):
                if not math.isnan(value):
                    self._reporter.metric(f"dice/{name}", float(value), at.step)
            self._reporter.metric("dice/mean", mean, at.step)
        at.looked = at.step
        better = mean > at.best
        at.worse = 0 if better else at.worse + 1
        at.best = max(mean, at.best)
        if better or self._names():  # with cycles the last weights are kept, not the best ones
            at.dice = tuple(map(float, dice))
        if better and not self._names():
            self._write("best")
        self._keep()

    def _keep_example(self, case: NetCase, found: NDArray[np.integer[Any]]) -> None:
        _, y, x = self._plan.spacing_zyx_mm
        with suppress(AleatoricError, OSError):  # a picture: no reason to lose a training
            ExampleShelf(self._folder / EXAMPLE_FOLDER).keep(self._at.step, case, found, (y, x))

    def _tell(self, found: LossParts, loss: float, rate: float) -> None:
        if not self._processes.is_first:
            return
        step, metric = self._at.step, self._reporter.metric
        metric("loss", loss, step)
        metric("learning_rate", rate, step)
        if step % max(1, self._at.total // _TOLD):
            return
        for name, value in found.terms.items():
            metric(f"loss/{name}", float(value), step)
        scales = found.scale.tolist()
        if all(map(math.isnan, scales)):
            return
        names = ("background", *self._plan.class_names)
        for name, weight, scale in zip(names, found.class_weight.tolist(), scales, strict=True):
            metric(f"class_weight/{name}", weight, step)
            metric(f"scale/{name}", scale, step)

    def _say(self, message: str) -> None:
        if self._processes.is_first:
            self._reporter.step(self._at.step, self._at.total, message)

    def _ask(self, message: str) -> None:
        """Report, and stop in every process if a stop was asked for."""
        stopped = 0.0
        try:
            self._say(message)
        except Cancelled:
            stopped = 1.0
        if self._processes.agreed(stopped):
            raise Cancelled("Stopped as asked.")

    def _write(self, name: str) -> None:
        if self._processes.is_first:
            write_weights(checkpoint_path(self._folder, name), self._parts.weights())

    def _keep(self) -> None:
        if not self._processes.is_first:
            return
        started = time.monotonic()
        at = {**vars(self._at), "dice": list(self._at.dice)}
        values = {**self._parts.state(), "at": at, "plan": self._plan.to_text()}
        keep_state(self._folder / "state.pt", self._asked, values)
        self._kept = time.monotonic()
        self._pause = max(_KEEP_EVERY_S, _KEEP_SHARE * (self._kept - started))

    @contextmanager
    def _patches(self) -> Iterator[Iterator[Batch]]:
        """Give the patches of one step after the other; beside a graphics card they are made ahead."""
        if self._processes.device.type not in _AHEAD:
            yield (self._draw.step(self._at.step, self._places) for _ in iter(int, 1))
            return
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._draw.step, self._at.step, self._places)

            def made() -> Iterator[Batch]:
                nonlocal coming
                while True:
                    found = coming.result()
                    coming = ahead.submit(self._draw.step, self._at.step + 1, self._places)
                    yield found

            yield made()
