"""Images without labels, drawn by a trained model: a data set of proposals that is reviewed like any other."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.io import Workspace, load_image, safe_name, write_label_map, write_whole
from napari_aleatoric.model import CaseFiles, LabelMap, Problem, Reporter
from napari_aleatoric.review._scoring._case import UNREADABLE, reason_in_words
from napari_aleatoric.segmentation import images_in
from napari_aleatoric.training import model_case

from ._case_answer import UNCERTAINTY, image_values
from ._case_desk import file_stamp
from ._registry import ModelRecord

if TYPE_CHECKING:
    from napari_aleatoric.training import SegmentationModel

__all__ = ["propose"]

_MANIFEST, _TABLE = "manifest.csv", "proposals.csv"


def propose(
    ws: Workspace,
    model: SegmentationModel,
    record: ModelRecord,
    images: Path,
    destination: Path,
    reporter: Reporter,
    *,
    mirroring: bool | None = None,
) -> tuple[int, int, list[Problem]]:
    """Draw labels for the images of a folder; those that were drawn before by the same model are left as they are.

    ``manifest.csv`` in the destination names images and proposals, ``proposals.csv`` lists them, the least sure
    first: by the entropy of the model per expected voxel (`image_values`).

    Parameters
    ----------
    ws : Workspace
        Whose classes they get; nothing is written to it but the proposals, if they lie in it.
    model, record : SegmentationModel, ModelRecord
        Who draws.
    images : Path
        Folder of images.
    destination : Path
        A folder outside of the data set and of ``images``.
    reporter : Reporter
        Hears of every image, and may stop within one.
    mirroring : bool, optional
        Whether flipped images are asked about too.

    Returns
    -------
    n_done, n_reused : int
        Images drawn now, and those that were drawn before.
    refused : list of Problem
        What could not be drawn, and why.

    Raises
    ------
    DataError
        If there are no images, or the destination lies where nothing is written to.
    """
    _outside(destination, [ws.dataset_root, images])
    cases = images_in(images)
    kept: dict[str, dict[str, Any]] = {}
    refused: list[Problem] = []
    n_done = 0
    try:
        for number, case in enumerate(cases):
            message = f"Drawing image {number + 1} of {len(cases)}"
            reporter.step(number, len(cases), message)
            about = _identity(case, record, mirroring)
            path = destination / "records" / f"{safe_name(case.case_id)}.json"
            known = _read(path)
            if known is not None and _label(destination, case).is_file() and known | about == known:
                kept[case.case_id] = known
                continue
            try:
                about |= _drawn(
                    ws, model, case, destination, partial(reporter.step, number, len(cases), message), mirroring
                )
            except Cancelled:
                raise
            except UNREADABLE as error:
                refused.append(Problem(case.case_id, reason_in_words(error)))
                continue
            write_whole(path, json.dumps(about, indent=1).encode())
            kept[case.case_id], n_done = about, n_done + 1
    finally:  # also after a stop: what is finished can be looked at
        _write_tables(ws, destination, cases, kept)
    return n_done, len(kept) - n_done, refused


def _drawn(
    ws: Workspace,
    model: SegmentationModel,
    case: CaseFiles,
    destination: Path,
    go_on: Callable[[], None],
    mirroring: bool | None,
) -> dict[str, Any]:
    image = load_image(case)
    volume = image.upright()
    shape = volume.geometry.shape_zyx
    none = np.zeros((1, *shape), dtype=np.uint16)
    found = model.predict(model_case(volume, none, Box.whole(shape), model.plan), shape, go_on, mirroring=mirroring)
    values = np.array([0, *(c.label_value for c in ws.dataset.classes)])
    label = LabelMap(values[found.class_index].astype(np.min_scalar_type(int(values.max()))), volume.geometry)
    write_label_map(_label(destination, case), label.on_grid(image.geometry))
    measured = {
        (name, c): value for name, c, value in image_values(found, [i.class_index for i in ws.dataset.classes])
    }
    return {
        "uncertainty": {
            str(info.class_index): measured.get((UNCERTAINTY, info.class_index)) for info in ws.dataset.classes
        },
        "case_uncertainty": measured.get((UNCERTAINTY, 0)),
    }


def _identity(case: CaseFiles, record: ModelRecord, mirroring: bool | None) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "model": record.model_id,
        "weights": record.weights_digest,
        "mirroring": mirroring,
        "image": file_stamp(case.image),
    }


def _label(destination: Path, case: CaseFiles) -> Path:
    return destination / "labels" / f"{safe_name(case.case_id)}.nii.gz"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _outside(destination: Path, places: Sequence[Path]) -> None:
    place = destination.resolve()
    for folder in (p.resolve() for p in places):
        if place == folder or folder in place.parents:
            raise DataError(
                f"The proposals' folder {destination.name} would lie in a folder of images, which is never written "
                "to. Choose a folder beside it."
            )


def _write_tables(
    ws: Workspace, destination: Path, cases: Sequence[CaseFiles], kept: dict[str, dict[str, Any]]
) -> None:
    names = "; ".join(f"{value}={name}" for value, name in ws.dataset.classes.names.items())
    there = [case for case in cases if case.case_id in kept]
    if not there:
        return
    rows = [
        [c.case_id, _from(destination, c.image), _label(destination, c).relative_to(destination).as_posix(), names]
        for c in there
    ]
    _write_csv(destination / _MANIFEST, ["case", "image", "label", "class_names"], rows)
    least_sure = sorted(there, key=lambda c: (-(kept[c.case_id]["case_uncertainty"] or 0.0), c.case_id))
    table = [
        [case.case_id, *(_number(value) for value in (about["case_uncertainty"], *about["uncertainty"].values()))]
        for case in least_sure
        for about in (kept[case.case_id],)
    ]
    heads = [f"uncertainty of {info.class_name}" for info in ws.dataset.classes]
    _write_csv(destination / _TABLE, ["case", "uncertainty", *heads], table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _write_csv(path: Path, heads: list[str], rows: list[list[str]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(heads)
    table.writerows(rows)
    write_whole(path, text.getvalue().encode())


def _from(folder: Path, path: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
