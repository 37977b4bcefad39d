"""The held-out cases of a judgement, one row each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_aleatoric.review import Judgement

__all__ = ["ALL_CLASSES", "OTHER_WORDS", "HeldOutRow", "HeldOutView", "held_out_rows_of"]

ALL_CLASSES = ""
"""``class_name`` of the mean over the classes."""

OTHER_WORDS = {"before": ("Before", "the model in use then"), "baseline": ("Plain", "the plain network beside it")}
"""Title and words of the networks that a new one is compared with."""


@dataclass(frozen=True)
class HeldOutRow:
    """One held-out case.

    Parameters
    ----------
    case_id : str
        Which.
    before : float or None
        Dice of the network that is compared with; None where it was not judged on this case.
    after : float
        Dice of the new network.
    by_class : tuple of (str, float or None, float)
        The same, class by class.
    """

    case_id: str
    before: float | None
    after: float
    by_class: tuple[tuple[str, float | None, float], ...] = ()

    @property
    def change(self) -> float | None:
        """How much Dice changed; None where there is nothing to compare with."""
        return None if self.before is None else self.after - self.before


@dataclass(frozen=True)
class HeldOutView:
    """What the page of the held-out cases shows.

    Parameters
    ----------
    rows : tuple of HeldOutRow
        The case that lost most first.
    others : tuple of str
        Networks that may be compared with, as a judgement names them.
    other : str
        The chosen one; "" where there is none.
    class_names : tuple of str
        Of the data set.
    class_name : str
        What is shown of them; `ALL_CLASSES` for all.
    shown : str
        The case whose masks are shown, or on their way; "" for none.
    is_busy : bool
        Whether they are on their way.
    side_by_side : bool
        Whether before and after stand beside each other.
    sentence : str
        What to know.
    """

    rows: tuple[HeldOutRow, ...] = ()
    others: tuple[str, ...] = ()
    other: str = ""
    class_names: tuple[str, ...] = ()
    class_name: str = ALL_CLASSES
    shown: str = ""
    is_busy: bool = False
    side_by_side: bool = False
    sentence: str = ""


def held_out_rows_of(judgement: Judgement, other: str, class_name: str = ALL_CLASSES) -> tuple[HeldOutRow, ...]:
    """Return the cases of a judgement with their Dice, the one that lost most first, those without a before last.

    Among those without, the worst come first.

    Parameters
    ----------
    judgement : Judgement
        Of the new network.
    other : str
        Which network is "before"; "" for none.
    class_name : str
        Whose Dice; `ALL_CLASSES` = the mean over the classes.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in judgement.rows:
        found.setdefault(row.case_id, {}).setdefault(row.class_name, {})[row.model] = row.dice
    rows = []
    for case_id, classes in found.items():
        by_class = tuple((name, d.get(other), d["after"]) for name, d in classes.items() if "after" in d)
        counted = [each for each in by_class if class_name in (ALL_CLASSES, each[0])]
        if not counted:
            continue
        before = [b for _, b, _ in counted if b is not None]
        rows.append(
            HeldOutRow(
                case_id,
                float(np.mean(before)) if len(before) == len(counted) else None,
                float(np.mean([after for _, _, after in counted])),
                by_class,
            )
        )
    return tuple(sorted(rows, key=_worst_first))


def _worst_first(row: HeldOutRow) -> tuple[bool, float, float, str]:
    return (row.change is None, 0.0 if row.change is None else row.change, row.after, row.case_id)
