"""Measurements of a case, each reader's in a file of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry, ItemKey, Measurement

from ._formats import item_folder_name, safe_name
from ._workspace import Workspace
from ._write import write_whole

__all__ = ["measurements_path", "read_measurements", "write_measurements"]

_VERSION = 1


def measurements_path(workspace: Workspace, case_id: str, reader: str) -> Path:
    """Return the file of one reader's measurements of a case; other readers' are never looked at."""
    name = item_folder_name(ItemKey(case_id, reader))
    return workspace.root / "measurements" / safe_name(case_id) / f"{name}.json"


def read_measurements(workspace: Workspace, case_id: str, reader: str, grid: Geometry) -> tuple[Measurement, ...]:
    """Read what a reader has measured in a case.

    Parameters
    ----------
    workspace : Workspace
        Where it is kept.
    case_id, reader : str
        Which case, and whose measurements.
    grid : Geometry
        The grid of the image, in the order of the file; places are indices of it. Of measurements that were made on
        another grid the places in the patient stay, if both spacings are known.

    Returns
    -------
    tuple of Measurement
        In the order in which they were made; empty where there are none.

    Raises
    ------
    DataError
        If the file is not understood, or its measurements cannot be brought to the grid.
    """
    path = measurements_path(workspace, case_id, reader)
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if content["format_version"] != _VERSION:
            raise DataError(f"it is of version {content['format_version']}, expected {_VERSION}")
        made_on = Geometry.from_json(content["grid"])
        found = tuple(Measurement.from_json(each) for each in content["measurements"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"The measurements of {case_id} cannot be read ({error}). Set {path.name} in the folder measurements "
            "aside to begin anew."
        ) from error
    return tuple(_moved(each, made_on, grid) for each in found)


def write_measurements(
    workspace: Workspace, case_id: str, reader: str, grid: Geometry, measurements: tuple[Measurement, ...]
) -> None:
    """Write all that a reader has measured in a case, whole; none is written, too: it says that all were deleted.

    Raises
    ------
    WorkspaceError
        If the file cannot be written.
    """
    path = measurements_path(workspace, case_id, reader)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "format_version": _VERSION,
        "grid": grid.to_json(),
        "measurements": [each.to_json() for each in measurements],
    }
    write_whole(path, json.dumps(content, indent=1).encode())


def _moved(measurement: Measurement, made_on: Geometry, grid: Geometry) -> Measurement:
    """Bring a measurement to another grid of the same patient."""
    if made_on.same_grid(grid) or (made_on.shape_zyx == grid.shape_zyx and not grid.spacing_known):
        return measurement
    turn = made_on.reorientation_to(grid) if made_on.spacing_known and grid.spacing_known else None
    if turn is None:
        raise DataError(
            f"The image of measurement {measurement.measurement_id} lay on another grid, which the present one is "
            "not a turned copy of. Set the file in the folder measurements aside to begin anew."
        )
    moved = grid.index_from_lps(made_on.lps_from_index(measurement.vertices_zyx))
    return Measurement(
        measurement.measurement_id,
        measurement.kind,
        tuple(map(tuple, np.asarray(moved).tolist())),
        turn.axes_zyx.index(measurement.axis),
        measurement.created,
    )
