"""A report as one HTML file that needs nothing beside it: pictures lie in it, and there is no script."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

from napari_aleatoric.model import class_colour
from napari_aleatoric.review._exporting._files import program
from napari_aleatoric.review._page_style import PAGE_STYLE

from . import _words as words
from ._drawing import Drawn, colour_bar
from ._record import Figure, LabelPage, Report

__all__ = ["report_html"]

_OWN_STYLE = """
.figure b { font-size: 1.25rem; }
.label { border-top: 2px solid var(--line); margin-top: 3rem; } .label h2 { margin-top: 1.2rem; font-size: 1.5rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; break-after: avoid; } .reason { font-size: 1.05rem; }
.planes { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .5rem; align-items: end;
  break-inside: avoid; margin: .2rem 0 .8rem; }
.planes figure { margin: 0; } .planes img { border-radius: .3rem; }
.planes.one { grid-template-columns: minmax(0, 26rem); }
.bar { display: flex; gap: .5rem; align-items: center; color: var(--soft); font-size: .85rem; margin: 0 0 1rem; }
.bar img { height: .8rem; width: 12rem; border: 1px solid var(--line); }
.dot { display: inline-block; width: .8em; height: .8em; border-radius: 50%; border: 1px solid #555;
  margin-right: .4em; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.status { font-weight: 600; } nav { font-size: .9rem; } table.wide td, table.wide th { padding: .35rem .5rem; }
td.n, th.n { text-align: right; }
@media print { .label { break-before: page; border: 0; margin: 0; } .label.first { break-before: auto; }
  nav { display: none; } @page { margin: 14mm; } .planes img { max-height: 62mm; object-fit: contain; } }
"""


def report_html(report: Report) -> str:
    """Lay a report out.

    Parameters
    ----------
    report : Report
        What it holds.

    Returns
    -------
    str
        The whole page.
    """
    title = words.title(report)
    intro = "".join(f'<p class="soft">{_e(line)}</p>' for line in words.intro_lines(report))
    first = "" if report.of_review else " first"
    pages = "".join(_label(page, report, i, first if i == 0 else "") for i, page in enumerate(report.pages))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>napari-aleatoric: {_e(title.lower())}</title><style>{PAGE_STYLE}{_OWN_STYLE}</style></head><body><main>
<h1>{_e(title)}</h1>
{intro}
{_summary(report) if report.of_review else ""}
{pages}
<p class="soft">{_e(words.CAUTION)} {_e(program())}</p>
</main></body></html>
"""


def _summary(report: Report) -> str:
    cells = "".join(
        f'<div class="figure"><b>{_e(a)}</b><span>{_e(b)}</span></div>' for a, b in words.figure_lines(report)
    )
    readers = ""
    if report.readers:
        readers = "<h2>Readers</h2>" + _table(words.reader_heads(), words.reader_rows(report.readers), range(1, 8))
    links = {i: f"label-{i + 1}" for i in range(len(report.pages))}
    table = _table(words.table_heads(), words.table_rows(report.rows), (0, 2, 5, 9), links=links, link_column=1)
    return f'<div class="figures">{cells}</div>{readers}<h2>Labels, worst first</h2>{table}'


def _label(page: LabelPage, report: Report, i: int, extra: str) -> str:
    row = page.row
    parts = [
        f'<section class="label{extra}" id="label-{i + 1}"><h2>{_e(row.name)}</h2>',
        f'<p class="status">{_e(words.status_line(page))}</p>',
        f'<p class="reason">{_e(words.reason_line(page))}</p>',
        f'<p class="soft">{_e("; ".join(page.facts))}</p>' if page.facts else "",
        f'<p class="soft">{_e(page.remark)}</p>' if page.remark else "",
    ]
    if page.flags:
        parts += ["<ul>", *(f"<li>⚑ {_e(flag)}</li>" for flag in page.flags), "</ul>"]
    if page.figures:
        parts.append(_legend(page))
    parts += [_figure(figure, row.name, report) for figure in page.figures]
    if page.classes:
        parts.append(
            "<h3>Size, and what changed</h3>"
            + _table(words.change_heads(page.classes), words.change_rows(page.classes), range(1, 7))
            + f'<p class="soft">{_e(words.CHANGES)}</p>'
        )
    if page.said:
        parts.append("<h3>Decisions</h3>" + _table(words.said_heads(), words.said_rows(page), ()))
    if page.versions:
        parts.append("<h3>Saved versions</h3>" + _table(words.version_heads(), words.version_rows(page), ()))
    if page.measures:
        heads = words.measure_heads(report.class_names, page.measures)
        lines = words.measure_rows(page.measures)
        help_of = {m.title: m.sentence for m in page.measures}
        parts.append("<h3>Measures</h3>" + _table(heads, lines, range(1, len(heads)), help_of=help_of))
    back = '<nav><a href="#">to the top</a></nav>' if report.of_review else ""
    return "".join([*parts, back, "</section>"])


def _legend(page: LabelPage) -> str:
    shown = {c.class_index: c.class_name for c in page.classes}
    dots = " &ensp; ".join(
        f'<span><span class="dot" style="background:{class_colour(index)}"></span>{_e(name)}</span>'
        for index, name in shown.items()
    )
    return f"<p>{dots}</p>" if dots else ""


def _figure(figure: Figure, name: str, report: Report) -> str:
    parts = [f"<h3>{_e(figure.heading)}</h3>"]
    for heading, panels in figure.rows:
        one = " one" if len(panels) == 1 else ""
        parts.append(f'<p class="soft">{_e(heading)}</p><div class="planes{one}">')
        for panel in panels:
            words_ = ", ".join(part for part in (name, heading, panel.caption) if part)
            caption = f"<figcaption>{_e(panel.caption)}</figcaption>" if panel.caption else ""
            parts.append(f"<figure>{_image(panel.drawn, words_)}{caption}</figure>")
        parts.append("</div>")
        if heading == report.heat_legend:
            parts.append(f'<p class="bar">0 {_image(colour_bar(), "colours from 0 to 1")} 1</p>')
    return "".join(parts)


def _image(drawn: Drawn, alt: str) -> str:
    data = base64.b64encode(drawn.jpeg).decode("ascii")
    size = f'width="{drawn.width}" height="{drawn.height}"'
    return f'<img alt="{_e(alt)}" {size} src="data:image/jpeg;base64,{data}">'


def _table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int],
    *,
    links: dict[int, str] | None = None,
    link_column: int = 0,
    help_of: dict[str, str] | None = None,
) -> str:
    """Lay a table out; ``numbers`` are its columns of numbers, ``links`` where rows lead to."""
    head = "".join(_cell("th", _e(text), i in numbers) for i, text in enumerate(heads))
    body = []
    for r, row in enumerate(rows):
        cells = []
        for i, text in enumerate(row):
            inner = _e(text)
            if links and i == link_column and r in links:
                inner = f'<a href="#{links[r]}">{inner}</a>'
            if help_of and i == 0 and text in help_of:
                inner = f'<span title="{_e(help_of[text])}">{inner}</span>'
            cells.append(_cell("td", inner, i in numbers))
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll"><table class="wide"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(kind: str, inner: str, is_number: bool) -> str:
    return f'<{kind} class="n">{inner}</{kind}>' if is_number else f"<{kind}>{inner}</{kind}>"


def _e(text: str) -> str:
    return html.escape(text)
