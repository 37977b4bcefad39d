"""What a report holds before it is laid out: plain values and encoded pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from napari_aleatoric.review._labels._diff import ClassDiff

from ._drawing import Drawn
from ._spec import ReportSpec

__all__ = ["Figure", "LabelPage", "MeasureLine", "Panel", "ReaderLine", "Report", "Row", "Said", "SavedVersion"]


@dataclass(frozen=True)
class Panel:
    """One picture: the caption below it, and the file."""

    caption: str
    drawn: Drawn


@dataclass(frozen=True)
class Figure:
    """The pictures of one place: a heading, and rows of pictures under a heading each."""

    heading: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


@dataclass(frozen=True)
class Said:
    """One entry of the log of decisions, as it stands now."""

    when: datetime
    reader: str
    what: str
    quality: int | None
    comment: str
    undone: bool


@dataclass(frozen=True)
class SavedVersion:
    """One saved version of a label."""

    when: datetime
    reader: str
    how: str
    comment: str


@dataclass(frozen=True)
class MeasureLine:
    """One measure of a label: title, the whole case, every class; NaN where there is none."""

    title: str
    sentence: str
    whole: float
    by_class: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """One label in the table of a review.

    Parameters
    ----------
    name : str
        What the case is called in this report.
    number : int
        Number of the case in the data set, from 1.
    place : int
        1 = worst of the queue.
    score : float
        0..1, 1 = worst; NaN = not scored.
    class_name, status, reader, comment : str
        As in the queue.
    quality : int or None
        1..5.
    when : datetime or None
        Of the verdict, UTC.
    n_flags, n_versions : int
        Findings, and saved versions.
    classes : tuple of ClassDiff or None
        Original against present version; None where no version was saved, or it could not be read.
    """

    name: str
    number: int
    place: int
    score: float
    class_name: str
    status: str
    quality: int | None
    reader: str
    when: datetime | None
    comment: str
    n_flags: int
    n_versions: int
    classes: tuple[ClassDiff, ...] | None = None

    @property
    def changed(self) -> bool:
        """Whether the present version differs from the original in a class."""
        return any(c.voxels_added or c.voxels_removed for c in self.classes or ())


@dataclass(frozen=True)
class LabelPage:
    """One label on a page of its own.

    Parameters
    ----------
    row : Row
        As in the table.
    reason : str
        Why it stands where it stands.
    stale : bool
        Whether the scores belong to another version.
    facts : tuple of str
        About the image: size, voxels, tilt.
    classes : tuple of ClassDiff
        Original against present version, of classes that either has.
    said, versions, flags, measures, figures
        What there is of each, oldest first.
    remark : str
        Why something is missing; "" if nothing is.
    """

    row: Row
    reason: str
    stale: bool
    facts: tuple[str, ...] = ()
    classes: tuple[ClassDiff, ...] = ()
    said: tuple[Said, ...] = ()
    versions: tuple[SavedVersion, ...] = ()
    flags: tuple[str, ...] = ()
    measures: tuple[MeasureLine, ...] = ()
    figures: tuple[Figure, ...] = ()
    remark: str = ""


@dataclass(frozen=True)
class ReaderLine:
    """What one reader decided: number of labels by verdict, mean quality (NaN: none given), the last time."""

    reader: str
    by_verdict: dict[str, int]
    n_versions: int
    mean_quality: float
    last: datetime | None


@dataclass(frozen=True)
class Report:
    """A whole report.

    Parameters
    ----------
    spec : ReportSpec
        What was chosen.
    made : datetime
        UTC.
    class_names : tuple of str
        Of the data set, in the order of class indices from 1.
    order : str
        What the table is sorted by, in words.
    heat_legend : str
        What the heatmap shows; "" where no page has one.
    rows : tuple of Row
        Worst first.
    readers : tuple of ReaderLine
        In the order of their names.
    pages : tuple of LabelPage
        Worst first.
    notes : tuple of str
        What is not in it, and what to know.
    """

    spec: ReportSpec
    made: datetime
    class_names: tuple[str, ...]
    order: str
    heat_legend: str
    rows: tuple[Row, ...]
    readers: tuple[ReaderLine, ...]
    pages: tuple[LabelPage, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def of_review(self) -> bool:
        """Whether it is about the whole review, not about named cases."""
        return not self.spec.cases

    @property
    def by_status(self) -> dict[str, int]:
        """Number of labels of every status that occurs."""
        found: dict[str, int] = {}
        for row in self.rows:
            found[row.status] = found.get(row.status, 0) + 1
        return found
