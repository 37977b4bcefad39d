"""One synthetic patient: image, truth, readers, and the label that a data set would come with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import LabelMap, Volume

from ._anatomy import draw_person
from ._ct import Scan, draw_grid, draw_storage, patient_grid, scan_person
from ._planting import ErrorKind, ErrorRecord, plant_error
from ._readers import draw_readers, majority
from ._spec import CasePlan, SampleSpec, plan_cases

__all__ = ["SampleCase", "make_case"]

_ORGANS = (1, 2, 3, 4)
_KIDNEYS = (3, 4)


@dataclass(frozen=True, eq=False)
class SampleCase:
    """One synthetic patient; all arrays on one grid, in the stored order.

    Parameters
    ----------
    case_id : str
        Name of the case.
    image : Volume
        CT-like image in Hounsfield units, int16.
    truth : LabelMap
        The solids themselves.
    readers : dict of LabelMap
        What each reader drew, by pseudonym.
    given : LabelMap
        The label of the data set: the readers' majority, in some cases with one error planted.
    error : ErrorRecord or None
        What was planted; indices are those of the upright frame.
    """

    case_id: str
    image: Volume
    truth: LabelMap
    readers: dict[str, LabelMap]
    given: LabelMap
    error: ErrorRecord | None


def make_case(spec: SampleSpec, index: int) -> SampleCase:
    """Make case number ``index`` (from 0) of a set; each case can be made by itself, in any order.

    Raises
    ------
    NotFoundError
        If the set has no such case.
    """
    plans = plan_cases(spec)
    if not 0 <= index < len(plans):
        raise NotFoundError(f"Expected a case number from 0 to {len(plans) - 1}, got {index}.")
    plan = plans[index]
    anatomy, scanner, hands, mistake = (np.random.default_rng([spec.seed, index, k]) for k in range(4))
    scan = _scan(spec, plan, index, anatomy, scanner)
    readers = draw_readers(scan.truth, scan.geometry, hands)
    given = majority(list(readers.values()))
    error = None
    if plan.error is not None:
        given, error = _plant(given, plan.error, spec, scan, mistake)
    storage = draw_storage(index)
    stored = storage.apply_geometry(scan.geometry)

    def label(data: NDArray[np.uint8], reader: str = "") -> LabelMap:
        return LabelMap(np.ascontiguousarray(storage.apply(data)), stored, reader)

    return SampleCase(
        case_id=plan.case_id,
        image=Volume(np.ascontiguousarray(storage.apply(scan.image)), stored, "CT"),
        truth=label(scan.truth),
        readers={reader: label(data, reader) for reader, data in readers.items()},
        given=label(given),
        error=error,
    )


def _scan(
    spec: SampleSpec, plan: CasePlan, index: int, anatomy: np.random.Generator, scanner: np.random.Generator
) -> Scan:
    person = draw_person(anatomy, plan.tumour_in)
    geometry = draw_grid(scanner, spec.matrix, tilted=spec.oblique and index % 4 == 2)
    grid = patient_grid(geometry, anatomy)
    return scan_person(person, grid, scanner, noise_hu=float(scanner.uniform(9.0, 16.0)))


def _plant(
    given: NDArray[np.uint8], kind: ErrorKind, spec: SampleSpec, scan: Scan, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], ErrorRecord]:
    """Plant one error into one organ (two for a swap), as happens when one structure was drawn badly."""
    present = [value for value in _ORGANS if np.count_nonzero(given == value) > 50]
    if kind is ErrorKind.SWAP:
        kidneys = [value for value in present if value in _KIDNEYS]
        chosen = kidneys if len(kidneys) == 2 else present  # on a coarse grid one of them may be too small
    else:
        chosen = [int(rng.choice(present))]
    planted, record = plant_error(
        given, kind, spec.severity, rng, class_values=chosen, spacing_zyx=scan.geometry.spacing_zyx_mm
    )
    return planted.astype(np.uint8), record
