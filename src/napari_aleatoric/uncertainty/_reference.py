"""Scores of an earlier data set, kept to compare new cases with, be it a single one (our proposal).

The AUV of arXiv 2604.10963 is relative to the data set at hand, so a data set of one case has none. Against a
stored reference it has: the same formula with the reference's range, and a place among the reference's cases.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import WHOLE_CASE, ClassTable, Question

from ._measures import MEASURES
from ._scale import size_adjusted, size_line

if TYPE_CHECKING:
    from ._table import ScoreTable

__all__ = [
    "ADJUSTED",
    "REFERENCE_SETTINGS",
    "BoundReference",
    "ClassReference",
    "Reference",
    "made_reference",
    "read_reference",
]

FloatArray = NDArray[np.float64]

FORMAT_VERSION = 1
ADJUSTED = "auv_size_adjusted"
"""Name under which the size-adjusted perception scales of a reference are kept."""

_WHOLE = ""  # in place of a class's name
_MOST_VALUES = 200  # of one measure of one class; of more, evenly spaced quantiles are kept
_DIGITS = 8
_SIZES = ("volume_voxels", "volume_ml")  # they describe a case, and are compared with nothing
REFERENCE_SETTINGS = ("decode", "normalise", "jitters", "jitter_voxels")
"""Fields of a `ScoreSpec` that change the values of the frozen model."""
_OF_SPREAD = ("jitters", "jitter_voxels")  # of them, what changes the prompt spread only


@dataclass(frozen=True, eq=False)
class ClassReference:
    """What is known of one class, or of whole cases.

    Parameters
    ----------
    n_cases : int
        Cases that have the class.
    values : mapping of str to numpy.ndarray of float64, shape (m,)
        By measure: its values in these cases, ascending; of more than 200, that many evenly spaced quantiles, the
        smallest and the largest among them. Under `ADJUSTED` the perception scales without what size explains.
    line : tuple of float, or None
        The line of ln S over ln voxels that was taken out there: its slope, and the mean of ln voxels.
    """

    n_cases: int
    values: Mapping[str, FloatArray]
    line: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Reference:
    """Distributions of the raw values of a data set.

    Parameters
    ----------
    name : str
        What it is called.
    model : str
        Full name of the frozen model that made the values.
    settings : mapping
        The settings that change them (`REFERENCE_SETTINGS`).
    n_cases : int
        Labels that were scored.
    classes : mapping of str to ClassReference
        By class name; "" for the whole case.
    made : mapping
        When, and by which versions; only to be shown.
    """

    name: str
    model: str
    settings: Mapping[str, Any]
    n_cases: int
    classes: Mapping[str, ClassReference]
    made: Mapping[str, Any] = field(default_factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of its classes, without the whole case."""
        return tuple(name for name in self.classes if name != _WHOLE)

    def to_text(self) -> str:
        """JSON that :meth:`from_text` takes back."""
        classes = {
            name: {
                "n_cases": found.n_cases,
                "size_line": found.line,
                "values": {m: [float(f"{v:.{_DIGITS}g}") for v in values] for m, values in found.values.items()},
            }
            for name, found in self.classes.items()
        }
        content = {
            "format": "aleatoric-reference",
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "model": self.model,
            "settings": dict(self.settings),
            "n_cases": self.n_cases,
            "made": dict(self.made),
            "classes": classes,
        }
        return json.dumps(content, indent=1)

    @classmethod
    def from_text(cls, text: str) -> Reference:
        """Read what :meth:`to_text` wrote; `DataError` for anything else."""
        try:
            content = json.loads(text)
            if content["format"] != "aleatoric-reference":
                raise KeyError("format")
            version = int(content["format_version"])
            if version > FORMAT_VERSION:
                raise DataError(
                    f"The reference has format {version}, this program reads up to {FORMAT_VERSION}. Update the "
                    "program, or make the reference again with this one."
                )
            classes = {
                str(name): ClassReference(
                    int(found["n_cases"]),
                    {str(m): _ascending(values) for m, values in found["values"].items()},
                    None if found["size_line"] is None else _pair(found["size_line"]),
                )
                for name, found in content["classes"].items()
            }
            return cls(
                str(content["name"]),
                str(content["model"]),
                dict(content["settings"]),
                int(content["n_cases"]),
                classes,
                dict(content["made"]),
            )
        except DataError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                "This is no reference, or a damaged one. Make it again with 'aleatoric reference make'."
            ) from error

    def fitting(self, model: str, settings: Mapping[str, Any], classes: ClassTable) -> tuple[Reference, list[str]]:
        """Return the part of it that scores of this kind can be compared with, and what was left out, in words.

        Parameters
        ----------
        model : str
            Full name of the frozen model that makes the scores.
        settings : mapping
            Its settings (`REFERENCE_SETTINGS`).
        classes : ClassTable
            Of the data set.

        Raises
        ------
        DataError
            If model or settings are others, or no class is shared: nothing could be compared.
        """
        if model != self.model:
            raise DataError(
                f"The reference '{self.name}' was made by {self.model}, these scores are made by {model}; values "
                "of different models cannot be compared. Score with that model, or make a reference with this one."
            )
        others = [name for name in REFERENCE_SETTINGS if self.settings.get(name) != settings.get(name)]
        for name in others:
            if name not in _OF_SPREAD:
                raise DataError(
                    f"The reference '{self.name}' was made with {name} = {self.settings.get(name)}, these scores "
                    f"are made with {settings.get(name)}. Score with the same setting, or make another reference."
                )
        known = {_plain(name) for name in self.class_names}
        missing = [c.class_name for c in classes if _plain(c.class_name) not in known]
        if len(missing) == len(classes):
            raise DataError(
                f"The reference '{self.name}' has none of the classes {_listed(missing)}; it has "
                f"{_listed(self.class_names)}. Rename the classes, or make a reference from such labels."
            )
        notes = []
        if missing:
            notes.append(
                f"The reference '{self.name}' does not have the classes {_listed(missing)}: they have no AUV and "
                "no place in it."
            )
        if not self._same_classes(classes):
            notes.append(
                f"The reference '{self.name}' has other classes than this data set: a case counts as the hardest "
                "of the classes that both have."
            )
        if not others:
            return self, notes
        made_with = " and ".join(f"{name} = {self.settings.get(name)}" for name in others)
        notes.append(
            f"The reference '{self.name}' was made with {made_with}: the prompt spread is not compared with it."
        )
        kept = {
            name: replace(found, values={m: v for m, v in found.values.items() if m != "prompt_spread"})
            for name, found in self.classes.items()
        }
        return replace(self, classes=kept), notes

    def bound(self, classes: ClassTable) -> BoundReference:
        """Return it by class index of a data set; whole cases only where both have the same classes."""
        by_name = {_plain(name): found for name, found in self.classes.items()}
        found = {c.class_index: by_name[_plain(c.class_name)] for c in classes if _plain(c.class_name) in by_name}
        if _WHOLE in by_name and self._same_classes(classes):
            found[WHOLE_CASE] = by_name[_WHOLE]
        return BoundReference(self.name, self.n_cases, found)

    def _same_classes(self, classes: ClassTable) -> bool:
        return {_plain(name) for name in self.class_names} == {_plain(c.class_name) for c in classes}


