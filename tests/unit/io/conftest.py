"""Small files in every shape that people keep them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from napari_aleatoric.io import write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume

settings.register_profile("untimed", deadline=None)  # test machines are shared
settings.load_profile("untimed")

GRID = Geometry((4, 6, 5), (3.0, 1.5, 1.0), (10.0, -20.0, 30.0))


@pytest.fixture
def grid() -> Geometry:
    return GRID


@pytest.fixture
def put_image() -> Callable[..., Path]:
    def put(path: Path, seed: int = 0, geometry: Geometry = GRID) -> Path:
        data = np.random.default_rng(seed).integers(-100, 900, geometry.shape_zyx).astype(np.int16)
        write_volume(path, Volume(data, geometry))
        return path

    return put


@pytest.fixture
def put_label() -> Callable[..., Path]:
    def put(path: Path, *values: int, geometry: Geometry = GRID) -> Path:
        data = np.zeros(geometry.shape_zyx, np.int32)
        for k, value in enumerate(values):
            data[k % data.shape[0], 1:4, 1 : 3 + k] = value
        write_label_map(path, LabelMap(data, geometry))
        return path

    return put
