"""Which files make a case, and which cases make a data set. Nothing here reads a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from napari_aleatoric.errors import NotFoundError

from ._classes import ClassTable

__all__ = ["CaseFiles", "Dataset", "ItemKey", "LabelFiles", "Problem"]


class ItemKey(NamedTuple):
    """What a queue is made of: one label of one case.

    ``label_reader`` is "" where the data set has one label per case.
    """

    case_id: str
    label_reader: str = ""

    def __str__(self) -> str:
        return f"{self.case_id} ({self.label_reader})" if self.label_reader else self.case_id


@dataclass(frozen=True)
class LabelFiles:
    """The file or files that hold one reader's label of one case.

    Parameters
    ----------
    reader : str
        Whose label; "" where there is only one.
    paths : tuple of Path
        One label map, or several files (one binary file per structure, or one DICOM RTSTRUCT).
    label_values : tuple of int
        Empty for a label map; for one-file-per-structure sets, the value that each file of ``paths`` becomes.
    """

    reader: str
    paths: tuple[Path, ...]
    label_values: tuple[int, ...] = ()


@dataclass(frozen=True)
class CaseFiles:
    """One case: an image and any number of labels.

    Parameters
    ----------
    case_id : str
        Unique in the data set; safe as a folder name.
    image : Path
        File, or folder of a DICOM series.
    labels : tuple of LabelFiles
        One per reader, in the order of the readers; may be empty (no label yet).
    patient : str
        Cases of one patient share it; "" where unknown. Never a name: a folder name or a pseudonym.
    series_uid : str
        For a DICOM folder with several series, which one; "" otherwise.
    """

    case_id: str
    image: Path
    labels: tuple[LabelFiles, ...] = ()
    patient: str = ""
    series_uid: str = ""

    def label_of(self, reader: str = "") -> LabelFiles:
        """Return the label of that reader."""
        for label in self.labels:
            if label.reader == reader:
                return label
        have = ", ".join(repr(label.reader) for label in self.labels) or "none"
        raise NotFoundError(f"Case {self.case_id} has no label by reader '{reader}'; it has: {have}.")


@dataclass(frozen=True)
class Problem:
    """A case or file that could not be used, and why (one sentence, no patient data)."""

    case_id: str
    sentence: str


@dataclass(frozen=True)
class Dataset:
    """What was found in a folder.

    Parameters
    ----------
    root : Path
        The folder; read-only to us.
    layout : str
        Name of the layout found, e.g. ``"decathlon"``.
    layout_sentence : str
        What was recognised and by which sign, for the user.
    classes : ClassTable
        May be empty until labels were read.
    cases : tuple of CaseFiles
        In the order of ``case_id``.
    readers : tuple of str
        All readers of the data set; ``("",)`` where there is one label per case.
    problems : tuple of Problem
        Cases left out, each with its reason.
    spacing_known : bool
        False to report no millimetres for this data set.
    resample_labels : bool
        Whether labels on another grid than their image are resampled (nearest, by position) instead of refused.
    options : mapping
        What the user chose when the folder was scanned, as plain values, so that it can be scanned again alike.
    """

    root: Path
    layout: str
    layout_sentence: str
    classes: ClassTable
    cases: tuple[CaseFiles, ...]
    readers: tuple[str, ...] = ("",)
    problems: tuple[Problem, ...] = field(default=())
    spacing_known: bool = True
    resample_labels: bool = False
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @cached_property
    def _by_id(self) -> dict[str, CaseFiles]:
        return {case.case_id: case for case in self.cases}

    def case(self, case_id: str) -> CaseFiles:
        """Return one case by its id."""
        found = self._by_id.get(case_id)
        if found is not None:
            return found
        raise NotFoundError(f"There is no case '{case_id}' among the {len(self.cases)} cases of this data set.")

    @property
    def items(self) -> tuple[ItemKey, ...]:
        """One key per label, cases in order, readers in order within a case."""
        return tuple(ItemKey(case.case_id, label.reader) for case in self.cases for label in case.labels)
