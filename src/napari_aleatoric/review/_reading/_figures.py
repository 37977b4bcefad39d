"""The comparison of readers in figures. Pure: nothing is read or written."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from napari_aleatoric.model import reader_colours
from napari_aleatoric.review._calibration._record import Figure

from ._record import PairSummary, ReadCase, ReadersReport, ReadStructure
from ._svg import INK, LINE, SOFT, Drawing, Scale

__all__ = ["FIGURES", "VolumePoint", "readers_figures", "volume_points"]

FIGURES = {
    "pairs": "Mean Dice of every pair of readers",
    "readers": "Each reader against the others, with 95 % intervals",
    "volumes": "Volumes: how far each reader lies from the mean of all",
    "cases": "Agreement case by case",
}
"""Names of the figures and what each shows."""

_WIDTH = 760.0
_PALE, _DEEP = (239, 246, 252), (8, 88, 158)  # Dice 0 and 1 in the matrix of pairs
_SHOWN = 12  # structures; the tables have all
_LIMITS = 1.96  # standard deviations on either side: 95 % of a normal distribution

VolumePoint = tuple[str, str, float, float]
"""Case, reader, mean volume of the readers, and the reader's difference from it as a part of it."""


def readers_figures(found: ReadersReport) -> dict[str, str]:
    """Draw what there is to draw.

    Parameters
    ----------
    found : ReadersReport
        What the comparison showed.

    Returns
    -------
    dict of str to str
        SVG files by name, see `FIGURES`; one with nothing to show is left out.
    """
    made = {
        "pairs": "".join(_pairs(found)),
        "readers": _readers(found),
        "volumes": _volumes(found),
        "cases": _cases(found),
    }
    return {name: svg for name, svg in made.items() if svg}


# -- pairs ------------------------------------------------------------------------------------------


def _pairs(found: ReadersReport) -> Iterator[str]:
    names = found.readers
    classes = list(dict.fromkeys(p.class_name for p in found.pairs))[:_SHOWN]
    if len(names) < 2 or not classes:
        return
    by_pair = {(p.class_name, p.first, p.second): p for p in found.pairs}
    cell = min(84.0, max(44.0, 520 / len(names)))
    margin, block = 118.0, cell * len(names) + 64
    drawing = Drawing(_WIDTH, block * len(classes) + 8, FIGURES["pairs"])
    for k, class_name in enumerate(classes):
        top = k * block + 40
        drawing.text(0, top - 18, class_name, size=14)
        for i, second in enumerate(names):
            drawing.text(margin + (i + 0.5) * cell, top - 4, _short(second), anchor="middle", colour=SOFT, size=12)
            drawing.text(margin - 8, top + (i + 0.5) * cell + 4, _short(second), anchor="end", size=12)
            for j, first in enumerate(names):
                pair = by_pair.get((class_name, first, second)) or by_pair.get((class_name, second, first))
                _cell(drawing, margin + j * cell, top + i * cell, cell, pair, f"{second} and {first}")
    yield str(drawing)


def _cell(drawing: Drawing, x: float, y: float, size: float, pair: PairSummary | None, whose: str) -> None:
    value = None if pair is None else pair.dice.value
    if pair is None or value is None:
        drawing.rect(x, y, size - 2, size - 2, "#f5f7fa")
        return
    colour = "#" + "".join(f"{round(a + (b - a) * value):02x}" for a, b in zip(_PALE, _DEEP, strict=True))
    drawing.rect(x, y, size - 2, size - 2, colour, title=f"{whose}: {pair.dice.words(3)}, {pair.n_cases} cases")
    ink = "#ffffff" if value > 0.55 else INK
    drawing.text(x + size / 2 - 1, y + size / 2 + 4, f"{value:.3f}", anchor="middle", colour=ink, size=13)


# -- readers ----------------------------------------------------------------------------------------


