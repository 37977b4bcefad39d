"""Finding the cases of a folder: which layout, which files, which classes, and what could not be used."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_aleatoric.errors import AleatoricError, DataError
from napari_aleatoric.model import (
    CaseFiles,
    ClassTable,
    Dataset,
    Geometry,
    LabelFiles,
    Problem,
    Reporter,
    SilentReporter,
    describe,
)

from ._formats import safe_name
from ._label_values import MAX_CLASSES, counts_of, distinct_values, unknown_values_remark
from ._labels import read_label_array
from ._layouts import FINDERS, Findings, FoundCase, FoundLabel
from ._load import fits
from ._rtstruct import is_rtstruct, rtstruct_names
from ._volumes import read_geometry

__all__ = ["MAX_CLASSES", "scan"]

_QUICK_BYTES = 8 * 2**20  # of label files, most of them compressed a hundredfold
_THREADS = min(4, os.cpu_count() or 1)
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class _Checked:
    """What was learnt from the files of one case."""

    case: FoundCase
    problem: str = ""
    image: Geometry | None = None
    values: Mapping[int, int] = field(default_factory=dict)  # voxels by label value, where they were counted
    structures: tuple[str, ...] = ()


def scan(
    root: Path,
    *,
    layout: str | None = None,
    class_names: Mapping[int, str] | None = None,
    spacing_known: bool | None = None,
    resample: bool = False,
    reporter: Reporter | None = None,
) -> Dataset:
    """Find the cases in a folder, whatever the layout.

    Headers of all files are read; voxels where the classes must be discovered from the labels, and where that is
    quick, so that values that are in no class are remarked on. A case that cannot be used is listed in
    ``problems`` and does not stop the rest.

    Parameters
    ----------
    root : Path
        The folder, or a manifest file in it. Nothing is written there.
    layout : str, optional
        Accept only this layout ("manifest", "decathlon", "nnunet", "paired_folders", "paired_files",
        "rater_files", "label_files", "structure_files", "dicom_folders").
    class_names : mapping of int to str, optional
        Names by label value, instead of those that the layout states or the labels hold. Structures with other
        names than these (one file per structure, RTSTRUCT) are added with the next free values.
    spacing_known : bool, optional
        False to report no millimetres. By default False for photographs and where every image has a spacing of
        1×1×1 mm at the origin, which is what programs write that do not know it.
    resample : bool
        Keep cases whose label lies on another grid than the image, and resample those labels when they are loaded.
    reporter : Reporter, optional
        Told about every case read.

    Returns
    -------
    Dataset
        Cases in the order of their ids.

    Raises
    ------
    DataError
        If nothing is recognised in the folder, or its labels hold more than 255 different values and no names
        were given.
    Cancelled
        If the reporter was asked to stop.
    """
    root = Path(root)
    if not root.exists():
        raise DataError(f"There is no folder {root.name}. Check the path.")
    root = root.resolve()
    report = reporter or SilentReporter()
    findings = _find(root, layout, report)
    names = {int(v): str(n) for v, n in (class_names or findings.class_names).items() if int(v) != 0}
    cases, problems = _unique(findings)
    checked: list[_Checked] = []
    look = _Look.DISCOVER if not names else _Look.COUNT if _is_quick(cases) else _Look.HEADERS
    for done, item in enumerate(_in_threads(lambda c: _check(c, look, resample), cases)):
        report.step(done, len(cases), f"Reading {item.case.case_id}")
        if item.problem:
            problems.append(Problem(item.case.case_id, item.problem))
        else:
            checked.append(item)
    report.step(len(cases), len(cases), "All cases read")

    classes = _classes(names, checked)
    by_name = {c.class_name: c.label_value for c in classes}
    final = sorted((_final(item.case, by_name) for item in checked), key=lambda case: case.case_id)
    readers = sorted({label.reader for case in final for label in case.labels}) or [""]
    known, remark = _spacing(spacing_known, [item.image for item in checked if item.image is not None])
    options = {
        "source": root.name if root.is_file() else "",
        "layout": layout,
        "class_names": {str(v): n for v, n in class_names.items()} if class_names else None,
        "spacing_known": spacing_known,
        "resample": resample,
    }
    return Dataset(
        root=root.parent if root.is_file() else root,
        layout=findings.layout,
        layout_sentence=f"{findings.sentence}{remark}{_unknown_values(classes, checked)}",
        classes=classes,
        cases=tuple(final),
        readers=tuple(readers),
        problems=tuple(sorted(problems, key=lambda p: p.case_id)),
        spacing_known=known,
        resample_labels=resample,
        options=options,
    )


def _find(root: Path, layout: str | None, report: Reporter) -> Findings:
    for finder in FINDERS:
        if root.is_file() and finder is not FINDERS[0]:
            break
        findings = finder(root, lambda name: report.step(0, 1, f"Looking into {name}"))
        if findings is not None and layout in (None, findings.layout) and (findings.cases or findings.problems):
            return findings
    wanted = f" of the layout '{layout}'" if layout else ""
    raise DataError(
        f"No images with labels{wanted} were recognised in {root.name}. Expected a dataset.json (Decathlon, "
        "nnU-Net), images/ beside labels/, one folder for each case with an image and its labels, DICOM series, "
        "or a manifest: a CSV table with the columns case, image, label, reader."
    )


def _unique(findings: Findings) -> tuple[list[FoundCase], list[Problem]]:
    """Cases with ids that are safe as folder names, each once; without a label only where no case has one."""
    cases: list[FoundCase] = []
    problems = list(findings.problems)
    seen: set[str] = set()
    any_label = any(case.labels for case in findings.cases)
    for case in findings.cases:
        case_id = safe_name(case.case_id)
        if any_label and not case.labels:
            problems.append(Problem(case_id, "No label was found for this image; other images have one."))
            continue
        if case_id.casefold() in seen:  # some systems do not tell A from a in folder names
            problems.append(Problem(case_id, "Another case has the same name. Give every case its own name."))
            continue
        seen.add(case_id.casefold())
        cases.append(replace(case, case_id=case_id))
    return cases, problems


def _in_threads(work: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="scan")
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Look(Enum):
    """How closely labels are looked at."""

    HEADERS = 0
    COUNT = 1  # their values are counted, if they can be
    DISCOVER = 2  # their values are the classes


def _is_quick(cases: Sequence[FoundCase]) -> bool:
    """Whether all labels can be read in about a second, going by the size of their files."""
    paths = (path for case in cases for label in case.labels if not label.structures for path in label.paths)
    try:
        return sum(path.stat().st_size for path in paths) <= _QUICK_BYTES
    except OSError:
        return False


def _unknown_values(classes: ClassTable, checked: Iterable[_Checked]) -> str:
    known = classes.names
    strange = [(i.case.case_id, {v: n for v, n in i.values.items() if v not in known}) for i in checked]
    return unknown_values_remark([(case_id, counts) for case_id, counts in strange if counts])


def _check(case: FoundCase, look: _Look, resample: bool) -> _Checked:
    """Read the headers of a case, and its label values if they are wanted."""
    try:
        image = read_geometry(case.image, series_uid=case.series_uid)
        values: Counter[int] = Counter()
        structures: list[str] = []
        for label in case.labels:
            found, names = _check_label(label, image, look, resample)
            values.update(found)
            structures += names
    except AleatoricError as error:
        return _Checked(case, problem=str(error))
    except (OSError, ValueError, RuntimeError) as error:
        return _Checked(
            case, problem=f"The files of this case cannot be read ({type(error).__name__}). Check them."
        )
    return _Checked(case, "", image, values, tuple(dict.fromkeys(structures)))


def _check_label(
    label: FoundLabel, image: Geometry, look: _Look, resample: bool
) -> tuple[dict[int, int], tuple[str, ...]]:
    values: dict[int, int] = {}
    if is_rtstruct(label.paths[0]):
        return values, rtstruct_names(label.paths[0])
    for path in label.paths:
        if look is _Look.DISCOVER and not label.structures:
            data, geometry, _ = read_label_array(path)
            values |= distinct_values(data, path.name)
        else:
            geometry = read_geometry(path)
            if look is _Look.COUNT and not label.structures:
                with suppress(AleatoricError):  # what is wrong with it is said when it is loaded
                    values |= counts_of(read_label_array(path)[0])
        flat_picture = not geometry.spacing_known or not image.spacing_known
        if not fits(geometry, image) and (flat_picture or not resample):
            raise DataError(
                f"{path.name} lies on another grid than its image: {describe(geometry)}; the image has "
                f"{describe(image)}."
                + ("" if flat_picture else " If they do belong together, allow labels to be resampled.")
            )
    return values, label.structures


def _classes(names: dict[int, str], checked: list[_Checked]) -> ClassTable:
    """Classes that were named; else those of structure names, then of values found in label maps."""
    structures = sorted({name for item in checked for name in item.structures}, key=str.casefold)
    if names:
        free = (v for v in range(1, 65536) if v not in names)
        known = {name.casefold() for name in names.values()}
        names = names | {next(free): name for name in structures if name.casefold() not in known}
        return ClassTable.from_names(names)
    values = Counter(v for item in checked for v in item.values)
    if len(values) > MAX_CLASSES:
        raise DataError(
            f"The labels hold {len(values)} different values, more than the {MAX_CLASSES} classes that can be "
            "reviewed at once. Name the classes to review, e.g. 1=liver; 2=tumour."
        )
    found = {value: f"label {value}" for value in values}
    free = (v for v in range(1, 65536) if v not in found)
    return ClassTable.from_names(found | {next(free): name for name in structures})


def _final(case: FoundCase, by_name: Mapping[str, int]) -> CaseFiles:
    folded = {name.casefold(): value for name, value in by_name.items()}
    labels = tuple(
        LabelFiles(label.reader, label.paths, tuple(folded[name.casefold()] for name in label.structures))
        for label in case.labels
    )
    return CaseFiles(case.case_id, case.image, labels, case.patient, case.series_uid)


def _spacing(wish: bool | None, images: list[Geometry]) -> tuple[bool, str]:
    """Whether millimetres mean something in this data set, and a remark if not."""
    if wish is not None:
        return wish, "" if wish else " Lengths are reported in voxels, as asked for."
    if images and not any(g.spacing_known for g in images):
        return False, " The pictures have no physical spacing; lengths are reported in pixels."
    made_up = all(
        g.spacing_zyx_mm == (1.0, 1.0, 1.0)
        and not any(g.origin_lps)
        and bool((np.abs(np.asarray(g.direction_lps)) == np.eye(3)).all())
        for g in images
    )
    if images and made_up:
        return False, (
            " Every image has a spacing of 1×1×1 mm at the origin, so the true spacing seems to be unknown; "
            "lengths are reported in voxels."
        )
    return True, ""
