"""Whether it pays to train again, in words. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_aleatoric.review import SinceTraining

__all__ = ["WHEN_IT_PAYS", "PayingLimits", "retraining_advice"]


@dataclass(frozen=True)
class PayingLimits:
    """From when on a new training is recommended.

    Parameters
    ----------
    changed : int
        So many labels that a network would learn otherwise ...
    changed_part : float
        ... or this part of all labels, whichever is less.
    top : int
        How many of the most suspicious labels are looked at.
    """

    changed: int
    changed_part: float
    top: int


WHEN_IT_PAYS = PayingLimits(changed=10, changed_part=0.05, top=40)
"""Our proposal. Measured is one point: the worst fifth of 100 labels put right is worth 0.004 of Dice where a fifth
of all was badly wrong, and 0.008 where two fifths were (docs/benchmarks.md)."""


def retraining_advice(since: SinceTraining, limits: PayingLimits = WHEN_IT_PAYS) -> str:
    """Say what was done since the last training, and whether it pays to train again.

    Parameters
    ----------
    since : SinceTraining
        What is known.
    limits : PayingLimits
        From when on it pays.

    Returns
    -------
    str
        "Since the model in use (22 Nov 19:32), 14 labels were corrected and 3 excluded or rejected. 62 % of the 40
        most suspicious labels are reviewed. It pays to retrain."
    """
    return " ".join(part for part in (_done(since), _reviewed(since), _verdict(since, limits)) if part)


def _model(since: SinceTraining) -> str:
    when = "" if since.began is None else f" ({since.began.astimezone():%d %b %H:%M})"
    return f"{'the model in use' if since.in_use else 'the newest model'}{when}"


def _changed(since: SinceTraining) -> int:
    return since.n_corrected + since.n_refused + since.n_barred


def _done(since: SinceTraining) -> str:
    counts = (
        (since.n_corrected, "corrected"),
        (since.n_refused, "excluded or rejected"),
        (since.n_barred, "marked in part as not to be learned from"),
        (since.n_accepted, "accepted"),
    )
    said = [(n, words) for n, words in counts if n]
    if not said:
        return ""
    start = f"Since {_model(since)}, " if since.model_id else ""
    n, words = said[0]
    first = f"{start}{n} label{'s were' if n > 1 else ' was'} {words}"
    others = [f"{n} {words}" for n, words in said[1:]]
    whole = " and ".join([", ".join([first, *others[:-1]]), others[-1]]) if others else first
    return f"{whole}."


def _reviewed(since: SinceTraining) -> str:
    if not since.n_top:
        return "The labels are not scored yet: score them to see which ones to look at first."
    if not since.n_top_reviewed:
        return (
            f"None of the {since.n_top} most suspicious labels is reviewed: until then, learning without the "
            "riskiest fifth is what helped where it was measured."
        )
    if since.n_top_reviewed == since.n_top:
        return f"All of the {since.n_top} most suspicious labels are reviewed."
    part = 100 * since.n_top_reviewed / since.n_top
    return f"{part:.0f} % of the {since.n_top} most suspicious labels are reviewed."


def _verdict(since: SinceTraining, limits: PayingLimits) -> str:
    if not since.model_id:
        return "Nothing was trained here yet: the first model is what later ones are compared with."
    if since.is_same:
        return (
            f"Nothing that is learned from has changed since {_model(since)} was trained: a new training with its "
            "settings would give the same model."
        )
    if _changed(since) >= min(limits.changed, max(1, math.ceil(limits.changed_part * since.n_labels))):
        return "It pays to retrain."
    if _changed(since):
        return "That is little to learn anew: review more first, the most suspicious labels before others."
    if since.is_same is None:
        return ""
    return f"What is learned from has changed since {_model(since)}, though no label was corrected or refused."
