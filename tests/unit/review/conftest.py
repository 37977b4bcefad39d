from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import ClassTable, Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.review._storage._schema import metadata

# URL of a PostgreSQL database that the tests may empty, such as postgresql+psycopg://user@host/name
POSTGRES = os.environ.get("ALEATORIC_TEST_POSTGRES", "")

# stored flipped in x and y and with Z fastest: upright and stored order differ on every axis
TWISTED = Geometry(
    shape_zyx=(6, 7, 8),
    spacing_zyx_mm=(1.5, 2.0, 3.0),
    origin_lps=(10.0, -20.0, 5.0),
    direction_lps=((0.0, 0.0, -1.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
)
CLASSES = ClassTable.from_names({1: "liver", 3: "tumour"})


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'review.db'}"


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES else ["sqlite"])
def url(request: pytest.FixtureRequest, sqlite_url: str) -> Iterator[str]:
    """Address of an empty store: a new file, and the team's database where one is given to be emptied."""
    if request.param == "sqlite":
        yield sqlite_url
        return
    engine = create_engine(POSTGRES)
    metadata.drop_all(engine)
    yield POSTGRES
    metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def make_workspace(tmp_path: Path) -> Callable[..., Workspace]:
    def make(n: int = 3, readers: tuple[str, ...] = ("",), geometry: Geometry = TWISTED) -> Workspace:
        data = tmp_path / "data"
        rng = np.random.default_rng(0)
        rows = ["case,image,label,reader,class_names"]
        for i in range(n):
            image = rng.integers(0, 200, geometry.shape_zyx).astype(np.int16)
            write_volume(data / f"image_{i}.nii.gz", Volume(image, geometry))
            for r, reader in enumerate(readers):
                label = (image > 150 + r).astype(np.uint8)
                label[2, 3, 4:6] = 3
                write_label_map(data / f"label_{i}_{r}.nii.gz", LabelMap(label, geometry))
                rows.append(f"case_{i},image_{i}.nii.gz,label_{i}_{r}.nii.gz,{reader},1=liver;3=tumour")
        (data / "manifest.csv").write_text("\n".join(rows))
        return Workspace.create(tmp_path / "workspace", scan(data))

    return make


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace]) -> Workspace:
    return make_workspace()


@pytest.fixture
def store(workspace: Workspace):
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
        yield store


@pytest.fixture
def key() -> ItemKey:
    return ItemKey("case_1")