@dataclass(frozen=True, eq=False)
class BoundReference:
    """A reference by class index of one data set.

    Parameters
    ----------
    name : str
        What it is called.
    n_cases : int
        Labels behind it.
    classes : mapping of int to ClassReference
        By class index; `WHOLE_CASE` only where whole cases can be compared.
    """

    name: str
    n_cases: int
    classes: Mapping[int, ClassReference]

    def values(self, measure: str, class_index: int) -> FloatArray | None:
        """Values of the reference's cases, ascending; None where it has none."""
        found = self.classes.get(class_index)
        values = None if found is None else found.values.get(measure)
        return values if values is not None and values.size else None

    def has(self, measure: str) -> bool:
        """Whether any class has values of the measure."""
        return any(found.values.get(measure) is not None for found in self.classes.values())

    def line(self, class_index: int) -> tuple[float, float] | None:
        """Slope of ln S over ln voxels, and the mean of ln voxels; None where there is none."""
        found = self.classes.get(class_index)
        return None if found is None else found.line

    def place(self, measure: str, class_index: int, values: FloatArray) -> FloatArray:
        """Part of the reference's cases that are better than each value, shape (n,), in [0, 1].

        Equal ones count half. Near 1 = worse than nearly all of them; NaN where either has no value.

        Parameters
        ----------
        measure : str
            A stored measure of difficulty, or `ADJUSTED`.
        class_index : int
            The class, or `WHOLE_CASE`.
        values : numpy.ndarray of float64, shape (n,)
            Raw values.
        """
        known = self.values(measure, class_index)
        if known is None:
            return np.full(values.shape, np.nan)
        below = np.searchsorted(known, values, side="left")
        upto = np.searchsorted(known, values, side="right")
        part = (below + upto) / (2 * known.size)
        better = part if measure != ADJUSTED and MEASURES[measure].sign > 0 else 1 - part
        return np.where(np.isnan(values), np.nan, better)


