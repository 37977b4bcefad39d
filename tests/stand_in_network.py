"""A network that needs no torch: it learns one intensity per class. It stands in for the trained ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import Reporter, SilentReporter
from napari_aleatoric.training import ModelPlan, NetCase, Prediction, TrainSpec
from napari_aleatoric.uncertainty import binary_entropy

_HERE = "napari_aleatoric.review._retraining"


class StandIn:
    """One intensity per class; a voxel is the class of the nearest."""

    def __init__(self, folder: Path, plan: ModelPlan, levels: list[float], members: int) -> None:
        self.folder, self.plan, self.levels, self.members = folder, plan, levels, members
        self.digest = f"{abs(hash(tuple(levels))):016x}"[:16]
        self.asked = 0

    def predict(self, case: NetCase, shape_zyx, go_on=None, *, mirroring=None) -> Prediction:
        assert case.image.shape[1:] == shape_zyx
        if go_on is not None:
            go_on()
        self.asked += 1
        levels = np.array(self.levels)[:, None, None, None]
        distance = (case.image[0].astype(np.float64) - levels) ** 2 / 500
        p = np.exp(-(distance - distance.min(axis=0)))
        p /= p.sum(axis=0)
        total = -(p * np.log(np.maximum(p, 1e-12))).sum(axis=0).astype(np.float32)
        by_class = None if self.members == 1 else 0.75 * binary_entropy(p.astype(np.float16))
        return Prediction(p.astype(np.float16), total, (total * 0.75).astype(np.float32), self.members, by_class)


class Bench:
    """What was asked of the stand-in."""

    def __init__(self) -> None:
        self.trained: list[tuple[Path, TrainSpec, object, int]] = []  # folder, settings, set, steps that were done
        self.models: list[StandIn] = []
        self.members = 2

    def train(self, plan, shelf, training_set, spec, folder, reporter: Reporter | None = None) -> StandIn:
        reporter = reporter or SilentReporter()
        folder.mkdir(parents=True, exist_ok=True)
        state, steps = folder / "state", 3
        begun = done = int(state.read_text()) if state.exists() else 0
        while done < steps:
            reporter.step(done, steps, f"Step {done}")
            reporter.metric("loss", 1 / (done + 1), done)
            done += 1
            state.write_text(str(done))
        self.trained.append((folder, spec, training_set, done - begun))
        sums, weights = np.zeros(plan.n_rows), np.zeros(plan.n_rows)
        for name, sample in zip(training_set.names, training_set.sample_weight, strict=True):
            case = shelf.get(name)
            voxel = np.ones(case.image.shape[1:]) if case.weight is None else case.weight
            for c in range(plan.n_rows):
                inside = case.labels[0] == c
                sums[c] += sample * float((case.image[0] * voxel)[inside].sum(dtype=np.float64))
                weights[c] += sample * float(np.broadcast_to(voxel, inside.shape)[inside].sum(dtype=np.float64))
        levels = (sums / np.maximum(weights, 1e-9)).tolist()
        (folder / "model.json").write_text(json.dumps({"levels": levels, "plan": plan.to_json()}))
        return self._model(folder, plan, levels)

    def load(self, folder: Path, device=None) -> StandIn:
        try:
            about = json.loads((folder / "model.json").read_text())
        except OSError as error:
            raise NotFoundError("There is no finished model.") from error
        return self._model(folder, ModelPlan.from_json(about["plan"]), about["levels"])

    def _model(self, folder, plan, levels) -> StandIn:
        self.models.append(StandIn(folder, plan, levels, self.members))
        return self.models[-1]


def raw_case(volume, labels, box, plan, voxel_weight=None) -> NetCase:
    """As `model_case`, without normalising or resampling anything."""
    weight = None if voxel_weight is None else voxel_weight.astype(np.float16)
    return NetCase(volume.data[np.newaxis].astype(np.float16), labels.astype(np.uint16), weight)


def stand_in(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Put the stand-in in the place of the network, for one test."""
    found = Bench()
    for name in ("_case_desk", "_proposals"):
        monkeypatch.setattr(f"{_HERE}.{name}.model_case", raw_case)
    monkeypatch.setattr(f"{_HERE}._run.train_model", found.train)
    for name in ("_run", "_predict"):
        monkeypatch.setattr(f"{_HERE}.{name}.load_model", found.load)
    monkeypatch.setattr(f"{_HERE}._run.memory_at_hand", lambda device="auto": 1 << 33)
    return found
