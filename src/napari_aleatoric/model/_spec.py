"""The base of everything a user may choose."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Spec"]


class Spec(BaseModel):
    """Frozen, plain JSON, and strict: an unknown field is an error, so a typing slip is never silent."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any chosen value."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def changed(self) -> dict[str, Any]:
        """Return only the values that differ from the defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)
