"""What a person may wish of a training in the window, and the settings that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._training_choice import TrainingChoice
from ._training_net import NetWishes
from ._training_readers import READERS_CHOICES

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
_UMA_ALONE = "Readers by reliability are learned without label denoising and sharpness-aware steps. Wish otherwise."


PRESET_CHOICES = (
    TrainingChoice("quick", "Quick look", "300 steps of a small network: minutes on a processor."),
    TrainingChoice("standard", "Standard", "3,000 steps of a full network: hours on a processor, less on a GPU."),
    TrainingChoice(
        "thorough", "Thorough", "25,000 steps and several checkpoints, which tell how sure it is: a GPU."
    ),
)

LOSS_CHOICES = (
    TrainingChoice("dice_ce", "Dice + cross-entropy", "The plain loss: all classes count alike."),
    TrainingChoice(
        "duo", "DUO", "Dice and cross-entropy; a class that the network sees well counts less. Measured: as plain."
    ),
    TrainingChoice(
        "duo_denoise",
        "DUO + denoising",
        "DUO, and a second head that learns where labels are wrong. Measured: clearly worse in a quick training.",
    ),
    TrainingChoice(
        "umedsam",
        "U-MedSAM",
        "Dice, cross-entropy, focal and shape distance with learned weights. Measured: as plain.",
    ),
)

LABEL_CHOICES = (
    TrainingChoice("all", "All labels alike", "All labels that are not excluded or rejected."),
    TrainingChoice(
        "filter_risk",
        "Without the riskiest fifth",
        "Leaves out the 20 % of highest label risk, as far as nobody has looked at them. Measured: as good as "
        "without the wrong labels, where those were badly wrong.",
    ),
    TrainingChoice(
        "filter_auv",
        "Without the hardest fifth",
        "Leaves out the 20 % of highest AUV, as far as nobody has looked at them. Measured: worse than all alike.",
    ),
    TrainingChoice(
        "voxels",
        "Voxels by their risk",
        "Every voxel counts 1 minus its label risk, where there is a map. Measured: nearly as good as without the "
        "wrong labels, or better.",
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
    readers : str
        Name among `READERS_CHOICES`.
    """

    preset: str = "quick"
    loss: str = "dice_ce"
    labels: str = "all"
    sharpness_aware: bool = False
    baseline: bool = False
    minutes: int = 0
    net: NetWishes = field(default_factory=NetWishes)
    readers: str = "random"

    @property
    def misfit(self) -> str:
        """What of it cannot be done together, and what to do; "" = nothing."""
        if not self.net.is_nnunet:
            odd = self.loss.endswith("_denoise") or self.sharpness_aware
            return _UMA_ALONE if self.readers == "uma" and odd else ""
        wished = {
            "label denoising": self.loss.endswith("_denoise"),
            "sharpness-aware steps": self.sharpness_aware,
            "voxels by their risk": self.labels == "voxels",
            "a time for the steps": self.minutes > 0,
            "a choice of readers": self.readers != "random",
        }
        found = [name for name, is_wished in wished.items() if is_wished]
        return (
            f"nnU-Net trains without {' and '.join(found)}. Wish otherwise, or choose a network." if found else ""
        )


def retrain_spec(wishes: TrainingWishes) -> RetrainSpec:
    """Return the settings of a retraining as it is wished, without what is a `TrainingWishes.misfit`."""
    from napari_aleatoric.review import FilterSpec, RetrainSpec
    from napari_aleatoric.training import LossSpec, TrainSpec

    own = not wishes.net.is_nnunet
    plain = own and wishes.readers != "uma"
    readers = wishes.readers if own else "random"
    loss = LossSpec.model_validate(
        {
            "kind": wishes.loss.removesuffix("_denoise"),
            "denoise": plain and wishes.loss.endswith("_denoise"),
            "sharpness_aware": plain and wishes.sharpness_aware,
        }
    )
    minutes = float(wishes.minutes) if own and wishes.minutes else None
    measure = {"filter_risk": "label_risk", "filter_auv": "auv"}.get(wishes.labels)
    return RetrainSpec(
        train=TrainSpec.of_preset(
            wishes.preset, loss=loss, minutes=minutes, readers=readers, **wishes.net.changes()
        ),
        backend="own" if own else "nnunet",
        filter=None if measure is None else FilterSpec(measure=measure, percentiles=(0.0, _KEPT_PERCENT)),
        voxel_weights=own and wishes.labels == "voxels",
        baseline=wishes.baseline,
    )


def preset_in_words(spec: Mapping[str, Any]) -> str:
    """Return the title of the preset that settings of a retraining are, as plain values; "own settings" else."""
    from napari_aleatoric.training import TrainSpec

    own = {"loss", "minutes", "seed", "device", "readers", "uma"}
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
    readers = spec.get("train", {}).get("readers", "random")
    words += [choice.title.lower() for choice in READERS_CHOICES[1:] if choice.name == readers]
    if spec.get("filter") is not None:
        words.append("filter")
    if spec.get("voxel_weights"):
        words.append("voxel weights")
    return " + ".join(words)
