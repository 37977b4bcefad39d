"""What a person painted as not to be learned from reaches the network as weight 0, there and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.review import ReviewStore, save_barred
from napari_aleatoric.review._retraining._case_desk import CaseDesk
from napari_aleatoric.review._retraining._selection import LearnedCase
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.training import TrainSpec, plan_model

pytest.importorskip("torch")


def test_a_network_is_given_weight_0_there_and_nowhere_else(tmp_path):
    write_samples(tmp_path / "samples", SampleSpec(n_cases=3, matrix=32))
    ws = Workspace.create(tmp_path / "review", scan(tmp_path / "samples"))
    key = ws.dataset.items[1]
    grid = ws.load_image(key.case_id).upright().geometry
    barred = np.zeros(grid.shape_zyx, np.uint8)
    barred[1:4, 2:5, 3:9] = 1
    save_barred(ws, key, barred, grid, reader="ann")
    case = LearnedCase(key.case_id, (key.label_reader,))
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        desk = CaseDesk(ws, store, voxel_weights=False)
        facts = desk.facts(case)
        spec = TrainSpec.of_preset(
            "quick", spacing_zyx_mm=grid.spacing_zyx_mm
        )  # its own grid: nothing is resampled
        plan = plan_model([facts.grid], 1, [c.class_name for c in ws.dataset.classes], spec, memory_bytes=2**33)
        made = desk.net_case(case, plan)
        other = desk.net_case(replace(case, case_id=ws.dataset.items[2].case_id), plan)
    assert made.weight is not None
    assert made.weight.shape == grid.shape_zyx
    assert np.array_equal(made.weight == 0, barred != 0)
    assert set(np.unique(made.weight)) == {0, 1}
    assert other.weight is None
