"""nnU-Net's trainer with our loss in the place of its own, our steps, and our reporter."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from torch import Tensor, nn

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import write_whole
from napari_aleatoric.model import Reporter
from napari_aleatoric.training._model_plan import mirror_axes_of
from napari_aleatoric.training._model_spec import TrainSpec

from ._losses import LossParts, Objective, build_objective
from ._patches import IGNORED

__all__ = ["AleatoricTrainer", "ScaleLoss", "epochs_of"]

_EPOCHS = 50  # a training is at least so many epochs long, if it has the steps
_MOST_PER_EPOCH = 250  # nnU-Net's own
_TOLD = 200  # times in a training that terms and classes are reported
_LEFT_RIGHT = 2


def epochs_of(iterations: int) -> tuple[int, int]:
    """Return how many epochs a training has, and how many steps an epoch: the state is kept after each of them.

    The product is the number of steps that was asked for, to 1 %: an epoch is a fiftieth of it, at most 250 steps.
    """
    per_epoch = min(_MOST_PER_EPOCH, max(1, iterations // _EPOCHS))
    return max(1, round(iterations / per_epoch)), per_epoch


class ScaleLoss(nn.Module):
    """Our loss as nnU-Net calls it: of the logits of one scale, and labels of one channel.

    Parameters
    ----------
    objective : Objective
        The loss.
    ignored : int, optional
        Label value of voxels where nothing is learned.

    Attributes
    ----------
    part : float
        How much of the training is done, 0 to 1.
    sample_weight : torch.Tensor or None, shape (B,)
        Of the next batch.
    parts : LossParts or None
        Of the finest scale of the last batch.
    """

    def __init__(self, objective: Objective, ignored: int | None = None) -> None:
        super().__init__()
        self.objective, self._ignored = objective, ignored
        self.part = 0.0
        self.sample_weight: Tensor | None = None
        self.parts: LossParts | None = None

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits (B, K, *S) and labels (B, 1, *S)."""
        index = target[:, 0].long()
        if self._ignored is not None:
            index = torch.where(index == self._ignored, IGNORED, index)
        found: LossParts = self.objective(logits, index, part=self.part, sample_weight=self.sample_weight)
        if self.parts is None:
            self.parts = found
        return found.total


