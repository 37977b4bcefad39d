"""The door to retraining with a real network, small and short: it learns, is kept, and is asked."""

from __future__ import annotations

import pytest

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.io import Workspace, map_names, scan
from napari_aleatoric.model import ItemKey, RecordingReporter
from napari_aleatoric.review import (
    JudgeSpec,
    PredictSpec,
    RetrainSpec,
    ReviewStore,
    find_model,
    list_models,
    predict_all,
    promote,
    read_judgement,
    retrain,
)
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.training import TrainSpec

for _package in ("torch", "monai", "accelerate", "safetensors"):
    pytest.importorskip(_package)

pytestmark = pytest.mark.slow

SMALL = {"iterations": 12, "width": 4, "patch_voxels": 4096, "voxels_per_step": 8192, "validate_every": 6}
TRAIN = TrainSpec.of_preset("quick", **SMALL, device="cpu")
SPEC = RetrainSpec(train=TRAIN, judge=JudgeSpec(draws=100))


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    write_samples(tmp_path / "data", SampleSpec(n_cases=6, matrix=32, error_fraction=0.0))
    return Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))


def test_trained_stopped_judged_promoted_and_asked(workspace):
    with pytest.raises(Cancelled):
        retrain(workspace, SPEC, RecordingReporter(cancel_after=18))
    (begun,) = list_models(workspace)
    first = retrain(workspace, SPEC)
    assert first.model_id == begun.model_id
    assert all(0 <= row.dice <= 1 and row.brier is not None for row in first.judgement.rows)
    record = find_model(workspace)
    assert len(record.weights_digest) == 16
    promote(workspace, first.model_id)

    train = TRAIN.model_copy(update={"seed": 1, "loss": TRAIN.loss.model_copy(update={"kind": "duo"})})
    second = retrain(workspace, SPEC.model_copy(update={"train": train, "baseline": True}))
    assert second.judgement.models == ("after", "before", "baseline")
    assert read_judgement(workspace, second.model_id) == second.judgement
    before = {(r.case_id, r.class_name): r.dice for r in second.judgement.rows if r.model == "before"}
    assert before == {(r.case_id, r.class_name): r.dice for r in first.judgement.rows}

    found = predict_all(workspace, PredictSpec(model=first.model_id, device="cpu"))
    assert (found.n_done, found.n_measured, found.refused) == (6, 6, ())
    assert "predictive_entropy" in map_names(workspace, ItemKey(workspace.dataset.cases[0].case_id))
    again = predict_all(workspace, PredictSpec(model=first.model_id, device="cpu"))
    assert (again.n_done, again.n_reused) == (0, 6)
    # what is kept on the disk is what the judgement saw
    with ReviewStore.open(workspace.store_url) as store:
        for row in first.judgement.rows:
            index = workspace.dataset.classes.by_name(row.class_name).class_index
            value = store.item_scores(ItemKey(row.case_id)).value("model_disagreement", index)
            if row.reference_voxels or row.predicted_voxels:
                assert value == pytest.approx(1 - row.dice, abs=1e-12)
