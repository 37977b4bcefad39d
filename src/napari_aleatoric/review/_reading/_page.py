"""The comparison of readers as one HTML file that needs nothing beside it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from napari_aleatoric.model import reader_colours
from napari_aleatoric.review._exporting._files import program
from napari_aleatoric.review._page_style import PAGE_STYLE

from ._figures import FIGURES, readers_figures
from ._record import ReadCase, ReadersReport

__all__ = ["readers_html"]

_OWN_STYLE = (
    ".figure b { font-size: 1.2rem; } .dot { display: inline-block; width: .8em; height: .8em; "
    "border-radius: 50%; border: 1px solid #555; margin-right: .4em; print-color-adjust: exact; }"
)
_SHOWN = 50  # cases, those with the lowest quality first; the CSV file has all


def readers_html(found: ReadersReport) -> str:
    """Return the whole page.

    Parameters
    ----------
    found : ReadersReport
        What the comparison showed.
    """
    over = "near what anybody drew" if found.spec.kappa_over == "band" else "of the whole image"
    figures = [
        (str(found.n_compared), f"cases with two or more of {len(found.readers)} readers"),
        (found.kappa.words(3), f"Fleiss' kappa over the voxels {over}"),
        (found.quality.words(3), "quality: 1 − mean departure from the readers' mean"),
    ]
    cells = "".join(f'<div class="figure"><b>{_e(a)}</b><span>{_e(b)}</span></div>' for a, b in figures)
    figures_of = readers_figures(found)
    charts = {name: _chart(FIGURES[name], svg) for name, svg in figures_of.items()}
    notes = "".join(f'<p class="soft">{_e(text)}</p>' for text in (*found.notes, *found.refused))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>napari-aleatoric: readers</title><style>{PAGE_STYLE}{_OWN_STYLE}</style></head><body><main>
<h1>How do the readers agree?</h1>
<p>Intervals are 95 %, from drawing patients (cases, where no patient is known) again.</p>
<p>{_legend(found.readers)}</p>
<div class="figures">{cells}</div>{notes}
<h2>Structures</h2>
{_structures(found)}
{charts.get("readers", "")}
<h2>Readers against the consensus of the others</h2>
<p class="soft">Volume as a part of the consensus's; slices beyond it at the top and at the bottom; how far the
outline lies outside on average. Missed: more than half of the others drew it. Alone: at most half did.</p>
{_habits(found)}
{charts.get("volumes", "")}
<h2>Pairs</h2>
{charts.get("pairs", "")}
{_pairs(found)}
<h2>Cases, least quality first</h2>
{charts.get("cases", "")}
{_cases(found)}
<p class="soft">{_e(program())}</p>
</main></body></html>
"""


def _legend(readers: Sequence[str]) -> str:
    colours = reader_colours(readers)
    return " &ensp; ".join(
        f'<span><span class="dot" style="background:{colours[name]}"></span>{_e(name)}</span>' for name in readers
    )


def _chart(caption: str, svg: str) -> str:
    inline = svg.replace(' xmlns="http://www.w3.org/2000/svg"', "")  # only a file of its own needs it
    return f'<figure class="chart">{inline}<figcaption>{_e(caption)}</figcaption></figure>'


def _structures(found: ReadersReport) -> str:
    return _table(
        ["structure", "cases", "not all drew it", "Dice", "surface Dice", "HD95 mm", "HD95 voxels"],
        [
            [
                s.class_name,
                str(s.n_cases),
                str(s.n_presence_differs),
                *(f.words(3) for f in (s.dice, s.surface_dice)),
                *(f.words(1) for f in (s.hd95_mm, s.hd95_voxels)),
            ]
            for s in found.structures
        ],
        1,
    )


def _habits(found: ReadersReport) -> str:
    heads = ["structure", "reader", "cases", "missed", "alone", "volume", "slices top", "slices bottom"]
    return _table(
        [*heads, "outline mm", "outline voxels", "quality"],
        [
            [
                h.class_name,
                h.reader,
                *(str(n) for n in (h.n_cases, h.n_missed, h.n_alone)),
                h.relative_volume.words(2, signed=True),
                *(f.words(1, signed=True) for f in (h.slices_top, h.slices_bottom)),
                *(f.words(2, signed=True) for f in (h.offset_mm, h.offset_voxels)),
                found.quality_by_reader[h.reader].words(3),
            ]
            for h in found.habits
        ],
        2,
    )


def _pairs(found: ReadersReport) -> str:
    return _table(
        ["structure", "readers", "cases", "one drew it", "Dice", "surface Dice", "HD95 mm", "HD95 voxels"],
        [
            [
                p.class_name,
                f"{p.first}, {p.second}",
                *(str(n) for n in (p.n_cases, p.n_presence_differs)),
                *(f.words(3) for f in (p.dice, p.surface_dice)),
                *(f.words(1) for f in (p.hd95_mm, p.hd95_voxels)),
            ]
            for p in found.pairs
        ],
        2,
    )


def _cases(found: ReadersReport) -> str:
    told = sorted((c for c in found.cases if c.quality is not None), key=lambda c: (c.quality or 0.0, c.case_id))
    left = len(told) - _SHOWN
    more = f'<p class="soft">and {left} more</p>' if left > 0 else ""
    heads = ["case", "readers", "quality", "kappa", "mean Dice by structure", "volumes (ml)"]
    return _table(heads, [_case(case) for case in told[:_SHOWN]], 2, 4) + more


def _case(case: ReadCase) -> list[str]:
    dice = ", ".join(f"{s.class_name} {_number(s.mean_dice)}" for s in case.structures)
    volumes = "; ".join(
        f"{s.class_name} " + ", ".join(f"{ml:.2f}" for ml in s.volume_ml.values())
        for s in case.structures
        if s.volume_ml is not None
    )
    missing = f" (missing: {', '.join(case.missing)})" if case.missing else ""
    return [
        case.case_id,
        ", ".join(case.readers) + missing,
        _number(case.quality),
        _number(case.kappa),
        "nobody drew anything" if case.no_object else dice,
        volumes or "–",
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], first: int, last: int | None = None) -> str:
    """Columns from ``first`` up to ``last`` hold numbers."""
    end = len(heads) if last is None else last
    head = "".join(f"<th>{_e(text)}</th>" for text in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="n">{_e(text)}</td>' if first <= i < end else f"<td>{_e(text)}</td>"
            for i, text in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _e(text: str) -> str:
    return html.escape(text)
