"""What a user may choose about a report."""

from __future__ import annotations

from pydantic import Field

from napari_aleatoric.model import Spec

__all__ = ["ReportSpec"]


class ReportSpec(Spec):
    """Which cases a report shows, what it says of them, and where it is written."""

    cases: tuple[str, ...] = Field(default=(), description="Ids of the cases; empty = the whole review.")
    destination: str = Field(
        default="", description="A new or empty folder outside of the data set; empty = exports/report."
    )
    pdf: bool = Field(default=True, description="Write report.pdf beside report.html.")
    identifiers: bool = Field(
        default=False, description="Name cases by their ids, which may be names of patients, not by numbers."
    )
    key_file: bool = Field(
        default=False, description="Write key.csv, which tells the case of every number; not to be handed on."
    )
    comments: bool = Field(default=True, description="Print what readers wrote; it may hold names.")
    reader: str = Field(
        default="", description="For whom: what this reader must not see yet is left out; empty = everything."
    )
    strategy: str = Field(default="label_risk", description="Order of the cases, as in the queue.")
    pages: int = Field(
        default=50, ge=0, description="Labels with a page of their own, the worst first; named cases all have one."
    )
    places: int = Field(default=2, ge=0, le=6, description="Places of each label that are shown in pictures.")
    replace: bool = Field(default=False, description="Replace an earlier report in the same folder.")
