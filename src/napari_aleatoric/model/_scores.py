"""What a measure says, in which direction, about which question."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ._case import ItemKey

__all__ = ["WHOLE_CASE", "Direction", "Flag", "HotSpot", "ItemScores", "Measure", "Question", "ScoreValue"]

WHOLE_CASE = 0
"""``class_index`` of a score that speaks of the whole label (background never has a score of its own)."""


class Question(StrEnum):
    """The four questions that must never be mixed."""

    LABEL_RISK = "label_risk"
    AMBIGUITY = "ambiguity"
    DISAGREEMENT = "disagreement"
    DIFFICULTY = "difficulty"

    @property
    def sentence(self) -> str:
        """The question as a person would ask it."""
        return {
            Question.LABEL_RISK: "Is this label wrong?",
            Question.AMBIGUITY: "Is this image ambiguous?",
            Question.DISAGREEMENT: "Do the readers disagree?",
            Question.DIFFICULTY: "Is this image hard for the frozen model?",
        }[self]


class Direction(StrEnum):
    """Which end of a measure deserves attention."""

    HIGH_IS_WORSE = "high_is_worse"
    HIGH_IS_BETTER = "high_is_better"


@dataclass(frozen=True)
class Measure:
    """The declaration of a score: everything a person needs to read its number.

    Parameters
    ----------
    name : str
        Identifier, as stored.
    title : str
        A few words for column headers.
    question : Question
        The one question it answers.
    direction : Direction
        Which end is bad.
    bounds : tuple of float
        Smallest and largest possible value (may be infinite).
    unit : str
        "" for a plain number.
    sentence : str
        What the number means and what to do about it.
    per_class : bool
        Whether it also has a value for every class.
    map_name : str
        Name of the voxel map that shows where; "" if it has none.
    stored : bool
        False for values derived from the present cohort (percentiles, AUV), which are never stored.
    detail : bool
        An option for researchers: stored, exported and ranked by, but left out of the window's short list.
    finding : str
        What the reviewer is told of a case that stands out in it, the middle of a sentence; may hold ``{score}``
        (the place in the data set, 0..1) and ``{where}`` (" at slices 3 to 5").
    finding_against : str
        The same where cases are compared with a stored reference; may also hold ``{place}`` (of 100) and
        ``{reference}``.
    """

    name: str
    title: str
    question: Question
    direction: Direction
    bounds: tuple[float, float]
    unit: str
    sentence: str
    per_class: bool = True
    map_name: str = ""
    stored: bool = True
    detail: bool = False
    finding: str = ""
    finding_against: str = ""

    @property
    def sign(self) -> float:
        """+1 if high is worse, −1 if high is better: ``sign * value`` sorts the worst first when descending."""
        return 1.0 if self.direction is Direction.HIGH_IS_WORSE else -1.0


@dataclass(frozen=True)
class ScoreValue:
    """One number: a measure of one class (or `WHOLE_CASE`) of one item. NaN = could not be computed."""

    measure: str
    class_index: int
    value: float


@dataclass(frozen=True)
class Flag:
    """A finding of a geometry check on the label alone.

    Parameters
    ----------
    check : str
        Name of the check, e.g. ``"slice_jump"``.
    class_index : int
        The class, or `WHOLE_CASE`.
    severity : float
        0..1, high = worse; orders flags within a case.
    sentence : str
        What was found and where.
    index_zyx : tuple of int or None
        A voxel (upright frame) to jump to, if there is one.
    """

    check: str
    class_index: int
    severity: float
    sentence: str
    index_zyx: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class HotSpot:
    """Where a map of a class is worst, in the upright frame.

    Parameters
    ----------
    map_name : str
        The voxel map.
    class_index : int
        The class, or `WHOLE_CASE`.
    index_zyx : tuple of int
        The hottest place.
    slice_range : tuple of int
        First and last slice (z, both included) of the hot region around it.
    """

    map_name: str
    class_index: int
    index_zyx: tuple[int, int, int]
    slice_range: tuple[int, int]


@dataclass(frozen=True)
class ItemScores:
    """Everything measured on one label, before it is compared with the others.

    Parameters
    ----------
    key : ItemKey
        Which label.
    values : tuple of ScoreValue
        Raw values.
    flags : tuple of Flag
        Findings of the geometry checks.
    hot_spots : tuple of HotSpot
        At most one per map and class.
    """

    key: ItemKey
    values: tuple[ScoreValue, ...]
    flags: tuple[Flag, ...] = ()
    hot_spots: tuple[HotSpot, ...] = ()

    def value(self, measure: str, class_index: int = WHOLE_CASE) -> float:
        """Return one value; NaN if it was not measured."""
        for item in self.values:
            if item.measure == measure and item.class_index == class_index:
                return item.value
        return float("nan")
