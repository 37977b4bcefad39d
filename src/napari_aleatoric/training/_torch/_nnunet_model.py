"""A network that nnU-Net trained, ready to be asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from napari_aleatoric.errors import Cancelled, DataError, NotFoundError
from napari_aleatoric.training._cases import NetCase
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._nnunet_plan import NnUNetCase, NnUNetPlan
from napari_aleatoric.training._predict import Prediction

from ._nnunet_home import nnunet_home, quiet
from ._predict_model import MODEL_FILE
from ._train_checkpoints import checkpoint_path, read_weights
from ._train_device import place

__all__ = ["NNUNET_FORMAT", "NnUNetModel", "load_nnunet", "read_nnunet"]

NNUNET_FORMAT = "nnunet 1"
_NETWORKS = "dynamic_network_architectures."  # a model's file may name a network of nnU-Net's, nothing else

Triple = tuple[int, int, int]
GoOn = Callable[[], None]


class NnUNetModel:
    """A network that nnU-Net planned and trained; `load_model` opens it.

    It is asked as `TrainedModel` is, with cases from `model_case` and its plan. Preprocessing, sliding windows and
    the way back to the image's grid are nnU-Net's.

    Parameters
    ----------
    folder : Path
        Where its weights are.
    about : mapping
        Its ``model.json``.
    device : str, optional
        Where it runs; default: as the settings say.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any], device: str | None = None) -> None:
        self._folder = folder
        self.plan = NnUNetPlan.from_json(about["plan"])
        self.spec = TrainSpec.model_validate(about["spec"])
        self._checkpoints = {str(name): str(digest) for name, digest in about["checkpoints"].items()}
        self._plans, self._dataset = dict(about["plans"]), dict(about["dataset"])
        axes = about["mirror_axes"]
        self._mirror_axes = None if not axes else tuple(int(axis) for axis in axes)
        self.validation_dice = {str(name): float(value) for name, value in about["validation_dice"].items()}
        self.steps = int(about["steps"])
        spec = self.spec if device is None else self.spec.model_copy(update={"device": device})
        self._device, _ = place(spec)
        self._network: _Asked | None = None

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Names of the checkpoints; one."""
        return tuple(self._checkpoints)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any weight."""
        text = json.dumps([self._plans, self._checkpoints], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def predict(
        self, case: NetCase, shape_zyx: Triple, go_on: GoOn | None = None, *, mirroring: bool | None = None
    ) -> Prediction:
        """Predict a whole case.

        Parameters
        ----------
        case : NnUNetCase
            From `model_case` with the model's plan; its labels are not looked at.
        shape_zyx : tuple of int
            The image's grid.
        go_on : callable, optional
            Asked between windows; may raise `Cancelled`.
        mirroring : bool, optional
            Whether flipped images are predicted too; default: as the settings say.

        Returns
        -------
        Prediction
            On the image's grid; probabilities are float16, and both entropies the same: there is one checkpoint.
        """
        if not isinstance(case, NnUNetCase) or case.image.shape[1:] != shape_zyx:
            raise DataError("Expected a case from model_case with this model's plan, on the image's grid.")
        mirrored = self.spec.mirroring if mirroring is None else mirroring
        with torch.random.fork_rng(devices=[]):  # the first weights of a network are drawn
            probabilities = self._asked(case, go_on or _always, mirrored)
        entropy = np.zeros(shape_zyx, dtype=np.float32)
        for row in probabilities:
            known = row > 0
            entropy[known] -= row[known] * np.log(row[known])
        entropy = np.clip(entropy, 0, np.log(len(probabilities)), dtype=np.float32)
        return Prediction(probabilities.astype(np.float16), entropy, entropy, 1)

    def _asked(self, case: NnUNetCase, go_on: GoOn, mirrored: bool) -> NDArray[np.float32]:
        """Return probabilities (K, Z, Y, X) on the image's grid."""
        with nnunet_home(self._folder / "nnunet"), quiet():
            from nnunetv2.inference.export_prediction import (
                convert_predicted_logits_to_segmentation_with_correct_shape as on_image_grid,
            )
            from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

            manager, chosen = self._managers()
            network = self._with_weights(manager, chosen)
            network.go_on = go_on
            predictor = nnUNetPredictor(
                use_mirroring=mirrored and self._mirror_axes is not None, device=self._device, allow_tqdm=False
            )
            predictor.manual_initialization(
                network, manager, chosen, None, self._dataset, "AleatoricTrainer", self._mirror_axes
            )
            about: dict[str, Any] = {"spacing": [float(v) for v in case.spacing_zyx_mm]}
            image = np.array(case.image, dtype=np.float32)
            worker = chosen.preprocessor_class(verbose=False)
            data, _, about = worker.run_case_npy(image, None, about, manager, chosen, self._dataset)
            logits = predictor.predict_sliding_window_return_logits(torch.from_numpy(data).float()).cpu()
            if network.stopped is not None:
                raise network.stopped
            threads = torch.get_num_threads()
            _, found = on_image_grid(
                logits.float(),
                manager,
                chosen,
                manager.get_label_manager(self._dataset),
                about,
                return_probabilities=True,
                num_threads_torch=threads,
            )
        return np.asarray(found, dtype=np.float32)

    def _managers(self) -> tuple[Any, Any]:
        from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

        manager = PlansManager(self._plans)
        return manager, manager.get_configuration(self.plan.configuration)

    def _with_weights(self, manager: Any, chosen: Any) -> _Asked:
        if self._network is None:
            from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

            if not str(chosen.network_arch_class_name).startswith(_NETWORKS):
                raise DataError("The trained model names a network that is not nnU-Net's. Train it anew.")
            network = nnUNetTrainer.build_network_architecture(
                manager, chosen, self.plan.n_channels, self.plan.n_rows, enable_deep_supervision=False
            )
            (name,) = self._checkpoints
            network.load_state_dict(read_weights(checkpoint_path(self._folder, name), self._checkpoints[name]))
            self._network = _Asked(network.to(self._device).eval().requires_grad_(False), self.plan.n_rows)
        return self._network


class _Asked(nn.Module):
    """A network that hears a stop between windows.

    nnU-Net's sliding window has a thread that waits for its windows to be taken: an error in between would leave it
    waiting for ever. So after a stop the windows that are left are answered with nothing, at once.

    Attributes
    ----------
    go_on : callable
        Asked before every window.
    stopped : Cancelled or None
        What it raised.
    """

    def __init__(self, network: nn.Module, n_rows: int) -> None:
        super().__init__()
        self._network, self._n_rows = network, n_rows
        self._ask: GoOn = _always
        self.stopped: Cancelled | None = None

    @property
    def go_on(self) -> GoOn:
        return self._ask

    @go_on.setter
    def go_on(self, ask: GoOn) -> None:
        self._ask, self.stopped = ask, None

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (N, K, *S) of an image (N, C, *S)."""
        if self.stopped is None:
            try:
                self._ask()
            except Cancelled as stop:
                self.stopped = stop
        if self.stopped is not None:
            return image.new_zeros((len(image), self._n_rows, *image.shape[2:]))
        found: Tensor = self._network(image)
        return found


def _always() -> None:
    """Go on."""


def read_nnunet(folder: Path) -> dict[str, Any] | None:
    """Read ``model.json`` of a network of nnU-Net's; None if there is none, or none that can be read."""
    try:
        found = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) and found.get("format") == NNUNET_FORMAT else None
    except (OSError, ValueError):
        return None


def load_nnunet(folder: Path, device: str | None) -> NnUNetModel:
    """Open a model that was kept; see `napari_aleatoric.training.load_model`."""
    found = read_nnunet(folder)
    if found is None:
        raise NotFoundError(
            "Expected a trained model in the folder, and found none that is finished. Train it first."
        )
    try:
        return NnUNetModel(folder, found, device)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise DataError("The trained model's record is damaged, or of another version. Train it anew.") from error
