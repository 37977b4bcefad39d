"""The two frozen models that a sentence needs, opened by name."""

from __future__ import annotations

from pathlib import Path

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.foundation import TEXT_IMAGE_WEIGHTS, PromptSegmenter, TextImageModel, segmenter

__all__ = ["open_segmenter", "open_text_model"]


def open_text_model(source: str, *, weights: str = "", device: str = "auto") -> TextImageModel:
    """Open a text-image model; see `foundation.load_text_image`. Without a name, the one that is shipped.

    Raises
    ------
    NotFoundError
        If it is not there, or none is named and this copy came without one; the text says how to get one.
    """
    if not source.strip():
        source = next((k.name for k in TEXT_IMAGE_WEIGHTS.values() if k.origin == "shipped"), "")
    if not source:
        raise NotFoundError(
            "No text-image model was named, and this copy of the program came without one. Name a folder with "
            "open_clip_config.json and weights, 'biomedclip' once its weights are here, or an architecture of "
            "open_clip with a file of weights."
        )
    from napari_aleatoric.foundation import load_text_image

    path = Path(source)
    return load_text_image(path if path.is_dir() else source, weights=weights or None, device=device)


def open_segmenter(name: str, *, device: str = "auto") -> PromptSegmenter:
    """Open a promptable segmenter; see `foundation.segmenter`."""
    return segmenter(name, device=device)
