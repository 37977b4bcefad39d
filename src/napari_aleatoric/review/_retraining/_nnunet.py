"""Retraining with nnU-Net: what is learned from, written as nnU-Net reads it, and handed to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.io import Workspace, has_map, read_map, safe_name
from napari_aleatoric.model import ItemKey, Reporter, SilentReporter
from napari_aleatoric.review._labels._learning_weight import WEIGHT_MAP
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.training import NNUNET_DATASET, NnUNetPlan, NnUNetRaw, TrainingSet, train_nnunet

from ._case_desk import CaseDesk, CaseFacts, normalisation_of
from ._pseudo_cases import PseudoCases
from ._selection import LearnedCase, Selection, select
from ._spec import RetrainSpec
from ._split import read_held_out

if TYPE_CHECKING:
    from napari_aleatoric.training import NnUNetModel

__all__ = ["export_nnunet", "nnunet_plan", "train_with_nnunet"]

HOME_FOLDER = "nnunet"


def nnunet_plan(ws: Workspace, facts: Sequence[CaseFacts]) -> NnUNetPlan:
    """Say what nnU-Net is told of a data set; the rest it plans itself.

    Parameters
    ----------
    ws : Workspace
        Whose classes.
    facts : sequence of CaseFacts
        Of the cases that are learned from.
    """
    names = tuple(c.class_name for c in ws.dataset.classes)
    n_channels = max(f.n_channels for f in facts)
    return NnUNetPlan(names, n_channels, is_ct=n_channels == 1 and normalisation_of(facts) is not None)


def train_with_nnunet(
    ws: Workspace,
    desk: CaseDesk,
    selection: Selection,
    spec: RetrainSpec,
    plan: NnUNetPlan,
    folder: Path,
    memory_bytes: int,
    writing: Reporter,
    learning: Reporter,
) -> NnUNetModel:
    """Write the cases, train, and keep the model in a folder; what was done before is not done again.

    Parameters
    ----------
    ws, desk : Workspace, CaseDesk
        Where the cases are.
    selection : Selection
        What is learned from. Held-out cases are not written: nnU-Net never sees them.
    spec : RetrainSpec
        Settings.
    plan : NnUNetPlan
        Classes and channels.
    folder : Path
        Of the network.
    memory_bytes : int
        At hand.
    writing, learning : Reporter
        Hear of the cases, and of the training.
    """
    home = folder / HOME_FOLDER
    raw = NnUNetRaw(home / "raw" / NNUNET_DATASET, plan)
    names = _write(ws, desk, raw, (*selection.learn, *selection.validation), writing)
    weights = {name: case.weight for case in selection.learn for name in names[case.case_id]}
    looked_at = tuple(name for case in selection.validation for name in names[case.case_id])
    training_set = TrainingSet(tuple(weights), looked_at, tuple(weights.values()))
    return train_nnunet(plan, home, training_set, spec.train, folder, memory_bytes, learning)


def export_nnunet(
    ws: Workspace, spec: RetrainSpec, destination: Path | None = None, reporter: Reporter | None = None
) -> Path:
    """Write what a retraining would learn from now as a raw data set of nnU-Net v2.

    Corrected labels take the place of the originals, excluded and rejected ones are left out. Images and labels lie
    upright; labels are class indices without gaps. Images are linked where they are so already, else written. The
    held-out cases lie apart (``imagesTs``, ``labelsTs``), where nnU-Net does not learn from them. A case that
    several readers labelled is there once for each. Nothing is chosen for good: held out is what is held out in the
    workspace, or would be.

    Parameters
    ----------
    ws : Workspace
        With labels.
    spec : RetrainSpec
        Selection; how it is trained does not matter.
    destination : Path, optional
        A new folder; default: ``exports/Dataset001_Reviewed`` of the workspace.
    reporter : Reporter, optional
        Hears of every case.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    WorkspaceError
        If it is there already.
    DataError
        If too few labels are left to learn from.
    """
    folder = destination or ws.exports_dir / NNUNET_DATASET
    if folder.exists():
        raise WorkspaceError(f"The folder {folder.name} is there already. Choose another, or remove it first.")
    pseudo = PseudoCases(ws, Path(spec.pseudo_labels).expanduser()) if spec.pseudo_labels else None
    told = reporter or SilentReporter()
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        selection = select(ws, store, spec, read_held_out(ws))
        desk = CaseDesk(ws, store, voxel_weights=False, pseudo=pseudo)
        facts = [desk.facts(case) for case in selection.learn]
        raw = NnUNetRaw(folder, nnunet_plan(ws, facts))
        _write(ws, desk, raw, (*selection.learn, *selection.validation), told, held_out=selection.held_out)
    return folder


def _write(
    ws: Workspace,
    desk: CaseDesk,
    raw: NnUNetRaw,
    cases: Sequence[LearnedCase],
    reporter: Reporter,
    held_out: Sequence[LearnedCase] = (),
) -> Mapping[str, tuple[str, ...]]:
    """Write cases that are not there; return their names by case id, one for each reader."""
    names: dict[str, tuple[str, ...]] = {}
    every = [*((case, False) for case in cases), *((case, True) for case in held_out)]
    for done, (case, apart) in enumerate(every):
        reporter.step(done, len(every), f"Writing case {done + 1} of {len(every)} for nnU-Net")
        known = _names(case, len(case.readers))
        if known and all(raw.has(name, held_out=apart) for name in known):
            names[case.case_id] = known
            continue
        volume, labels = desk.read(case)
        files = None if case.proposal else ws.dataset.case(case.case_id)
        readers = [] if files is None else [x.reader for x in files.labels if x.reader in case.readers]
        names[case.case_id] = _names(case, len(labels))
        for number, (name, label) in enumerate(zip(names[case.case_id], labels, strict=True)):
            barred = _barred(ws, ItemKey(case.case_id, readers[number]), label.shape) if readers else None
            source = None if files is None else files.image
            raw.put(name, volume, label, ignored=barred, held_out=apart, source=source)
    learned = [name for case in cases for name in names[case.case_id]]
    painted = any(has_map(ws, ItemKey(c.case_id, reader), WEIGHT_MAP) for c in cases for reader in c.readers)
    raw.finish(learned, any_ignored=painted)
    return names


def _names(case: LearnedCase, n: int) -> tuple[str, ...]:
    base = safe_name(case.case_id)
    return (base,) if n == 1 else tuple(f"{base}_reader{number + 1}" for number in range(n))


def _barred(ws: Workspace, key: ItemKey, shape_zyx: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Voxels of a label that are not to be learned from; None where there are none."""
    if not has_map(ws, key, WEIGHT_MAP):
        return None
    found = read_map(ws, key, WEIGHT_MAP)
    if found.geometry.shape_zyx != shape_zyx:  # of an image that was replaced since
        return None
    return np.asarray(found.of(0) == 0)
