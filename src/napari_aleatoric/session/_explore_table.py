"""All items with everything that plots and filter know of them, as the bytes of a table file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from napari_aleatoric.errors import MissingExtraError

if TYPE_CHECKING:
    from napari_aleatoric.review import FilterPreview, QueueColumns

__all__ = ["can_write_parquet", "csv_bytes", "explore_table", "parquet_bytes"]

_PARQUET = "Parquet needs pyarrow, which is not installed. Install it with: pip install pyarrow, or save as CSV."


def explore_table(
    columns: QueueColumns, preview: FilterPreview | None, measures: Iterable[str]
) -> dict[str, list[Any]]:
    """Collect a table with a row for each item, in the order of the data set.

    Parameters
    ----------
    columns : QueueColumns
        The items.
    preview : FilterPreview, optional
        What the filter keeps.
    measures : iterable of str
        Which measures: a column for the whole case, and one for each class that has values, named
        ``measure[class]``.

    Returns
    -------
    dict of str to list
        Columns by name: texts, truth values and numbers; NaN = not measured.
    """
    import numpy as np

    from napari_aleatoric.review import STATUSES, FilterReason, measure_values

    table: dict[str, list[Any]] = {
        "case": [key.case_id for key in columns.keys],
        "label_reader": [key.label_reader for key in columns.keys],
        "status": [STATUSES[code] for code in columns.status.tolist()],
        "class": [columns.classes.name_of(c) if c else "" for c in columns.driving_class.tolist()],
        "stale": columns.stale.tolist(),
    }
    if preview is not None:
        table["kept"] = preview.keep.tolist()
        table["filter"] = [FilterReason(code).name.lower() for code in preview.why.tolist()]
    for measure in measures:
        for c in (0, *(item.class_index for item in columns.classes)):
            values = columns.spread(measure_values(columns.table, measure, c))
            if c == 0 or not np.isnan(values).all():
                table[f"{measure}[{columns.classes.name_of(c)}]" if c else measure] = values.tolist()
    return table


def csv_bytes(table: Mapping[str, list[Any]]) -> bytes:
    """Return the table as CSV in UTF-8; a missing number is an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(["" if isinstance(v, float) and math.isnan(v) else v for v in row])
    return stream.getvalue().encode()


def can_write_parquet() -> bool:
    """Whether the library for it is installed; it is none of ours, being large."""
    return find_spec("pyarrow") is not None


def parquet_bytes(table: Mapping[str, list[Any]]) -> bytes:
    """Return the table as Parquet; a missing number is null.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    """
    if not can_write_parquet():
        raise MissingExtraError(_PARQUET)
    import pyarrow
    import pyarrow.parquet

    columns = {
        name: pyarrow.array([None if isinstance(v, float) and math.isnan(v) else v for v in values])
        for name, values in table.items()
    }
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), stream)
    return stream.getvalue()
