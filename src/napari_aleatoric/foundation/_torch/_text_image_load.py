"""Opening a text-image model: its digest, its network, its numbers."""

from __future__ import annotations

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation._text_image_files import TextImageFiles
from napari_aleatoric.foundation._weights._check import digest_of, remember, remembered
from napari_aleatoric.model import Reporter

from ._text_image import OpenClipModel
from ._text_image_net import build_network, read_weights

__all__ = ["load_open_clip"]


def load_open_clip(
    files: TextImageFiles,
    *,
    sha256: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    reporter: Reporter | None = None,
) -> OpenClipModel:
    """Make a network and read its checked numbers; see `load_text_image`."""
    found = remembered(files.weights)
    if found is None:
        found = digest_of(files.weights, reporter)
        remember(files.weights, found)
    if sha256 is not None and found != sha256.lower():
        raise DataError(
            f"{files.weights.name} of '{files.name}' is damaged, or another file: its SHA-256 begins with "
            f"{found[:12]} instead of {sha256[:12].lower()}. Get it again."
        )
    network = build_network(files)
    read_weights(network, files.weights)
    label = f"{files.name}-{found[:12]}"
    return OpenClipModel(files, network, label, device=device, precision=precision, threads=threads)
