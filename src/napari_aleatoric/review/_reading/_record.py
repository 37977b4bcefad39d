"""What a comparison of readers showed: plain numbers, None where a number cannot be told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_aleatoric.review._calibration._record import Figure

from ._spec import ReadersSpec

__all__ = [
    "HabitRow",
    "HabitSummary",
    "LengthUnit",
    "PairRow",
    "PairSummary",
    "ReadCase",
    "ReadStructure",
    "ReadersReport",
    "StructureSummary",
]

LengthUnit = Literal["mm", "voxels"]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PairRow(_Plain):
    """Two readers of one structure of one case; ``hd95`` is in the case's length unit."""

    first: str
    second: str
    dice: float
    surface_dice: float
    hd95: float | None
    presence_differs: bool


class HabitRow(_Plain):
    """One reader against the consensus of the others; see `uncertainty.ReaderHabit`."""

    reader: str
    drew: bool
    others_drew: bool
    relative_volume: float | None
    slices_top: float | None
    slices_bottom: float | None
    offset: float | None


class ReadStructure(_Plain):
    """One structure of one case that somebody drew.

    ``volume_ml`` is None where the size of a voxel is not known; the means are over the pairs of readers, and None
    where there is one reader (``mean_hd95`` also where no two readers drew the structure).
    """

    class_name: str
    n_drew: int
    voxels: dict[str, int]
    volume_ml: dict[str, float] | None
    mean_dice: float | None
    lowest_dice: float | None
    mean_surface_dice: float | None
    mean_hd95: float | None
    pairs: tuple[PairRow, ...]
    habits: tuple[HabitRow, ...]


class ReadCase(_Plain):
    """One case. With one reader only what was drawn is told.

    ``missing`` names readers of the data set who have no label of this case: left out, not taken as empty.
    ``no_object``: no reader drew anything, so that the quality is 1 by agreement. ``unit`` is what intervals draw,
    the patient where one is known; it is left out of everything that is written.
    """

    case_id: str
    unit: str = Field(default="", exclude=True)
    readers: tuple[str, ...]
    missing: tuple[str, ...]
    length_unit: LengthUnit
    no_object: bool
    kappa: float | None = None
    quality: float | None = None
    quality_by_reader: dict[str, float] = {}
    weight_by_reader: dict[str, float] = {}
    mean_entropy: float | None = None
    structures: tuple[ReadStructure, ...] = ()


class StructureSummary(_Plain):
    """One structure over all cases of two readers or more in which somebody drew it."""

    class_name: str
    n_cases: int
    n_presence_differs: int
    dice: Figure
    surface_dice: Figure
    hd95_mm: Figure
    hd95_voxels: Figure


class PairSummary(_Plain):
    """Two readers of one structure over the cases that both have labels of."""

    class_name: str
    first: str
    second: str
    n_cases: int
    n_presence_differs: int
    dice: Figure
    surface_dice: Figure
    hd95_mm: Figure
    hd95_voxels: Figure


class HabitSummary(_Plain):
    """One reader's habit with one structure.

    ``n_missed``: cases in which more than half of the others drew it and this reader did not; ``n_alone``: the
    other way round.
    """

    class_name: str
    reader: str
    n_cases: int
    n_missed: int
    n_alone: int
    relative_volume: Figure
    slices_top: Figure
    slices_bottom: Figure
    offset_mm: Figure
    offset_voxels: Figure


class ReadersReport(_Plain):
    """How the readers of a data set agree.

    Intervals are 95 %, from drawing patients (cases, where no patient is known) again.
    """

    readers: tuple[str, ...]
    n_cases: int
    n_compared: int
    spec: ReadersSpec
    kappa: Figure
    quality: Figure
    quality_by_reader: dict[str, Figure]
    structures: tuple[StructureSummary, ...]
    pairs: tuple[PairSummary, ...]
    habits: tuple[HabitSummary, ...]
    cases: tuple[ReadCase, ...]
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
