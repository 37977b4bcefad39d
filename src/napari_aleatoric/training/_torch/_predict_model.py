"""A trained network with its checkpoints, ready to be asked."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.training._cases import NetCase
from napari_aleatoric.training._model_plan import ModelPlan
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._predict import Prediction

from ._grid import finer_probabilities, finer_slices
from ._networks import build_network
from ._predict_grid import predict_mirrored
from ._train_checkpoints import checkpoint_path, read_weights
from ._train_device import place

__all__ = ["MODEL_FILE", "TrainedModel", "load_model", "read_backend", "read_model"]

MODEL_FILE = "model.json"
_SLAB_NUMBERS = 1 << 26  # probabilities on the image's grid held at a time: 256 MB
_LEAST_SLAB = 8  # slices

Triple = tuple[int, int, int]
GoOn = Callable[[], None]


class TrainedModel:
    """A trained network with one or several checkpoints; `load_model` opens it.

    Parameters
    ----------
    folder : Path
        Where its weights are.
    plan : ModelPlan
        What it was made for; the one in use, where memory was scarce.
    spec : TrainSpec
        Settings.
    checkpoints : mapping of str to str
        Names and digests, in the order in which they were kept.
    validation_dice : mapping of str to float
        Dice of the classes on the validation cases, on the network's grid; empty without such cases.
    steps : int
        How many were taken.
    device : str, optional
        Where it runs; default: as the settings say.
    """

    def __init__(
        self,
        folder: Path,
        plan: ModelPlan,
        spec: TrainSpec,
        checkpoints: Mapping[str, str],
        validation_dice: Mapping[str, float],
        steps: int,
        device: str | None = None,
    ) -> None:
        self._folder = folder
        self._checkpoints = dict(checkpoints)
        self.plan = plan
        self.spec = spec
        self.validation_dice = dict(validation_dice)
        self.steps = steps
        self._device, self._dtype = place(spec if device is None else spec.model_copy(update={"device": device}))
        self._network: nn.Module | None = None
        self._loaded = ""

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Names of the checkpoints; every one is a member of the ensemble."""
        return tuple(self._checkpoints)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any weight."""
        text = json.dumps([self.plan.to_text(), self._checkpoints])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def predict(
        self, case: NetCase, shape_zyx: Triple, go_on: GoOn | None = None, *, mirroring: bool | None = None
    ) -> Prediction:
        """Predict a whole case; see `predict_slabs`. Probabilities are float16."""
        mean, entropies, by_class = self._on_grid(case, go_on, mirroring)
        total, expected = finer_slices(entropies, shape_zyx, 0, shape_zyx[0])
        return Prediction(
            finer_probabilities(mean.float(), shape_zyx),
            total,
            expected,
            len(self.checkpoints),
            None if by_class is None else finer_probabilities(by_class, shape_zyx),
        )

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
        mean, entropies, by_class = self._on_grid(case, go_on, mirroring)
        depth, height, width = shape_zyx
        thick = max(_LEAST_SLAB, _SLAB_NUMBERS // (self.plan.n_rows * height * width))
        for first in range(0, depth, thick):
            last = min(first + thick, depth)
            total, expected = finer_slices(entropies, shape_zyx, first, last)
            yield Prediction(
                finer_slices(mean, shape_zyx, first, last),
                total,
                expected,
                len(self.checkpoints),
                None if by_class is None else finer_slices(by_class, shape_zyx, first, last),
            )

    def predict_members(
        self, case: NetCase, shape_zyx: Triple, go_on: GoOn | None = None, *, mirroring: bool | None = None
    ) -> Iterator[tuple[str, NDArray[np.float16]]]:
        """Yield name and probabilities (K, Z, Y, X) of one checkpoint after the other; see `predict_slabs`."""
        for name, found in self._members(case, go_on, mirroring):
            yield name, finer_probabilities(found.float(), shape_zyx)

    def _on_grid(
        self, case: NetCase, go_on: GoOn | None, mirroring: bool | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Mean probabilities (K, z, y, x), both entropies (2, z, y, x), and the members' mean entropies by class.

        The last are (K, z, y, x), of several members only; all on the network's grid.
        """
        total: Tensor | None = None
        by_class: Tensor | None = None
        expected = torch.zeros(case.image.shape[1:])
        n = len(self.checkpoints)
        for _, found in self._members(case, go_on, mirroring):
            if n == 1:
                own = _entropy(found)
                return found, torch.stack([own, own]), None
            expected += _entropy(found) / n
            if total is None or by_class is None:
                total, by_class = torch.zeros(found.shape), torch.zeros(found.shape)
            total.add_(found, alpha=1 / n)
            for row, one in zip(by_class, found, strict=True):
                row.add_(_binary_entropy(one.float()), alpha=1 / n)
        assert total is not None
        return total, torch.stack([torch.maximum(_entropy(total), expected), expected]), by_class

    def _members(self, case: NetCase, go_on: GoOn | None, mirroring: bool | None) -> Iterator[tuple[str, Tensor]]:
        if len(case.image) != self.plan.n_channels:
            raise DataError(
                f"Expected an image of {self.plan.n_channels} channels, got {len(case.image)}. Prepare it with "
                "model_case and the model's plan."
            )
        mirrored = self.spec.mirroring if mirroring is None else mirroring
        for name in self._checkpoints:
            yield (
                name,
                predict_mirrored(
                    self._with_weights(name),
                    self.plan,
                    np.asarray(case.image),
                    axes=self.plan.mirror_axes if mirrored else (),
                    overlap=self.spec.overlap,
                    device=self._device,
                    dtype=self._dtype,
                    go_on=go_on or _always,
                ),
            )

    def _with_weights(self, name: str) -> nn.Module:
        if self._network is None:
            self._network = build_network(self.plan, 0).to(self._device).eval().requires_grad_(False)
        if self._loaded != name:
            self._loaded = ""
            weights = read_weights(checkpoint_path(self._folder, name), self._checkpoints[name])
            self._network.load_state_dict(weights)
            self._loaded = name
        return self._network


