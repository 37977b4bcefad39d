"""Who says how likely every class is at every voxel, and which parts of the label risk count with whom."""

from __future__ import annotations

from ._measures import LABEL_RISK_PARTS, TRAINED_RISK_PARTS

__all__ = ["JUDGES", "judge_in_words", "risk_parts"]

JUDGES = ("light", "network", "network+light", "probabilities")
"""The light classifier; the quick network, trained by cross-validation; both; probabilities that the user has."""

_TRAINED = ("network", "network+light", "probabilities")

_WORDS = {
    "light": "judged by the light classifier",
    "network": "judged by the quick network",
    "network+light": "judged by the quick network and the light classifier",
    "probabilities": "judged by the given probabilities",
}


def risk_parts(judge: str) -> tuple[str, ...]:
    """Return the measures whose largest percentile rank is the label risk under a judge; "" = not known."""
    return TRAINED_RISK_PARTS if judge in _TRAINED else LABEL_RISK_PARTS


def judge_in_words(judge: str) -> str:
    """Return a few words for the end of a sentence; "" for a judge that is not known."""
    return _WORDS.get(judge, "")
