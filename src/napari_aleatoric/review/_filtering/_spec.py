"""What a user may choose about a filter, and about handing on what it keeps."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from napari_aleatoric.model import Spec, Verdict

__all__ = ["EXPORT_LAYOUTS", "FilterExportSpec", "FilterSpec"]

ExportLayout = Literal["nnunet", "msd", "monai", "split"]

EXPORT_LAYOUTS: dict[str, str] = {
    "nnunet": "nnU-Net v2: imagesTr/, labelsTr/ and dataset.json",
    "msd": "Medical Segmentation Decathlon: imagesTr/, labelsTr/ and dataset.json with a list",
    "monai": "MONAI data list: a dataset.json that names the files where they are",
    "split": "Split only: splits_final.json of nnU-Net, kept.txt and dropped.txt",
}
"""What a kept set can be written as, in words."""


class FilterSpec(Spec):
    """Which labels of a data set are kept: the global and the class-wise filter of arXiv 2604.10963, and more.

    The paper drops the top 5 % by AUV (its p̃ is 95 %), over the whole data set or class by class. Any other
    measure, a cut at the easy end, a cut in raw values and what becomes of verdicts are our own additions.
    """

    measure: str = Field(default="auv", description="What is cut by: a key of `uncertainty.MEASURES`.")
    percentiles: tuple[float, float] = Field(
        default=(0.0, 95.0),
        description="Part of the data set that is kept, in per cent from the better end of the measure (0) to its "
        "worse end (100), whichever of them is high.",
    )
    values: tuple[float | None, float | None] | None = Field(
        default=None,
        description="Raw values that are kept, smallest and largest, both included, instead of percentiles; none = "
        "no limit on that side.",
    )
    class_wise: bool = Field(
        default=False, description="Cut every class by its own distribution, not the cases as wholes."
    )
    class_names: tuple[str, ...] = Field(
        default=(), description="Classes that are looked at, with class_wise; empty = all."
    )
    class_rule: Literal["any", "all"] = Field(
        default="any",
        description="With class_wise: keep a case that any of its classes keeps (the paper's union), or only one "
        "that all of them keep.",
    )
    drop_verdicts: tuple[Verdict, ...] = Field(
        default=(Verdict.REJECTED, Verdict.EXCLUDED),
        description="Labels with these verdicts are dropped, and do not count in the distribution.",
    )
    keep_verdicts: tuple[Verdict, ...] = Field(
        default=(), description="Labels with these verdicts are kept whatever they measure."
    )
    unscored: Literal["keep", "drop"] = Field(
        default="keep", description="What becomes of labels that have no such score."
    )
    label_reader: str | None = Field(
        default=None, description="Filter this reader's labels only; none = everybody's."
    )
    reader: str | None = Field(default=None, description="Count only this reader's verdicts; none = everybody's.")

    @field_validator("percentiles")
    @classmethod
    def _a_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1] <= 100:
            raise ValueError("expected two percentiles from 0 to 100, the lower one first, such as 0 and 95")
        return value

    @field_validator("values")
    @classmethod
    def _two_values(
        cls, value: tuple[float | None, float | None] | None
    ) -> tuple[float | None, float | None] | None:
        if value is not None and value[0] is not None and value[1] is not None and not value[0] <= value[1]:
            raise ValueError("expected the smaller value first, such as 0.2 and 0.9")
        return value

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.class_names and not self.class_wise:
            raise ValueError("classes are named, so class_wise has to be on")
        if both := set(self.drop_verdicts) & set(self.keep_verdicts):
            raise ValueError(f"'{sorted(both)[0]}' cannot be both dropped and kept")
        return self


class FilterExportSpec(Spec):
    """A filter, and how and where what it keeps is written."""

    filter: FilterSpec = Field(default=FilterSpec(), description="What is kept.")
    destination: str = Field(
        default="",
        description="A new or empty folder outside of the data set; empty = exports/filtered-<layout> of the "
        "workspace.",
    )
    layout: ExportLayout = Field(
        default="nnunet", description="What it is written as: " + ", ".join(EXPORT_LAYOUTS)
    )
    files: Literal["link", "copy"] = Field(
        default="link",
        description="Files that can be handed on as they are become links, where the file system allows them, or "
        "copies. Corrected labels, DICOM series and the like are always written.",
    )
    modality: str = Field(
        default="",
        description="Name of the first channel, such as CT, which nnU-Net normalises by; by default as the data "
        "set says.",
    )
    folds: int = Field(default=5, ge=2, le=20, description="Folds of a split.")
    replace: bool = Field(
        default=False, description="Replace an earlier export of a filter that nothing was added to."
    )
