"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# two threads at most: test machines are small and shared
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "2")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the public medical images that `tests/real/README.md` names; skips where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ALEATORIC_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip("the folder of public test images is absent (set ALEATORIC_TEST_DATA)")
    return folder
