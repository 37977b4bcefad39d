"""What would be trained on a workspace: network, grid, patch and batch, before anything is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Reporter, SilentReporter
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.training import ModelPlan, TrainSpec, plan_model

from ._case_desk import CaseDesk, CaseFacts, normalisation_of
from ._pseudo_cases import PseudoCases
from ._selection import LearnedCase, select
from ._spec import RetrainSpec
from ._split import read_held_out

__all__ = ["desk_for", "facts_of", "own_plan", "plan_retraining"]


def plan_retraining(
    ws: Workspace, spec: RetrainSpec, reporter: Reporter | None = None, *, memory_bytes: int | None = None
) -> ModelPlan:
    """Say which network a retraining would train, on which grid, with which patches; trains nothing.

    What ``spec.train`` leaves open is planned from the cases that would be learned from, which are read the first
    time; what is counted of them is kept until they change.

    Parameters
    ----------
    ws : Workspace
        With labels; scored, if the settings filter or weigh by scores.
    spec : RetrainSpec
        Settings.
    reporter : Reporter, optional
        Hears of every case; may stop the reading.
    memory_bytes : int, optional
        Memory at hand for the training (`napari_aleatoric.training.memory_at_hand`); without it only the limits of
        the settings count.

    Returns
    -------
    ModelPlan
        What `retrain` would begin with now.

    Raises
    ------
    DataError
        If too few labels are left to learn from, or not even the smallest patch fits into the memory.
    Cancelled
        If the reporter asked to stop.
    """
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        selection = select(ws, store, spec, read_held_out(ws))
        facts = facts_of(desk_for(ws, store, spec), selection.learn, reporter or SilentReporter())
    return own_plan(ws, facts, spec.train, memory_bytes)


def desk_for(ws: Workspace, store: ReviewStore, spec: RetrainSpec) -> CaseDesk:
    """Return the desk that reads the cases as these settings take them."""
    pseudo = PseudoCases(ws, Path(spec.pseudo_labels).expanduser()) if spec.pseudo_labels else None
    return CaseDesk(ws, store, voxel_weights=spec.voxel_weights, pseudo=pseudo)


def facts_of(desk: CaseDesk, cases: Sequence[LearnedCase], reporter: Reporter) -> list[CaseFacts]:
    """Read what a plan needs of every case; see `CaseDesk.facts`."""
    found = []
    for done, case in enumerate(cases):
        reporter.step(done, len(cases), f"Reading case {done + 1} of {len(cases)}")
        found.append(desk.facts(case))
    return found


def own_plan(ws: Workspace, facts: Sequence[CaseFacts], train: TrainSpec, memory_bytes: int | None) -> ModelPlan:
    """Plan one of our own networks; see `napari_aleatoric.training.plan_model`."""
    return plan_model(
        [f.grid for f in facts],
        max(f.n_channels for f in facts),
        [c.class_name for c in ws.dataset.classes],
        train,
        memory_bytes=memory_bytes,
        normalisation=normalisation_of(facts),
    )
