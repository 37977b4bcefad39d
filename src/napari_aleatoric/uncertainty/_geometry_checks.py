"""Findings on the label alone, each with its own sentence. They never enter the label risk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ClassTable, Flag

from ._facts import ClassFacts, LabelFacts

__all__ = ["CHECKS", "Cohort", "check_geometry"]

CHECKS: dict[str, str] = {
    "absent": "A class is missing that nearly all other cases have.",
    "pieces": "A class falls into more pieces than usual.",
    "gap": "Empty slices lie between labelled ones.",
    "slice_jump": "The labelled area changes abruptly from one slice to the next.",
    "volume": "A class is much larger or smaller than in the other cases.",
    "holes": "Background is enclosed by a class.",
    "border": "A class touches the border of the image.",
    "no_object": "None of several readers drew anything.",
}
"""The checks and what each looks for."""

_FEW = 5  # cohorts below it are not compared with
_USUAL = 0.2  # what more than this part of the cases show is usual
_FAR = 4.0  # robust standard deviations
_AXES = ("slice", "coronal slice", "sagittal slice")
_SIDES = {
    "first z": "lowest slice",
    "last z": "highest slice",
    "first y": "front",
    "last y": "back",
    "first x": "left edge of the picture",
    "last x": "right edge of the picture",
}


class Cohort:
    """What is usual in a data set.

    Parameters
    ----------
    facts : sequence of LabelFacts
        Of all labels; order does not matter.
    """

    def __init__(self, facts: Sequence[LabelFacts]) -> None:
        self._facts = facts
        self._columns: dict[tuple[str, int], NDArray[np.float64]] = {}

    def __len__(self) -> int:
        return len(self._facts)

    @property
    def class_indices(self) -> tuple[int, ...]:
        """Classes that any label has."""
        return tuple(sorted({c for facts in self._facts for c in facts.classes}))

    def column(self, name: str, class_index: int, of: Callable[[ClassFacts], float]) -> NDArray[np.float64]:
        """Return one number of a class for every label that has it, shape (m,); kept under ``name``."""
        if (name, class_index) not in self._columns:
            found = [of(facts.classes[class_index]) for facts in self._facts if class_index in facts.classes]
            self._columns[name, class_index] = np.array(found, dtype=np.float64)
        return self._columns[name, class_index]

    def share(self, name: str, class_index: int, of: Callable[[ClassFacts], Any]) -> float:
        """Part of the labels with the class of which something is true; 0 for a small cohort."""
        column = self.column(name, class_index, lambda facts: float(bool(of(facts))))
        return float(column.mean()) if column.size >= _FEW else 0.0

    def unusual(self, name: str, class_index: int, of: Callable[[ClassFacts], float], value: float) -> float:
        """Robust standard deviations of a value from the cohort's median; NaN for a small cohort."""
        column = self.column(name, class_index, of)
        if column.size < _FEW:
            return float("nan")
        middle = float(np.median(column))
        spread = 1.4826 * float(np.median(np.abs(column - middle)))
        return (value - middle) / max(spread, 1e-3)


def check_geometry(facts: LabelFacts, classes: ClassTable, cohort: Cohort | None = None) -> tuple[Flag, ...]:
    """Look for what is odd about a label as such.

    Parameters
    ----------
    facts : LabelFacts
        Of this label.
    classes : ClassTable
        For the words.
    cohort : Cohort, optional
        All labels of the data set: what is usual there is not flagged. Without it (or with fewer than 5 labels)
        only the label itself speaks.

    Returns
    -------
    tuple of Flag
        The worst first. Slices in sentences are counted from 1 in the upright frame.
    """
    others = cohort or Cohort([])
    flags = [flag for c in facts.classes for check in _CHECKS if (flag := check(facts, c, classes, others))]
    flags += _absent(facts, classes, others)
    return tuple(sorted(flags, key=lambda f: (-f.severity, f.check, f.class_index)))


def _absent(facts: LabelFacts, classes: ClassTable, cohort: Cohort) -> list[Flag]:
    flags = []
    for c in cohort.class_indices:
        have = cohort.column("n_voxels", c, lambda f: f.n_voxels).size
        if c not in facts.classes and len(cohort) >= _FEW and have >= 0.9 * len(cohort):
            sentence = f"{classes.name_of(c)}: not labelled, though {have} of {len(cohort)} labels have it."
            flags.append(Flag("absent", c, 1.0, sentence))
    return flags


