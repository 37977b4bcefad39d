"""The comparison of readers as a table, as the bytes of a CSV file. Pure: nothing is read or written."""

from __future__ import annotations

import csv
import io
from typing import Any

from ._record import ReadersReport

__all__ = ["readers_csv"]

_COLUMNS = (
    "case",
    "class",
    "row",
    "reader",
    "other",
    "voxels",
    "volume_ml",
    "dice",
    "surface_dice",
    "hd95",
    "relative_volume",
    "slices_top",
    "slices_bottom",
    "offset",
    "length_unit",
    "presence_differs",
    "quality",
)


def readers_csv(report: ReadersReport) -> bytes:
    """Return one line for every reader and every pair of readers of every structure of every case.

    ``row`` is "reader" (``relative_volume`` to ``offset`` against the consensus of the others; ``quality`` is of
    the whole case) or "pair". Cells that do not apply, or cannot be told, are empty.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for case in report.cases:
        for structure in case.structures:
            same = {"case": case.case_id, "class": structure.class_name, "length_unit": case.length_unit}
            habits = {habit.reader: habit for habit in structure.habits}
            for reader, n_voxels in structure.voxels.items():
                row: dict[str, Any] = {**same, "row": "reader", "reader": reader, "voxels": n_voxels}
                row["volume_ml"] = None if structure.volume_ml is None else structure.volume_ml[reader]
                row["quality"] = case.quality_by_reader.get(reader)
                if habit := habits.get(reader):
                    row |= habit.model_dump(include={"relative_volume", "slices_top", "slices_bottom", "offset"})
                    row["presence_differs"] = habit.drew != habit.others_drew
                writer.writerow(row)
            for pair in structure.pairs:
                told = pair.model_dump(include={"dice", "surface_dice", "hd95", "presence_differs"})
                writer.writerow({**same, "row": "pair", "reader": pair.first, "other": pair.second, **told})
    return text.getvalue().encode()
