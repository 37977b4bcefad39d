"""One colour for every reader, the same in the window, in contours and in reports."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

__all__ = ["CONSENSUS_COLOUR", "READER_COLOURS", "reader_colours"]

# Okabe and Ito's palette, which stays apart for colour-blind eyes, with their blue lightened so that it shows on a
# dark image, and a grey.
READER_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#3b6fd0", "#f0e442", "#999999")
"""Colours in the order in which free ones are given."""

CONSENSUS_COLOUR = "#f2f2f2"
"""What several readers come to, beside their own colours."""


def reader_colours(names: Iterable[str]) -> dict[str, str]:
    """Give every reader a colour that hangs on the name, not on who else is there or in which order.

    A name asks for the colour of its checksum; where two ask for one, the alphabetically later takes the next that
    is free. So a reader who joins changes the colour of hardly anybody. Beyond eight readers colours come again.

    Parameters
    ----------
    names : iterable of str
        All readers of the data set, not only those of one case.

    Returns
    -------
    dict of str to str
        ``#rrggbb`` by name, in alphabetical order.
    """
    n = len(READER_COLOURS)
    found: dict[str, str] = {}
    taken: set[int] = set()
    for name in sorted(set(names)):
        if len(taken) == n:
            taken = set()
        place = zlib.crc32(name.encode()) % n
        while place in taken:
            place = (place + 1) % n
        taken.add(place)
        found[name] = READER_COLOURS[place]
    return found
