"""The benchmarks of quality: hand-worked figures, and that they run from end to end on a few cases."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

_FOLDER = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(_FOLDER))
    yield
    for name in ("planted_errors", "planted_report", "reader_disagreement"):
        sys.modules.pop(name, None)


def test_readers_by_hand(benchmarks):
    from reader_disagreement import _disagreement

    a = np.zeros((1, 2, 4), bool)
    b, c = a.copy(), a.copy()
    b[0, 0, :2] = True
    c[0, 0, 1:4] = True
    assert _disagreement({Path("1"): b, Path("2"): c}) == pytest.approx(1 - 2 / 5)
    assert _disagreement({Path("1"): a, Path("2"): a}) == 0.0
    assert _disagreement({Path("1"): a, Path("2"): b, Path("3"): b}) == pytest.approx(1 - 1 / 3)


def test_what_only_follows_size_is_nothing_beyond_it(benchmarks):
    from reader_disagreement import correlations

    rng = np.random.default_rng(0)
    size = rng.permutation(200).astype(float) + 1
    own = rng.normal(size=200)
    truth = size / 50 + own
    raw, beyond = correlations(size + rng.normal(size=200), truth, size)
    assert raw > 0.6
    assert abs(beyond) < 0.2
    raw, beyond = correlations(own, truth, size)
    assert beyond > 0.8 > raw
    assert np.isnan(correlations(size, truth, size)[1])


def test_planted_errors_run_from_end_to_end(benchmarks, tmp_path, monkeypatch, capsys):
    pytest.importorskip("cleanlab")
    import planted_errors

    from napari_aleatoric.samples import SampleSpec

    monkeypatch.setattr(planted_errors, "SampleSpec", lambda **chosen: SampleSpec(**chosen, matrix=32))
    monkeypatch.setattr(planted_errors, "ScoreSpec", _fast)
    arguments = ["--samples", "--cases", "6", "--fraction", "0.4", "--seeds", "10", "--judges", "light"]
    arguments += ["--draws", "100", "--keep", str(tmp_path / "kept"), "--out", str(tmp_path / "out.json")]
    monkeypatch.setattr(sys, "argv", ["planted_errors.py", *arguments])
    planted_errors.main()
    out = capsys.readouterr().out
    assert "cleanlab, same probabilities, light" in out
    report = json.loads((tmp_path / "out.json").read_text())
    rows = {row["name"]: row for row in report["rows"]}
    soft, peer = rows["softmin, light"], rows["cleanlab, light"]
    assert soft["auroc"]["value"] == pytest.approx(peer["auroc"]["value"])  # cleanlab's score is our soft minimum
    assert rows["label_risk, light"]["by_kind"]
    planted_errors.main()  # from what was kept
    assert json.loads((tmp_path / "out.json").read_text())["rows"] == report["rows"]


def _fast(**chosen):
    from napari_aleatoric.uncertainty import ScoreSpec

    return ScoreSpec(**chosen, rounds=5, samples_per_case=200)
