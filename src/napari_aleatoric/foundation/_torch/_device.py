"""Which device, and which precision pays on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from napari_aleatoric.errors import DataError

__all__ = ["at_most_threads", "autocast", "best_device", "fast_type", "precision_on"]

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def best_device(name: str = "auto") -> torch.device:
    """Return the device of that name; 'auto' = CUDA, else MPS, else the processor.

    Raises
    ------
    DataError
        If there is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        there = {
            "cpu": True,
            "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
            "mps": torch.backends.mps.is_available(),
        }.get(device.type, False)
    except RuntimeError:
        there = False
    if not there:
        raise DataError(f"Expected a device of this machine (cpu, cuda, mps or auto), got '{name}'. Use 'auto'.")
    return device


def fast_type(device: torch.device) -> torch.dtype:
    """Return the type in which the device multiplies matrices fastest.

    A processor is faster in bfloat16 only with matrix tiles (AMX); without them it is several times slower.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.float16
    tiles = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return torch.bfloat16 if tiles() else torch.float32


def precision_on(device: torch.device, precision: str = "auto") -> str:
    """Return what a precision means on a device: 'float32', 'bfloat16' or 'float16'."""
    if precision != "auto" and precision not in _TYPES:
        raise DataError(f"Expected a precision of auto, {', '.join(_TYPES)}, got '{precision}'.")
    return precision if precision != "auto" else str(fast_type(device)).removeprefix("torch.")


def autocast(device: torch.device, precision: str = "auto") -> AbstractContextManager[object]:
    """Run what follows in a precision: 'auto', 'float32', 'bfloat16' or 'float16'."""
    kind = _TYPES[precision_on(device, precision)]
    return nullcontext() if kind is torch.float32 else torch.autocast(device.type, dtype=kind)


@contextmanager
def at_most_threads(n: int | None) -> Iterator[None]:
    """Let torch use at most ``n`` threads of the processor meanwhile; None = as many as it is set to."""
    before = torch.get_num_threads()
    if n is not None and n < before:
        torch.set_num_threads(n)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)
