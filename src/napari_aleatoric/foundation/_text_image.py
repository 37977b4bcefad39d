"""The door to models that bring sentences and images together; torch is loaded when it is opened."""

from __future__ import annotations

import importlib.util
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from napari_aleatoric.errors import DataError, MissingExtraError, NotFoundError
from napari_aleatoric.model import Reporter

from ._text_image_files import TextImageFiles, bert_words, read_folder, text_files
from ._text_image_known import (
    BIOMEDCLIP,
    BIOMEDCLIP_CONFIG,
    BIOMEDCLIP_WORDS,
    SHIPPED_TEXT_IMAGE,
    TEXT_IMAGE_WEIGHTS,
    all_weights_store,
    biomedclip_address,
)
from ._weights import WeightsStore

if TYPE_CHECKING:
    from ._torch._text_image import OpenClipModel

__all__ = ["load_text_image"]

_HUB = "hf-hub:"


def load_text_image(
    source: str | Path,
    *,
    weights: str | Path | None = None,
    sha256: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    store: WeightsStore | None = None,
    reporter: Reporter | None = None,
) -> OpenClipModel:
    """Load a text-image model through open_clip. Nothing is downloaded by itself.

    Parameters
    ----------
    source : str or Path
        One of: ``"clip-small"``, the small one that comes with the program; a folder with
        ``open_clip_config.json`` and weights; ``"biomedclip"`` or its name on the hub, with or without ``hf-hub:``,
        whose weights `WeightsStore.download` brings; the name of an architecture of open_clip, such as
        ``"ViT-B-16"``, together with ``weights``.
    weights : str or Path, optional
        File with the numbers of a named architecture.
    sha256 : str, optional
        Digest that the file of weights must have. Known ones have theirs anyway.
    device, precision, threads
        As of the segmenters; saliency is always computed in single precision.
    store : WeightsStore, optional
        Where downloaded weights lie; by default the user's folder.
    reporter : Reporter, optional
        Told megabytes while a file is checked.

    Returns
    -------
    OpenClipModel
        A `TextImageModel`.

    Raises
    ------
    NotFoundError
        If there is no such model, or a file of it is missing; the text names the file and how to get it.
    DataError
        If a file is not what it should be, or has another digest.
    MissingExtraError
        If torch, open_clip or, for a text network of transformers, transformers is not installed.
    """
    files = _files(source, None if weights is None else Path(weights), store, reporter)
    if files.text and importlib.util.find_spec("transformers") is None:
        raise MissingExtraError(
            f"The text network of '{files.name}' is one of transformers, which is not installed. Install it with: "
            "pip install transformers"
        )
    try:
        module = import_module(f"{__package__}._torch._text_image_load")
    except ImportError as error:
        raise MissingExtraError.for_extra("ai", "look for what a sentence names") from error
    made: OpenClipModel = module.load_open_clip(
        files, sha256=sha256, device=device, precision=precision, threads=threads, reporter=reporter
    )
    return made


def _files(
    source: str | Path, weights: Path | None, store: WeightsStore | None, reporter: Reporter | None
) -> TextImageFiles:
    name = str(source).removeprefix(_HUB)
    if name == SHIPPED_TEXT_IMAGE and weights is None:
        return _shipped(store or all_weights_store(), reporter)
    if name in (BIOMEDCLIP, *TEXT_IMAGE_WEIGHTS) and weights is None:
        return _biomedclip(store or all_weights_store(), reporter)
    if weights is not None:
        return _named(name, weights)
    if isinstance(source, Path) or Path(name).is_dir():
        return read_folder(Path(name))
    if str(source).startswith(_HUB):
        raise NotFoundError(
            f"Of the hub's models only {BIOMEDCLIP} is known here by name, got '{name}'. Download its folder, and "
            "name the folder."
        )
    if importlib.util.find_spec("open_clip") is not None and name in _architectures():
        raise NotFoundError(
            f"'{name}' is an architecture without numbers. Name a file of weights for it too (weights=...)."
        )
    raise NotFoundError(
        f"There is no text-image model '{name}': expected a folder with open_clip_config.json, "
        f"'{next(iter(TEXT_IMAGE_WEIGHTS))}', or an architecture of open_clip with a file of weights."
    )


def _shipped(store: WeightsStore, reporter: Reporter | None) -> TextImageFiles:
    if SHIPPED_TEXT_IMAGE not in store.names():
        raise NotFoundError(
            f"This copy of the program came without {SHIPPED_TEXT_IMAGE}. Install the package again, or name "
            "another text-image model."
        )
    return read_folder(store.checked(SHIPPED_TEXT_IMAGE, reporter).parent)


def _architectures() -> list[str]:
    try:
        open_clip = import_module("open_clip")
    except ImportError as error:
        raise MissingExtraError.for_extra("ai", "look for what a sentence names") from error
    found: list[str] = open_clip.list_models()
    return found


def _named(name: str, weights: Path) -> TextImageFiles:
    if importlib.util.find_spec("open_clip") is None:
        raise MissingExtraError.for_extra("ai", "look for what a sentence names")
    if name not in _architectures():
        raise NotFoundError(
            f"open_clip has no architecture '{name}'. Take one of open_clip.list_models(), such as 'ViT-B-16', or "
            "a folder with open_clip_config.json."
        )
    if not weights.is_file():
        raise NotFoundError(f"There is no file of weights '{weights}'. Check the path.")
    config = {"model_cfg": import_module("open_clip").get_model_config(name)}
    words = text_files(config, weights.parent, weights.name)
    return TextImageFiles(f"{name}, {weights.name}", config, weights, words)


def _biomedclip(store: WeightsStore, reporter: Reporter | None) -> TextImageFiles:
    if "biomedclip" not in store.names():
        raise DataError("Expected a folder of weights that knows biomedclip; make it with all_weights_store().")
    path = store.checked("biomedclip", reporter)
    words = store.folder / BIOMEDCLIP_WORDS
    if not words.is_file():
        raise NotFoundError(
            f"BiomedCLIP's vocabulary is not here yet. Get {biomedclip_address('vocab.txt')} and save it as "
            f"{BIOMEDCLIP_WORDS} in the folder of weights, {store.folder}; nothing is downloaded by itself."
        )
    return TextImageFiles("biomedclip", dict(BIOMEDCLIP_CONFIG), path, bert_words(words))
