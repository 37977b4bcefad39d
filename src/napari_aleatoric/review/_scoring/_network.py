"""The quick network as a judge: trained by cross-validation on the data set itself, in minutes."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import CaseFiles, Reporter, SubReporter
from napari_aleatoric.training import CaseGrid, CaseShelf, NetPlan, case_grid, learn_quick_net, net_case, plan_net
from napari_aleatoric.uncertainty import LabelFacts, QuickNetSpec, ScoreSpec, look_box

from ._cache import FactsCache, scoring_folder
from ._case import CaseReader, LoadedCase, each_case
from ._judge import Costs, Judge, in_one_piece
from ._plan import TrainingPlan

if TYPE_CHECKING:
    from napari_aleatoric.training import QuickNet

__all__ = ["NetworkKind"]

_SHELVING = 0.05  # part of the learning that goes into bringing cases to the network's grid
_STEP_S = 0.7  # of one step with 150,000 voxels, for the progress
_PACKAGES = ("monai", "torch")


class NetworkKind:
    """Trains one network for every fold; see `learn_quick_net`.

    Parameters
    ----------
    ws : Workspace
        Where cases and states of training are kept.
    spec : ScoreSpec
        Settings.
    reader : CaseReader
        Reads the cases.
    cases : mapping of str to CaseFiles
        The labelled cases by `case_digest`.
    stopping : threading.Event
        Set when the run is to stop.
    waiting : callable
        Called twice a second while a case is waited for.
    """

    name = "network"
    learns = True

    def __init__(
        self,
        ws: Workspace,
        spec: ScoreSpec,
        reader: CaseReader,
        cases: Mapping[str, CaseFiles],
        stopping: threading.Event,
        waiting: Callable[[], None],
    ) -> None:
        self._spec, self._reader, self._cases = spec, reader, cases
        self._stopping, self._waiting = stopping, waiting
        self._n_rows = ws.dataset.classes.n_rows
        self._folder = scoring_folder(ws) / self.name
        self._cache = FactsCache(self._folder / "cases")
        self._plan: NetPlan | None = None  # of the networks that were learned in this run
        self._states: set[Path] = set()

    @property
    def settings(self) -> QuickNetSpec:
        """Settings of the network; seed and device of the run reach it too."""
        own = self._spec.network
        device = own.device if own.device != "auto" else self._spec.device
        return own.model_copy(update={"seed": own.seed + self._spec.seed, "device": device})

    @property
    def identity(self) -> str:
        """Name and settings, wherever it runs."""
        return f"{self.name}-{self.settings.model_copy(update={'device': 'auto'}).digest}"

    def has(self, digest: str) -> bool:
        """Whether grid and counts of that content are kept."""
        return self._cache.has(digest)

    def are_kept(self, digests: Collection[str]) -> bool:
        """Whether all of them are on the shelf, or can be put there."""
        if not all(map(self._cache.has, digests)):
            return False
        shelf = self._shelf(self._net_plan(digests))
        return all(shelf.has(digest) for digest in digests if digest not in self._cases)

    def keep(self, digest: str, case: LoadedCase) -> None:
        """Keep the grid of what is looked at; the voxels follow when the network's grid is known."""
        grid = case_grid(case.volume, look_box(case.labels, self._spec))
        channels = 3 if case.volume.is_rgb else 1
        self._cache.put(digest, case.facts(), grid=[grid.shape_zyx, grid.spacing_zyx_mm], channels=channels)

    def facts(self, digest: str) -> dict[str, LabelFacts]:
        """Return the counts of a kept case by reader."""
        return self._cache.facts(digest)

    def costs(self, n_cases: int, n_folds: int) -> Costs:
        """About how many seconds the parts take on two cores."""
        own = self._spec.network
        learn = n_folds * own.iterations * _STEP_S * own.voxels_per_step / 150_000 * (own.width / 16) ** 2
        return Costs(0.1 * n_cases, learn, 1.5 * n_cases)

    def learn(self, plan: TrainingPlan, folds: Sequence[int], reporter: Reporter) -> Mapping[int, Judge]:
        """Bring the cases to the network's grid, then train one network after the other, from where they were.

        Raises
        ------
        Cancelled
            If the reporter asked to stop; nothing that was learned is lost.
        """
        net_plan = self._net_plan(plan.training.values())
        self._plan = net_plan
        shelf = self._shelf(net_plan)
        self._fill(shelf, net_plan, sorted(set(plan.training.values())), SubReporter(reporter, 0, _SHELVING, 1))
        judges: dict[int, Judge] = {}
        for number, fold in enumerate(folds):
            part = (1 - _SHELVING) / len(folds)
            start = _SHELVING + number * part
            told = _Training(SubReporter(reporter, start, start + part, 1), number + 1, len(folds))
            names = [plan.training[case] for case in plan.learned_from(fold)]
            state = self._folder / _name_of(net_plan) / f"fold{fold}-{_digest([self.identity, *sorted(names)])}.pt"
            self._states.add(state)
            net = learn_quick_net(net_plan, shelf, names, self.settings, state, told)
            judges[fold] = NetJudge(net, net_plan, self._learned(names), self._stopping)
        return judges

    def keep_only(self, digests: Sequence[str]) -> None:
        """Delete all other cases, and the networks of other plans."""
        self._cache.keep_only(digests)
        if self._plan is not None:
            self._shelf(self._plan).keep_only(digests)
            here = self._folder / _name_of(self._plan)
            for folder in {*self._folder.iterdir()} - {here, self._folder / "cases"}:
                shutil.rmtree(folder, ignore_errors=True)
            for state in {*here.glob("*.pt")} - self._states:
                state.unlink(missing_ok=True)

    def judged(self, plan: TrainingPlan) -> tuple[str, tuple[str, ...]]:
        """Return the name."""
        return self.name, ()

    def provenance(self, plan: TrainingPlan) -> dict[str, Any]:
        """Return name, settings, the network's plan and packages."""
        net_plan = self._net_plan(plan.training.values()).to_json() if plan.training else None
        settings = self.settings.model_dump(mode="json")
        return {"name": self.name, "settings": settings, "plan": net_plan, "packages": _PACKAGES}

    def _net_plan(self, digests: Collection[str]) -> NetPlan:
        about = [self._cache.about(digest) for digest in sorted(digests)]
        grids = [CaseGrid(tuple(a["grid"][0]), tuple(a["grid"][1])) for a in about]
        return plan_net(grids, max(int(a["channels"]) for a in about), self._n_rows, self.settings)

    def _shelf(self, plan: NetPlan) -> CaseShelf:
        return CaseShelf(self._folder / _name_of(plan))

    def _fill(self, shelf: CaseShelf, plan: NetPlan, digests: Sequence[str], reporter: Reporter) -> None:
        """Put on the shelf what is not there."""
        digest_of = {self._cases[d].case_id: d for d in digests if not _is_whole(shelf, d)}

        def put(case: CaseFiles) -> None:
            loaded = self._reader.read(case)
            box = look_box(loaded.labels, self._spec)
            shelf.put(digest_of[case.case_id], net_case(loaded.volume, loaded.labels, box, plan))

        missing = [self._cases[digest] for digest in digest_of.values()]
        with closing(each_case(self._reader, put, missing, self._waiting)) as done:
            for number, _ in enumerate(done, start=1):
                reporter.step(number, len(missing), f"Made ready {number} of {len(missing)} cases")

    def _learned(self, digests: Sequence[str]) -> tuple[int, ...]:
        """Background, and every class that is labelled in any of these cases."""
        found = {c for d in digests for f in self._cache.facts(d).values() for c in f.classes}
        return (0, *sorted(found - {0}))


