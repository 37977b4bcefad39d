"""Cases that others found good, to be mixed into a reader's queue, and how the reader answered to them."""

from __future__ import annotations

from typing import NamedTuple

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Decision, ItemKey, Verdict
from napari_aleatoric.review._storage._fold import fold
from napari_aleatoric.review._storage._store import ReviewStore

__all__ = ["CheckResult", "check_result", "known_good"]

_GOOD = 4  # of 5, where a quality was given


class CheckResult(NamedTuple):
    """How a reader answered to known-good cases.

    Attributes
    ----------
    n_judged : int
        Known-good cases that the reader gave a verdict on, skipped ones apart.
    n_accepted : int
        Those of them that were accepted.
    """

    n_judged: int
    n_accepted: int

    @property
    def sentence(self) -> str:
        """The result in words; it names no case."""
        if not self.n_judged:
            return "No known-good case has been judged yet."
        return f"Of {self.n_judged} known-good cases that were judged, {self.n_accepted} were accepted."


def known_good(store: ReviewStore, reader: str) -> frozenset[ItemKey]:
    """Return the labels that others than this reader accepted, with a quality of 4 or 5 where one was given.

    What this reader said of them does not count, so that they stay the same while the queue is worked through.

    Raises
    ------
    DataError
        If no reader is named.
    """
    if not reader:
        raise DataError("Known-good cases are mixed in for one reader; say who reviews (--reader).")
    logs: dict[ItemKey, list[Decision]] = {}
    for decision in store.decisions():
        if decision.reader != reader:
            logs.setdefault(ItemKey(decision.case_id, decision.label_reader), []).append(decision)
    states = {key: fold(log) for key, log in logs.items()}
    return frozenset(
        key
        for key, state in states.items()
        if state.verdict is Verdict.ACCEPTED and (state.quality is None or state.quality >= _GOOD)
    )


def check_result(store: ReviewStore, reader: str) -> CheckResult:
    """Count how a reader answered to the known-good cases among those already judged."""
    own = store.states(reader)
    verdicts = [own[key].verdict for key in known_good(store, reader) if key in own and own[key].is_done]
    return CheckResult(len(verdicts), verdicts.count(Verdict.ACCEPTED))
