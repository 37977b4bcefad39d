"""What the integers of a label map mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError

__all__ = ["ClassInfo", "ClassTable"]


@dataclass(frozen=True)
class ClassInfo:
    """One foreground class.

    Parameters
    ----------
    class_index : int
        Row in probability arrays, 1..K−1; row 0 is background.
    label_value : int
        The integer in the label files.
    class_name : str
        Words for people.
    """

    class_index: int
    label_value: int
    class_name: str


@dataclass(frozen=True)
class ClassTable:
    """The foreground classes of a data set, in the order of their rows.

    Build it with :meth:`from_names` or :meth:`from_values`.
    """

    classes: tuple[ClassInfo, ...]

    def __post_init__(self) -> None:
        values = [c.label_value for c in self.classes]
        if 0 in values:
            raise DataError("Label value 0 is background and cannot be a class.")
        if len(set(values)) != len(values):
            raise DataError(f"Every class needs its own label value, got {values}.")
        if [c.class_index for c in self.classes] != list(range(1, len(self.classes) + 1)):
            raise DataError("Class indices must be 1, 2, ... in order.")

    @classmethod
    def from_names(cls, names: Mapping[int, str]) -> ClassTable:
        """Build from ``{label value: class name}``; value 0 is left out; sorted by value."""
        values = sorted(int(v) for v in names if int(v) != 0)
        return cls(tuple(ClassInfo(i, v, str(names[v])) for i, v in enumerate(values, start=1)))

    @classmethod
    def from_values(cls, values: Iterable[int]) -> ClassTable:
        """Build with names "label 1", "label 2", ... from the values found in files."""
        return cls.from_names({int(v): f"label {int(v)}" for v in values})

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[ClassInfo]:
        return iter(self.classes)

    @property
    def n_rows(self) -> int:
        """K: the number of rows of a probability array, background included."""
        return len(self.classes) + 1

    @property
    def names(self) -> dict[int, str]:
        """``{label value: class name}``."""
        return {c.label_value: c.class_name for c in self.classes}

    def name_of(self, class_index: int) -> str:
        """Name of a row; "background" for row 0."""
        if class_index == 0:
            return "background"
        if not 1 <= class_index <= len(self.classes):
            raise NotFoundError(f"Expected a class index from 0 to {len(self.classes)}, got {class_index}.")
        return self.classes[class_index - 1].class_name

    def by_name(self, class_name: str) -> ClassInfo:
        """Find a class by its name, case ignored."""
        for item in self.classes:
            if item.class_name.casefold() == class_name.casefold():
                return item
        known = ", ".join(c.class_name for c in self.classes) or "none"
        raise NotFoundError(f"There is no class '{class_name}'. Known classes: {known}.")

    def index_map(self, label_data: NDArray[Any]) -> NDArray[np.uint16]:
        """Replace label values by class indices.

        Parameters
        ----------
        label_data : numpy.ndarray of integer, any shape
            Label values as in the file.

        Returns
        -------
        numpy.ndarray of uint16, same shape
            0 for background and for values that are in no class.
        """
        values = np.array([0, *(c.label_value for c in self.classes)], dtype=np.int64)
        order = np.argsort(values)
        found, inverse = np.unique(label_data, return_inverse=True)
        position = np.clip(np.searchsorted(values[order], found), 0, len(values) - 1)
        known = values[order][position] == found
        index = np.where(known, order[position], 0).astype(np.uint16)
        return np.asarray(index[inverse].reshape(label_data.shape))

    def unknown_values(self, label_data: NDArray[Any]) -> dict[int, int]:
        """Return the label values that are in no class, which `index_map` takes for background.

        Parameters
        ----------
        label_data : numpy.ndarray of integer, any shape
            Label values as in the file.

        Returns
        -------
        dict of int to int
            Number of voxels by value, in the order of the values; empty where all is well.
        """
        known = np.array([0, *(c.label_value for c in self.classes)], dtype=np.int64)
        if label_data.dtype.kind == "u" and label_data.dtype.itemsize <= 2:
            size = np.iinfo(label_data.dtype).max + 1
            is_unknown = np.ones(size, dtype=bool)
            is_unknown[known[(known >= 0) & (known < size)]] = False
            strange = label_data[is_unknown[label_data]]
        else:
            strange = label_data[~np.isin(label_data, known)]
        values, counts = np.unique(strange, return_counts=True)
        return {int(v): int(n) for v, n in zip(values, counts, strict=True)}

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values that :meth:`from_json` takes back."""
        return [{"label_value": c.label_value, "class_name": c.class_name} for c in self.classes]

    @classmethod
    def from_json(cls, value: Iterable[Mapping[str, Any]]) -> ClassTable:
        """Rebuild from :meth:`to_json`."""
        return cls.from_names({int(v["label_value"]): str(v["class_name"]) for v in value})
