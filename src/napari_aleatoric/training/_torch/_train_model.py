"""Training from beginning to end."""

from __future__ import annotations

from pathlib import Path

from napari_aleatoric.model import Reporter
from napari_aleatoric.training._cases import CaseShelf
from napari_aleatoric.training._model_plan import ModelPlan
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._train import TrainingSet

from ._predict_model import TrainedModel

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
    raise NotImplementedError
