"""Memory of scoring, measured on child processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume

SHAPE = (40, 128, 128)
CASE_MB = 4 * 3 * 40 * 128 * 128 / 1e6  # probabilities of one case, single precision

SCORE = """
import resource, sys
from napari_aleatoric.io import Workspace
from napari_aleatoric.review import score_workspace
from napari_aleatoric.review._scoring import _case, _threads
from napari_aleatoric.uncertainty import ScoreSpec

_threads.usable_cores = lambda: 2
if sys.argv[2] == "large":
    _case._LARGE = 1
spec = ScoreSpec(judge="light", encoder="filter-bank", rounds=5, samples_per_case=200)
summary = score_workspace(Workspace.open(sys.argv[1]), spec)
assert summary.n_scored == int(sys.argv[3]), summary
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak / (1e6 if sys.platform == "darwin" else 1e3))
"""


def cohort(root: Path, n: int) -> Workspace:
    data = root / f"data{n}"
    data.mkdir()
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    rows = ["case,image,label,reader,class_names"]
    for i in range(n):
        distance = ((z - 20) / 12) ** 2 + ((y - 60 - i) / 30) ** 2 + ((x - 64) / 30) ** 2
        label = np.where(distance < 0.3, 2, np.where(distance < 1, 1, 0)).astype(np.uint8)
        noise = np.random.default_rng(i).normal(0, 9, SHAPE)
        write_volume(data / f"{i}.nrrd", Volume((60 * label + noise).astype(np.int16), Geometry(SHAPE)))
        write_label_map(data / f"{i}_label.nrrd", LabelMap(label, Geometry(SHAPE)))
        rows.append(f"c{i},{i}.nrrd,{i}_label.nrrd,,1=shell;2=core")
    (data / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / f"review{n}", scan(data))


def peak_mb(ws: Workspace, size: str, n: int) -> float:
    command = [sys.executable, "-c", SCORE, str(ws.root), size, str(n)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="resource is a module of Unix")
@pytest.mark.parametrize("size", ["small", "large"])
def test_peak_memory_does_not_grow_with_the_number_of_cases(tmp_path: Path, size: str) -> None:
    few, many = (peak_mb(cohort(tmp_path, n), size, n) for n in (4, 14))
    # ten more cases: 79 MB, were their probabilities alone kept; a few small cases are worked on side by side
    assert many - few < 5 * CASE_MB, (few, many)
