"""From a raw data set to what nnU-Net learns from: fingerprint, plan, split and preprocessed cases.

nnU-Net's own code looks at, plans and prepares every case; it is asked case by case, in this process, so that a
stop is heard and finished cases are kept.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import write_whole
from napari_aleatoric.model import Reporter, SubReporter
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._nnunet_raw import NNUNET_DATASET
from napari_aleatoric.training._plan import coarsened

from ._nnunet_home import nnunet_home, quiet

__all__ = ["Prepared", "prepare"]

PLANS_NAME = "nnUNetPlans"
_SAMPLES = 10_000_000  # foreground intensities that a fingerprint is worked out from, of all cases together
_USUAL_GB, _USUAL_PATCH, _USUAL_WIDTH = 8.0, 128**3, 32  # what nnU-Net plans for by itself
_PART_USED = 0.8  # of the memory at hand


@dataclass(frozen=True)
class Prepared:
    """What nnU-Net is trained with.

    Parameters
    ----------
    plans, dataset : mapping
        nnU-Net's ``nnUNetPlans.json`` and ``dataset.json``.
    configuration : str
        "2d" or "3d_fullres".
    """

    plans: Mapping[str, Any]
    dataset: Mapping[str, Any]
    configuration: str


def prepare(
    home: Path,
    learn: Sequence[str],
    validation: Sequence[str],
    spec: TrainSpec,
    memory_bytes: int,
    reporter: Reporter,
) -> Prepared:
    """Look at the cases, plan and preprocess; what was done before is not done again.

    Parameters
    ----------
    home : Path
        See `nnunet_home`; the raw data set is there.
    learn, validation : sequence of str
        Names of the cases.
    spec : TrainSpec
        Its limits of patch and grid are told to nnU-Net's planner, as memory and spacing.
    memory_bytes : int
        At hand for training.
    reporter : Reporter
        Hears of every case.
    """
    raw, done = home / "raw" / NNUNET_DATASET, home / "preprocessed" / NNUNET_DATASET
    done.mkdir(parents=True, exist_ok=True)
    about = json.loads((raw / "dataset.json").read_text("utf-8"))
    with nnunet_home(home, planning=True), quiet():
        cases = get_filenames_of_train_images_and_targets(str(raw), about)
        about = {
            name: value for name, value in about.items() if name != "dataset"
        }  # its cases, now with whole paths
        if set(cases) != {*learn, *validation}:
            raise DataError("Expected the cases of the training in nnU-Net's raw data set, got others. Train anew.")
        looking = SubReporter(reporter, 0.0, 0.3, 1.0)
        fingerprint = _fingerprint(done / "dataset_fingerprint.json", cases, about, looking)
        path = done / f"{PLANS_NAME}.json"
        if not path.is_file():
            _plan(fingerprint, spec, memory_bytes)
        plans = json.loads(path.read_text("utf-8"))
        split = [{"train": sorted(learn), "val": sorted(validation) or sorted(learn)}]
        write_whole(done / "splits_final.json", json.dumps(split).encode())
        configuration = _configuration(plans, spec)
        _preprocess(done, cases, plans, about, configuration, SubReporter(reporter, 0.3, 1.0, 1.0))
    return Prepared(plans, about, configuration)


def _fingerprint(
    path: Path, cases: Mapping[str, Any], about: Mapping[str, Any], reporter: Reporter
) -> dict[str, Any]:
    """Sum up shapes, spacings and intensities under the labels, as nnU-Net's planner wants to read them."""
    if path.is_file():
        return dict(json.loads(path.read_text("utf-8")))
    reader = determine_reader_writer_from_dataset_json(dict(about), next(iter(cases.values()))["images"][0])
    found = []
    for number, files in enumerate(cases.values()):
        reporter.step(number, len(cases), f"nnU-Net looks at case {number + 1} of {len(cases)}")
        samples = _SAMPLES // len(cases)
        found.append(DatasetFingerprintExtractor.analyze_case(files["images"], files["label"], reader, samples))
    statistics = {}
    for channel in range(len(about["channel_names"])):
        values = np.concatenate([np.asarray(one[2][channel], dtype=np.float64) for one in found])
        values = values if values.size else np.zeros(1)
        low, middle, high = np.percentile(values, [0.5, 50, 99.5])
        numbers = {
            "mean": values.mean(),
            "median": middle,
            "std": values.std(),
            "min": values.min(),
            "max": values.max(),
            "percentile_99_5": high,
            "percentile_00_5": low,
        }
        statistics[str(channel)] = {name: float(value) for name, value in numbers.items()}
    fingerprint = {
        "spacings": [[float(v) for v in one[1]] for one in found],
        "shapes_after_crop": [[int(v) for v in one[0]] for one in found],
        "foreground_intensity_properties_per_channel": statistics,
        "median_relative_size_after_cropping": float(np.median([one[4] for one in found])),
    }
    write_whole(path, json.dumps(fingerprint, indent=1).encode())
    return fingerprint


