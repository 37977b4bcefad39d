# ruff: noqa: B008  frozen specs as defaults, as real doors have them
"""Doors for the tests of jobs. Child processes find them through PYTHONPATH and ALEATORIC_TEST_DOORS."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Reporter, SilentReporter, Spec


class CountSpec(Spec):
    n: int = 10
    pause_s: float = 0.01
    exit_status: int = 3
    bytes: int = 0


def count(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> dict[str, Any]:
    """Count to n in steps that are kept in the workspace, so that it can be resumed."""
    kept = ws.root / "counted.txt"
    start = int(kept.read_text()) if kept.exists() else 0
    for i in range(start, spec.n):
        reporter.step(i, spec.n, f"number {i}")
        time.sleep(spec.pause_s)
        kept.write_text(str(i + 1))
        reporter.metric("square", float(i * i), i)
    reporter.step(spec.n, spec.n)
    return {"counted": spec.n, "started_at": start, "array": np.arange(2)}


def stubborn(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> None:
    """Begin, and never look at the reporter again."""
    reporter.step(0, 1, "deaf")
    time.sleep(600)


def broken(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> None:
    reporter.step(0, 1)
    raise ValueError(f"bad voxel in {ws.dataset.root}/Jane Doe/scan 1.nii.gz")


def refused(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> None:
    raise DataError("Expected a label with 3 axes, got 2; save it as a volume.")


def dies(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> None:
    reporter.step(1, 4, "case 1")
    time.sleep(0.3)
    os._exit(spec.exit_status)


def forgets_memory(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> None:
    raise MemoryError


def environment(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> dict[str, Any]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "TMPDIR")
    return {
        **{name: os.environ.get(name) for name in names},
        "priority": os.nice(0) if hasattr(os, "nice") else None,
        "pid": os.getpid(),
    }


def family(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> None:
    """Start a grandchild that outlives its parent unless somebody sees to it, and wait."""
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (ws.root / "grandchild.txt").write_text(str(grandchild.pid))
    for i in range(60000):
        reporter.step(i, 60000, f"waiting {i}")
        time.sleep(0.01)


def leaky(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> None:
    """Name a patient's file in every way that a library may."""
    path = Path(ws.dataset.root) / "Jane Doe" / "scan 1.nii.gz"
    print(f"reading {path}", flush=True)
    os.write(2, f"WARNING: In itkNiftiImageIO.cxx, line 1980: {path} has unexpected scales\n".encode())
    warnings.warn(f"{path}: odd affine", stacklevel=1)
    logging.getLogger("napari_aleatoric.test").warning("slow file %s", path)
    raise RuntimeError(f"cannot read '{path}'")


def hungry(ws: Any, spec: CountSpec = CountSpec(), reporter: Reporter = SilentReporter()) -> None:
    """Take much memory, say so, and report as much as a long training does."""
    taken = np.ones(spec.bytes, np.uint8)
    for i in range(spec.n):
        reporter.metric("loss", float(taken[i]), i)
    for i in range(600 * int(spec.pause_s > 0)):
        reporter.step(i, 600, "holds its memory")
        time.sleep(spec.pause_s)
