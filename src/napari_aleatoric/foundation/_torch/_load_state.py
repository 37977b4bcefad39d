"""Reading checkpoints as numbers only, and seeing whether they are those of a network."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_aleatoric.errors import DataError, MissingExtraError
from napari_aleatoric.foundation._weights._folder import read_config
from napari_aleatoric.foundation._weights._format import check_format
from napari_aleatoric.foundation._weights._known import ARCHITECTURE_NAMES

from ._sam2_names import from_published, looks_published
from ._sam_net import ARCHITECTURES, build_sam

__all__ = ["load_state"]

_WRAPPERS = ("model", "state_dict", "model_state_dict")  # where training programs put the weights
_PRECISIONS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_WITH_CONFIG = "sam2"
_SAME = 0.5  # of the names of a network, so many make a file one of its kind


@cache
def _expected(architecture: str) -> Mapping[str, tuple[int, ...]]:
    """Names and shapes of a network's tensors, without making its numbers."""
    if architecture not in ARCHITECTURES:
        return _expected_of_sam2(architecture, None, "")
    with torch.device("meta"):
        state = build_sam(ARCHITECTURES[architecture]).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _expected_of_sam2(
    architecture: str, config: Mapping[str, Any] | None, shown: str
) -> Mapping[str, tuple[int, ...]]:
    """Return the same of a published SAM 2 network, or of one that brings its configuration."""
    try:
        from ._sam2_net import build_sam2, config_from, published_config
    except ImportError as error:
        raise MissingExtraError.for_extra("ai", "read the weights of SAM 2") from error
    found = published_config(architecture) if config is None else config_from(config, shown)
    return {name: tuple(tensor.shape) for name, tensor in build_sam2(found).state_dict().items()}


def load_state(path: Path, architecture: str | None, shown: str | None = None) -> tuple[dict[str, Tensor], str]:
    """Read a checkpoint and see that it fits.

    The file's structure is looked at first (`check_format`), then it is read with ``weights_only=True`` or by
    safetensors, both of which hold numbers and run nothing.

    Parameters
    ----------
    path : Path
        A file of torch.save (a state dict, or a dictionary that has one under ``model`` or ``state_dict``) or of
        safetensors.
    architecture : str or None
        The network it has to fit, one of `ARCHITECTURE_NAMES`; None for whichever it fits.
    shown : str, optional
        What the user knows it as; the file's name by default.

    Returns
    -------
    state : dict of str to torch.Tensor
        On the CPU, in the file's precision, mapped from the file where that is possible: do not write to them.
        Those of SAM 2 have the names of transformers' classes, whatever they are in the file.
    architecture : str
        The network they fit.

    Raises
    ------
    DataError
        If it cannot be read, holds more than weights, fits another network, has tensors of other shapes, or numbers
        that are NaN or infinite.
    """
    shown = shown or path.name
    kind = check_format(path, shown)
    state = _named_tensors(_read(path, kind, shown), shown)
    if looks_published(state):
        state = from_published(state)
    if architecture is None:
        architecture = _likeliest(state)
        if architecture is None:
            raise _no_sam(state, shown)
    if architecture == _WITH_CONFIG:
        config = read_config(path) if kind == "safetensors" else {}
        _check_fit(state, architecture, shown, _expected_of_sam2(architecture, config, shown))
    else:
        _check_fit(state, architecture, shown, _expected(architecture))
    _check_finite(state, shown)
    return state, architecture


def _read(path: Path, kind: str, shown: str) -> Any:
    if kind == "safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path, device="cpu")
        except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
            raise DataError(
                f"{shown} is damaged: safetensors cannot read it ({_short(error)}). Get it again."
            ) from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{shown} holds more than weights, or is damaged: torch refused to read it ({_short(error)}), and "
            "nothing was run. Save its state_dict() alone and import that, or get it again."
        ) from error
    except (RuntimeError, ValueError, KeyError, EOFError, TypeError, AttributeError, IndexError, OSError) as error:
        raise DataError(f"{shown} is damaged: torch cannot read it ({_short(error)}). Get it again.") from error


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:100].rstrip(".") or type(error).__name__


