"""What a calibration showed, as it is kept: plain numbers, None where a number cannot be told."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict

from napari_aleatoric.uncertainty import Estimate, QueueLine

__all__ = ["CalibrationRecord", "Figure", "LineFigures", "MeasureRow"]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Plain):
    """A number and the ends of its 95 % interval; None where it cannot be told."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, estimate: Estimate) -> Figure:
        """Take over an estimate."""
        return cls(value=_number(estimate.value), low=_number(estimate.low), high=_number(estimate.high))

    def words(self, digits: int = 2, *, signed: bool = False) -> str:
        """Say it: "0.97 [0.95, 0.98]"; "–" where it cannot be told."""
        if self.value is None:
            return "–"
        sign = "+" if signed else ""
        text = f"{self.value:{sign}.{digits}f}"
        if self.low is None or self.high is None:
            return text
        return f"{text} [{self.low:{sign}.{digits}f}, {self.high:{sign}.{digits}f}]"


class MeasureRow(_Plain):
    """What one measure, or one order of the queue, found; over the rounds that report.

    ``average_precision`` and ``precision_top`` (share of wrong ones among as many labels as there are errors) are
    at the planted rate. ``by_kind`` gives every kind of error its AUROC against all right labels, and its number.
    """

    name: str
    title: str
    question: str
    order: bool
    detail: bool
    auroc: Figure
    average_precision: Figure
    precision_top: Figure
    by_kind: dict[str, tuple[float | None, int]]
    by_severity: dict[str, tuple[float | None, int]]
    weakest_kind: str = ""
    voxel_auroc: float | None = None
    voxel_auroc_by_kind: dict[str, float] = {}
    auroc_by_round: tuple[float | None, ...] = ()

    @property
    def weakest(self) -> tuple[float | None, int]:
        """AUROC and number of errors of the weakest kind."""
        return self.by_kind.get(self.weakest_kind, (None, 0))


class LineFigures(_Plain):
    """What stands above a line in the queue; see `uncertainty.QueueLine`."""

    share: float
    precision: Figure
    recall: Figure

    @classmethod
    def of(cls, line: QueueLine) -> LineFigures:
        """Take over a line."""
        return cls(share=line.share, precision=Figure.of(line.precision), recall=Figure.of(line.recall))


class CalibrationRecord(_Plain):
    """Which measure works on a data set, and what made that known.

    ``chosen_order`` is the order that the evidence speaks for (a key of `STRATEGIES`); it is in use only once a
    person says so. ``rows`` are the measures, the best first. ``lines`` are about ``chosen_order``, at
    ``error_rate``.
    """

    format: int = 1
    created: str
    spec: dict[str, Any]
    planting_digest: str
    labels_digest: str
    versions: dict[str, str]
    judge: str
    n_cases: int
    n_labels: int
    least_cases: int
    n_errors: int
    n_errors_reported: int
    mean_dice: float | None
    rounds_choosing: tuple[int, ...]
    rounds_reporting: tuple[int, ...]
    rows: tuple[MeasureRow, ...]
    default_order: str
    best_order: str
    chosen_order: str
    difference_choosing: Figure
    difference_reporting: Figure
    error_rate: float
    line: LineFigures | None
    lines: tuple[LineFigures, ...]
    notes: tuple[str, ...]
    verdict: str
    line_sentence: str
    methods: str
    seconds: float

    @property
    def enough(self) -> bool:
        """Whether there are cases enough to tell a measure from chance."""
        return self.n_cases >= self.least_cases

    def row(self, name: str) -> MeasureRow | None:
        """Return what one measure found; None if it was not measured."""
        return next((row for row in self.rows if row.name == name), None)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
