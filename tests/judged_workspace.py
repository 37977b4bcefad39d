"""A workspace with a finished model whose masks of the held-out cases are made up: shifted labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_aleatoric.io import Workspace, scan, write_whole
from napari_aleatoric.review import CaseRow, JudgeSpec, ModelRecord, RetrainSpec, judge, model_folder
from napari_aleatoric.review._retraining._case_figures import case_rows
from napari_aleatoric.review._retraining._held_out_masks import write_held_out_mask
from napari_aleatoric.review._retraining._registry import write_judgement, write_record
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.training import TrainSpec

__all__ = ["MODEL", "add_model", "judged_workspace", "reference_of"]

MODEL = "20260103-100000-abcdef12"


def reference_of(ws: Workspace, case_id: str) -> np.ndarray:
    """Class indices of a case's label, upright."""
    key = next(key for key in ws.dataset.items if key.case_id == case_id)
    return ws.dataset.classes.index_map(ws.load_label(*key).upright().data)


def add_model(ws: Workspace, model_id: str = MODEL, shifts: dict[str, tuple[int, ...]] | None = None) -> None:
    """Add a model that draws every label so many voxels to the side, by network and case."""
    shifts = {"after": (1,), "before": (0, 3)} if shifts is None else shifts
    rows: list[CaseRow] = []
    for number, case in enumerate(ws.dataset.cases):
        volume, reference = ws.load_image(case.case_id).upright(), reference_of(ws, case.case_id)
        for who, by_case in shifts.items():
            mask = np.roll(reference, by_case[number % len(by_case)], axis=2)
            found = case_rows(
                who,
                case.case_id,
                case.case_id,
                reference,
                mask,
                None,
                ws.dataset.classes,
                volume.geometry.spacing_zyx_mm,
                tolerance_mm=2.0,
                margin_mm=10.0,
            )
            path = model_folder(ws, model_id) / "held_out" / f"{who}{number}.json"
            write_whole(path, json.dumps([row.model_dump(mode="json") for row in found]).encode())
            write_held_out_mask(path, ws, mask, volume, case.case_id)
            rows += found
    judgement = judge(rows, JudgeSpec(draws=100))
    record = ModelRecord(
        model_id=model_id,
        created=f"{model_id[:4]}-{model_id[4:6]}-{model_id[6:8]}T10:00:05+00:00",
        digest=model_id,
        data_digest="d",
        spec=RetrainSpec(train=TrainSpec.of_preset("quick")).model_dump(mode="json"),
        status="finished",
        sentence=judgement.sentence,
    )
    write_record(ws, record)
    write_judgement(ws, model_id, judgement)


def judged_workspace(folder: Path, n_cases: int = 4) -> Workspace:
    """Small samples, and one model that was judged on all of them: before is right on every other case."""
    write_samples(folder / "data", SampleSpec(n_cases=n_cases, matrix=32))
    ws = Workspace.create(folder / "review", scan(folder / "data"))
    add_model(ws)
    return ws