def made_reference(
    table: ScoreTable,
    classes: ClassTable,
    name: str,
    model: str,
    settings: Mapping[str, Any],
    made: Mapping[str, Any] | None = None,
) -> Reference:
    """Make a reference of the scores of a data set.

    Parameters
    ----------
    table : ScoreTable
        Raw scores, all by one model and setting.
    classes : ClassTable
        Of the data set.
    name, model, settings, made
        As of `Reference`.

    Raises
    ------
    DataError
        If fewer than two cases have a perception scale: there is no range.
    """
    measures = [m for m, about in MEASURES.items() if about.question is Question.DIFFICULTY and about.stored]
    measures = [m for m in measures if m not in _SIZES]
    found = {_WHOLE: _of_class(table, WHOLE_CASE, measures)}
    for info in classes:
        if info.class_name == _WHOLE:
            continue
        one = _of_class(table, info.class_index, measures)
        if one.n_cases:
            found[info.class_name] = one
    if found[_WHOLE].n_cases < 2:
        raise DataError(
            f"A reference needs at least two scored labels, there are {found[_WHOLE].n_cases}. Score the workspace "
            "with a frozen model first."
        )
    return Reference(name, model, dict(settings), len(table), found, dict(made or {}))


def _of_class(table: ScoreTable, class_index: int, measures: Collection[str]) -> ClassReference:
    scales = table.column("perception_scale", class_index)
    voxels = table.column("volume_voxels", class_index)
    line = size_line(scales, voxels)
    columns = {m: table.column(m, class_index) for m in measures}
    if line is not None:
        columns[ADJUSTED] = size_adjusted(scales, voxels, line=line)
    values = {m: _summary(column) for m, column in columns.items() if np.isfinite(column).any()}
    return ClassReference(int(np.isfinite(scales).sum()), values, line)


def _summary(column: FloatArray) -> FloatArray:
    values = np.sort(column[np.isfinite(column)])
    return values if values.size <= _MOST_VALUES else np.quantile(values, np.linspace(0, 1, _MOST_VALUES))


def _ascending(values: Any) -> FloatArray:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or not np.isfinite(found).all() or (np.diff(found) < 0).any():
        raise ValueError("not ascending")
    return found


def _pair(values: Any) -> tuple[float, float]:
    slope, centre = (float(v) for v in values)
    if not (math.isfinite(slope) and math.isfinite(centre)):
        raise ValueError("not finite")
    return slope, centre


def _plain(name: str) -> str:
    return name.strip().casefold()


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"


@lru_cache(maxsize=4)
def read_reference(text: str) -> Reference:
    """`Reference.from_text`, remembered: a queue is built many times on the same one."""
    return Reference.from_text(text)
