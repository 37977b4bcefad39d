"""Something a key can do."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Action"]


@dataclass(frozen=True)
class Action:
    """Something a key can do.

    Parameters
    ----------
    name : str
        Identifier; also the last part of the command's id.
    title : str
        For menus and the cheat sheet.
    group : str
        Heading in the cheat sheet.
    key : str
        Default, as Qt writes it ("N", "Shift+N"); "" for none.
    """

    name: str
    title: str
    group: str
    key: str
