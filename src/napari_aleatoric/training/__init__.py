"""Networks that learn from the data set's own labels: planned from the data, trained, and asked."""

from typing import TYPE_CHECKING, Any

from napari_aleatoric.uncertainty import QuickNetSpec

from ._asked import SegmentationModel
from ._cases import CaseShelf, NetCase, case_grid, standardised
from ._clip_pairs import CaptionedImage, caption_pairs, caption_slice, split_pairs
from ._clip_retrieval import RETRIEVAL_RANKS, Retrieval, retrieval
from ._clip_spec import ClipJobSpec, ClipTuneSpec
from ._clip_tune import ClipTuned, finetune_clip, finetune_clip_folder, finetune_clip_job
from ._example import EXAMPLE_FOLDER, ExampleShelf, ExampleSlice
from ._loss_spec import LossSpec
from ._model_plan import ModelPlan, Normalisation
from ._model_plan_words import NETWORK_TITLES, plan_in_words
from ._model_planning import memory_needed, plan_model
from ._model_spec import TrainSpec
from ._nnunet_plan import NnUNetPlan, need_nnunet
from ._nnunet_raw import NNUNET_DATASET, NnUNetRaw
from ._plan import CaseGrid, NetPlan, plan_net
from ._predict import Prediction
from ._quick import learn_quick_net, net_case
from ._reader_labels import learned_labels, shelf_name
from ._reader_maps import READERS_FILE, ReaderUncertainty, reader_uncertainty
from ._readers_spec import ReadersName, UmaSpec, without_usual_readers
from ._train import (
    TrainingSet,
    load_model,
    memory_at_hand,
    model_case,
    plan_from_json,
    train_model,
    train_nnunet,
)

if TYPE_CHECKING:
    from ._torch._losses import (
        LossParts,
        Objective,
        WithNoiseHead,
        build_objective,
        parameter_groups,
        with_noise_head,
    )
    from ._torch._nnunet_model import NnUNetModel
    from ._torch._predict_model import TrainedModel
    from ._torch._quick_net import QuickNet
    from ._torch._sharpness import SharpnessAware, average_gradients, frozen_running_statistics

__all__ = [
    "EXAMPLE_FOLDER",
    "NETWORK_TITLES",
    "NNUNET_DATASET",
    "READERS_FILE",
    "RETRIEVAL_RANKS",
    "CaptionedImage",
    "CaseGrid",
    "CaseShelf",
    "ClipJobSpec",
    "ClipTuneSpec",
    "ClipTuned",
    "ExampleShelf",
    "ExampleSlice",
    "LossParts",
    "LossSpec",
    "ModelPlan",
    "NetCase",
    "NetPlan",
    "NnUNetModel",
    "NnUNetPlan",
    "NnUNetRaw",
    "Normalisation",
    "Objective",
    "Prediction",
    "QuickNet",
    "QuickNetSpec",
    "ReaderUncertainty",
    "ReadersName",
    "Retrieval",
    "SegmentationModel",
    "SharpnessAware",
    "TrainSpec",
    "TrainedModel",
    "TrainingSet",
    "UmaSpec",
    "WithNoiseHead",
    "average_gradients",
    "build_objective",
    "caption_pairs",
    "caption_slice",
    "case_grid",
    "finetune_clip",
    "finetune_clip_folder",
    "finetune_clip_job",
    "frozen_running_statistics",
    "learn_quick_net",
    "learned_labels",
    "load_model",
    "memory_at_hand",
    "memory_needed",
    "model_case",
    "need_nnunet",
    "net_case",
    "parameter_groups",
    "plan_from_json",
    "plan_in_words",
    "plan_model",
    "plan_net",
    "reader_uncertainty",
    "retrieval",
    "shelf_name",
    "split_pairs",
    "standardised",
    "train_model",
    "train_nnunet",
    "with_noise_head",
    "without_usual_readers",
]


_LOSSES = ("LossParts", "Objective", "WithNoiseHead", "build_objective", "parameter_groups", "with_noise_head")
_STEPS = ("SharpnessAware", "average_gradients", "frozen_running_statistics")


def __getattr__(name: str) -> Any:
    """Load torch only where the network itself, or what it learns with, is named."""
    if name in _LOSSES:
        from ._torch import _losses

        return getattr(_losses, name)
    if name in _STEPS:
        from ._torch import _sharpness

        return getattr(_sharpness, name)
    if name == "QuickNet":
        from ._torch._quick_net import QuickNet

        return QuickNet
    if name == "TrainedModel":
        from ._torch._predict_model import TrainedModel

        return TrainedModel
    if name == "NnUNetModel":
        from ._torch._nnunet_model import NnUNetModel

        return NnUNetModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
