"""What a person may wish of a training in the window, and the settings that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._training_choice import TrainingChoice
from ._training_net import NetWishes

if TYPE_CHECKING:
    from napari_aleatoric.review import RetrainSpec

__all__ = [
    "LABEL_CHOICES",
    "LOSS_CHOICES",
    "PRESET_CHOICES",
    "TrainingWishes",
    "loss_in_words",
    "preset_in_words",
    "retrain_spec",
]

_KEPT_PERCENT = 80.0


PRESET_CHOICES = (
    TrainingChoice("quick", "Quick look", "300 steps of a small network: minutes on a processor."),
    TrainingChoice("standard", "Standard", "3,000 steps of a full network: hours on a processor, less on a GPU."),
    TrainingChoice(
        "thorough", "Thorough", "25,000 steps and several checkpoints, which tell how sure it is: a GPU."
    ),
)

LOSS_CHOICES = (
    TrainingChoice("dice_ce", "Dice + cross-entropy", "The plain loss: all classes count alike."),
    TrainingChoice("duo", "DUO", "Dice and cross-entropy; a class that the network sees well counts less."),
    TrainingChoice("duo_denoise", "DUO + denoising", "DUO, and a second head that learns where labels are wrong."),
    TrainingChoice("umedsam", "U-MedSAM", "Dice, cross-entropy, focal and shape distance with learned weights."),
)

LABEL_CHOICES = (
    TrainingChoice("all", "All labels alike", "All labels that are not excluded or rejected."),
    TrainingChoice(
        "filter_risk",
        "Without the riskiest fifth",
        "Leaves out the 20 % of highest label risk, as far as nobody has looked at them.",
    ),
    TrainingChoice(
        "filter_auv",
        "Without the hardest fifth",
        "Leaves out the 20 % of highest AUV, as far as nobody has looked at them.",
    ),
    TrainingChoice(
        "voxels", "Voxels by their risk", "Every voxel counts 1 minus its label risk, where there is a map."
    ),
)


@dataclass(frozen=True)
class TrainingWishes:
    """What is chosen.

    Parameters
    ----------
    preset, loss, labels : str
        Names among `PRESET_CHOICES`, `LOSS_CHOICES` and `LABEL_CHOICES`.
    sharpness_aware : bool
        Sharpness-aware steps: twice the time.
    baseline : bool
        Train a plain network beside it, in the same budget.
    minutes : int
        Time for the steps; 0 = as many steps as the preset has.
    net : NetWishes
        What is chosen of network, grid and patches.
    """

    preset: str = "quick"
    loss: str = "dice_ce"
    labels: str = "all"
    sharpness_aware: bool = False
    baseline: bool = False
    minutes: int = 0
    net: NetWishes = field(default_factory=NetWishes)


def retrain_spec(wishes: TrainingWishes) -> RetrainSpec:
    """Return the settings of a retraining as it is wished."""
    from napari_aleatoric.review import FilterSpec, RetrainSpec
    from napari_aleatoric.training import LossSpec, TrainSpec

    loss = LossSpec.model_validate(
        {
            "kind": wishes.loss.removesuffix("_denoise"),
            "denoise": wishes.loss.endswith("_denoise"),
            "sharpness_aware": wishes.sharpness_aware,
        }
    )
    minutes = float(wishes.minutes) if wishes.minutes else None
    measure = {"filter_risk": "label_risk", "filter_auv": "auv"}.get(wishes.labels)
    return RetrainSpec(
        train=TrainSpec.of_preset(wishes.preset, loss=loss, minutes=minutes, **wishes.net.changes()),
        filter=None if measure is None else FilterSpec(measure=measure, percentiles=(0.0, _KEPT_PERCENT)),
        voxel_weights=wishes.labels == "voxels",
        baseline=wishes.baseline,
    )


def preset_in_words(spec: Mapping[str, Any]) -> str:
    """Return the title of the preset that settings of a retraining are, as plain values; "own settings" else."""
    from napari_aleatoric.training import TrainSpec

    own = {"loss", "minutes", "seed", "device"}
    train = {name: value for name, value in spec.get("train", {}).items() if name not in own}
    for preset in PRESET_CHOICES:
        known = TrainSpec.of_preset(preset.name).model_dump(mode="json")
        if train == {name: value for name, value in known.items() if name not in own}:
            return preset.title
    return "Own settings"


def loss_in_words(spec: Mapping[str, Any]) -> str:
    """Return the title of the loss of settings of a retraining, as plain values."""
    loss = spec.get("train", {}).get("loss", {})
    titles = {choice.name: choice.title for choice in LOSS_CHOICES}
    words = [titles.get(loss.get("kind", "dice_ce"), str(loss.get("kind")))]
    if spec.get("backend") == "nnunet":
        words.insert(0, "nnU-Net")
    words += [
        title for name, title in (("denoise", "denoising"), ("sharpness_aware", "sharpness")) if loss.get(name)
    ]
    if spec.get("filter") is not None:
        words.append("filter")
    if spec.get("voxel_weights"):
        words.append("voxel weights")
    return " + ".join(words)
