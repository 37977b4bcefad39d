"""From cases to structures, pairs and readers: means with intervals. Nothing here reads a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from napari_aleatoric.model import ClassTable
from napari_aleatoric.review._calibration._record import Figure
from napari_aleatoric.uncertainty import mean_interval

from ._record import (
    HabitRow,
    HabitSummary,
    LengthUnit,
    PairRow,
    PairSummary,
    ReadCase,
    ReadStructure,
    StructureSummary,
)
from ._spec import ReadersSpec

__all__ = ["figure_of", "habits", "pairs", "structures"]

Row = tuple[ReadCase, ReadStructure]


def figure_of(found: Sequence[tuple[ReadCase, float | None]], spec: ReadersSpec) -> Figure:
    """Return the mean of one number per case, with an interval from drawing patients again."""
    units = [case.unit for case, _ in found]
    return Figure.of(mean_interval([v for _, v in found], units, draws=spec.draws, seed=spec.seed))


def structures(cases: Sequence[ReadCase], classes: ClassTable, spec: ReadersSpec) -> tuple[StructureSummary, ...]:
    """Summarise every structure that somebody drew."""
    return tuple(
        StructureSummary(
            class_name=rows[0][1].class_name,
            n_cases=len(rows),
            n_presence_differs=sum(s.n_drew < len(case.readers) for case, s in rows),
            dice=figure_of([(case, s.mean_dice) for case, s in rows], spec),
            surface_dice=figure_of([(case, s.mean_surface_dice) for case, s in rows], spec),
            hd95_mm=_length(rows, lambda s: s.mean_hd95, "mm", spec),
            hd95_voxels=_length(rows, lambda s: s.mean_hd95, "voxels", spec),
        )
        for rows in _by_class(cases, classes)
    )


def pairs(cases: Sequence[ReadCase], classes: ClassTable, spec: ReadersSpec) -> tuple[PairSummary, ...]:
    """Summarise every pair of readers, structure by structure."""
    result = []
    for rows in _by_class(cases, classes):
        by_pair: dict[tuple[str, str], list[tuple[ReadCase, PairRow]]] = {}
        for case, structure in rows:
            for pair in structure.pairs:
                by_pair.setdefault((pair.first, pair.second), []).append((case, pair))
        for (first, second), own in by_pair.items():
            result.append(
                PairSummary(
                    class_name=rows[0][1].class_name,
                    first=first,
                    second=second,
                    n_cases=len(own),
                    n_presence_differs=sum(p.presence_differs for _, p in own),
                    dice=figure_of([(case, p.dice) for case, p in own], spec),
                    surface_dice=figure_of([(case, p.surface_dice) for case, p in own], spec),
                    hd95_mm=figure_of([(c, p.hd95) for c, p in own if c.length_unit == "mm"], spec),
                    hd95_voxels=figure_of([(c, p.hd95) for c, p in own if c.length_unit == "voxels"], spec),
                )
            )
    return tuple(result)


def habits(cases: Sequence[ReadCase], classes: ClassTable, spec: ReadersSpec) -> tuple[HabitSummary, ...]:
    """Summarise every reader's habit, structure by structure."""
    result = []
    for rows in _by_class(cases, classes):
        by_reader: dict[str, list[tuple[ReadCase, HabitRow]]] = {}
        for case, structure in rows:
            for habit in structure.habits:
                by_reader.setdefault(habit.reader, []).append((case, habit))
        for reader, own in by_reader.items():
            both = [(c, h) for c, h in own if h.drew and h.relative_volume is not None]
            result.append(
                HabitSummary(
                    class_name=rows[0][1].class_name,
                    reader=reader,
                    n_cases=len(both),
                    n_missed=sum(h.others_drew and not h.drew for _, h in own),
                    n_alone=sum(h.drew and not h.others_drew for _, h in own),
                    relative_volume=figure_of([(c, h.relative_volume) for c, h in both], spec),
                    slices_top=figure_of([(c, h.slices_top) for c, h in both], spec),
                    slices_bottom=figure_of([(c, h.slices_bottom) for c, h in both], spec),
                    offset_mm=figure_of([(c, h.offset) for c, h in both if c.length_unit == "mm"], spec),
                    offset_voxels=figure_of([(c, h.offset) for c, h in both if c.length_unit == "voxels"], spec),
                )
            )
    return tuple(result)


def _by_class(cases: Sequence[ReadCase], classes: ClassTable) -> list[list[Row]]:
    """Rows of the cases with two readers or more, by class, in the order of the classes."""
    found: dict[str, list[Row]] = {info.class_name: [] for info in classes}
    for case in cases:
        if len(case.readers) > 1:
            for structure in case.structures:
                found[structure.class_name].append((case, structure))
    return [rows for rows in found.values() if rows]


def _length(
    rows: Sequence[Row], of: Callable[[ReadStructure], float | None], unit: LengthUnit, spec: ReadersSpec
) -> Figure:
    return figure_of([(case, of(s)) for case, s in rows if case.length_unit == unit], spec)
