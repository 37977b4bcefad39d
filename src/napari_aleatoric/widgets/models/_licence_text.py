"""What a licence says, to be read before a download."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["licence_text"]

_WHOLE = {"Apache-2.0": "Apache-2.0.txt"}
_ADDRESSES = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/legalcode",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/legalcode",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
}


def licence_text(licence: str) -> str:
    """Return the words of every licence that a line names, whole where the program has them.

    Parameters
    ----------
    licence : str
        SPDX identifiers, and whose terms they are.
    """
    words = licence.replace("(", " ").replace(")", " ").replace(";", " ").split()
    parts = []
    for identifier in dict.fromkeys(word.strip(".,") for word in words):
        if identifier in _ADDRESSES:
            parts.append(f"{identifier} can be read at {_ADDRESSES[identifier]}")
        elif identifier in _WHOLE:
            parts.append(_unwrapped(Path(__file__).with_name(_WHOLE[identifier]).read_text("utf-8")))
    parts.sort(key=len)
    return "\n\n".join(parts) or "The text of this licence is with whoever published the model."


def _unwrapped(text: str) -> str:
    """Join the lines of every paragraph, so that they wrap where the window ends."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text.strip()))
