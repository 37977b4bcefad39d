"""The demo's page: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import html
import importlib.metadata
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from napari_aleatoric import __version__
from napari_aleatoric.review import PAGE_STYLE

from ._window import SCREENSHOTS

if TYPE_CHECKING:
    from ._demo import DemoResult

__all__ = ["summary_html", "write_summary"]


def write_summary(out: Path, result: DemoResult) -> Path:
    """Write ``summary.html`` beside the screenshots in ``out``; they are embedded as well."""
    images = [(out / name, caption) for name, caption in SCREENSHOTS if (out / name).is_file()]
    path = out / "summary.html"
    path.write_text(summary_html(result, images), encoding="utf-8")
    return path


def summary_html(result: DemoResult, images: list[tuple[Path, str]]) -> str:
    """Return the whole page.

    Parameters
    ----------
    result : DemoResult
        Queue, truth and figures.
    images : list of (Path, str)
        Screenshots (PNG) and captions.
    """
    finding = result.finding
    figures = [
        (
            f"{finding.among_first} of {finding.n_wrong}",
            f"wrong labels among the first {finding.n_wrong} of the queue",
        ),
        (f"{finding.auroc:.3f}", "AUROC of the default order (chance 0.500)"),
        (f"{finding.average_precision:.3f}", f"average precision (chance {finding.n_wrong / finding.n_cases:.2f})"),
        *((f"{seconds:.1f} s", _SECONDS.get(name, name)) for name, seconds in result.seconds.items()),
    ]
    cells = "".join(
        f'<div class="figure"><b>{_e(value)}</b><span>{_e(text)}</span></div>' for value, text in figures
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>napari-aleatoric: demo</title><style>{PAGE_STYLE}</style></head><body><main>
<h1>Which labels deserve a second look?</h1>
<p>{finding.n_cases} synthetic CT-like abdomens; {finding.n_wrong} of their labels carry one planted error. The
light classifier learned from the labels of the other cases, errors included, and put the labels that contradict it
first. It was never told which are wrong.</p>
<div class="figures">{cells}</div>
<h2>The queue, worst first</h2>
<p class="soft">Each bar is a case in the order of the queue; the coloured ones carry a planted error.</p>
{_strip(result)}
{_table(result)}
<h2>The window</h2>
{"".join(_picture(path, caption) for path, caption in images)}
<h2>Again, by hand</h2>
<p><code>aleatoric samples cases --cases {finding.n_cases}</code> writes the cases,
<code>aleatoric init cases --workspace review</code> opens them, <code>aleatoric score review</code> scores them,
<code>aleatoric queue review</code> lists them and <code>aleatoric open review</code> shows them.</p>
<p class="soft">{_e(_versions())}</p>
</main></body></html>
"""


_SECONDS = {
    "samples": "to draw the cases",
    "scoring": "to read and score them",
    "window": "to open and photograph the window",
}


def _e(text: object) -> str:
    return html.escape(str(text))


def _strip(result: DemoResult) -> str:
    """One bar per case, its height the score."""
    n = len(result.rows)
    width, height = 1000.0, 90.0
    step = width / max(n, 1)
    bars = []
    for i, row in enumerate(result.rows):
        score = row["score"] or 0.0
        tall = 4 + score * (height - 4)
        kind = ' class="wrong"' if row["truth"] else ""
        title = f"{row['rank']}. {row['case']}: {row['truth'] or 'no planted error'}"
        bars.append(
            f'<rect{kind} x="{i * step + 1:.1f}" y="{height - tall:.1f}" width="{max(step - 2, 1):.1f}" '
            f'height="{tall:.1f}" rx="2"><title>{_e(title)}</title></rect>'
        )
    return (
        f'<svg class="strip" viewBox="0 0 {width:.0f} {height + 16:.0f}" role="img" '
        f'aria-label="Scores in the order of the queue; wrong labels coloured">{"".join(bars)}'
        f'<text x="0" y="{height + 13:.0f}">first</text>'
        f'<text x="{width:.0f}" y="{height + 13:.0f}" text-anchor="end">last</text></svg>'
    )


def _table(result: DemoResult) -> str:
    lines = []
    for row in result.rows:
        kind = ' class="wrong"' if row["truth"] else ""
        score = f"{row['score']:.3f}" if row["score"] is not None else "–"
        lines.append(
            f'<tr{kind}><td class="n">{row["rank"]}</td><td>{_e(row["case"])}</td><td class="n">{score}</td>'
            f"<td>{_e(row['class_name'])}</td><td>{_e(row['reason'])}</td><td>{_e(row['truth'] or '–')}</td></tr>"
        )
    head = "".join(f"<th>{name}</th>" for name in ("Rank", "Case", "Score", "Class", "Why", "Planted (the truth)"))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _picture(path: Path, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="{_e(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{_e(caption)} ({_e(path.name)})</figcaption></figure>"
    )


def _versions() -> str:
    names = ("napari", "numpy", "scikit-learn", "SimpleITK")
    others = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return f"napari-aleatoric {__version__}, {others}, Python {platform.python_version()}, {platform.system()}."