def _entropy(probabilities: Tensor) -> Tensor:
    """Return −Σ p ln p over the first axis (K, ...), float32; class after class."""
    total = torch.zeros(probabilities.shape[1:])
    for row in probabilities:
        total += torch.special.entr(row.float())
    return total.clamp_(0, math.log(len(probabilities)))  # half numbers do not quite sum to 1


def _binary_entropy(p: Tensor) -> Tensor:
    """Return −p ln p − (1 − p) ln(1 − p), any shape."""
    found: Tensor = torch.special.entr(p) + torch.special.entr((1 - p).clamp_(min=0))
    return found


def _always() -> None:
    """Go on."""


def read_model(folder: Path) -> dict[str, Any] | None:
    """Read ``model.json``; None if there is none, or none that can be read."""
    try:
        found = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) and found.get("format") == 1 else None
    except (OSError, ValueError):
        return None


def read_backend(folder: Path) -> str:
    """Return who trained the model of a folder: "nnunet", or "" for ourselves and where nothing can be read."""
    try:
        found = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        return str(found.get("backend", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def load_model(folder: Path, device: str | None) -> TrainedModel:
    """Open a model that was kept; see `napari_aleatoric.training.load_model`."""
    found = read_model(folder)
    if found is None:
        raise NotFoundError(
            "Expected a trained model in the folder, and found none that is finished. Train it first."
        )
    try:
        return TrainedModel(
            folder,
            ModelPlan.from_json(found["plan"]),
            TrainSpec.model_validate(found["spec"]),
            found["checkpoints"],
            found["validation_dice"],
            int(found["steps"]),
            device,
        )
    except (KeyError, ValidationError) as error:
        raise DataError("The trained model's record is damaged, or of another version. Train it anew.") from error
