"""Where a network is trained, in which precision, and how much memory there is."""

from __future__ import annotations

import psutil
import torch

from napari_aleatoric.foundation import torch_device
from napari_aleatoric.training._model_spec import TrainSpec

__all__ = ["free_memory", "is_out_of_memory", "place"]


def place(spec: TrainSpec) -> tuple[torch.device, torch.dtype]:
    """Return where the network runs and in which type: bfloat16 on CUDA, where it is asked for, else 32 bits.

    On a processor convolutions of few channels are about twice as slow in bfloat16
    (``benchmarks/test_quick_net.py``).
    """
    device, _ = torch_device(spec.device)
    if spec.precision == "bf16":
        return device, torch.bfloat16
    able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return device, torch.bfloat16 if spec.precision == "auto" and able else torch.float32


def free_memory(name: str) -> int:
    """Return the bytes that are free on a graphics card, or half of those of the computer."""
    device, _ = torch_device(name)
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available) // 2


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on a graphics card or on the computer."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
