"""Cases of a workspace as a network takes them: read once, brought to its grid, kept until the labels change."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.io import (
    Workspace,
    has_map,
    on_image_grid,
    read_map,
    write_whole,
)
from napari_aleatoric.model import ItemKey, LabelMap, Reporter, Volume
from napari_aleatoric.review._labels._learning_weight import WEIGHT_MAP
from napari_aleatoric.review._scoring._case import CaseReader
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.training import (
    CaseGrid,
    CaseShelf,
    ModelPlan,
    NetCase,
    NnUNetPlan,
    Normalisation,
    ReadersName,
    case_grid,
    learned_labels,
    model_case,
    shelf_name,
)
from napari_aleatoric.uncertainty import LABEL_RISK_MAP

from ._pseudo_cases import PseudoCases
from ._selection import LearnedCase
from ._split import retraining_folder

__all__ = ["CaseDesk", "CaseFacts", "file_stamp", "label_values", "normalisation_of"]

_SAMPLES = 500  # intensities of a case that the normalisation of a CT is worked out from


@dataclass(frozen=True)
class CaseFacts:
    """What a plan needs to know of a case.

    Parameters
    ----------
    grid : CaseGrid
        Upright.
    n_channels : int
        1 grey, 3 colour.
    modality : str
        "CT", "MR", ... or "".
    intensities : tuple of float
        A few, from under the labels.
    classes : tuple of int
        Class indices that are labelled.
    """

    grid: CaseGrid
    n_channels: int
    modality: str
    intensities: tuple[float, ...]
    classes: tuple[int, ...]


class CaseDesk:
    """Reads the cases of a workspace with the label versions that count now.

    Parameters
    ----------
    ws, store : Workspace, ReviewStore
        Where things are.
    voxel_weights : bool
        Whether voxels count 1 minus their label risk, where nobody has looked.
    pseudo : PseudoCases, optional
        Where proposals are.
    """

    def __init__(
        self, ws: Workspace, store: ReviewStore, *, voxel_weights: bool, pseudo: PseudoCases | None = None
    ) -> None:
        self._ws, self._voxel_weights, self._pseudo = ws, voxel_weights, pseudo
        self._corrections = {k: found for k, (found, _) in store.correction_counts().items() if found is not None}
        self._reader = CaseReader(ws, store, self._corrections)
        self._folder = retraining_folder(ws) / "cases"

    def digest(self, case: LearnedCase) -> str:
        """Return 32 hexadecimal digits for everything that is learned from a case, its weight apart."""
        parts = [case.case_id, json.dumps(self._ws.dataset.classes.to_json())]
        for key in _keys(case):
            parts += [key.label_reader, self._ws.fingerprint(*key), self._corrections.get(key, "")]
            parts += [f"{name}:{file_stamp(path)}" for name, path in self._weight_files(key, case)]
        if case.proposal and self._pseudo is not None:
            files = self._pseudo.files(case.proposal)
            parts += [file_stamp(files.image), *(file_stamp(p) for label in files.labels for p in label.paths)]
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()

    def read(self, case: LearnedCase) -> tuple[Volume, NDArray[np.uint16]]:
        """Read image and labels.

        Returns
        -------
        Volume
            Upright.
        numpy.ndarray of uint16, shape (R, Z, Y, X)
            Class indices by reader.
        """
        if case.proposal and self._pseudo is not None:
            return self._pseudo.read(case.proposal)
        files = self._ws.dataset.case(case.case_id)
        wanted = tuple(label for label in files.labels if label.reader in case.readers)
        loaded = self._reader.read(replace(files, labels=wanted))
        return loaded.volume, loaded.labels

    def facts(self, case: LearnedCase) -> CaseFacts:
        """Count what a plan needs; kept until the case changes."""
        path = self._folder / f"{self.digest(case)}.json"
        try:
            return _facts_from(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        volume, labels = self.read(case)
        inside = volume.data[labels.any(axis=0)]
        rng = np.random.default_rng(0)
        drawn = rng.choice(inside.ravel(), min(_SAMPLES, inside.size), replace=False) if inside.size else inside
        grid = case_grid(volume, Box.whole(volume.geometry.shape_zyx))
        about = {
            "grid": [grid.shape_zyx, grid.spacing_zyx_mm],
            "n_channels": 3 if volume.is_rgb else 1,
            "modality": volume.modality,
            "intensities": [float(v) for v in drawn.ravel() if np.isfinite(v)],
            "classes": [int(c) for c in np.unique(labels) if c],
        }
        write_whole(path, json.dumps(about).encode())
        return _facts_from(about)

    def net_case(self, case: LearnedCase, plan: ModelPlan, readers: ReadersName = "random") -> NetCase:
        """Bring a case to the network's grid; the whole image, as a new one would come."""
        volume, labels = self.read(case)
        box = Box.whole(volume.geometry.shape_zyx)
        weight = self._voxel_weight(case, volume.geometry.shape_zyx)
        return model_case(volume, learned_labels(labels, readers), box, plan, weight)

    def image_case(self, case_id: str, plan: ModelPlan | NnUNetPlan) -> tuple[NetCase, Volume]:
        """Bring an image alone to the network's grid; its labels are not read."""
        volume = self._ws.load_image(case_id).upright()
        none = np.zeros((1, *volume.geometry.shape_zyx), dtype=np.uint16)
        return model_case(volume, none, Box.whole(volume.geometry.shape_zyx), plan), volume

    def shelf(self, plan: ModelPlan) -> CaseShelf:
        """Return the shelf of all cases on the grid of a plan."""
        return CaseShelf(retraining_folder(self._ws) / "shelves" / _grid_digest(plan))

    def fill(
        self, plan: ModelPlan, cases: Sequence[LearnedCase], reporter: Reporter, readers: ReadersName = "random"
    ) -> dict[str, str]:
        """Put on the shelf what is not there, labels as readers are learned from; return all names by case id."""
        shelf = self.shelf(plan)
        names = {case.case_id: shelf_name(self.digest(case), readers) for case in cases}
        for done, case in enumerate(cases):
            reporter.step(done, len(cases), f"Made ready {done} of {len(cases)} cases")
            if not shelf.has(names[case.case_id]):
                shelf.put(names[case.case_id], self.net_case(case, plan, readers))
        return names

    def keep_only(self, plan: ModelPlan) -> None:
        """Delete the shelves of other grids; all shelves are caches."""
        shelves = retraining_folder(self._ws) / "shelves"
        for folder in shelves.iterdir() if shelves.is_dir() else ():
            if folder.name != _grid_digest(plan):
                shutil.rmtree(folder, ignore_errors=True)

    def _weight_files(self, key: ItemKey, case: LearnedCase) -> list[tuple[str, Path]]:
        names = [WEIGHT_MAP]
        if self._voxel_weights and not case.looked_at:
            names.append(LABEL_RISK_MAP)
        return [(name, read_map(self._ws, key, name).path) for name in names if has_map(self._ws, key, name)]

    def _voxel_weight(self, case: LearnedCase, shape_zyx: tuple[int, int, int]) -> NDArray[np.float32] | None:
        """How much each voxel counts, mean over the readers: what was painted, times 1 − label risk."""
        weights, any_map = [], False
        for key in _keys(case):
            weight = np.ones(shape_zyx, dtype=np.float32)
            for name, _ in self._weight_files(key, case):
                found = read_map(self._ws, key, name)
                if found.geometry.shape_zyx != shape_zyx:  # of an image that was replaced since
                    continue
                whole = found.of(0).astype(np.float32) / 255
                weight *= whole if name == WEIGHT_MAP else 1 - whole
                any_map = True
            weights.append(weight)
        return np.mean(weights, axis=0, dtype=np.float32) if any_map else None


