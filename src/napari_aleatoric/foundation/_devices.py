"""Where networks run, for folders that have networks of their own; loads torch when it is called."""

from __future__ import annotations

from typing import Any

__all__ = ["torch_device"]


def torch_device(name: str = "auto") -> tuple[Any, Any]:
    """Return a torch.device and the torch.dtype in which it multiplies matrices fastest.

    Parameters
    ----------
    name : str
        'cpu', 'cuda', 'cuda:1', 'mps', or 'auto': CUDA, else MPS, else the processor.

    Raises
    ------
    DataError
        If there is no such device here.
    """
    from ._torch._device import best_device, fast_type

    device = best_device(name)
    return device, fast_type(device)
