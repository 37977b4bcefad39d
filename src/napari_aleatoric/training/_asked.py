"""What every trained network can be asked, whoever trained it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ._cases import NetCase
from ._model_plan import ModelPlan
from ._nnunet_plan import NnUNetPlan
from ._predict import Prediction

__all__ = ["SegmentationModel"]


class SegmentationModel(Protocol):
    """A trained network that can be asked about a case; `load_model` opens it."""

    @property
    def plan(self) -> ModelPlan | NnUNetPlan:
        """What `model_case` needs to prepare a case; it knows the classes."""

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any weight."""

    def predict(
        self,
        case: NetCase,
        shape_zyx: tuple[int, int, int],
        go_on: Callable[[], None] | None = None,
        *,
        mirroring: bool | None = None,
    ) -> Prediction:
        """Predict a whole case; see `TrainedModel.predict`."""
