"""What may be chosen about the synthetic abdomens, and what follows for each case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from napari_aleatoric.model import ClassTable, Spec

from ._planting import ErrorKind, Severity

__all__ = ["SAMPLE_CLASSES", "CasePlan", "SampleSpec", "TumourHost", "plan_cases"]

TumourHost = Literal["", "liver", "right kidney", "left kidney"]

SAMPLE_CLASSES = ClassTable.from_names({1: "liver", 2: "spleen", 3: "right kidney", 4: "left kidney", 5: "tumour"})
"""Classes of every sample data set; label value = class index."""

_HOSTS: tuple[TumourHost, ...] = ("liver", "", "right kidney", "", "left kidney", "")
_KINDS = (
    ErrorKind.OVER,
    ErrorKind.MISSING,
    ErrorKind.SHIFT,
    ErrorKind.DROPCLASS,
    ErrorKind.SWAP,
    ErrorKind.BLOB,
    ErrorKind.JITTER,
    ErrorKind.UNDER,
)


class SampleSpec(Spec):
    """A set of CT-like abdomens; the same spec gives the same voxels."""

    n_cases: int = Field(default=24, ge=1, le=10_000, description="Number of cases.")
    seed: int = Field(default=0, ge=0, description="Any other number gives other patients.")
    matrix: int = Field(default=96, ge=32, le=512, description="Voxels from the patient's right to left.")
    error_fraction: float = Field(
        default=0.25, ge=0.0, le=1.0, description="Share of cases whose given label carries one planted error."
    )
    severity: Severity = Field(default=Severity.SEVERE, description="How bad the planted errors are.")
    tumours: bool = Field(default=True, description="Whether half of the cases have a tumour.")
    oblique: bool = Field(default=True, description="Whether every fourth case is tilted against the patient.")


@dataclass(frozen=True)
class CasePlan:
    """What was drawn by lot for one case before its first voxel.

    Parameters
    ----------
    case_id : str
        Name of the case.
    tumour_in : str
        Organ that carries a tumour; "" for none.
    error : ErrorKind or None
        Kind of error planted into the given label.
    """

    case_id: str
    tumour_in: TumourHost
    error: ErrorKind | None


def plan_cases(spec: SampleSpec) -> tuple[CasePlan, ...]:
    """Say for every case whether it has a tumour and which error; kinds take turns."""
    rng = np.random.default_rng([spec.seed, 2**31])
    n_errors = round(spec.n_cases * spec.error_fraction)
    wrong = rng.permutation(spec.n_cases)[:n_errors]
    kind_of = {int(case): _KINDS[turn % len(_KINDS)] for turn, case in enumerate(wrong)}
    hosts = rng.permutation(spec.n_cases)
    return tuple(
        CasePlan(
            case_id=f"abdomen_{index + 1:03d}",
            tumour_in=_HOSTS[int(hosts[index]) % len(_HOSTS)] if spec.tumours else "",
            error=kind_of.get(index),
        )
        for index in range(spec.n_cases)
    )
