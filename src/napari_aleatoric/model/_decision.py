"""What a person said about a label, and when. Appended, never changed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ._case import ItemKey

__all__ = ["Decision", "Status", "Verdict"]


class Verdict(StrEnum):
    """What a reader may say about a label."""

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    REJECTED = "rejected"
    EXCLUDED = "excluded"
    SKIPPED = "skipped"


class Status(StrEnum):
    """Where a piece of work stands."""

    PENDING = "pending"
    BUSY = "busy"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid.uuid4().hex


class Decision(BaseModel):
    """One entry of the review's log.

    One of three things: a verdict, the undoing of an earlier entry (``undoes``), or a remark without a verdict.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision_id: str = Field(default_factory=_new_id, description="Unique; 32 hexadecimal digits.")
    case_id: str
    label_reader: str = Field(default="", description="Whose label was judged; '' where there is one per case.")
    verdict: Verdict | None = None
    quality: int | None = Field(default=None, ge=1, le=5, description="Likert: 1 unusable ... 5 perfect.")
    comment: str = ""
    reader: str = Field(description="Who decided.")
    seen: dict[str, Any] = Field(
        default_factory=dict, description="What was on screen: measure, score, map, label version."
    )
    correction_id: str | None = Field(default=None, description="The saved label version that belongs to it.")
    undoes: str | None = Field(default=None, description="decision_id that this entry takes back.")
    created: datetime = Field(default_factory=_now, description="UTC.")

    @property
    def key(self) -> ItemKey:
        """The label that was judged."""
        return ItemKey(self.case_id, self.label_reader)