def _pieces(facts: LabelFacts, c: int, classes: ClassTable, cohort: Cohort) -> Flag | None:
    own = facts.classes[c]
    column = cohort.column("n_pieces", c, lambda f: f.n_pieces)
    usual = int(np.percentile(column, 80)) if column.size >= _FEW else 1
    if usual > 1:  # a class of many pieces: only the extremes are odd
        usual = int(np.percentile(column, 95))
    if own.n_pieces <= usual:
        return None
    where = _place(own.smallest_zyx, facts.flat)
    usually = "it is usually one" if usual == 1 else f"usually there are at most {usual}"
    sentence = (
        f"{classes.name_of(c)}: {own.n_pieces} separate pieces, {usually}; the smallest has "
        f"{_count(own.smallest_piece, 'voxel')}, {where}."
    )
    severity = min(1.0, 0.4 + 0.1 * (own.n_pieces - usual))
    return Flag("pieces", c, severity, sentence, own.smallest_zyx)


def _gap(facts: LabelFacts, c: int, classes: ClassTable, cohort: Cohort) -> Flag | None:
    own = facts.classes[c]
    if facts.flat or own.gap_axis < 0 or cohort.share("gap", c, lambda f: f.gap_axis >= 0) > _USUAL:
        return None
    first, last = own.gap
    sentence = f"{classes.name_of(c)}: nothing labelled {_range(own.gap_axis, first, last)}, between labelled ones."
    at = list(own.smallest_zyx)
    at[own.gap_axis] = first
    return Flag("gap", c, 1.0, sentence, (at[0], at[1], at[2]))


def _jump(facts: LabelFacts, c: int, classes: ClassTable, cohort: Cohort) -> Flag | None:
    own = facts.classes[c]
    if facts.flat or own.n_voxels < 20:
        return None
    far = cohort.unusual("jump", c, lambda f: f.jump, own.jump)
    if not (far > _FAR and own.jump > 0.25) and not (np.isnan(far) and own.jump > 0.7):
        return None
    what = _AXES[own.jump_axis]
    sentence = (
        f"{classes.name_of(c)}: the labelled area changes by {own.jump:.0%} of its largest from {what} "
        f"{own.jump_at + 1} to the next."
    )
    at = list(own.smallest_zyx)
    at[own.jump_axis] = own.jump_at
    return Flag("slice_jump", c, min(1.0, own.jump), sentence, (at[0], at[1], at[2]))


def _volume(facts: LabelFacts, c: int, classes: ClassTable, cohort: Cohort) -> Flag | None:
    own = facts.classes[c]
    far = cohort.unusual("log_volume", c, lambda f: float(np.log(f.n_voxels)), float(np.log(own.n_voxels)))
    if not abs(far) > _FAR:
        return None
    low, high = np.percentile(cohort.column("n_voxels", c, lambda f: f.n_voxels), [5, 95])
    unit, factor = ("ml", facts.voxel_ml) if np.isfinite(facts.voxel_ml) else ("voxels", 1.0)
    size = "smaller" if far < 0 else "larger"
    sentence = (
        f"{classes.name_of(c)}: {own.n_voxels * factor:.3g} {unit}, much {size} than usual; nine of ten labels "
        f"have {low * factor:.3g} to {high * factor:.3g} {unit}."
    )
    return Flag("volume", c, min(1.0, abs(far) / 10), sentence)


def _holes(facts: LabelFacts, c: int, classes: ClassTable, cohort: Cohort) -> Flag | None:
    own = facts.classes[c]
    if not own.hole_voxels or own.hole_zyx is None or cohort.share("hole", c, lambda f: f.hole_voxels) > _USUAL:
        return None
    sentence = (
        f"{classes.name_of(c)}: {_count(own.hole_voxels, 'unlabelled voxel')} enclosed by it, "
        f"{_place(own.hole_zyx, facts.flat)}."
    )
    return Flag("holes", c, min(1.0, 0.2 + own.hole_voxels / own.n_voxels), sentence, own.hole_zyx)


def _border(facts: LabelFacts, c: int, classes: ClassTable, cohort: Cohort) -> Flag | None:
    own = facts.classes[c]
    if not own.faces or cohort.share("border", c, lambda f: f.faces) > _USUAL:
        return None
    sides = {"first y": "upper edge", "last y": "lower edge"} if facts.flat else {}
    names = " and ".join({**_SIDES, **sides}[face] for face in own.faces)
    sentence = f"{classes.name_of(c)}: touches the border of the image ({names}), so it may be cut off."
    return Flag("border", c, 0.3, sentence, own.smallest_zyx)


_CHECKS = (_pieces, _gap, _jump, _volume, _holes, _border)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _place(index_zyx: tuple[int, int, int], flat: bool) -> str:
    z, y, x = (i + 1 for i in index_zyx)
    return f"around row {y}, column {x}" if flat else f"at slice {z}"


def _range(axis: int, first: int, last: int) -> str:
    name = _AXES[axis]
    return f"at {name} {first + 1}" if first == last else f"at {name}s {first + 1} to {last + 1}"
