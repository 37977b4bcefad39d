from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import ClassTable, Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import ReviewStore

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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, sqlite_url: str) -> str:
    """Address of an empty store: a new file, and a new database on a server."""
    return sqlite_url if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()


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


@pytest.fixture(params=["sqlite", "postgresql"])
def team_workspace(request: pytest.FixtureRequest, workspace: Workspace) -> Workspace:
    """A workspace with its store in its folder, and one with it on a server."""
    if request.param == "postgresql":
        workspace.point_at_store(request.getfixturevalue("postgres").new_database())
    return workspace


@pytest.fixture
def store(team_workspace: Workspace):
    workspace = team_workspace
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
        yield store


@pytest.fixture
def key() -> ItemKey:
    return ItemKey("case_1")
