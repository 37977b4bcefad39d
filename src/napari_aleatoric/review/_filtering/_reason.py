"""What may become of a label in a filter."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["FilterReason"]


class FilterReason(IntEnum):
    """What became of a label, and for which reason."""

    WITHIN = 0
    KEPT_BY_VERDICT = 1
    KEPT_UNSCORED = 2
    WORSE = 3
    BETTER = 4
    BOTH_ENDS = 5  # some of its classes are beyond one cut, some beyond the other
    VERDICT = 6
    UNSCORED = 7
    NOT_ASKED = 8  # another label reader's

    @property
    def kept(self) -> bool:
        """Whether the label is kept."""
        return self <= FilterReason.KEPT_UNSCORED
