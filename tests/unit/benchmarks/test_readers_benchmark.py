"""The benchmark of readers' measures: spoilt as said, and figures worked out by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

_FOLDER = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def readers(monkeypatch):
    monkeypatch.syspath_prepend(str(_FOLDER))
    import readers as module

    yield module
    sys.modules.pop("readers", None)


def cube() -> np.ndarray:
    mask = np.zeros((7, 21, 21), bool)
    mask[2:5, 8:13, 8:13] = True
    return mask


def test_masks_are_spoilt_as_said(readers):
    rng = np.random.default_rng(0)
    made = {kind: readers.spoil(cube(), kind, rng) for kind in readers.KINDS}
    assert made["eroded 1"].sum() == 1 * 3 * 3
    assert made["eroded 2"].sum() == 9  # two would leave nothing
    assert made["dilated 1"].sum() > cube().sum()
    assert not made["emptied"].any()
    for n in (2, 4):
        moved = np.argwhere(made[f"shifted {n}"]).mean(0) - np.argwhere(cube()).mean(0)
        assert made[f"shifted {n}"].sum() == cube().sum()
        assert np.linalg.norm(moved) == pytest.approx(n, abs=0.75)


def test_figures_by_hand(readers):
    done = [readers.Spoilt(1, "emptied"), readers.Spoilt(), readers.Spoilt(0, "eroded 1")]
    found = [
        [{"reader_departure": v, "reader_spread": s} for v in values]
        for values, s in (([0.1, 0.9], 0.5), ([0.2, 0.2], 0.1), ([0.3, 0.3], 0.05))
    ]
    report = readers.summary([(done, found)], draws=10)
    label, case = report["rows"]["reader_departure"], report["rows"]["reader_spread"]
    assert (label["of_case"], case["of_case"]) == (False, True)
    assert label["auroc"] == pytest.approx((4 + 3.5) / 8)
    assert label["first"] == pytest.approx((1 + 0.5) / 2)
    assert case["auroc"] == pytest.approx(0.5)
    assert label["by_kind"]["emptied"] == 1.0
    assert "reader_departure" in report["markdown"]


def test_a_spoilt_label_departs(readers):
    rng = np.random.default_rng(1)
    cases = []
    for _ in range(8):
        masks = np.stack([np.roll(cube(), int(rng.integers(-1, 2)), 2) for _ in range(4)])
        cases.append(masks)
    report = readers.summary([readers.one_round(cases, seed) for seed in (0, 1, 2)], draws=20)
    assert report["rows"]["reader_departure"]["auroc"] > 0.7
