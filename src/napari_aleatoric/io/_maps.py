"""Voxel maps: numbers from 0 to 1 for every voxel and class, kept as bytes in one zarr file per map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import Geometry, ItemKey

from ._formats import item_folder_name, safe_name
from ._workspace import Workspace
from ._write import whole_file

__all__ = ["VoxelMap", "has_map", "map_names", "read_map", "remove_maps", "write_map"]

_FORMAT = 1
_SUFFIX = ".zarr.zip"
_CHUNK_VOXELS = 4 * 1024 * 1024
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class VoxelMap:
    """A voxel map on the disk, in the upright frame; voxels are read when asked for.

    Parameters
    ----------
    class_indices : tuple of int
        The classes it has; 0 stands for the whole case.
    geometry : Geometry
        Grid, upright.
    spec : mapping
        What made the map.
    path : Path
        Its file.
    """

    class_indices: tuple[int, ...]
    geometry: Geometry
    spec: Mapping[str, Any]
    path: Path

    def of(self, class_index: int) -> NDArray[np.uint8]:
        """Read one class.

        Returns
        -------
        numpy.ndarray of uint8, shape (Z, Y, X)
            0..255 stands for 0..1.

        Raises
        ------
        NotFoundError
            If the map does not have that class, or its file is gone.
        """
        if class_index not in self.class_indices:
            raise NotFoundError(f"This map has no class {class_index}; it has {list(self.class_indices)}.")
        with _opened(self.path) as array:
            return np.asarray(array[self.class_indices.index(class_index)])

    @property
    def values(self) -> NDArray[np.float32]:
        """All classes in one array, shape (n, Z, Y, X), from 0 to 1 in steps of 1/255."""
        with _opened(self.path) as array:
            return np.asarray(array[:], dtype=np.float32) / np.float32(255)


def _folder(workspace: Workspace, key: ItemKey) -> Path:
    workspace.check_shown(key)
    return workspace.maps_dir / safe_name(key.case_id) / item_folder_name(key)


def _path(workspace: Workspace, key: ItemKey, map_name: str) -> Path:
    return _folder(workspace, key) / f"{safe_name(map_name)}{_SUFFIX}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open the array of a map for reading; the file is closed afterwards, so that it can be replaced."""
    import zarr

    if not path.is_file():
        raise NotFoundError(
            f"There is no voxel map '{path.name.removesuffix(_SUFFIX)}' for this item. Score it first."
        )
    with zarr.storage.ZipStore(path, mode="r") as store:
        yield zarr.open_array(store, mode="r")


def _quantise(values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return np.asarray(values, dtype=np.uint8)
    if values.dtype.kind != "f":
        raise DataError(f"Expected a voxel map of floats from 0 to 1 or of bytes, got {values.dtype}.")
    lowest, highest = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (lowest >= -_TOLERANCE and highest <= 1 + _TOLERANCE):  # also true for NaN
        raise DataError(f"Expected a voxel map from 0 to 1, got values from {lowest:.4g} to {highest:.4g}.")
    steps = np.clip(values, 0, 1)
    steps *= 255
    return np.asarray(np.rint(steps, out=steps), dtype=np.uint8)


def write_map(
    workspace: Workspace,
    key: ItemKey,
    map_name: str,
    values: NDArray[Any],
    class_indices: Sequence[int],
    geometry: Geometry,
    spec: Mapping[str, Any],
) -> None:
    """Keep a voxel map of one item, replacing an older one at once.

    Parameters
    ----------
    workspace : Workspace
        Where to keep it.
    key : ItemKey
        Whose map.
    map_name : str
        E.g. "label_risk".
    values : numpy.ndarray, shape (n, Z, Y, X)
        Floats from 0 to 1 (kept in steps of 1/255), or uint8 that are kept as they are. Upright frame.
    class_indices : sequence of int
        The class of every row of ``values``; 0 for the whole case.
    geometry : Geometry
        Grid of the map, upright.
    spec : mapping
        Plain values that say what made the map.

    Raises
    ------
    DataError
        If shapes do not agree or values leave 0..1.
    WorkspaceError
        If it cannot be written.
    """
    import zarr
    from zarr.codecs import BloscCodec

    values = np.asarray(values)
    indices = [int(c) for c in class_indices]
    if values.ndim != 4 or values.shape[0] != len(indices) or values.shape[1:] != geometry.shape_zyx:
        raise DataError(
            f"Expected a map of shape ({len(indices)}, {', '.join(map(str, geometry.shape_zyx))}) (class, Z, Y, "
            f"X), got {values.shape}."
        )
    if len(set(indices)) != len(indices):
        raise DataError(f"Every class may stand in a map once, got {indices}.")
    z, y, x = geometry.shape_zyx
    slab = max(1, min(z, _CHUNK_VOXELS // (y * x)))
    with whole_file(_path(workspace, key, map_name)) as temporary:
        rows = []
        with zarr.storage.ZipStore(temporary, mode="w") as store:
            array = zarr.create_array(
                store,
                shape=values.shape,
                chunks=(1, slab, y, x),
                dtype="uint8",
                compressors=BloscCodec(cname="lz4", clevel=5, shuffle="noshuffle"),
                attributes={
                    "format_version": _FORMAT,
                    "case_id": key.case_id,
                    "label_reader": key.label_reader,
                    "map_name": map_name,
                    "class_indices": indices,
                    "geometry": geometry.to_json(),
                    "spec": dict(spec),
                    "values": "0..255 stands for 0..1",
                },
            )
            for row, one_class in enumerate(values):
                rows.append(_quantise(one_class))
                array[row] = rows[-1]
        with _opened(temporary) as again:
            if not all(np.array_equal(again[row], expected) for row, expected in enumerate(rows)):
                raise DataError(f"The map {map_name} reads back differently than written; the disk may be damaged.")


def read_map(workspace: Workspace, key: ItemKey, map_name: str) -> VoxelMap:
    """Open a voxel map of one item; its voxels are read with `VoxelMap.of`.

    Raises
    ------
    NotFoundError
        If there is no such map.
    """
    path = _path(workspace, key, map_name)
    with _opened(path) as array:
        about = dict(array.attrs)
    return VoxelMap(tuple(about["class_indices"]), Geometry.from_json(about["geometry"]), about["spec"], path)


def has_map(workspace: Workspace, key: ItemKey, map_name: str) -> bool:
    """Whether there is such a map."""
    return _path(workspace, key, map_name).is_file()


def map_names(workspace: Workspace, key: ItemKey) -> tuple[str, ...]:
    """Names of all maps of one item."""
    folder = _folder(workspace, key)
    return tuple(sorted(p.name.removesuffix(_SUFFIX) for p in folder.glob(f"[!.]*{_SUFFIX}")))


def remove_maps(workspace: Workspace, key: ItemKey, map_name: str | None = None) -> None:
    """Remove one map of an item, or all of them; absent ones are no error."""
    names = [map_name] if map_name is not None else list(map_names(workspace, key))
    for name in names:
        _path(workspace, key, name).unlink(missing_ok=True)
