"""Making a text-image network of open_clip from its description, and putting checked numbers into it."""

from __future__ import annotations

import copy
import json
import pickle
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from safetensors.torch import save
from torch import Tensor, nn

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation._text_image_files import CONFIG, WEIGHTS_NAME, TextImageFiles
from napari_aleatoric.foundation._weights._format import check_format
from napari_aleatoric.io import write_whole

__all__ = ["build_network", "build_tokenizer", "read_weights", "write_model"]

_OWN_LENGTH = 77  # words at most, of open_clip's own tokenizer


@contextmanager
def _folder_of(files: TextImageFiles) -> Iterator[Path]:
    """Lay the small text files out as transformers wants them: in a folder by themselves."""
    with tempfile.TemporaryDirectory(prefix="aleatoric-text-") as folder:
        for name, content in files.text.items():
            (Path(folder) / name).write_bytes(content)
        yield Path(folder)


def build_network(files: TextImageFiles) -> nn.Module:
    """Make the network of a description; its numbers are not read yet.

    Raises
    ------
    DataError
        If open_clip can make nothing of the description.
    """
    about = copy.deepcopy(dict(files.config["model_cfg"]))
    vision, text = about.get("vision_cfg"), about.get("text_cfg")
    if not isinstance(vision, dict) or not isinstance(text, dict) or "embed_dim" not in about:
        raise DataError(
            f"The description of '{files.name}' is not whole: expected embed_dim, vision_cfg and text_cfg. "
            "Get it again."
        )
    if "multimodal_cfg" in about:
        raise DataError(f"'{files.name}' also writes sentences (CoCa), which is not supported. Choose another.")
    with _folder_of(files) as folder:
        if "timm_model_name" in vision:
            vision["timm_model_pretrained"] = False
        own_text = about.pop("custom_text", False)
        if text.get("hf_model_name"):
            text["hf_model_name"], text["hf_model_pretrained"], own_text = str(folder), False, True
        kind: Callable[..., nn.Module] = open_clip.CustomTextCLIP if own_text else open_clip.CLIP
        try:
            network = kind(**about)
        except (TypeError, ValueError, KeyError, RuntimeError, AssertionError, AttributeError, OSError) as error:
            raise DataError(
                f"open_clip cannot make the network of '{files.name}' from its description ({_short(error)}). "
                "Check open_clip_config.json, or install a newer open-clip-torch."
            ) from error
    return network


def build_tokenizer(files: TextImageFiles) -> Callable[[list[str]], Tensor]:
    """Make what turns sentences into numbers, (N, L) of int64."""
    about: Mapping[str, Any] = files.config["model_cfg"]["text_cfg"]
    length = int(about.get("context_length", _OWN_LENGTH))
    options = dict(about.get("tokenizer_kwargs") or {})
    if not files.text:
        own: Callable[[list[str]], Tensor] = SimpleTokenizer(context_length=length, **options)
        return own
    options.pop("trust_remote_code", None)
    mode = about.get("tokenizer_mode")
    with _folder_of(files) as folder:
        try:
            made: Callable[[list[str]], Tensor] = HFTokenizer(
                str(folder), context_length=length, tokenizer_mode=mode, local_files_only=True, **options
            )
        except (TypeError, ValueError, KeyError, RuntimeError, AttributeError, OSError, ImportError) as error:
            raise DataError(
                f"transformers cannot make the tokenizer of '{files.name}' ({_short(error)}). Check "
                "tokenizer.json, vocab.txt and tokenizer_config.json."
            ) from error
    return made


def read_weights(network: nn.Module, path: Path) -> None:
    """Put the numbers of a file into a network; nothing that may be in the file is run.

    Raises
    ------
    DataError
        If it cannot be read, holds more than weights, belongs to another network, or has NaN or infinite numbers.
    """
    check_format(path)
    try:
        open_clip.load_checkpoint(network, str(path), strict=True, weights_only=True)
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, StopIteration, EOFError) as error:
        raise DataError(
            f"{path.name} does not fit the network that open_clip_config.json describes ({_short(error)}). Check "
            "that both are of the same model."
        ) from error
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path.name} holds more than weights, or is damaged: torch refused to read it, and nothing was run. "
            "Get it again, as safetensors where there is one."
        ) from error
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise DataError(
                f"{path.name} is of no use: '{name}' holds NaN or infinity, so its training went wrong or the file "
                "is damaged. Choose an earlier checkpoint, or get it again."
            )


def write_model(folder: Path, files: TextImageFiles, network: nn.Module) -> None:
    """Write a model as a folder that `read_folder` reads; each file whole, the description last."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}
    for name, content in files.text.items():
        write_whole(folder / name, content)
    write_whole(folder / WEIGHTS_NAME, save(state))
    write_whole(folder / CONFIG, (json.dumps(dict(files.config), indent=2) + "\n").encode())


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:120].rstrip(".") or type(error).__name__
