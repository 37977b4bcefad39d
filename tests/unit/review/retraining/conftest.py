"""A small workspace, and a network that needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.stand_in_network import Bench, stand_in

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume
from napari_aleatoric.review import ReviewStore

# stored flipped in x and y and with Z fastest: upright and stored order differ on every axis
TWISTED = Geometry(
    shape_zyx=(6, 7, 8),
    spacing_zyx_mm=(1.5, 2.0, 3.0),
    origin_lps=(10.0, -20.0, 5.0),
    direction_lps=((0.0, 0.0, -1.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
)
LEVELS = {0: 0.0, 1: 100.0, 2: 200.0}  # true intensity by class index
VALUES = {0: 0, 1: 1, 2: 3}  # label value by class index


def truth(seed: int) -> np.ndarray:
    """Class indices of a case, as stored."""
    z, y, x = np.indices(TWISTED.shape_zyx)
    shift = np.random.default_rng(seed).integers(0, 3)
    return np.where((z > 2) & (y > 1), 1, 0) + np.where((z > 3) & (y > 2) & (x > 2 + shift), 1, 0)


MakeRetraining = Callable[..., Workspace]


@pytest.fixture
def make_retraining(tmp_path: Path) -> MakeRetraining:
    def make(
        n: int = 12,
        wrong: tuple[int, ...] = (),
        patients: dict[int, str] | None = None,
        readers: tuple[str, ...] = ("",),
    ) -> Workspace:
        data = tmp_path / "data"
        rows = ["case,image,label,reader,patient,class_names"]
        for i in range(n):
            right = truth(i)
            noise = np.random.default_rng(100 + i).normal(0, 30, right.shape)
            image = np.vectorize(LEVELS.get)(right) + noise
            write_volume(data / f"image_{i:02}.nii.gz", Volume(image.astype(np.float32), TWISTED))
            label = np.where(right == 2, 1, np.where(right == 1, 2, 0)) if i in wrong else right
            values = np.vectorize(VALUES.get)(label).astype(np.uint8)
            patient = (patients or {}).get(i, "")
            for number, reader in enumerate(readers[: len(readers) - i % 2] if len(readers) > 1 else readers):
                if number == 2:  # the third reader, who labelled every second case, draws one voxel more
                    values[0, 0, 0] = 1
                name = f"label_{i:02}{reader}.nii.gz"
                write_label_map(data / name, LabelMap(values, TWISTED))
                rows.append(f"case_{i:02},image_{i:02}.nii.gz,{name},{reader},{patient},1=liver;3=tumour")
        (data / "manifest.csv").write_text("\n".join(rows))
        return Workspace.create(tmp_path / "workspace", scan(data))

    return make


@pytest.fixture
def ws(make_retraining: MakeRetraining) -> Workspace:
    return make_retraining()


@pytest.fixture
def opened(ws: Workspace) -> Iterator[ReviewStore]:
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        yield store


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Put the stand-in in the place of the network."""
    return stand_in(monkeypatch)
