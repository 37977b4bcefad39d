"""Fonts of a PDF: one of the computer's own for most scripts, and those that every PDF reader has for CJK."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

__all__ = ["Fonts"]

_OF_SYSTEMS = (
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("arial.ttf", "arialbd.ttf"),
    ("Arial.ttf", "Arial Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
)
_KOREAN = "HYSMyeongJo-Medium"
_OF_HAN = (("STSong-Light", "gb2312"), ("MSung-Light", "big5"), ("HeiseiKakuGo-W5", "shift_jis"))
_REGULAR, _BOLD = "report", "report-bold"


@dataclass
class Fonts:
    """Turns text into reportlab's markup, each script in a font that has it.

    Attributes
    ----------
    missing : set of str
        Characters that no font has; they were written as "?".
    """

    missing: set[str] = field(default_factory=set)
    regular: str = _REGULAR
    bold: str = _BOLD

    def __post_init__(self) -> None:
        self._known = _registered()

    def markup(self, text: str) -> str:
        """Return text for a paragraph, escaped; line ends become spaces."""
        parts = []
        for kind, characters in groupby(" ".join(text.split()), key=self._kind_of):
            run = "".join(characters)
            if kind is None:
                self.missing.update(run)
                run = "?" * len(run)
            piece = html.escape(run, quote=False)
            parts.append(f'<font name="{_cjk_font(kind, run)}">{piece}</font>' if kind else piece)
        return "".join(parts)

    def _kind_of(self, character: str) -> str | None:
        """Say what kind of font a character needs: "" for the usual one, None where there is none."""
        if ord(character) in self._known:
            return ""
        if _is_hangul(character):
            return "hangul"
        return "han" if _is_kana(character) or _is_han(character) else None


def _cjk_font(kind: str, run: str) -> str:
    """Choose the font that has all characters of a run; of those that are written alike, the simplified one."""
    if kind == "hangul":
        return _KOREAN
    sets = _OF_HAN if not any(_is_kana(c) for c in run) else reversed(_OF_HAN)
    return next((font for font, encoding in sets if _fits(run, encoding)), _OF_HAN[0][0])


def _fits(run: str, encoding: str) -> bool:
    try:
        run.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _is_hangul(character: str) -> bool:
    return (
        "\uac00" <= character <= "\ud7a3" or "\u1100" <= character <= "\u11ff" or "\u3130" <= character <= "\u318f"
    )


def _is_kana(character: str) -> bool:
    return "\u3040" <= character <= "\u30ff" or "\uff66" <= character <= "\uff9d"


def _is_han(character: str) -> bool:
    return (
        "\u4e00" <= character <= "\u9fff" or "\u3000" <= character <= "\u303f" or "\uff01" <= character <= "\uff65"
    )


@lru_cache(maxsize=1)
def _registered() -> frozenset[int]:
    """Make all fonts known to reportlab; return the characters that the usual one has."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont

    for name in (_KOREAN, *(font for font, _ in _OF_HAN)):
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    regular, bold = _files()
    usual = TTFont(_REGULAR, regular)
    pdfmetrics.registerFont(usual)
    pdfmetrics.registerFont(TTFont(_BOLD, bold))
    pdfmetrics.registerFontFamily(_REGULAR, normal=_REGULAR, bold=_BOLD, italic=_REGULAR, boldItalic=_BOLD)
    return frozenset(usual.face.charToGlyph)


def _files() -> tuple[str, str]:
    """Find a font of this computer with many scripts; the one that comes with reportlab has Latin letters only."""
    for regular, bold in _OF_SYSTEMS:
        found = (_path(regular), _path(bold))
        if all(found):
            return (found[0], found[1])
    import reportlab

    folder = Path(reportlab.__file__).parent / "fonts"
    return (str(folder / "Vera.ttf"), str(folder / "VeraBd.ttf"))


def _path(name: str) -> str:
    from PIL import ImageFont

    try:
        font: Any = ImageFont.truetype(name, 10)  # looks where the system keeps its fonts
    except OSError:
        return ""
    return str(font.path)