class NetJudge:
    """A trained network that is asked about cases; one case at a time, on all cores.

    Parameters
    ----------
    net : QuickNet
        Trained.
    plan : NetPlan
        Its plan.
    classes : tuple of int
        Class indices that it has seen.
    stopping : threading.Event
        Set when it is to stop.
    """

    def __init__(self, net: QuickNet, plan: NetPlan, classes: tuple[int, ...], stopping: threading.Event) -> None:
        self._net, self._plan, self._stopping = net, plan, stopping
        self.classes = classes
        self._unknown = [c for c in range(plan.n_rows) if c not in classes]
        self._lock = threading.Lock()

    def predict_slabs(self, case: LoadedCase, box: Box) -> Iterator[NDArray[Any]]:
        """Predict a few slices after the other; the network's own grid may be coarser than the image's."""
        seen = net_case(case.volume, case.labels[:0], box, self._plan)
        slabs = self._net.predict_slabs(seen, box.shape_zyx, self._go_on)
        while True:
            with self._lock:
                found = next(slabs, None)
            if found is None:
                return
            yield self._of_known(found)
            del found  # before the next is made

    def predict(self, case: LoadedCase, box: Box) -> NDArray[Any]:
        """Predict the whole block, in half precision."""
        return in_one_piece(self.predict_slabs(case, box))

    def _of_known(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take classes that no training case has out of the probabilities."""
        if self._unknown:
            found[self._unknown] = 0
            found /= np.maximum(found.sum(axis=0), np.float32(1e-6))
        return found

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise Cancelled("Stopped as asked.")


class _Training:
    """Names the network and the step in what is told."""

    def __init__(self, parent: Reporter, number: int, total: int) -> None:
        self._parent, self._number, self._total = parent, number, total

    def step(self, done: float, total: float, message: str = "") -> None:
        """Tell where the training is."""
        text = f"Training network {self._number} of {self._total}: step {done:.0f} of {total:.0f}"
        self._parent.step(done, total, text)

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Hand on, with the number of the network."""
        self._parent.metric(f"{name}_{self._number}", value, step)


def _is_whole(shelf: CaseShelf, name: str) -> bool:
    """Whether a case is on the shelf and can be opened; a damaged one is taken away."""
    if not shelf.has(name):
        return False
    try:
        shelf.get(name)
    except DataError:
        return False
    return True


def _digest(parts: Sequence[str]) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def _name_of(plan: NetPlan) -> str:
    return f"plan-{_digest([json.dumps(plan.to_json(), sort_keys=True)])}"