def normalisation_of(facts: Sequence[CaseFacts]) -> Normalisation | None:
    """One range for a data set of CT, whose numbers mean something; None: every image by itself."""
    together = np.array([v for f in facts for v in f.intensities])
    if not facts or any(f.modality != "CT" for f in facts) or np.unique(together).size < 2:
        return None
    return Normalisation.of_labelled(together)


def label_values(ws: Workspace, class_index: NDArray[np.integer[Any]], volume: Volume, case_id: str) -> LabelMap:
    """Turn class indices on the upright grid into label values on the image's own grid."""
    values = np.array([0, *(c.label_value for c in ws.dataset.classes)])
    kind = np.min_scalar_type(int(values.max()))
    label = LabelMap(values[class_index].astype(kind), volume.geometry)
    return on_image_grid(label, ws.grid(case_id))


def _keys(case: LearnedCase) -> list[ItemKey]:
    return [ItemKey(case.case_id, reader) for reader in case.readers]


def file_stamp(path: Path) -> str:
    """Return size and date of a file, or of all files of a folder; "" if it cannot be looked at."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        stats = [each.stat() for each in files if each.is_file()]
    except OSError:
        return ""
    return f"{sum(s.st_size for s in stats)} {max((s.st_mtime_ns for s in stats), default=0)}"


def _grid_digest(plan: ModelPlan) -> str:
    values = plan.to_json()
    kept = {name: values[name] for name in ("n_channels", "spacing_zyx_mm", "normalisation")}
    text = json.dumps({**kept, "flat": plan.is_flat}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _facts_from(about: Mapping[str, Any]) -> CaseFacts:
    (z, y, x), (dz, dy, dx) = about["grid"]
    return CaseFacts(
        CaseGrid((int(z), int(y), int(x)), (float(dz), float(dy), float(dx))),
        int(about["n_channels"]),
        str(about["modality"]),
        tuple(float(v) for v in about["intensities"]),
        tuple(int(c) for c in about["classes"]),
    )
