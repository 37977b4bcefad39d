"""One entry of a box to choose from."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TrainingChoice"]


@dataclass(frozen=True)
class TrainingChoice:
    """One entry of a box to choose from: what it is called, what it means."""

    name: str
    title: str
    hint: str
