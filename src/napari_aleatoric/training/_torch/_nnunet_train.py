"""Training with nnU-Net from beginning to end: prepared, learned, kept."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import write_whole
from napari_aleatoric.model import Reporter, SubReporter
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._nnunet_plan import NNUNET, NnUNetPlan
from napari_aleatoric.training._train import TrainingSet

from ._nnunet_home import nnunet_home, quiet
from ._nnunet_model import NNUNET_FORMAT, NnUNetModel, load_nnunet, read_nnunet
from ._nnunet_prepare import Prepared, prepare
from ._nnunet_trainer import AleatoricTrainer
from ._predict_model import MODEL_FILE
from ._train_checkpoints import checkpoint_path, digest_of, write_weights
from ._train_device import is_out_of_memory, place

__all__ = ["train_nnunet"]

_PREPARED = 0.1  # part of the work; the rest is learning
_CHECKPOINT = "final"


def train_nnunet(
    plan: NnUNetPlan,
    home: Path,
    training_set: TrainingSet,
    spec: TrainSpec,
    folder: Path,
    memory_bytes: int,
    reporter: Reporter,
) -> NnUNetModel:
    """Train, or go on; see `napari_aleatoric.training.train_nnunet`."""
    asked = _asked(plan, spec, training_set)
    finished = read_nnunet(folder)
    if finished is None or finished["asked"] != asked:
        names, validation = training_set.names, training_set.validation
        told = SubReporter(reporter, 0.0, _PREPARED, 1.0)
        prepared = prepare(home, names, validation, spec, memory_bytes, told)
        weights = dict(zip(names, training_set.sample_weight, strict=True))
        trainer = _learn(
            home, prepared, plan, spec, weights, bool(validation), SubReporter(reporter, _PREPARED, 1.0, 1.0)
        )
        _finish(plan, spec, folder, asked, prepared, trainer)
    shutil.rmtree(home, ignore_errors=True)
    return load_nnunet(folder, spec.device)


def _asked(plan: NnUNetPlan, spec: TrainSpec, training_set: TrainingSet) -> str:
    placeless = spec.model_copy(update={"device": "auto"}).digest
    text = json.dumps([plan.to_json(), placeless, training_set.digest], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _learn(
    home: Path,
    prepared: Prepared,
    plan: NnUNetPlan,
    spec: TrainSpec,
    weights: Mapping[str, float],
    look: bool,
    reporter: Reporter,
) -> AleatoricTrainer:
    """Train to the end, from nnU-Net's last checkpoint if there is one."""
    from nnunetv2.run.run_training import maybe_load_checkpoint

    device, _ = place(spec)
    with nnunet_home(home), _seeded(spec.seed, device) as begin:
        with quiet():
            plans = {**prepared.plans, "continue_training": True}
            trainer = AleatoricTrainer(plans, prepared.configuration, 0, dict(prepared.dataset), device)
            trainer.set_up(spec, plan.class_names, weights, look, begin, reporter)
            trainer.initialize()
            maybe_load_checkpoint(trainer, continue_training=True, validation_only=False)
        try:
            trainer.run_training()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise DataError(
                f"Expected memory for {trainer.batch_size} patches of {trainer.configuration_manager.patch_size} "
                "voxels, got too little. Choose fewer patch_voxels or a smaller width; what was learned is kept."
            ) from error
        return trainer


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[Any]:
    """Give a function that begins the random numbers of an epoch; other numbers of the process go on untouched."""
    states = (random.getstate(), np.random.get_state())  # noqa: NPY002 - nnU-Net draws from it
    cards = [device] if device.type == "cuda" else []

    def begin(epoch: int) -> None:
        number = (seed * 1_000_003 + epoch) % 2**32
        random.seed(number)
        np.random.seed(number)  # noqa: NPY002
        torch.manual_seed(number)

    with torch.random.fork_rng(devices=cards):
        begin(0)
        try:
            yield begin
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


def _finish(
    plan: NnUNetPlan, spec: TrainSpec, folder: Path, asked: str, prepared: Prepared, trainer: AleatoricTrainer
) -> None:
    """Keep the weights, then ``model.json``, which says that the model is there."""
    path = checkpoint_path(folder, _CHECKPOINT)
    write_weights(path, trainer.network.state_dict())
    chosen = trainer.configuration_manager
    used = replace(
        plan,
        configuration=prepared.configuration,
        patch=tuple(int(n) for n in chosen.patch_size),
        spacing_mm=tuple(float(v) for v in chosen.spacing),
        batch=int(chosen.batch_size),
    )
    plans = {**prepared.plans}
    plans["configurations"] = {prepared.configuration: plans["configurations"][prepared.configuration]}
    dice = trainer.logger.get_value("dice_per_class_or_region", step=-1) if trainer.looks else []
    record = {
        "format": NNUNET_FORMAT,
        "backend": NNUNET,
        "asked": asked,
        "plan": used.to_json(),
        "spec": spec.model_dump(mode="json"),
        "plans": plans,
        "dataset": dict(prepared.dataset),
        "mirror_axes": trainer.inference_allowed_mirroring_axes,
        "checkpoints": {_CHECKPOINT: digest_of(path)},
        "steps": trainer.steps,
        "validation_dice": {
            name: float(value) for name, value in zip(plan.class_names, dice, strict=False) if value == value
        },
        "versions": {name: metadata.version(name) for name in ("napari-aleatoric", "torch", "nnunetv2")},
    }
    write_whole(folder / MODEL_FILE, (json.dumps(record, indent=2) + "\n").encode())
