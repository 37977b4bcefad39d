"""What may be chosen about retraining, and about predicting with what was trained."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from napari_aleatoric.model import Spec
from napari_aleatoric.review._filtering._spec import FilterSpec
from napari_aleatoric.training import TrainSpec

from ._judge_spec import JudgeSpec

__all__ = ["PredictSpec", "RetrainSpec"]


class RetrainSpec(Spec):
    """What is learned from, how much each part of it counts, how, and how it is judged."""

    train: TrainSpec = Field(default=TrainSpec(), description="Network, loss, length and the rest of the training.")
    backend: Literal["own", "nnunet"] = Field(
        default="own",
        description="Who trains: ourselves, or nnU-Net with our loss, which plans network and patches itself "
        "(extra 'nnunet').",
    )
    held_out: float = Field(
        default=0.1,
        gt=0,
        le=0.5,
        description="Part of the cases that is held back and never learned from; counts the first time only.",
    )
    validation: float = Field(
        default=0.1, ge=0, le=0.5, description="Part of the others that only tells the training how it is doing."
    )
    split_seed: int = Field(default=0, ge=0, description="Decides both choices; the first of them only once.")
    label_reader: str | None = Field(
        default=None, description="Learn from this reader's labels only; none = everybody's."
    )
    filter: FilterSpec | None = Field(
        default=None, description="Which labels are learned from; none = all that are not rejected or excluded."
    )
    weigh_by: str = Field(
        default="",
        description="A measure by which cases count less, the worse they stand among the others: 'auv', "
        "'label_risk' or another key of `uncertainty.MEASURES`; '' = all alike.",
    )
    least_weight: float = Field(
        default=0.1, ge=0, le=1, description="What the worst case counts then, if nobody has looked at it."
    )
    voxel_weights: bool = Field(
        default=False, description="Every voxel counts 1 minus its label risk, where there is a map and no verdict."
    )
    machine_labels: bool = Field(
        default=False, description="Learn from label versions that a model drew and nobody accepted."
    )
    pseudo_labels: str = Field(
        default="",
        description="Folder of proposals for images that are not in the data set, as 'segment' and 'predict' leave "
        "it, that are learned from as well; '' = none.",
    )
    pseudo_weight: float = Field(default=0.5, gt=0, le=1, description="What such a case counts.")
    baseline: bool = Field(
        default=False,
        description="Train a plain network beside it in the same budget: Dice and cross-entropy, no weights, no "
        "filter, no proposals.",
    )
    judge: JudgeSpec = Field(default=JudgeSpec(), description="How held-out cases are judged.")

    @model_validator(mode="after")
    def _one_reader(self) -> Self:
        if self.filter is not None and self.filter.label_reader not in (None, self.label_reader):
            raise ValueError("the filter names another label reader than the retraining; name one in both")
        return self

    @model_validator(mode="after")
    def _what_nnunet_can(self) -> Self:
        if self.backend != "nnunet":
            return self
        train, usual = self.train, TrainSpec()
        wished = {
            "denoise": train.loss.denoise,
            "sharpness_aware": train.loss.sharpness_aware,
            "voxel_weights": self.voxel_weights,
            "minutes": train.minutes is not None,
            "network": train.network != usual.network,
            "dimensions 2.5d": train.dimensions == "2.5d",
            "patch_zyx": train.patch_zyx is not None,
            "batch": train.batch is not None,
            "early_stopping_patience": train.early_stopping_patience is not None,
            "readers": train.readers != usual.readers,
        }
        if found := [name for name, is_wished in wished.items() if is_wished]:
            raise ValueError(
                f"nnU-Net trains without these settings: {', '.join(found)}; leave them out, or take the backend "
                "'own'"
            )
        return self

    @property
    def is_plain(self) -> bool:
        """Whether the plain network beside it would be the same."""
        loss = self.train.loss
        extras = (self.filter, self.weigh_by, self.voxel_weights, self.machine_labels, self.pseudo_labels)
        of_loss = loss.kind == "dice_ce" and not loss.denoise and not loss.sharpness_aware
        return not any(extras) and of_loss and self.train.readers == "random"

    def plain(self) -> RetrainSpec:
        """Return the settings of the plain network beside it, with as many gradients in all.

        A sharpness-aware step takes two; the plain network makes two steps for each.
        """
        steps = self.train.iterations * (2 if self.train.loss.sharpness_aware else 1)
        train = self.train.model_copy(
            update={"loss": type(self.train.loss)(), "iterations": steps, "readers": "random"}
        )
        kept = ("backend", "held_out", "validation", "split_seed", "label_reader", "judge")
        return RetrainSpec(train=train, **{name: getattr(self, name) for name in kept})


class PredictSpec(Spec):
    """Which model is asked about which cases, and what is kept of its answers."""

    model: str = Field(
        default="", description="Id of a model or its beginning; '' = the promoted, else the newest."
    )
    cases: Literal["all", "held_out"] = Field(default="all", description="Which cases are predicted.")
    images: str = Field(
        default="",
        description="Folder of images without labels that get proposals, instead of the workspace's cases.",
    )
    destination: str = Field(
        default="", description="Folder of those proposals; '' = exports/proposals-<model> of the workspace."
    )
    maps: bool = Field(default=True, description="Write maps of the entropies.")
    probabilities: bool = Field(
        default=False, description="Keep the probabilities as well (case.npz), as 'score' takes them."
    )
    measures: bool = Field(default=True, description="Add what the model says of the labels to their scores.")
    mirroring: bool | None = Field(default=None, description="Ask about flipped images too; none = as trained.")
    device: str = Field(default="auto", description="Where it runs: cpu, cuda, cuda:1, mps or auto.")
