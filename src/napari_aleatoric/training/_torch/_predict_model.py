"""A trained network with its checkpoints, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.training._cases import NetCase
from napari_aleatoric.training._model_plan import ModelPlan
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._predict import Prediction

__all__ = ["TrainedModel", "load_model"]

Triple = tuple[int, int, int]
GoOn = Callable[[], None]


class TrainedModel:
    """A trained network with one or several checkpoints.

    Parameters
    ----------
    folder : Path
        Where its weights are.
    plan : ModelPlan
        What it was made for; the one in use, where memory was scarce.
    spec : TrainSpec
        Settings.
    checkpoints : tuple of str
        Their names.
    device : str, optional
        Where it runs; default: as the settings say.
    """

    def __init__(
        self,
        folder: Path,
        plan: ModelPlan,
        spec: TrainSpec,
        checkpoints: tuple[str, ...],
        device: str | None = None,
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._spec = spec
        self._checkpoints = checkpoints

    @property
    def plan(self) -> ModelPlan:
        """Network, grid and patch."""
        return self._plan

    @property
    def spec(self) -> TrainSpec:
        """Settings."""
        return self._spec

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Names of the checkpoints; every one is a member of the ensemble."""
        return self._checkpoints

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any weight."""
        raise NotImplementedError

    def predict(
        self, case: NetCase, shape_zyx: Triple, go_on: GoOn | None = None, *, mirroring: bool | None = None
    ) -> Prediction:
        """Predict a whole case; see `predict_slabs`. Probabilities are float16."""
        raise NotImplementedError

    def predict_slabs(
        self, case: NetCase, shape_zyx: Triple, go_on: GoOn | None = None, *, mirroring: bool | None = None
    ) -> Iterator[Prediction]:
        """Predict a case, a few slices of the image's grid after the other.

        Parameters
        ----------
        case : NetCase
            From `model_case` with the model's plan; its labels are not looked at.
        shape_zyx : tuple of int
            The image's grid (of the box that the case was cut from) that the answer is wanted on.
        go_on : callable, optional
            Asked between windows; may raise `Cancelled`.
        mirroring : bool, optional
            Whether flipped images are predicted too; default: as the settings say.

        Yields
        ------
        Prediction
            Of the next n slices: probabilities float32 (K, n, Y, X), entropies (n, Y, X).
        """
        raise NotImplementedError

    def predict_members(
        self, case: NetCase, shape_zyx: Triple, go_on: GoOn | None = None, *, mirroring: bool | None = None
    ) -> Iterator[tuple[str, NDArray[np.float16]]]:
        """Yield name and probabilities (K, Z, Y, X) of one checkpoint after the other; see `predict_slabs`."""
        raise NotImplementedError


def load_model(folder: Path, device: str | None) -> TrainedModel:
    """Open a model that was kept; see `napari_aleatoric.training.load_model`."""
    raise NotImplementedError
