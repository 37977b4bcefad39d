"""What a user may choose about fine-tuning a text-image model."""

from __future__ import annotations

from pydantic import Field

from napari_aleatoric.model import Spec

__all__ = ["ClipJobSpec", "ClipTuneSpec"]


class ClipTuneSpec(Spec):
    """Settings of fine-tuning on images and captions with the DHN-NCE loss.

    The defaults are the paper's (MedCLIP-SAMv2, arXiv 2409.19483) where it states them; epochs and weight decay are
    ours.
    """

    temperature: float = Field(default=0.6, gt=0, description="τ of the loss.")
    beta_image: float = Field(default=0.15, ge=0, description="How much hard captions count for an image (β1).")
    beta_text: float = Field(default=0.15, ge=0, description="How much hard images count for a caption (β2).")
    learning_rate: float = Field(default=1e-6, gt=0, le=1)
    decay: float = Field(
        default=0.5, gt=0, le=1, description="The rate falls evenly to this part of it until the last step."
    )
    weight_decay: float = Field(default=0.1, ge=0)
    batch: int = Field(default=64, ge=2, le=65536, description="Pairs in a step; each is compared with all others.")
    epochs: int = Field(default=10, ge=1, le=10_000, description="How often every pair is seen.")
    held_out: float = Field(
        default=0.15, gt=0, lt=1, description="Part of the pairs that is only used for the retrieval table."
    )
    least_characters: int = Field(default=20, ge=1, description="Shorter captions are left out.")
    seed: int = Field(default=0, ge=0, description="Decides which pairs are held out, and the order of the others.")
    device: str = Field(default="auto", description="Where the network runs: cpu, cuda, mps or auto.")


class ClipJobSpec(Spec):
    """Fine-tuning as a job: from where, to where, and how."""

    pairs: str = Field(description="Table of images and captions, or a folder with a text file beside every image.")
    model: str = Field(description="Folder or name of the text-image model to go on from.")
    weights: str = Field(default="", description="File with the numbers of a named architecture.")
    out: str = Field(description="Folder for the model that is learned; an interrupted run goes on from there.")
    tune: ClipTuneSpec = Field(default=ClipTuneSpec(), description="Settings of the learning.")
