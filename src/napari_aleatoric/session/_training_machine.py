"""Where a training would run on this machine; torch is loaded in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass

from napari_aleatoric.jobs import Actor

__all__ = ["Machine", "MachineProbe", "look_at_machine"]

_GIB = 2**30


@dataclass(frozen=True)
class Machine:
    """What a training runs on here.

    Parameters
    ----------
    name : str
        The graphics card, or the processor, in words.
    free_bytes : int
        Memory that a training may use on it.
    """

    name: str
    free_bytes: int

    @property
    def sentence(self) -> str:
        """Say it: "Runs on the processor, 2 cores, with up to 11.4 GB of memory."."""
        return f"Runs on {self.name}, with up to {self.free_bytes / _GIB:.1f} GB of memory."


class MachineProbe:
    """Looks at this machine from inside a process that may load torch."""

    def look(self) -> Machine:
        """Return the device that is chosen by itself, and its memory.

        Raises
        ------
        MissingExtraError
            Without the extra ``ai``.
        """
        from napari_aleatoric.foundation import torch_device
        from napari_aleatoric.training import memory_at_hand

        free = memory_at_hand()
        device, _ = torch_device()
        return Machine(_name(device), free)


def look_at_machine() -> Machine:
    """Ask a process of its own; takes as long as loading torch.

    Raises
    ------
    AleatoricError
        If nothing can be trained here, with what to do.
    """
    actor = Actor("napari_aleatoric.session._training_machine:MachineProbe")
    try:
        actor.open()
        found: Machine = actor.call("look")
    finally:
        actor.close()
    return found


def _name(device: object) -> str:
    import os

    import torch

    if str(device).startswith("cuda"):
        return f"the graphics card {torch.cuda.get_device_name(str(device))}"
    if str(device).startswith("mps"):
        return "Apple's graphics processor"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"the processor ({cores} core{'s' if cores > 1 else ''})"
