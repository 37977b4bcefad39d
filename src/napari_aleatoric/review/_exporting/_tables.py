"""The tables of an export, as the bytes of JSON and CSV files. Pure: nothing is read or written."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from napari_aleatoric.model import Decision, ItemKey
from napari_aleatoric.review._ranking._queue import Queue
from napari_aleatoric.review._storage._correction_log import Correction
from napari_aleatoric.review._storage._fold import undone_ids
from napari_aleatoric.review._storage._prompt_use import prompt_words

__all__ = ["decision_tables", "how_drawn", "score_table", "version_tables"]


def decision_tables(log: Sequence[Decision]) -> dict[str, bytes]:
    """``decisions.json|csv``: the whole log, undone entries marked."""
    by_item: dict[ItemKey, list[Decision]] = {}
    for decision in log:
        by_item.setdefault(decision.key, []).append(decision)
    undone = {d for entries in by_item.values() for d in undone_ids(entries)}
    rows = [{**d.model_dump(mode="json"), "undone": d.decision_id in undone} for d in log]
    return _both("decisions", [*Decision.model_fields, "undone"], rows)


def how_drawn(version: Correction | None) -> dict[str, Any]:
    """Say how a label came to differ from the original.

    Parameters
    ----------
    version : Correction or None
        The version; None = the original.

    Returns
    -------
    dict
        ``changed`` ("" = not at all, "by hand", "with prompts", "by a machine"), ``machine`` (its name), and
        ``prompts``: for each promptable segmenter whose masks are in it, its name and the number of boxes and
        clicks.
    """
    if version is None or version.is_original:
        return {"changed": "", "machine": "", "prompts": []}
    how = "by a machine" if version.machine else "with prompts" if version.prompts else "by hand"
    return {"changed": how, "machine": version.machine, "prompts": [dict(vars(use)) for use in version.prompts]}


def version_tables(versions: Sequence[Correction]) -> dict[str, bytes]:
    """``versions.json|csv``: every saved label version, oldest first; who drew it, when, and with which models.

    In the CSV, ``prompts`` is a sentence, and ``n_boxes`` and ``n_clicks`` are the sums over all models.
    """
    rows: list[dict[str, Any]] = [
        {
            "label_version": version.correction_id,
            "case": version.key.case_id,
            "label_reader": version.key.label_reader,
            "created": version.created.isoformat(),
            "reader": version.reader,
            **how_drawn(version),
            "comment": version.comment,
            "follows": version.follows,
            "restores": "original" if version.is_original else version.restores,
            "label_hash": version.label_hash,
        }
        for version in versions
    ]
    flat = [
        {
            **row,
            "prompts": prompt_words(version.prompts),
            "n_boxes": sum(use.n_boxes for use in version.prompts),
            "n_clicks": sum(use.n_clicks for use in version.prompts),
        }
        for row, version in zip(rows, versions, strict=True)
    ]
    names = ["label_version", "case", "label_reader", "created", "reader", "changed", "machine", "prompts"]
    names += ["n_boxes", "n_clicks", "comment", "follows", "restores", "label_hash"]
    return {**_both("versions", names, rows), "versions.csv": _table(names, flat)}


def score_table(queue: Queue) -> dict[str, bytes]:
    """``scores.csv``: a row for each item, worst first: place, score, what drives it, status, every raw value."""
    classes, table = queue.classes, queue.table
    row_of = {key: row for row, key in enumerate(table.keys)}
    columns = sorted(table.columns)
    head = ["place", "case", "label_reader", "score", "class", "part", "status", "quality", "stale", "n_flags"]
    head += [m if c == 0 else f"{m}[{classes.name_of(c)}]" for m, c in columns]
    rows = []
    for row in queue:
        found = row_of.get(row.key)
        values = [math.nan if found is None else float(table.columns[name][found]) for name in columns]
        first = [row.place, *row.key, row.score, row.class_name, row.part, row.status, row.quality, row.stale]
        rows.append([_cell(v) for v in (*first, row.n_flags, *values)])
    return {"scores.csv": _csv(head, rows)}


def _both(name: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    text = json.dumps(rows, indent=1, ensure_ascii=False)
    return {f"{name}.json": text.encode(), f"{name}.csv": _table(columns, rows)}


def _table(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> bytes:
    return _csv(columns, ([_cell(row.get(name)) for name in columns] for row in rows))


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return repr(value) if isinstance(value, float) else str(value)


def _csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue().encode()