def _plan(fingerprint: Mapping[str, Any], spec: TrainSpec, memory_bytes: int) -> None:
    """Let nnU-Net plan, within the limits of the settings; its file of plans is then there."""
    wanted = _USUAL_GB * spec.patch_voxels / _USUAL_PATCH * spec.width / _USUAL_WIDTH
    most = min(wanted, _PART_USED * memory_bytes / 1e9)
    planner = ExperimentPlanner(
        NNUNET_DATASET,
        gpu_memory_target_in_gb=most,
        plans_name=PLANS_NAME,
        overwrite_target_spacing=_spacing(fingerprint, spec),
    )
    planner.UNet_base_num_features = spec.width
    planner.lowres_creation_threshold = 0.0  # of the cascade, which is not trained here
    planner.plan_experiment()


def _spacing(fingerprint: Mapping[str, Any], spec: TrainSpec) -> list[float] | None:
    """Return the grid that is wished, or a coarser one where cases have too many voxels; None: nnU-Net's own."""
    if spec.spacing_zyx_mm is not None:
        return list(spec.spacing_zyx_mm)
    spacing = np.median(np.array(fingerprint["spacings"], dtype=np.float64), axis=0)
    shape = np.median(np.array(fingerprint["shapes_after_crop"], dtype=np.float64), axis=0)
    axes = [1, 2] if shape[0] < 2 else [0, 1, 2]
    coarse = coarsened(shape * spacing, spacing, axes, spec.case_voxels)
    return None if np.array_equal(coarse, spacing) else [float(v) for v in coarse]


def _configuration(plans: Mapping[str, Any], spec: TrainSpec) -> str:
    there = plans["configurations"]
    wanted = {"2d": "2d", "3d": "3d_fullres"}.get(spec.dimensions, "")
    if wanted and wanted not in there:
        raise DataError(f"Expected volumes for dimensions '{spec.dimensions}', got single slices. Take 'auto'.")
    return wanted or ("3d_fullres" if "3d_fullres" in there else "2d")


def _preprocess(
    done: Path,
    cases: Mapping[str, Any],
    plans: Mapping[str, Any],
    about: Mapping[str, Any],
    configuration: str,
    reporter: Reporter,
) -> None:
    """Bring every case to nnU-Net's grid; written beside, then put in place, the last file last."""
    manager = PlansManager(dict(plans))
    chosen = manager.get_configuration(configuration)
    worker, folder = chosen.preprocessor_class(verbose=False), done / chosen.data_identifier
    beside = done / "unfinished"
    shutil.rmtree(beside, ignore_errors=True)
    for path in (folder, beside):
        path.mkdir(parents=True, exist_ok=True)
    for number, (name, files) in enumerate(cases.items()):
        reporter.step(number, len(cases), f"nnU-Net prepares case {number + 1} of {len(cases)}")
        if (folder / f"{name}.pkl").is_file():
            continue
        for ending in (".b2nd", "_seg.b2nd"):
            (folder / f"{name}{ending}").unlink(missing_ok=True)
        worker.run_case_save(str(beside / name), files["images"], files["label"], manager, chosen, dict(about))
        for ending in (".b2nd", "_seg.b2nd", ".pkl"):
            (beside / f"{name}{ending}").replace(folder / f"{name}{ending}")
    shutil.rmtree(beside, ignore_errors=True)