def _named_tensors(found: Any, shown: str) -> dict[str, Tensor]:
    if isinstance(found, dict):
        for key in _WRAPPERS:
            if isinstance(found.get(key), dict):
                found = found[key]
                break
    named = isinstance(found, dict) and bool(found)
    if not named or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
        raise DataError(
            f"{shown} holds no weights: expected tensors by name, got {_described(found)}. Save the state_dict() "
            "of the network."
        )
    if all(name.startswith("module.") for name in found):  # as written from several graphics cards
        return {name.removeprefix("module."): tensor for name, tensor in found.items()}
    return dict(found)


def _described(found: Any) -> str:
    if isinstance(found, dict):
        keys = ", ".join(str(key) for key in list(found)[:4])
        return f"a dictionary of {keys or 'nothing'}"
    return f"one {type(found).__name__}"


def _n_fitting(state: Mapping[str, Tensor], architecture: str) -> int:
    expected = _expected(architecture)
    return sum(tuple(tensor.shape) == expected.get(name) for name, tensor in state.items())


def _likeliest(state: Mapping[str, Tensor]) -> str | None:
    """Return the network most of whose tensors fit by name and shape; None if that is no majority of them."""
    second = any(name.startswith(("vision_encoder.", "prompt_encoder.shared_embedding.")) for name in state)
    names = [name for name in ARCHITECTURE_NAMES if name != _WITH_CONFIG and (name not in ARCHITECTURES) == second]
    share = {name: _n_fitting(state, name) / len(_expected(name)) for name in names}
    best = max(share, key=lambda name: share[name])
    return best if share[best] > _SAME else None


def _no_sam(state: Mapping[str, Tensor], shown: str) -> DataError:
    first = ", ".join(f"'{name}'" for name in list(state)[:2])
    return DataError(
        f"{shown} is no Segment Anything checkpoint: expected tensors like 'image_encoder.pos_embed', got {first} "
        f"… ({len(state)} in all). Check that it is the right file."
    )


def _check_fit(
    state: Mapping[str, Tensor], architecture: str, shown: str, expected: Mapping[str, tuple[int, ...]]
) -> None:
    missing = [name for name in expected if name not in state]
    foreign = [name for name in state if name not in expected]
    other = [name for name in expected if name in state and tuple(state[name].shape) != expected[name]]
    if not missing and not foreign and not other:
        return
    looks_like = _likeliest(state) if architecture != _WITH_CONFIG else None
    if looks_like is not None and _expected(looks_like) != expected:
        raise DataError(
            f"{shown} has the wrong architecture: expected {architecture}, and it looks like {looks_like}. Import "
            f"it with the architecture {looks_like}, or choose another file."
        )
    if len(missing) > _SAME * len(expected):
        raise _no_sam(state, shown)
    if other:
        name = other[0]
        raise DataError(
            f"{shown} has tensors of the wrong shape: for {architecture}, '{name}' has to be {expected[name]}, and "
            f"here it is {tuple(state[name].shape)} ({len(other)} such tensors). It may have been trained for "
            "another input size; choose another file."
        )
    what = f"lacks '{missing[0]}'" if missing else f"has '{foreign[0]}' besides"
    raise DataError(
        f"{shown} is not whole: for {architecture} {len(expected)} tensors are needed, and it {what} "
        f"({len(missing)} missing, {len(foreign)} unknown). Save the whole state_dict() of the network."
    )


def _check_finite(state: Mapping[str, Tensor], shown: str) -> None:
    for name, tensor in state.items():
        if tensor.dtype not in _PRECISIONS:
            raise DataError(
                f"{shown} has tensors of the wrong kind: '{name}' holds {str(tensor.dtype).removeprefix('torch.')} "
                "numbers, and weights have 16 to 64 bits with a point. Save its state_dict() unquantised."
            )
        # a sum needs no memory; where it overflows, every number is looked at
        if not torch.isfinite(tensor.sum(dtype=torch.float32)) and not bool(torch.isfinite(tensor).all()):
            raise DataError(
                f"{shown} is of no use: '{name}' holds NaN or infinity, so its training went wrong or the file is "
                "damaged. Choose an earlier checkpoint, or get it again."
            )
