"""A report as a PDF, in the order of the page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from napari_aleatoric.model import class_colour
from napari_aleatoric.review._exporting._files import program

from . import _words as words
from ._drawing import Drawn, colour_bar
from ._pdf_fonts import Fonts
from ._record import Figure, LabelPage, Panel, Report

__all__ = ["report_pdf"]

_WIDTH = 180.0  # mm between the margins of an A4 page
_MARGIN = 15.0  # mm
_TALLEST = 68.0  # mm of a picture
_TABLE_PARTS = (9, 17, 10, 15, 16, 11, 14, 21, 24, 9)  # of the width, by column


def report_pdf(report: Report) -> bytes:
    """Lay a report out on A4 pages.

    Parameters
    ----------
    report : Report
        What it holds.

    Returns
    -------
    bytes
        The file. Korean, Chinese and Japanese are set in the fonts that PDF readers keep for them; a character that
        no font has is a question mark, and the last page says so.
    """
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import PageBreak, SimpleDocTemplate

    sheet = _Sheet()
    title = words.title(report)
    story = [sheet.text(title, "title"), *(sheet.text(line, "soft") for line in words.intro_lines(report))]
    if report.of_review:
        story += _summary(sheet, report)
    for i, page in enumerate(report.pages):
        if i or report.of_review:
            story.append(PageBreak())
        story += _label(sheet, page, report, i)
    if sheet.fonts.missing:
        sentence = "Characters that no font of this computer has are question marks here; report.html has them."
        story.append(sheet.text(sentence, "soft"))
    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=_MARGIN * mm,
        rightMargin=_MARGIN * mm,
        topMargin=_MARGIN * mm,
        bottomMargin=18 * mm,
        title=f"napari-aleatoric: {title.lower()}",
        author="",
        creator=program(),
        lang="en",
    )

    def foot(canvas: Any, _document: Any) -> None:
        canvas.setFont(sheet.fonts.regular, 7.5)
        canvas.setFillGray(0.4)
        canvas.drawString(_MARGIN * mm, 10 * mm, f"{words.CAUTION} {program()}")
        canvas.drawRightString(A4[0] - _MARGIN * mm, 10 * mm, f"page {canvas.getPageNumber()}")

    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return stream.getvalue()


class _Sheet:
    """Styles, fonts, and the parts a page is made of."""

    def __init__(self) -> None:
        from reportlab.lib.styles import ParagraphStyle

        self.fonts = Fonts()
        base = ParagraphStyle("base", fontName=self.fonts.regular, fontSize=9, leading=12.5, spaceAfter=3)
        bold = {"parent": base, "fontName": self.fonts.bold, "keepWithNext": 1}
        self.styles = {
            "base": base,
            "soft": ParagraphStyle("soft", parent=base, fontSize=8, leading=11, textColor="#444444"),
            "caption": ParagraphStyle("caption", parent=base, fontSize=7, leading=9, textColor="#444444"),
            "cell": ParagraphStyle("cell", parent=base, fontSize=7.5, leading=9.5, spaceAfter=0),
            "number": ParagraphStyle("number", parent=base, fontSize=7.5, leading=9.5, spaceAfter=0, alignment=2),
            "head": ParagraphStyle(
                "head", parent=base, fontSize=7.5, leading=9.5, spaceAfter=0, textColor="#444444"
            ),
            "head-number": ParagraphStyle(
                "head-number", parent=base, fontSize=7.5, leading=9.5, spaceAfter=0, alignment=2
            ),
            "title": ParagraphStyle("title", fontSize=18, leading=23, spaceBefore=0, **bold),
            "name": ParagraphStyle("name", fontSize=15, leading=19, **bold),
            "part": ParagraphStyle("part", fontSize=10, leading=13, spaceBefore=8, **bold),
            "row": ParagraphStyle("row", parent=base, fontSize=8, leading=10, keepWithNext=1, textColor="#444444"),
        }
        for style in self.styles.values():
            style.wordWrap = None
            style.splitLongWords = 1

    def text(self, text: str, style: str = "base", *, before: str = "") -> Any:
        """Return a paragraph; ``before`` is markup that goes first."""
        from reportlab.platypus import Paragraph

        return Paragraph(before + self.fonts.markup(text), self.styles[style])

    def table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        numbers: Sequence[int] = (),
        parts: Sequence[float] | None = None,
        links: dict[int, str] | None = None,
    ) -> Any:
        """Return a table whose head is on every page; ``links`` leads the second cell of a row to a place."""
        from reportlab.lib.colors import HexColor
        from reportlab.lib.units import mm
        from reportlab.platypus import LongTable, Paragraph, TableStyle

        parts = parts or [2.0 if i not in numbers else 1.0 for i in range(len(heads))]
        content = [[self.text(head, "head-number" if i in numbers else "head") for i, head in enumerate(heads)]]
        for r, row in enumerate(rows):
            cells = [self.text(cell, "number" if i in numbers else "cell") for i, cell in enumerate(row)]
            if links and r in links:
                inner = self.fonts.markup(row[1])
                cells[1] = Paragraph(f'<a href="#{links[r]}" color="#1d4ed8">{inner}</a>', self.styles["cell"])
            content.append(cells)
        found = LongTable(content, [_WIDTH * mm * p / sum(parts) for p in parts], repeatRows=1, hAlign="LEFT")
        line = HexColor("#c8d0d8")
        found.setStyle(
            TableStyle(
                [
                    ("LINEBELOW", (0, 0), (-1, -1), 0.4, line),
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("LEFTPADDING", (0, 0), (-1, -1), 2),
                    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
                    ("TOPPADDING", (0, 0), (-1, -1), 2),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
                ]
            )
        )
        return found

    def picture(self, drawn: Drawn, mm_per_pixel: float) -> Any:
        """Return a picture of a given scale."""
        from reportlab.lib.units import mm
        from reportlab.platypus import Image

        size = (drawn.width * mm_per_pixel * mm, drawn.height * mm_per_pixel * mm)
        return Image(io.BytesIO(drawn.jpeg), *size)


def _summary(sheet: _Sheet, report: Report) -> list[Any]:
    figures = ";  ".join(f"{value} {what}" for value, what in words.figure_lines(report))
    story = [sheet.text(figures)]
    if report.readers:
        rows = words.reader_rows(report.readers)
        story += [sheet.text("Readers", "part"), sheet.table(words.reader_heads(), rows, range(1, 8))]
    links = {i: f"label-{i + 1}" for i in range(len(report.pages))}
    rows = words.table_rows(report.rows)
    story.append(sheet.text("Labels, worst first", "part"))
    story.append(sheet.table(words.table_heads(), rows, (0, 2, 5, 9), _TABLE_PARTS, links))
    return story


def _label(sheet: _Sheet, page: LabelPage, report: Report, i: int) -> list[Any]:
    story = [
        sheet.text(page.row.name, "name", before=f'<a name="label-{i + 1}"/>'),
        sheet.text(words.status_line(page)),
        sheet.text(words.reason_line(page)),
    ]
    story += [sheet.text("; ".join(page.facts), "soft")] if page.facts else []
    story += [sheet.text(page.remark, "soft")] if page.remark else []
    story += [sheet.text(f"• {flag}") for flag in page.flags]
    if page.figures:
        story.append(_legend(sheet, page))
    for figure in page.figures:
        story += _figure(sheet, figure, report)
    if page.classes:
        story.append(sheet.text("Size, and what changed", "part"))
        story.append(sheet.table(words.change_heads(page.classes), words.change_rows(page.classes), range(1, 7)))
        story.append(sheet.text(words.CHANGES, "soft"))
    if page.said:
        story.append(sheet.text("Decisions", "part"))
        story.append(sheet.table(words.said_heads(), words.said_rows(page), (), (22, 16, 22, 12, 50)))
    if page.versions:
        story.append(sheet.text("Saved versions", "part"))
        story.append(sheet.table(words.version_heads(), words.version_rows(page), (), (22, 16, 42, 42)))
    if page.measures:
        heads = words.measure_heads(report.class_names, page.measures)
        story.append(sheet.text("Measures", "part"))
        story.append(sheet.table(heads, words.measure_rows(page.measures), range(1, len(heads))))
    return story


def _legend(sheet: _Sheet, page: LabelPage) -> Any:
    from reportlab.platypus import Paragraph

    dots = [
        f'<font backColor="{class_colour(c.class_index)}">\u00a0\u00a0\u00a0\u00a0</font>\u00a0'
        f"{sheet.fonts.markup(c.class_name)}"
        for c in page.classes
    ]
    return Paragraph("&nbsp;&nbsp;&nbsp; ".join(dots), sheet.styles["base"])


def _figure(sheet: _Sheet, figure: Figure, report: Report) -> list[Any]:
    from reportlab.platypus import KeepTogether

    story: list[Any] = []
    for heading, panels in figure.rows:
        part = [] if story else [sheet.text(figure.heading, "part")]
        part += [sheet.text(heading, "row"), _panels(sheet, panels)]
        if heading == report.heat_legend:
            part.append(_bar(sheet))
        story.append(KeepTogether(part))
    return story


def _panels(sheet: _Sheet, panels: Sequence[Panel]) -> Any:
    from reportlab.lib.units import mm
    from reportlab.platypus import Table

    column = _WIDTH / 3
    widest, tallest = max(p.drawn.width for p in panels), max(p.drawn.height for p in panels)
    scale = min((column - 2) / widest, _TALLEST / tallest)
    pictures = [sheet.picture(p.drawn, scale) for p in panels]
    captions = [sheet.text(p.caption, "caption") for p in panels]
    rows = [pictures, captions] if any(p.caption for p in panels) else [pictures]
    found = Table(rows, [column * mm] * len(panels), hAlign="LEFT")
    found.setStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)])
    found.setStyle([("BOTTOMPADDING", (0, 0), (-1, -1), 1), ("TOPPADDING", (0, 0), (-1, -1), 1)])
    found.setStyle([("VALIGN", (0, 0), (-1, 0), "BOTTOM")])
    return found


def _bar(sheet: _Sheet) -> Any:
    from reportlab.lib.units import mm
    from reportlab.platypus import Table

    row = [sheet.text("0", "caption"), sheet.picture(colour_bar(), 0.2), sheet.text("1", "caption")]
    found = Table([row], [4 * mm, 50 * mm, 10 * mm], hAlign="LEFT")
    found.setStyle([("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
    return found
