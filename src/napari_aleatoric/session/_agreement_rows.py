"""What is shown of a comparison of readers, one structure at a time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_aleatoric.model import reader_colours

if TYPE_CHECKING:
    from napari_aleatoric.review import Figure, ReadersReport

__all__ = ["AgreementView", "CaseLine", "PairCell", "ReaderLine", "shown_of"]

_NONE = "–"


@dataclass(frozen=True)
class ReaderLine:
    """One reader over all cases, in words; what cannot be told is "–".

    Parameters
    ----------
    name, colour : str
        Who, and the reader's ``#rrggbb``.
    quality, volume, outline : str
        Of the labels; volume and outline against the consensus of the others.
    missed, alone : str
        Cases.
    hint : str
        The same with intervals.
    """

    name: str
    colour: str
    quality: str
    volume: str
    outline: str
    missed: str
    alone: str
    hint: str


@dataclass(frozen=True)
class PairCell:
    """Two readers: mean Dice, None where no case has labels of both; and the words with interval and cases."""

    dice: float | None
    hint: str


@dataclass(frozen=True)
class CaseLine:
    """One case: how well its readers agree; None where it cannot be told."""

    case_id: str
    n_readers: int
    quality: float | None
    dice: float | None
    hint: str


@dataclass(frozen=True)
class AgreementView:
    """What the page shows.

    Parameters
    ----------
    is_open, busy, stopping : bool
        Whether there are readers to compare; whether they are compared; whether a stop was asked for.
    fraction : float or None
        How far comparing is.
    words : str
        How it goes, or why there is nothing.
    headline : str
        Kappa and quality with intervals, in a sentence.
    class_names : tuple of str
        Structures; ``class_name`` is the one that is shown.
    readers : tuple of ReaderLine
        In the order of the data set.
    unit : str
        Of their outlines.
    pairs : tuple of tuple of PairCell
        Row by row, in the order of ``readers``.
    cases : tuple of CaseLine
        Least agreement first.
    """

    is_open: bool = False
    busy: bool = False
    stopping: bool = False
    fraction: float | None = None
    words: str = ""
    headline: str = ""
    class_names: tuple[str, ...] = ()
    class_name: str = ""
    readers: tuple[ReaderLine, ...] = ()
    unit: str = "mm"
    pairs: tuple[tuple[PairCell, ...], ...] = ()
    cases: tuple[CaseLine, ...] = ()


def shown_of(report: ReadersReport, class_name: str, when: str = "") -> AgreementView:
    """Return what is shown of a report.

    Parameters
    ----------
    report : ReadersReport
        What the comparison showed.
    class_name : str
        The structure; the first one where there is none of that name.
    when : str
        When the labels were read, for the headline.
    """
    names = tuple(s.class_name for s in report.structures)
    chosen = class_name if class_name in names else next(iter(names), "")
    over = "near what anybody drew" if report.spec.kappa_over == "band" else "of the whole image"
    as_of = f"; labels of {when}" if when else ""
    return AgreementView(
        is_open=True,
        headline=f"Fleiss' kappa over the voxels {over}: {report.kappa.words(3)}. "
        f"Quality: {report.quality.words(3)}. {report.n_compared} cases, "
        f"95 % intervals{as_of}.",
        class_names=names,
        class_name=chosen,
        readers=_readers(report, chosen),
        unit="mm" if any(h.offset_mm.value is not None for h in report.habits) else "voxels",
        pairs=_pairs(report, chosen),
        cases=_cases(report, chosen),
    )


def _readers(report: ReadersReport, class_name: str) -> tuple[ReaderLine, ...]:
    colours = reader_colours(report.readers)
    habits = {h.reader: h for h in report.habits if h.class_name == class_name}
    found = []
    for name in report.readers:
        quality, habit = report.quality_by_reader[name], habits.get(name)
        if habit is None:
            line = ReaderLine(name, colours[name], _value(quality, 3), _NONE, _NONE, _NONE, _NONE, "")
        else:
            offset, unit = (
                (habit.offset_mm, "mm") if habit.offset_mm.value is not None else (habit.offset_voxels, "voxels")
            )
            line = ReaderLine(
                name,
                colours[name],
                _value(quality, 3),
                _percent(habit.relative_volume),
                _value(offset, 2, signed=True),
                str(habit.n_missed),
                str(habit.n_alone),
                f"{name}, {habit.n_cases} cases\nQuality {quality.words(3)}\nVolume, part of the others' "
                f"{habit.relative_volume.words(2, signed=True)}\nOutline, {unit} {offset.words(2, signed=True)}\n"
                f"Slices beyond at the top {habit.slices_top.words(1, signed=True)}, at the bottom "
                f"{habit.slices_bottom.words(1, signed=True)}",
            )
        found.append(line)
    return tuple(found)


def _pairs(report: ReadersReport, class_name: str) -> tuple[tuple[PairCell, ...], ...]:
    known = {(p.first, p.second): p for p in report.pairs if p.class_name == class_name}

    def cell(a: str, b: str) -> PairCell:
        pair = known.get((a, b)) or known.get((b, a))
        if a == b or pair is None:
            return PairCell(None, "" if a == b else f"{a} and {b} have no case in common.")
        hint = (
            f"{a} and {b}, {pair.n_cases} cases\nDice {pair.dice.words(3)}\n"
            f"Surface Dice {pair.surface_dice.words(3)}\nOne of the two drew nothing in {pair.n_presence_differs}"
        )
        return PairCell(pair.dice.value, hint)

    return tuple(tuple(cell(a, b) for b in report.readers) for a in report.readers)


def _cases(report: ReadersReport, class_name: str) -> tuple[CaseLine, ...]:
    found = []
    for case in report.cases:
        if len(case.readers) < 2:
            continue
        own = next((s for s in case.structures if s.class_name == class_name), None)
        drew = 0 if own is None else own.n_drew
        missing = f"\nNo label by {', '.join(case.missing)}" if case.missing else ""
        hint = f"{case.case_id}: {drew} of {len(case.readers)} readers drew {class_name}"
        quality = "" if case.quality is None else f"\nQuality {case.quality:.3f}"
        hint = f"{hint}{quality}{missing}"
        dice = None if own is None else own.mean_dice
        found.append(CaseLine(case.case_id, len(case.readers), case.quality, dice, hint))
    return tuple(sorted(found, key=lambda c: (c.dice is None, c.dice or 0.0, c.quality or 0.0, c.case_id)))


def _value(figure: Figure, digits: int, *, signed: bool = False) -> str:
    if figure.value is None:
        return _NONE
    return f"{figure.value:{'+' if signed else ''}.{digits}f}".replace("-", "−")


def _percent(figure: Figure) -> str:
    return _NONE if figure.value is None else f"{100 * figure.value:+.0f} %".replace("-", "−")
