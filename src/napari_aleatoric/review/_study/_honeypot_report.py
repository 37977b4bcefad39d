"""How readers answered to cases with a trusted label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from napari_aleatoric.io import Workspace, read_reading, reading_of
from napari_aleatoric.model import ClassTable, Geometry, ItemKey, Reporter, SilentReporter, Spec
from napari_aleatoric.review._calibration._record import Figure
from napari_aleatoric.review._labels._corrections import current_label
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import compare_surfaces, dice, mean_interval

from ._assignment import Assignment
from ._steps import assignments

__all__ = [
    "HoneypotCase",
    "HoneypotReport",
    "HoneypotReportSpec",
    "HoneypotRow",
    "compare_with_trusted",
    "honeypot_report",
]


class HoneypotReportSpec(Spec):
    """How answers are compared with trusted labels."""

    asked_by: str = Field(
        default="", description="Who asks; a reader is not told of honeypots of their own that are not revealed."
    )
    answers: str = Field(
        default="first",
        pattern="^(first|latest)$",
        description="Whether the first answer counts, or the latest version.",
    )
    tolerance_mm: float = Field(default=2.0, gt=0, description="Distance between outlines that does not count, mm.")
    draws: int = Field(default=1000, ge=100, le=20_000, description="Draws of the bootstrap behind the intervals.")
    seed: int = Field(default=0, ge=0, description="Of those draws.")


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HoneypotCase(_Plain):
    """One answer against the trusted label; means are over the structures that either drew, None without any."""

    case_id: str
    reader: str
    revealed: bool
    dice: float | None
    surface_dice: float | None
    missed: tuple[str, ...]
    extra: tuple[str, ...]


class HoneypotRow(_Plain):
    """One reader: means over the answered honeypots with 95 % intervals, and structures missed and added."""

    reader: str
    n_waiting: int
    n_answered: int
    dice: Figure
    surface_dice: Figure
    n_missed: int
    n_extra: int


class HoneypotReport(_Plain):
    """All readers, and all their answered honeypots."""

    rows: tuple[HoneypotRow, ...]
    cases: tuple[HoneypotCase, ...]


def compare_with_trusted(
    trusted: NDArray[Any], answer: NDArray[Any], classes: ClassTable, geometry: Geometry, tolerance_mm: float
) -> tuple[float | None, float | None, tuple[str, ...], tuple[str, ...]]:
    """Compare an answer with a trusted label, structure by structure.

    Parameters
    ----------
    trusted, answer : numpy.ndarray of integer, shape (Z, Y, X)
        Label values on one grid.
    classes : ClassTable
        Of the data set.
    geometry : Geometry
        The grid; surface Dice is told only where its spacing is known.
    tolerance_mm : float
        Distance between outlines that does not count.

    Returns
    -------
    dice, surface_dice : float or None
        Means over the structures that either drew; None where nobody drew any, and without a spacing. A structure
        that one side alone drew counts 0.
    missed, extra : tuple of str
        Structures that the answer lacks, and that it has beyond the trusted label.
    """
    overlaps, surfaces, missed, extra = [], [], [], []
    for info in classes:
        a, b = trusted == info.label_value, answer == info.label_value
        if not a.any() and not b.any():
            continue
        overlaps.append(dice(a, b))
        surfaces.append(compare_surfaces(a, b, geometry.spacing_zyx_mm, tolerance_mm).surface_dice)
        if not b.any():
            missed.append(info.class_name)
        if not a.any():
            extra.append(info.class_name)
    mean = float(np.mean(overlaps)) if overlaps else None
    surface = float(np.mean(surfaces)) if surfaces and geometry.spacing_known else None
    return mean, surface, tuple(missed), tuple(extra)


def honeypot_report(
    workspace: Workspace,
    store: ReviewStore,
    spec: HoneypotReportSpec | None = None,
    reporter: Reporter | None = None,
) -> HoneypotReport:
    """Tell how every reader answered to the cases with a trusted label.

    Parameters
    ----------
    workspace, store
        Where readings and assignments are.
    spec : HoneypotReportSpec
        Who asks, and how answers are compared.
    reporter : Reporter
        Told about every answer.
    """
    spec, report = spec or HoneypotReportSpec(), reporter or SilentReporter()
    found = [a for a in assignments(store) if a.kind == "honeypot" and a.state not in ("handed over", "withdrawn")]
    told = [a for a in found if a.reader != spec.asked_by or a.revealed is not None]
    answered = [a for a in told if a.state == "answered"]
    cases: list[HoneypotCase] = []
    for done, one in enumerate(answered):
        report.step(done, len(answered), f"Comparing {one.case_id}")
        there = reading_of(workspace, one.key)
        if there is not None and there.state == "answered":
            cases.append(_case(workspace, store, one, spec))
    report.step(len(answered), len(answered), "Compared")
    readers = sorted({a.reader for a in told})
    rows = tuple(
        _row(
            workspace,
            reader,
            [a for a in told if a.reader == reader],
            [c for c in cases if c.reader == reader],
            spec,
        )
        for reader in readers
    )
    return HoneypotReport(rows=rows, cases=tuple(cases))


def _case(workspace: Workspace, store: ReviewStore, one: Assignment, spec: HoneypotReportSpec) -> HoneypotCase:
    trusted = current_label(workspace, store, ItemKey(one.case_id, one.trusted or ""), warn=False)
    if spec.answers == "first":
        answer = read_reading(workspace, one.key)
    else:
        answer = current_label(workspace, store, one.key, warn=False)
    mean, surface, missed, extra = compare_with_trusted(
        trusted.data, answer.data, workspace.dataset.classes, trusted.geometry, spec.tolerance_mm
    )
    return HoneypotCase(
        case_id=one.case_id,
        reader=one.reader,
        revealed=one.revealed is not None,
        dice=mean,
        surface_dice=surface,
        missed=missed,
        extra=extra,
    )


def _row(
    workspace: Workspace,
    reader: str,
    given: Sequence[Assignment],
    cases: Sequence[HoneypotCase],
    spec: HoneypotReportSpec,
) -> HoneypotRow:
    units = [workspace.dataset.case(c.case_id).patient or c.case_id for c in cases]

    def figure(values: Sequence[float | None]) -> Figure:
        return Figure.of(mean_interval(list(values), units, draws=spec.draws, seed=spec.seed))

    return HoneypotRow(
        reader=reader,
        n_waiting=sum(a.is_waiting for a in given),
        n_answered=len(cases),
        dice=figure([c.dice for c in cases]),
        surface_dice=figure([c.surface_dice for c in cases]),
        n_missed=sum(len(c.missed) for c in cases),
        n_extra=sum(len(c.extra) for c in cases),
    )
