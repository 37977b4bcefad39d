"""What a judgement showed, as it is kept: plain numbers, None where a number cannot be told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from napari_aleatoric.review._calibration._record import Figure

__all__ = ["FIGURES", "MEAN", "CaseRow", "ClassRow", "ComparisonRow", "Judgement", "Shown"]

FIGURES: dict[str, tuple[str, int]] = {
    "dice": ("Dice", 1),
    "surface_dice": ("surface Dice", 1),
    "hd95_mm": ("HD95", -1),
    "calibration_error": ("calibration error", -1),
    "brier": ("Brier", -1),
}
"""Name to words and sign: +1 where high is good."""

MEAN = ""
"""``class_name`` of the mean over the classes."""

Shown = Literal["better", "worse", "not shown", "too few"]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CaseRow(_Plain):
    """One class of one held-out case, as one network sees it.

    ``unit`` is what the bootstrap draws: the patient where known, else the case.
    """

    model: str
    case_id: str
    unit: str
    class_name: str
    dice: float
    surface_dice: float
    hd95_mm: float
    calibration_error: float | None = None
    brier: float | None = None
    reference_voxels: int
    predicted_voxels: int


class ClassRow(_Plain):
    """Means of one network over the held-out cases, with 95 % intervals; ``class_name`` "" = mean of the classes.

    ``n_missed`` counts the cases where a class that is there was not found at all.
    """

    model: str
    class_name: str
    n_cases: int
    n_missed: int
    dice: Figure
    surface_dice: Figure
    hd95_mm: Figure
    calibration_error: Figure
    brier: Figure


class ComparisonRow(_Plain):
    """One figure of one network minus that of another, on the cases that neither learned from.

    ``n_better`` counts units where the network is the better one, whichever end of the figure is good.
    ``wilcoxon_p`` is two-sided; None where all are alike or there is a single unit.
    """

    model: str
    other: str
    figure: str
    class_name: str
    n_units: int
    n_better: int
    n_worse: int
    difference: Figure
    wilcoxon_p: float | None
    shown: Shown


class Judgement(_Plain):
    """Networks on the held-out cases, side by side.

    ``sentence`` says what it comes to; ``notes`` what to know when reading it.
    """

    format: int = 1
    created: str
    models: tuple[str, ...]
    n_cases: int
    n_units: int
    unit_word: str
    length_word: str
    tolerance_mm: float
    margin_mm: float
    draws: int
    seed: int
    rows: tuple[CaseRow, ...]
    classes: tuple[ClassRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    sentence: str
    notes: tuple[str, ...] = ()

    def of_class(self, model: str, class_name: str = MEAN) -> ClassRow | None:
        """Return the means of one network and class; None if it was not judged."""
        return next((r for r in self.classes if (r.model, r.class_name) == (model, class_name)), None)

    def comparison(self, other: str, figure: str = "dice", class_name: str = MEAN) -> ComparisonRow | None:
        """Return the comparison of "after" with another network."""
        wanted = (other, figure, class_name)
        return next((r for r in self.comparisons if (r.other, r.figure, r.class_name) == wanted), None)
