"""Which text-image models come with the program or can be downloaded; their weights, beside the segmenters'."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ._text_image_files import WEIGHTS_NAME
from ._weights import WEIGHTS, KnownWeights, WeightsStore
from ._weights._known import SHIPPED_FOLDER, shipped_record

__all__ = [
    "BIOMEDCLIP",
    "BIOMEDCLIP_CONFIG",
    "BIOMEDCLIP_WORDS",
    "SHIPPED_TEXT_IMAGE",
    "TEXT_IMAGE_WEIGHTS",
    "all_weights_store",
    "biomedclip_address",
    "shipped_text_image",
]

SHIPPED_TEXT_IMAGE = "clip-small"
"""The name of the text-image model that comes with the program, and of its folder among the shipped weights."""

BIOMEDCLIP = "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"
"""The name under which BiomedCLIP is published (Zhang et al., arXiv 2303.00915)."""

BIOMEDCLIP_WORDS = "biomedclip-vocab.txt"
"""Its vocabulary's name in the folder of weights; published as vocab.txt, without a digest."""

_REVISION = "9f341de24bfb00180f1b847274256e9b65a3a32e"


def biomedclip_address(file_name: str) -> str:
    """Return where a file of BiomedCLIP is published, in the revision that is known here."""
    return f"https://huggingface.co/{BIOMEDCLIP}/resolve/{_REVISION}/{file_name}"


BIOMEDCLIP_CONFIG = MappingProxyType(
    {
        "model_cfg": {
            "embed_dim": 512,
            "vision_cfg": {
                "timm_model_name": "vit_base_patch16_224",
                "timm_model_pretrained": False,
                "timm_pool": "",
                "timm_proj": "linear",
                "image_size": 224,
            },
            "text_cfg": {
                "hf_model_name": "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
                "hf_tokenizer_name": "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
                "hf_proj_type": "mlp",
                "hf_pooler_type": "cls_last_hidden_state_pooler",
                "context_length": 256,
            },
        },
        "preprocess_cfg": {
            "mean": [0.48145466, 0.4578275, 0.40821073],
            "std": [0.26862954, 0.26130258, 0.27577711],
        },
    }
)
"""What the published ``open_clip_config.json`` says."""


def shipped_text_image(folder: Path = SHIPPED_FOLDER) -> dict[str, KnownWeights]:
    """Describe the small text-image model that comes with the package; empty where this copy came without.

    Parameters
    ----------
    folder : Path
        Holds a folder ``clip-small`` as `read_folder` wants it, and ``clip-small.json`` with the keys ``sha256``
        and ``size_bytes`` of its weights and, optionally, ``licence``.
    """
    record = shipped_record(folder, SHIPPED_TEXT_IMAGE)
    if not record:
        return {}
    known = KnownWeights(
        name=SHIPPED_TEXT_IMAGE,
        architecture="open_clip",
        file_name=f"{SHIPPED_TEXT_IMAGE}/{WEIGHTS_NAME}",
        urls=(),
        sha256=record["sha256"],
        size_bytes=int(record.get("size_bytes", 0)),
        licence=str(record.get("licence", "see the model card")),
        good_for="The first minute and everything offline: liver, spleen, kidneys and tumours of the sample cases; "
        "of real images it knows little.",
        origin="shipped",
    )
    return {known.name: known}


TEXT_IMAGE_WEIGHTS: Mapping[str, KnownWeights] = MappingProxyType(
    {
        **shipped_text_image(),
        "biomedclip": KnownWeights(
            name="biomedclip",
            architecture="open_clip",
            file_name="open_clip_pytorch_model.bin",
            urls=(biomedclip_address("open_clip_pytorch_model.bin"),),
            # No list of digests is published; size and digest agree in many programs that check the file.
            sha256="52cc993c5c5ff962bd0c60931874bc001e7e9b41666a385530f4a036294576be",
            size_bytes=783_705_670,
            licence="MIT (Microsoft, BiomedCLIP)",
            good_for="Finding what a sentence names in medical images of all kinds; English; made from the figures "
            "and captions of papers.",
        ),
    }
)
"""Text-image models by name; their weights come with the package or can be downloaded, and are checked first."""


def all_weights_store(folder: Path | None = None) -> WeightsStore:
    """Return the folder of weights, with those of segmenters and of text-image models.

    Parameters
    ----------
    folder : Path, optional
        Where they lie; by default the user's folder.
    """
    return WeightsStore(folder, known=MappingProxyType({**WEIGHTS, **TEXT_IMAGE_WEIGHTS}))
