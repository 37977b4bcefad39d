"""A small model of BiomedCLIP's build, as open_clip makes it and as it lies in a folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")
pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")

WORDS = ["a", "the", "liver", "spleen", "kidney", "left", "right", "in", "of", "ct", "mr", "image", "##s"]
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def config(text_name: str) -> dict[str, Any]:
    return {
        "model_cfg": {
            "embed_dim": 24,
            "vision_cfg": {
                "timm_model_name": "test_vit",
                "timm_model_pretrained": False,
                "timm_pool": "",
                "timm_proj": "linear",
                "image_size": 160,
            },
            "text_cfg": {
                "hf_model_name": text_name,
                "hf_tokenizer_name": text_name,
                "hf_proj_type": "mlp",
                "hf_pooler_type": "cls_last_hidden_state_pooler",
                "context_length": 16,
            },
        },
        "preprocess_cfg": {"mean": list(MEAN), "std": list(STD)},
    }


@dataclass
class Shaped:
    """The folder, and the same model as open_clip itself loads it."""

    folder: Path
    network: Any
    preprocess: Any
    tokenizer: Any


def write_words(folder: Path) -> None:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join([*special, *WORDS]) + "\n")
    about = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    bert = {
        "model_type": "bert",
        "vocab_size": len(special) + len(WORDS),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 32,
    }
    (folder / "config.json").write_text(json.dumps(bert))


@pytest.fixture(scope="session")
def shaped(tmp_path_factory) -> Shaped:
    theirs = tmp_path_factory.mktemp("theirs")
    write_words(theirs)
    (theirs / "open_clip_config.json").write_text(json.dumps(config(str(theirs))))
    torch.manual_seed(3)
    made = open_clip.create_model(f"local-dir:{theirs}", load_weights=False, pretrained_text=False)
    with torch.no_grad():  # new networks ignore their input almost; this one does not
        for parameter in made.visual.parameters():
            parameter.mul_(1.5)
    safetensors_torch.save_file(
        {k: v.contiguous() for k, v in made.state_dict().items()}, theirs / "open_clip_model.safetensors"
    )
    network, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{theirs}")
    ours = tmp_path_factory.mktemp("ours") / "tiny-biomedclip"
    shutil.copytree(theirs, ours)
    (ours / "open_clip_config.json").write_text(json.dumps(config("someone/Tiny-Bert")))
    return Shaped(ours, network.eval(), preprocess, open_clip.get_tokenizer(f"local-dir:{theirs}"))


@pytest.fixture
def copy(shaped, tmp_path) -> Path:
    """A copy of the folder to spoil."""
    return Path(shutil.copytree(shaped.folder, tmp_path / "tiny-biomedclip"))


@pytest.fixture(scope="session")
def model(shaped):
    from napari_aleatoric.foundation import load_text_image

    return load_text_image(shaped.folder, device="cpu", precision="float32")


@pytest.fixture(scope="session")
def slices() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    found = []
    for n in range(3):
        image = rng.integers(0, 90, (96, 96)).astype(np.uint8)
        image[10 + 20 * n : 40 + 20 * n, 20:60] += 120
        found.append(image)
    return found
