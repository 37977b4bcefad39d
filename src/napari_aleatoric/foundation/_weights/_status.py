"""What can be said about weights, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ._known import KnownWeights

__all__ = ["WeightsState", "WeightsStatus", "how_to_get", "how_to_repair"]

WeightsState = Literal["absent", "present", "verified", "damaged"]


@dataclass(frozen=True)
class WeightsStatus:
    """What can be said about some weights without reading them.

    Parameters
    ----------
    weights : KnownWeights
        Which.
    state : {"absent", "present", "verified", "damaged"}
        ``present`` lies there and was not checked yet; ``verified`` has not changed since its digest was found
        right; ``damaged`` has the wrong size, or its digest was found wrong.
    path : Path
        Where the file lies, or will lie.
    sentence : str
        What is wrong with damaged weights, or how to get absent ones; empty otherwise.
    """

    weights: KnownWeights
    state: WeightsState
    path: Path
    sentence: str = ""


def how_to_get(weights: KnownWeights) -> str:
    """Say what to do about absent weights."""
    if weights.origin == "shipped":
        return f"{weights.name} comes with the program, and {weights.file_name} is not there. Install it anew."
    if weights.origin == "own":
        return (
            f"The file of your own weights '{weights.name}' is gone. Import it again: aleatoric weights import FILE"
        )
    return (
        f"The weights {weights.name} are not here yet. Run: aleatoric weights download {weights.name}; or, with "
        f"the file {weights.file_name} at hand: aleatoric weights import FILE"
    )


def how_to_repair(weights: KnownWeights) -> str:
    """Say what to do about damaged weights."""
    verb = {"published": f"Run: aleatoric weights download {weights.name}", "own": "Import it again."}
    return verb.get(weights.origin, "Install the program anew.")