class AleatoricTrainer(nnUNetTrainer):  # type: ignore[misc]
    """nnU-Net's trainer; `set_up` has to be called before anything else.

    Network, patches, augmentation, optimiser, schedule, checkpoints and resuming are nnU-Net's. Ours are the loss
    (at every scale of the deep supervision), how many steps there are, what cases count, and that images are not
    mirrored from left to right where classes are named by sides.
    """

    def set_up(
        self,
        spec: TrainSpec,
        class_names: Sequence[str],
        weights: Mapping[str, float],
        look: bool,
        begin: Callable[[int], None],
        reporter: Reporter,
    ) -> None:
        """Say how it is trained.

        Parameters
        ----------
        spec : TrainSpec
            Loss, length, rate, mirroring.
        class_names : sequence of str
            Of the foreground.
        weights : mapping of str to float
            How much every case counts.
        look : bool
            Whether there are validation cases to look at.
        begin : callable
            Begins the random numbers of an epoch.
        reporter : Reporter
            Hears of every step.
        """
        self._spec, self._class_names, self._weights = spec, tuple(class_names), dict(weights)
        self._look, self._begin, self._reporter = look, begin, reporter
        self.num_epochs, self.num_iterations_per_epoch = epochs_of(spec.iterations)
        self.num_val_iterations_per_epoch = max(1, round(self.num_iterations_per_epoch / 5)) if look else 1
        if spec.learning_rate is not None:
            self.initial_lr = spec.learning_rate
        if spec.weight_decay is not None:
            self.weight_decay = spec.weight_decay
        self.save_every = 1
        self.logger.plot_progress_png = lambda folder: None  # seconds an epoch; the curves are told instead
        self._step = 0
        self._scale_loss: ScaleLoss | None = None

    @property
    def looks(self) -> bool:
        """Whether there are validation cases."""
        return self._look

    @property
    def steps(self) -> int:
        """How many steps the whole training has."""
        return int(self.num_epochs * self.num_iterations_per_epoch)

    @property
    def scale_loss(self) -> ScaleLoss:
        """The loss of one scale."""
        if self._scale_loss is None:
            ignored = self.label_manager.ignore_label
            heads = int(self.label_manager.num_segmentation_heads)
            objective = build_objective(self._spec.loss, heads).to(self.device)
            self._scale_loss = ScaleLoss(objective, None if ignored is None else int(ignored))
        return self._scale_loss

    # -- nnU-Net's own hooks ----------------------------------------------------------------------------

    def configure_optimizers(self) -> tuple[Any, Any]:
        """Let nnU-Net's optimiser learn the loss's own parameters as well, without weight decay."""
        optimiser, schedule = super().configure_optimizers()
        own = list(self.scale_loss.objective.parameters())
        if own:
            optimiser.add_param_group({"params": own, "weight_decay": 0.0, "lr": self.initial_lr})
        return optimiser, schedule

    def _build_loss(self) -> nn.Module:
        wrapped = super()._build_loss()
        if isinstance(wrapped, DeepSupervisionWrapper):
            wrapped.loss = self.scale_loss
            return wrapped  # type: ignore[no-any-return]
        return self.scale_loss

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, Any, Any, tuple[int, ...]]:
        """Leave out axes along which a flipped image is not as good an image."""
        rotation, flat, size, axes = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        order = list(self.plans_manager.transpose_forward)[-len(self.configuration_manager.patch_size) :]
        kept = tuple(axis for axis in axes if order[axis] in self._mirrored())
        self.inference_allowed_mirroring_axes = kept or None
        return rotation, flat, size, kept

    def _mirrored(self) -> set[int]:
        if self._spec.mirror_axes is not None:
            return set(self._spec.mirror_axes)
        return {0, 1, _LEFT_RIGHT} if mirror_axes_of(self._class_names) else {0, 1}

    def on_train_epoch_start(self) -> None:
        """Begin an epoch with random numbers of its own, so that one that is done again is the same."""
        super().on_train_epoch_start()
        self._begin(int(self.current_epoch))
        self._step = int(self.current_epoch * self.num_iterations_per_epoch)

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Take a step, unless a stop was asked for."""
        self._reporter.step(self._step, self.steps, "Learning")
        loss = self.scale_loss
        loss.part, loss.parts = self._step / self.steps, None
        keys = [str(key) for key in batch["keys"]]
        loss.sample_weight = torch.tensor([self._weights.get(key, 1.0) for key in keys], device=self.device)
        try:
            found: dict[str, Any] = super().train_step(batch)
        finally:
            loss.sample_weight = None
        self._step += 1
        value = float(found["loss"])
        if not math.isfinite(value):
            raise DataError(
                f"Expected a loss that is a number, got {value} in step {self._step}. Lower the learning rate; "
                "what was learned before the present epoch is kept."
            )
        self._tell(value)
        return found

    def validation_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Look at validation patches, unless a stop was asked for."""
        self._reporter.step(self._step, self.steps, "Looking at the validation cases")
        self.scale_loss.parts = None
        found: dict[str, Any] = super().validation_step(batch)
        return found

    def on_validation_epoch_end(self, val_outputs: list[dict[str, Any]]) -> None:
        """Report the Dice of the patches, by class."""
        with np.errstate(invalid="ignore"):  # a class that no patch has
            super().on_validation_epoch_end(val_outputs)
        if not self._look:
            return
        values = [float(value) for value in self.logger.get_value("dice_per_class_or_region", step=-1)]
        for name, value in zip(self._class_names, values, strict=True):
            if not math.isnan(value):
                self._reporter.metric(f"dice/{name}", value, self._step)
        known = [value for value in values if not math.isnan(value)]
        self._reporter.metric("dice/mean", sum(known) / len(known) if known else 0.0, self._step)

    def save_checkpoint(self, filename: str) -> None:
        """Keep nnU-Net's checkpoint, with the loss's own parameters; a kill leaves the one before, or this one."""
        if Path(filename).stem == "checkpoint_best":  # chosen by patches; the last one is used, as nnU-Net does
            return
        buffer = io.BytesIO()
        super().save_checkpoint(buffer)
        if any(True for _ in self.scale_loss.objective.parameters()):
            buffer.seek(0)
            state = torch.load(buffer, map_location="cpu", weights_only=False)
            buffer = io.BytesIO()
            torch.save({**state, "objective": self.scale_loss.objective.state_dict()}, buffer)
        write_whole(Path(filename), buffer.getvalue())

    def load_checkpoint(self, filename_or_checkpoint: str) -> None:
        """Go on from a checkpoint."""
        super().load_checkpoint(filename_or_checkpoint)
        if any(True for _ in self.scale_loss.objective.parameters()):
            state = torch.load(filename_or_checkpoint, map_location=self.device, weights_only=False)
            self.scale_loss.objective.load_state_dict(state["objective"])

    def print_to_log_file(self, *args: Any, also_print_to_console: bool = True, add_timestamp: bool = True) -> None:
        """Keep nnU-Net's log in its file."""
        super().print_to_log_file(*args, also_print_to_console=False, add_timestamp=add_timestamp)

    def plot_network_architecture(self) -> None:
        """Draw nothing."""

    def _save_debug_information(self) -> None:
        """Write nothing about the machine."""

    # -- what is told -----------------------------------------------------------------------------------

    def _tell(self, value: float) -> None:
        step, metric, parts = self._step, self._reporter.metric, self.scale_loss.parts
        metric("loss", value, step)
        metric("learning_rate", float(self.optimizer.param_groups[0]["lr"]), step)
        if parts is None or step % max(1, self.steps // _TOLD):
            return
        for name, term in parts.terms.items():
            metric(f"loss/{name}", float(term), step)
        scales = parts.scale.tolist()
        if all(map(math.isnan, scales)):
            return
        names = ("background", *self._class_names)
        for name, weight, scale in zip(names, parts.class_weight.tolist(), scales, strict=True):
            metric(f"class_weight/{name}", weight, step)
            metric(f"scale/{name}", scale, step)