def _readers(found: ReadersReport) -> str:
    panels: list[tuple[str, str, list[tuple[str, Figure]]]] = [
        ("Quality of the labels (1 = as the readers' mean)", "", list(found.quality_by_reader.items()))
    ]
    for class_name in list(dict.fromkeys(h.class_name for h in found.habits))[:_SHOWN]:
        own = [h for h in found.habits if h.class_name == class_name]
        panels.append(
            (f"{class_name}: volume beyond the others' consensus", "", [(h.reader, h.relative_volume) for h in own])
        )
        unit = "mm" if any(h.offset_mm.value is not None for h in own) else "voxels"
        offsets = [(h.reader, h.offset_mm if unit == "mm" else h.offset_voxels) for h in own]
        panels.append((f"{class_name}: outline beyond the others', {unit}", unit, offsets))
    panels = [panel for panel in panels if any(f.value is not None for _, f in panel[2])]
    height = sum(52 + 22 * len(rows) + 24 for _, _, rows in panels)
    drawing = Drawing(_WIDTH, max(height, 1), FIGURES["readers"])
    colours, top = reader_colours(found.readers), 0.0
    for title, unit, rows in panels:
        _whiskers(drawing, top, title, rows, colours, zero=bool(unit) or "volume" in title)
        top += 52 + 22 * len(rows) + 24
    return str(drawing) if panels else ""


def _whiskers(
    drawing: Drawing,
    top: float,
    title: str,
    rows: Sequence[tuple[str, Figure]],
    colours: dict[str, str],
    *,
    zero: bool,
) -> None:
    ends = [v for _, f in rows for v in (f.value, f.low, f.high) if v is not None]
    low, high = min([*ends, 0.0] if zero else ends), max([*ends, 0.0] if zero else ends)
    room = 0.08 * (high - low) or 0.05
    scale = Scale(low - room, high + room, 130, _WIDTH - 110)
    first, last = top + 34, top + 34 + 22 * len(rows)
    drawing.text(0, top + 20, title, size=14)
    drawing.across(scale, first, last)
    if zero:
        drawing.line(scale(0.0), first, scale(0.0), last, SOFT, width=1.4)
    for i, (reader, figure) in enumerate(rows):
        y = first + 22 * i + 12
        drawing.text(122, y + 4, _short(reader), anchor="end", size=12)
        if figure.value is None:
            drawing.text(134, y + 4, "–", colour=SOFT, size=12)
            continue
        if figure.low is not None and figure.high is not None:
            drawing.line(scale(figure.low), y, scale(figure.high), y, INK, width=2)
        drawing.dot(scale(figure.value), y, 5.5, colours[reader], title=f"{reader}: {figure.words(3, signed=zero)}")
        drawing.text(_WIDTH - 100, y + 4, f"{figure.value:{'+' if zero else ''}.3f}".replace("-", "−"), size=12)


# -- volumes ----------------------------------------------------------------------------------------


def volume_points(case: ReadCase, structure: ReadStructure) -> list[VolumePoint]:
    """Return how far each reader's volume lies from the mean of the readers of the case, as a part of that.

    Nothing where one reader or nobody drew the structure, or there is one reader: there is no mean to differ from.
    Bland and Altman (The Lancet 327, 1986) plot the difference of two methods over their mean; with several readers
    this is each one's difference from the mean of all (our proposal).
    """
    n = structure.voxels if structure.volume_ml is None else structure.volume_ml
    if structure.n_drew < 2:
        return []
    mean = sum(n.values()) / len(n)
    return [(case.case_id, reader, mean, value / mean - 1.0) for reader, value in n.items()]


def _volumes(found: ReadersReport) -> str:
    classes = list(dict.fromkeys(s.class_name for case in found.cases for s in case.structures))[:_SHOWN]
    blocks = []
    for name in classes:
        rows = [
            (case, s)
            for case in found.cases
            for s in case.structures
            if s.class_name == name and len(case.readers) > 1
        ]
        for unit, known in (("ml", True), ("voxels", False)):
            points = [p for c, s in rows if (s.volume_ml is not None) is known for p in volume_points(c, s)]
            if len(points) >= 4:
                blocks.append((f"{name}, {unit}", points))
    drawing = Drawing(_WIDTH, 330.0 * len(blocks), FIGURES["volumes"])
    colours = reader_colours(found.readers)
    for k, (title, points) in enumerate(blocks):
        _bland_altman(drawing, 330.0 * k, title, points, colours)
    return str(drawing) if blocks else ""


