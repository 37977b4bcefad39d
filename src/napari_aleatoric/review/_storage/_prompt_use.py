"""Which model drew into a label because a person pointed at something, and how often it was asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["PromptUse", "prompt_uses", "prompt_words"]


@dataclass(frozen=True, order=True)
class PromptUse:
    """Prompts to one promptable segmenter whose masks are in a label.

    Parameters
    ----------
    segmenter : str
        `PromptSegmenter.name`: model, weights and settings.
    n_boxes, n_clicks : int
        How many boxes, and how many clicks, those masks took.
    """

    segmenter: str
    n_boxes: int = 0
    n_clicks: int = 0

    @property
    def sentence(self) -> str:
        """For people: "sam-small; 2 boxes, 1 click"."""
        counts = ((self.n_boxes, "box", "boxes"), (self.n_clicks, "click", "clicks"))
        words = ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in counts if n)
        return f"{self.segmenter}; {words}" if words else self.segmenter


def prompt_uses(uses: Iterable[PromptUse]) -> tuple[PromptUse, ...]:
    """Add up the uses of each segmenter; in the order of their names."""
    total: dict[str, PromptUse] = {}
    for use in uses:
        so_far = total.get(use.segmenter, PromptUse(use.segmenter))
        total[use.segmenter] = PromptUse(
            use.segmenter, so_far.n_boxes + use.n_boxes, so_far.n_clicks + use.n_clicks
        )
    return tuple(sorted(total.values()))


def prompt_words(uses: Iterable[PromptUse]) -> str:
    """Say all uses in one line; "" if there are none."""
    return " + ".join(use.sentence for use in uses)
