"""Training from beginning to end: with less memory where it must be, and the model written when it is there."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import monai
import torch

import napari_aleatoric
from napari_aleatoric.errors import DataError
from napari_aleatoric.io import write_whole
from napari_aleatoric.model import Reporter
from napari_aleatoric.training._cases import CaseShelf
from napari_aleatoric.training._model_plan import ModelPlan, smaller
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._reader_maps import READERS_FILE
from napari_aleatoric.training._schedule import checkpoint_steps
from napari_aleatoric.training._train import TrainingSet

from ._kept_state import read_state
from ._predict_model import MODEL_FILE, TrainedModel, load_model, read_model
from ._train_checkpoints import checkpoint_path, digest_of
from ._train_device import is_out_of_memory, place
from ._train_loop import Trained, TrainingLoop
from ._train_processes import Processes

__all__ = ["train_model"]


def train_model(
    plan: ModelPlan,
    shelf: CaseShelf,
    training_set: TrainingSet,
    spec: TrainSpec,
    folder: Path,
    reporter: Reporter,
) -> TrainedModel:
    """Train, or go on; see `napari_aleatoric.training.train_model`."""
    device, dtype = place(spec)
    processes = Processes(device, dtype)
    asked = " ".join([plan.to_text(), _placeless(spec), training_set.digest])
    processes.wait()  # what the first one kept in an earlier attempt is then there for all
    finished = read_model(folder)
    if finished is None or finished["asked"] != asked:
        plan, done = _trained(plan, shelf, training_set, spec, folder, asked, processes, dtype, reporter)
        if processes.is_first:
            _finish(plan, spec, folder, asked, done, training_set)
        processes.wait()
    return load_model(folder, spec.device if processes.n == 1 else str(processes.device))


def _trained(
    plan: ModelPlan,
    shelf: CaseShelf,
    training_set: TrainingSet,
    spec: TrainSpec,
    folder: Path,
    asked: str,
    processes: Processes,
    dtype: torch.dtype,
    reporter: Reporter,
) -> tuple[ModelPlan, Trained]:
    """Train with less and less memory, until it suffices."""
    while True:
        state = read_state(folder / "state.pt", asked, needed="at")
        if state is not None and _voxels(ModelPlan.from_json(json.loads(state["plan"]))) < _voxels(plan):
            plan = ModelPlan.from_json(json.loads(state["plan"]))
        try:
            loop = TrainingLoop(plan, shelf, training_set, spec, folder, asked, processes, dtype, reporter)
            if state is not None:
                loop.load(state)
            return plan, loop.run()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            less = None if processes.n > 1 else smaller(plan)
            if less is None:
                raise DataError(
                    f"Expected memory for {plan.batch} patches of {plan.patch_zyx} voxels, got too little. "
                    "Choose a smaller width or patch, or close other programs; what was learned is kept."
                ) from error
            plan = less
        loop = None  # type: ignore[assignment]
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _voxels(plan: ModelPlan) -> int:
    z, y, x = plan.patch_zyx
    return plan.batch * z * y * x


def _placeless(spec: TrainSpec) -> str:
    """Sum up the settings without where they run: a training may go on elsewhere."""
    return spec.model_copy(update={"device": "auto"}).digest


def _finish(
    plan: ModelPlan, spec: TrainSpec, folder: Path, asked: str, done: Trained, training_set: TrainingSet
) -> None:
    """Write ``model.json``, which says that the model is there, then forget the state and older checkpoints."""
    found = checkpoint_steps(done.total, spec)
    names = [found[step] for step in sorted(found)] or ["best" if training_set.validation else "last"]
    record: dict[str, Any] = {
        "format": 1,
        "asked": asked,
        "plan": plan.to_json(),
        "spec": spec.model_dump(mode="json"),
        "checkpoints": {name: digest_of(checkpoint_path(folder, name)) for name in names},
        "steps": done.step,
        "validation_dice": {
            name: value for name, value in zip(plan.class_names, done.dice, strict=False) if value == value
        },
        "training_set": training_set.digest,
        "versions": {
            "napari-aleatoric": napari_aleatoric.__version__,
            "torch": torch.__version__,
            "monai": monai.__version__,
        },
    }
    if spec.readers == "uma" and spec.uma.maps == "learned":
        record["readers"] = digest_of(folder / READERS_FILE)
    write_whole(folder / MODEL_FILE, (json.dumps(record, indent=2) + "\n").encode())
    (folder / "state.pt").unlink(missing_ok=True)
    for path in (folder / "checkpoints").glob("*.safetensors"):
        if path.stem not in names:
            path.unlink(missing_ok=True)
