"""Plain figures as SVG, with colours of their own, so that they can be printed and saved as they are."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

__all__ = ["INK", "LINE", "PAPER", "SOFT", "Drawing", "Scale", "round_steps"]

PAPER, INK, SOFT, LINE = "#ffffff", "#1d2733", "#5b6875", "#dde3ea"
_FONT = 'font-family="system-ui, Segoe UI, Roboto, Helvetica, Arial, sans-serif"'


class Scale:
    """Takes numbers to places on the paper, along one axis.

    Parameters
    ----------
    low, high : float
        Numbers at the ends; ``low < high``.
    start, end : float
        Their places, in pixels.
    logarithmic : bool
        Whether equal ratios are equally far apart; both ends are then above 0.
    """

    def __init__(self, low: float, high: float, start: float, end: float, *, logarithmic: bool = False) -> None:
        self.low, self.high, self._start, self._end, self._log = low, high, start, end, logarithmic

    def __call__(self, value: float) -> float:
        """Return the place of a number; what is beyond an end stands at the end."""
        value = min(max(value, self.low), self.high)
        a, b, v = (math.log(x) if self._log else x for x in (self.low, self.high, value))
        return self._start + (self._end - self._start) * (v - a) / (b - a)

    @property
    def steps(self) -> list[float]:
        """Round numbers between the ends, for a person to read."""
        if not self._log:
            return round_steps(self.low, self.high)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = [m * 10.0**e for e in range(first, last + 1) for m in ((1, 3) if last - first < 4 else (1,))]
        return [v for v in every if self.low <= v <= self.high]


def round_steps(low: float, high: float, about: int = 6) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten between two numbers, about so many."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw - 1e-12)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


class Drawing:
    """Collects shapes on a white sheet.

    Parameters
    ----------
    width, height : float
        Of the sheet, in pixels.
    title : str
        What the figure shows, for screen readers.
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        self._size, self._title = (width, height), title
        self._parts: list[str] = []

    def rect(self, x: float, y: float, w: float, h: float, fill: str, *, title: str = "") -> None:
        """Draw a filled rectangle."""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{fill}">{_title(title)}</rect>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str = LINE, *, width: float = 1.0, dash: str = ""
    ) -> None:
        """Draw a straight line."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width:g}"{dashed}/>'
        )

    def dot(self, x: float, y: float, r: float, fill: str, *, title: str = "", opacity: float = 1.0) -> None:
        """Draw a disc with a thin dark rim, so that pale colours show on white."""
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:g}" fill="{fill}" fill-opacity="{opacity:g}" stroke="{INK}" '
            f'stroke-width="0.6" stroke-opacity="{opacity:g}">{_title(title)}</circle>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        anchor: str = "start",
        colour: str = INK,
        size: float = 13,
        turned: bool = False,
    ) -> None:
        """Write words on a line."""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size:g}"{turn}>'
            f"{html.escape(words)}</text>"
        )

    def across(self, scale: Scale, top: float, bottom: float, labels: Sequence[str] | None = None) -> None:
        """Draw the upright lines of an axis, with its numbers below."""
        for i, value in enumerate(scale.steps):
            self.line(scale(value), top, scale(value), bottom)
            words = f"{value:g}".replace("-", "−") if labels is None else labels[i]
            self.text(scale(value), bottom + 16, words, anchor="middle", colour=SOFT, size=12)

    def up(self, scale: Scale, left: float, right: float) -> None:
        """Draw the level lines of an axis, with its numbers at the left."""
        for value in scale.steps:
            self.line(left, scale(value), right, scale(value))
            words = f"{value:g}".replace("-", "−")
            self.text(left - 6, scale(value) + 4, words, anchor="end", colour=SOFT, size=12)

    def __str__(self) -> str:
        """Return the whole figure."""
        w, h = self._size
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:.0f} {h:.0f}" width="{w:.0f}" '
            f'height="{h:.0f}" role="img" aria-label="{html.escape(self._title)}" {_FONT}>'
            f'<rect width="{w:.0f}" height="{h:.0f}" fill="{PAPER}"/>{"".join(self._parts)}</svg>'
        )


def _title(words: str) -> str:
    return f"<title>{html.escape(words)}</title>" if words else ""
