"""How pages look that the program writes: light or dark as the reader likes it, black on white in print."""

from __future__ import annotations

__all__ = ["PAGE_STYLE"]

PAGE_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6875; --line: #dde3ea; --paper: #ffffff;
  --card: #f5f7fa; --mark: #c2410c; --mark-soft: #fdeee5; --good: #0f766e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf1; --soft: #9aa7b4; --line: #2b3440; --paper: #12171d;
  --card: #1a2129; --mark: #fb923c; --mark-soft: #33231a; --good: #5eead4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; }
p { margin: .4rem 0; max-width: 46rem; } .soft { color: var(--soft); }

.figures { display: grid; gap: .8rem; margin: 1.6rem 0;
  grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); }
.figure { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; }
.figure b { display: block; font-size: 1.7rem; font-variant-numeric: tabular-nums; }
.figure span { color: var(--soft); font-size: .88rem; }
.strip { display: block; width: 100%; height: auto; margin: .6rem 0; }
.strip rect { fill: var(--line); } .strip rect.wrong { fill: var(--mark); }
.strip text { fill: var(--soft); font-size: 11px; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .5rem .8rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; } th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.wrong td { background: var(--mark-soft); } tr.wrong td:last-child { color: var(--mark); font-weight: 600; }
figure { margin: 1.2rem 0; } figure img { width: 100%; height: auto; border-radius: .6rem;
  border: 1px solid var(--line); display: block; background: #000; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .4rem; }
code { font: .9em ui-monospace, Consolas, monospace; background: var(--card);
  padding: .1em .35em; border-radius: .3em; }
figure.chart { background: #fff; border: 1px solid var(--line); border-radius: .6rem; padding: .8rem;
  overflow-x: auto; } figure.chart svg { max-width: 100%; height: auto; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --card: #fff; }
  main { max-width: none; padding: 0; } body { font-size: 10pt; } th, td { padding: .2rem .4rem; }
  .scroll { overflow: visible; border: 0; } th { white-space: normal; } h2 { break-after: avoid; }
  figure, tr, .figure { break-inside: avoid; } thead { display: table-header-group; } }
"""