def _bland_altman(
    drawing: Drawing, top: float, title: str, points: Sequence[VolumePoint], colours: dict[str, str]
) -> None:
    means, parts = [p[2] for p in points], [100 * p[3] for p in points]
    spread = _LIMITS * statistics.pstdev(parts)
    most = max(1.0, 1.12 * max(spread, *(abs(v) for v in parts)))
    across = Scale(0.9 * min(means), 1.1 * max(means), 62, _WIDTH - 150, logarithmic=True)
    up = Scale(-most, most, top + 262, top + 34)
    drawing.text(0, top + 20, title, size=14)
    drawing.up(up, 62, _WIDTH - 150)
    drawing.across(across, top + 34, top + 262)
    drawing.text((_WIDTH - 88) / 2, top + 298, "mean volume of the readers", anchor="middle", colour=SOFT, size=12)
    drawing.text(14, top + 148, "difference from it, %", anchor="middle", colour=SOFT, size=12, turned=True)
    drawing.line(62, up(0), _WIDTH - 150, up(0), SOFT)
    for case, reader, mean, part in points:
        words = f"{case}, {reader}: {100 * part:+.0f} % of {mean:.3g}"
        drawing.dot(across(mean), up(100 * part), 3.2, colours[reader], title=words, opacity=0.75)
    for sign in (-1, 1):
        drawing.line(62, up(sign * spread), _WIDTH - 150, up(sign * spread), INK, dash="6 4")
    y = top + 10
    for reader in dict.fromkeys(p[1] for p in points):
        own = [100 * p[3] for p in points if p[1] == reader]
        drawing.dot(_WIDTH - 136, y + 40, 5, colours[reader])
        words = f"{_short(reader)} {statistics.fmean(own):+.1f} %".replace("-", "−")
        drawing.text(_WIDTH - 126, y + 44, words, size=11)
        y += 20
    drawing.line(_WIDTH - 142, y + 46, _WIDTH - 128, y + 46, INK, dash="6 4")
    drawing.text(_WIDTH - 122, y + 50, f"±{spread:.0f} % (1.96 SD)", size=11)


# -- cases ------------------------------------------------------------------------------------------


def _cases(found: ReadersReport) -> str:
    rows = []
    for case in found.cases:
        own = [s for s in case.structures if s.mean_dice is not None and s.lowest_dice is not None]
        if own:
            mean = statistics.fmean(s.mean_dice or 0.0 for s in own)
            rows.append((mean, min(s.lowest_dice or 0.0 for s in own), case.case_id))
    if not rows:
        return ""
    rows.sort(key=lambda row: (-row[0], row[2]))
    drawing = Drawing(_WIDTH, 300, FIGURES["cases"])
    up, step = Scale(0.0, 1.0, 250, 34), (_WIDTH - 70) / len(rows)
    drawing.text(0, 20, "Mean Dice of all pairs (dot) and of the two who differ most (end of the line)", size=14)
    drawing.up(up, 50, _WIDTH - 10)
    size = min(4.5, max(1.6, step / 2.2))
    for i, (mean, lowest, case_id) in enumerate(rows):
        x = 56 + (i + 0.5) * step
        drawing.line(x, up(mean), x, up(lowest), "#9fb3c6", width=min(3.0, max(1.0, step / 3)))
        drawing.dot(x, up(mean), size, "#08589e", title=f"{case_id}: mean {mean:.3f}, lowest {lowest:.3f}")
    drawing.line(50, up(0), _WIDTH - 10, up(0), LINE)
    drawing.text(50, 272, f"{len(rows)} cases, from most to least agreement", colour=SOFT, size=12)
    return str(drawing)


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"
