"""A table that says which files belong together: CSV, or JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from napari_aleatoric.errors import DataError
from napari_aleatoric.io._formats import stem_of
from napari_aleatoric.model import Problem

from ._finding import Findings, FoundCase, FoundLabel

__all__ = ["find_manifest"]

_COLUMNS = ("case", "image", "label", "reader", "patient", "series_uid", "class_name", "label_value", "class_names")


def find_manifest(root: Path, tick: Callable[[str], None]) -> Findings | None:
    """Recognise a manifest: the file itself, or the only table with an ``image`` column in a folder.

    Columns (JSON: keys of each entry of ``cases``): ``image`` and usually ``label``, paths relative to the
    manifest; ``case`` (default: the image's name), ``reader``, ``patient``, ``series_uid``. One row for each label.
    ``class_names`` is "1=liver; 2=tumour" on any row (JSON: ``{"1": "liver"}`` at the top); for one file per
    structure, a row for each with its ``class_name`` and, if wished, ``label_value``.

    Raises
    ------
    DataError
        If the manifest was named by the user and cannot be understood, or if a folder holds two of them.
    """
    tick(root.name)
    if root.is_file():
        found = _read(root)
        if found is None:
            raise DataError(
                f"{root.name} is not a manifest. Expected a CSV table with the columns case, image, label (and "
                "reader), or JSON with a list of such cases."
            )
        return _findings(root, *found)
    tables = [p for p in sorted(root.iterdir()) if p.is_file() and p.suffix.lower() in (".csv", ".json")]
    manifests = [(p, found) for p in tables if p.stat().st_size < 50_000_000 and (found := _read(p)) is not None]
    named = [pair for pair in manifests if pair[0].stem.casefold().startswith("manifest")]
    if not manifests:
        return None
    if len(manifests) > 1 and len(named) != 1:
        names = ", ".join(path.name for path, _ in manifests)
        raise DataError(f"The folder holds several manifests ({names}). Open the one that is meant.")
    path, found = named[0] if named else manifests[0]
    return _findings(path, *found)


def _read(path: Path) -> tuple[list[dict[str, str]], dict[int, str]] | None:
    """Rows and class names of a manifest; None if the file is something else."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    if path.suffix.lower() == ".json":
        return _read_json(text)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows = [
        {str(k).strip().casefold(): str(v or "").strip() for k, v in raw.items() if k is not None}
        for raw in csv.DictReader(io.StringIO(text), delimiter=delimiter)
    ]
    if not rows or "image" not in rows[0]:
        return None
    return rows, _names_of_text(next((r["class_names"] for r in rows if r.get("class_names")), ""))


def _read_json(text: str) -> tuple[list[dict[str, str]], dict[int, str]] | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    entries = content.get("cases") if isinstance(content, dict) else content
    if (
        not isinstance(entries, list)
        or not entries
        or not all(isinstance(e, dict) and "image" in e for e in entries)
    ):
        return None
    rows: list[dict[str, str]] = []
    for entry in entries:
        labels = entry.get("labels") or {str(entry.get("reader") or ""): entry.get("label") or ""}
        if isinstance(labels, list):
            labels = {str(item.get("reader") or ""): item.get("label") or "" for item in labels}
        for reader, label in labels.items():
            row = {key: str(entry[key]) for key in _COLUMNS if isinstance(entry.get(key), str | int)}
            rows.append(row | {"reader": str(reader), "label": str(label)})
    names = content.get("class_names") or content.get("classes") if isinstance(content, dict) else None
    if isinstance(names, Mapping):
        return rows, {int(k): str(v) for k, v in names.items() if str(k).isdigit() and int(k) != 0}
    return rows, {}


def _names_of_text(text: str) -> dict[int, str]:
    pairs = (re.fullmatch(r"\s*(-?\d+)\s*[=:]\s*(.+?)\s*", part) for part in re.split("[;|]", text))
    return {int(m.group(1)): m.group(2) for m in pairs if m is not None and int(m.group(1)) != 0}


def _findings(path: Path, rows: list[dict[str, str]], names: dict[int, str]) -> Findings:
    findings = Findings("manifest", "", class_names=dict(names))
    base = path.parent
    grouped: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        case_id = row.get("case") or (stem_of(Path(row["image"])) if row.get("image") else "")
        if not row.get("image"):
            findings.problems.append(Problem(case_id or "?", f"A row of {path.name} names no image."))
            continue
        grouped.setdefault(case_id, []).append(row)
    for case_id, group in grouped.items():
        problem = _check(base, group, path.name)
        if problem:
            findings.problems.append(Problem(case_id, problem))
            continue
        findings.cases.append(
            FoundCase(
                case_id,
                base / group[0]["image"],
                _labels_of(base, group),
                group[0].get("patient", ""),
                group[0].get("series_uid", ""),
            )
        )
    for row in rows:
        if row.get("class_name") and row.get("label_value", "").isdigit():
            findings.class_names[int(row["label_value"])] = row["class_name"]
    findings.sentence = f"The manifest {path.name} lists {len(grouped)} cases."
    return findings


def _check(base: Path, group: list[dict[str, str]], name: str) -> str:
    if len({row["image"] for row in group}) > 1:
        return f"{name} gives this case several images. Use one case name for each image."
    for row in group:
        for key in ("image", "label"):
            if row.get(key) and not (base / row[key]).exists():
                return f"{name} lists {Path(row[key]).name}, which is not there."
    plain = [row.get("reader", "") for row in group if row.get("label") and not row.get("class_name")]
    if len(set(plain)) < len(plain):
        return f"{name} gives this case two labels by the same reader. Name the reader in the column 'reader'."
    return ""


def _labels_of(base: Path, group: list[dict[str, str]]) -> tuple[FoundLabel, ...]:
    by_reader: dict[str, list[dict[str, str]]] = {}
    for row in group:
        if row.get("label"):
            by_reader.setdefault(row.get("reader", ""), []).append(row)
    labels = []
    for reader, items in sorted(by_reader.items()):
        structures = tuple(row.get("class_name", "") for row in items)
        labels.append(
            FoundLabel(reader, tuple(base / row["label"] for row in items), structures if all(structures) else ())
        )
    return tuple(labels)
