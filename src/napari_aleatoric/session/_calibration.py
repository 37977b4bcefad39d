"""What is known about which measure works on the open data set. Files are read: not for the main thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_aleatoric.io import Workspace

if TYPE_CHECKING:
    from napari_aleatoric.review import CalibrateSpec, CalibrationRecord, ReviewStore

__all__ = ["CalibrationNews", "calibration_news", "calibration_spec"]


@dataclass(frozen=True)
class CalibrationNews:
    """The last calibration of a data set.

    Parameters
    ----------
    record : CalibrationRecord or None
        What it showed; None if there was none.
    current : bool
        Whether images and labels are still those that were calibrated on.
    order : str
        The order that the queue of the data set has by default now.
    """

    record: CalibrationRecord | None
    current: bool
    order: str


def calibration_news(workspace: Workspace, store: ReviewStore) -> CalibrationNews:
    """Read the last calibration of a workspace and see whether it still holds.

    Raises
    ------
    WorkspaceError
        If its record is damaged.
    """
    from napari_aleatoric.review import default_order, labels_digest, read_calibration

    record = read_calibration(workspace)
    current = record is not None and record.labels_digest == labels_digest(workspace, store)
    return CalibrationNews(record, current, default_order(workspace))


def calibration_spec(workspace: Workspace, rounds: int, fraction: float, error_rate: float) -> CalibrateSpec:
    """Return the settings of a calibration that scores as the workspace was scored last.

    Parameters
    ----------
    workspace : Workspace
        The open one.
    rounds : int
        How often errors are planted.
    fraction, error_rate : float
        Part of the cases that gets an error; part of the labels that is expected to be wrong.
    """
    from napari_aleatoric.review import CalibrateSpec, last_score_spec

    score = last_score_spec(workspace)
    return CalibrateSpec(seeds=rounds, fraction=fraction, error_rate=error_rate, score=score)
