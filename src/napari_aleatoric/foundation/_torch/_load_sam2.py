"""Verified weights of SAM 2 → a segmenter, with a memory where the network has one."""

from __future__ import annotations

from napari_aleatoric.foundation._weights._folder import read_config
from napari_aleatoric.foundation._weights._store import WeightsStore

from ._sam2 import Sam2Segmenter, sam2_segmenter
from ._sam2_net import at_size, build_sam2, config_from, published_config

__all__ = ["load_sam2"]


def load_sam2(
    name: str,
    *,
    device: str = "auto",
    input_size: int | None = None,
    threads: int | None = None,
    store: WeightsStore | None = None,
) -> Sam2Segmenter:
    """Read verified weights into their network.

    Parameters
    ----------
    name : str
        Of known or imported weights.
    device, input_size, threads
        As of `Sam2Segmenter`.
    store : WeightsStore, optional
        Where weights lie; by default the user's.

    Returns
    -------
    Sam2Segmenter
        A `Sam2Tracker` for a network with a memory, as all published ones are.

    Raises
    ------
    NotFoundError, DataError
        If the weights are not here, or not what they should be.
    """
    store = store or WeightsStore()
    weights = store.info(name)
    state = {key: value.float().clone() for key, value in store.load_state(name).items()}
    if weights.architecture == "sam2":
        config = config_from(read_config(store.path(name)), name)
    else:
        config = published_config(weights.architecture)
    net = build_sam2(config)
    net.load_state_dict(state, strict=True, assign=True)
    at_size(net, int(config.prompt_encoder_config.image_size))
    label = f"{name}-{(weights.sha256 or '')[:12]}"
    return sam2_segmenter(net.requires_grad_(False), label, device=device, input_size=input_size, threads=threads)
