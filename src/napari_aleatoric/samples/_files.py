"""A sample set on disk: Medical Segmentation Decathlon layout, readers and truth beside it."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import Geometry, Reporter, SilentReporter

from ._case import SampleCase, make_case
from ._planting import ErrorRecord
from ._readers import HABITS
from ._spec import SAMPLE_CLASSES, SampleSpec, plan_cases

__all__ = ["is_complete", "read_truth", "write_samples"]


def write_samples(folder: Path, spec: SampleSpec | None = None, reporter: Reporter | None = None) -> None:
    """Write a sample set.

    ``folder`` gets ``dataset.json``, ``imagesTr/`` and ``labelsTr/`` (Decathlon layout); beside them
    ``readers/<reader>/`` with every reader's labels and ``readers/manifest.csv`` (case, image, label, reader),
    and ``truth/`` with the labels without error and ``truth.json`` with what was planted where.

    Parameters
    ----------
    folder : Path
        New, empty, or holding the same set from before.
    spec : SampleSpec, optional
        The default set of 24 cases if left out.
    reporter : Reporter, optional
        Told after every case; may stop the work.

    Raises
    ------
    DataError
        If the folder holds something else.
    Cancelled
        If the reporter says so.
    """
    spec, reporter = spec or SampleSpec(), reporter or SilentReporter()
    _refuse_foreign(folder)
    for name in ("imagesTr", "labelsTr", "truth/labels", *(f"readers/{h.reader}" for h in HABITS)):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "truth" / "truth.json").unlink(missing_ok=True)
    errors: dict[str, ErrorRecord | None] = {}
    reporter.step(0, spec.n_cases, f"Drawing {spec.n_cases} cases")
    with ThreadPoolExecutor(max_workers=2) as pool:
        work = [pool.submit(_make_and_write, folder, spec, index) for index in range(spec.n_cases)]
        try:
            for done, future in enumerate(work, start=1):
                case_id, error = future.result()
                errors[case_id] = error
                reporter.step(done, spec.n_cases, f"{done} of {spec.n_cases} cases drawn")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    _write_text(folder / "dataset.json", _dataset_json(list(errors)))
    _write_text(folder / "readers" / "manifest.csv", _manifest_csv(list(errors)))
    _write_text(folder / "truth" / "truth.json", _truth_json(spec, errors))  # last: marks the set complete


def read_truth(folder: Path) -> dict[str, ErrorRecord | None]:
    """Return, for every case of a sample set, the planted error or None.

    Raises
    ------
    NotFoundError
        If the folder holds no sample set, or one that was not finished.
    DataError
        If the file is damaged.
    """
    path = folder / "truth" / "truth.json"
    if not path.is_file():
        raise NotFoundError("Expected truth/truth.json in the folder of a sample set; write the set anew.")
    try:
        cases: dict[str, dict[str, Any] | None] = json.loads(path.read_text(encoding="utf-8"))["cases"]
        return {name: None if value is None else ErrorRecord.from_json(value) for name, value in cases.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"truth/truth.json is damaged ({error}); write the set anew.") from error


def is_complete(folder: Path, spec: SampleSpec) -> bool:
    """Whether the folder holds exactly this set, finished."""
    path = folder / "truth" / "truth.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["spec"]
    except (OSError, KeyError, TypeError, ValueError):
        return False
    return bool(found == spec.model_dump(mode="json"))


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError("Expected a folder for the samples, got a file; choose another place.")
    ours = {"dataset.json", "imagesTr", "labelsTr", "readers", "truth"}
    found = {p.name for p in folder.iterdir() if not p.name.startswith(".")} if folder.is_dir() else set()
    description = folder / "dataset.json"
    own = not found or (folder / "truth").is_dir()
    if description.is_file():
        own = own and '"napari-aleatoric samples"' in description.read_text(encoding="utf-8", errors="replace")
    if not own or found - ours:
        raise DataError(
            "Expected a new or empty folder for the samples, got one that holds other files; choose another place."
        )


def _make_and_write(folder: Path, spec: SampleSpec, index: int) -> tuple[str, ErrorRecord | None]:
    case = make_case(spec, index)
    _write_case(folder, case)
    return case.case_id, case.error


def _write_case(folder: Path, case: SampleCase) -> None:
    name = f"{case.case_id}.nii.gz"
    _write_nifti(folder / "imagesTr" / name, case.image.data, case.image.geometry)
    _write_nifti(folder / "labelsTr" / name, case.given.data, case.given.geometry)
    _write_nifti(folder / "truth" / "labels" / name, case.truth.data, case.truth.geometry)
    for reader, label in case.readers.items():
        _write_nifti(folder / "readers" / reader / name, label.data, label.geometry)


def _write_nifti(path: Path, data: NDArray[Any], geometry: Geometry) -> None:
    import SimpleITK as sitk

    image: Any = sitk.GetImageFromArray(data)
    image.SetSpacing(geometry.spacing_zyx_mm[::-1])
    image.SetOrigin(geometry.origin_lps)
    image.SetDirection(np.asarray(geometry.direction_lps).ravel().tolist())
    part = path.with_name(f".{path.name}.part.nii.gz")
    sitk.WriteImage(image, str(part), useCompression=True)
    part.replace(path)


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _dataset_json(case_ids: list[str]) -> str:
    content = {
        "name": "napari-aleatoric samples",
        "description": "Synthetic CT-like abdomens; a known share of the labels carries one planted error.",
        "reference": "napari-aleatoric",
        "licence": "CC0-1.0",
        "release": "1",
        "tensorImageSize": "3D",
        "modality": {"0": "CT"},
        "labels": {"0": "background", **{str(c.label_value): c.class_name for c in SAMPLE_CLASSES}},
        "numTraining": len(case_ids),
        "numTest": 0,
        "training": [
            {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in case_ids
        ],
        "test": [],
    }
    return json.dumps(content, indent=1)


def _manifest_csv(case_ids: list[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case", "image", "label", "reader"])
    for name in case_ids:
        for habit in HABITS:
            writer.writerow([name, f"../imagesTr/{name}.nii.gz", f"{habit.reader}/{name}.nii.gz", habit.reader])
    return text.getvalue()


def _truth_json(spec: SampleSpec, errors: dict[str, ErrorRecord | None]) -> str:
    content = {
        "format": 1,
        "spec": spec.model_dump(mode="json"),
        "readers": {habit.reader: habit.sentence for habit in HABITS},
        "tumour_in": {plan.case_id: plan.tumour_in for plan in plan_cases(spec)},
        "cases": {name: None if error is None else error.to_json() for name, error in errors.items()},
    }
    return json.dumps(content, indent=1)
