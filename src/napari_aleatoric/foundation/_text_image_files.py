"""What a folder of a text-image model holds, found out without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import DataError, NotFoundError

__all__ = ["CONFIG", "WEIGHTS_NAME", "TextImageFiles", "bert_words", "read_folder", "text_files"]

CONFIG = "open_clip_config.json"
WEIGHTS_NAME = "open_clip_model.safetensors"
_WEIGHTS = (WEIGHTS_NAME, "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
_WORDS = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")
_ABOUT_WORDS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
_TEXT_CONFIG = "config.json"
_LARGEST = 64_000_000  # bytes of a file beside the weights
_KNOWN_BERT = ("biomednlp-biomedbert-base-uncased-abstract", "biomednlp-pubmedbert-base-uncased-abstract")
_BERT_BASE = {"model_type": "bert", "vocab_size": 30522}  # all else is what transformers takes by itself
_BERT_SIZE = 30522


@dataclass(frozen=True)
class TextImageFiles:
    """A text-image model on a disk.

    Parameters
    ----------
    name : str
        What the user knows it as.
    config : mapping
        As in ``open_clip_config.json``: ``model_cfg`` and, optionally, ``preprocess_cfg``.
    weights : Path
        The numbers.
    text : mapping of str to bytes
        Small files of a text network of transformers by name: its configuration and its tokenizer. Empty where
        open_clip has its own.
    """

    name: str
    config: Mapping[str, Any]
    weights: Path
    text: Mapping[str, bytes] = field(default_factory=dict)


def read_folder(folder: Path) -> TextImageFiles:
    """Read what is in a folder of a text-image model, but its numbers.

    Parameters
    ----------
    folder : Path
        Has ``open_clip_config.json`` and the weights, ``open_clip_model.safetensors`` or
        ``open_clip_pytorch_model.bin``; for a text network of transformers also its configuration and tokenizer, in
        the folder, in one below it or in one beside it that has the network's name.

    Raises
    ------
    NotFoundError
        If one of them is not there; the text names it.
    DataError
        If one of them is not what its name says.
    """
    shown = folder.name or str(folder)
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder '{folder}' of a text-image model. Check the path.")
    path = folder / CONFIG
    if not path.is_file():
        raise NotFoundError(
            f"'{shown}' has no {CONFIG}: expected a folder of a text-image model as open_clip saves it. Name that "
            "folder, or give the name of an architecture and a file of weights."
        )
    config = _json_of(path, shown)
    if not isinstance(config.get("model_cfg"), dict):
        raise DataError(f"{CONFIG} in '{shown}' says nothing about a network (model_cfg). Get the folder again.")
    weights = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise NotFoundError(
            f"'{shown}' has no weights: expected {' or '.join(_WEIGHTS)} beside {CONFIG}. Get the whole folder."
        )
    return TextImageFiles(shown, config, weights, text_files(config, folder, shown))


def text_files(config: Mapping[str, Any], folder: Path, shown: str) -> dict[str, bytes]:
    """Read configuration and tokenizer of a text network of transformers; nothing where open_clip has its own.

    Parameters
    ----------
    config : mapping
        As in ``open_clip_config.json``.
    folder : Path
        Where to look.
    shown : str
        What the user knows the model as.
    """
    about = config["model_cfg"].get("text_cfg") or {}
    network = str(about.get("hf_model_name") or "")
    words = str(about.get("hf_tokenizer_name") or network)
    if not words:
        return {}
    found: dict[str, bytes] = {}
    places = _places(folder, words)
    here = next((place for place in places if any((place / name).is_file() for name in _WORDS)), None)
    if here is None:
        raise NotFoundError(
            f"'{shown}' has no vocabulary: its text network reads words as {words} does, and none of "
            f"{', '.join(_WORDS[:2])} is in the folder or beside it. Put the tokenizer's files there; nothing is "
            "downloaded by itself."
        )
    for name in (*_WORDS, *_ABOUT_WORDS):
        if (here / name).is_file():
            found[name] = _bytes_of(here / name, shown)
    if "tokenizer.json" not in found and "tokenizer_config.json" not in found:
        found["tokenizer_config.json"] = json.dumps({"tokenizer_class": "BertTokenizer"}).encode()
    if network:
        found[_TEXT_CONFIG] = json.dumps(_text_config(_places(folder, network), network, shown)).encode()
    return {name: _without_programs(name, content) for name, content in found.items()}


def bert_words(path: Path) -> dict[str, bytes]:
    """Return the text files of BiomedCLIP from its vocabulary alone, after seeing that it is one.

    Raises
    ------
    DataError
        If it is another file.
    """
    content = _bytes_of(path, path.name)
    words = content.decode("utf-8", errors="replace").splitlines()
    special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    if len(words) != _BERT_SIZE or words[:1] != ["[PAD]"] or not special <= set(words):
        raise DataError(
            f"{path.name} is not BiomedCLIP's vocabulary: expected {_BERT_SIZE:,} words, the first [PAD], "
            f"got {len(words):,}. Get vocab.txt again."
        )
    lower = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    return {
        "vocab.txt": content,
        "tokenizer_config.json": json.dumps(lower).encode(),
        _TEXT_CONFIG: json.dumps(_BERT_BASE).encode(),
    }


def _places(folder: Path, name: str) -> list[Path]:
    last = name.rstrip("/").rpartition("/")[2]
    return [folder / last, folder / "text", folder, folder.parent / last]


def _text_config(places: list[Path], network: str, shown: str) -> dict[str, Any]:
    for place in places:
        if (place / _TEXT_CONFIG).is_file():
            found = _json_of(place / _TEXT_CONFIG, shown)
            if isinstance(found.get("text_config"), dict):  # of both halves together
                found = found["text_config"]
            if "model_type" in found:
                return found
    if network.rpartition("/")[2].lower() in _KNOWN_BERT:
        return dict(_BERT_BASE)
    raise NotFoundError(
        f"'{shown}' does not say what its text network is: expected {_TEXT_CONFIG} of {network} in the folder or "
        "beside it. Put it there; nothing is downloaded by itself."
    )


def _json_of(path: Path, shown: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes_of(path, shown))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{path.name} in '{shown}' cannot be read: expected JSON. Get it again.")
    return found


def _bytes_of(path: Path, shown: str) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path.name} of '{shown}' is too large for what it should be. Get it again.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} of '{shown}' cannot be read ({error.strerror}). Check the file.") from error


def _without_programs(name: str, content: bytes) -> bytes:
    """Take out what would make transformers run a program that comes with a model."""
    if not name.endswith("config.json"):
        return content
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(f"{name} cannot be read: expected JSON. Get it again.") from None
    if not isinstance(found, dict):
        raise DataError(f"{name} cannot be read: expected names and values. Get it again.")
    found.pop("auto_map", None)
    return json.dumps(found).encode()
