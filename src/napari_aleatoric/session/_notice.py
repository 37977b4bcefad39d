"""Sentences for the user, made by pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Kind", "Notice"]


class Kind(StrEnum):
    """How urgent a notice is."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Notice:
    """One message.

    Parameters
    ----------
    text : str
        One or two sentences.
    kind : Kind
        Urgency.
    """

    text: str
    kind: Kind = Kind.INFO
