"""What was said of hot regions of maps, in the database: appended, never changed."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, insert, select

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import ItemKey

from ._engine import from_us, reading, to_us, writing
from ._fold import effective
from ._schema import region_decisions

__all__ = ["RegionEntry", "RegionKind", "RegionLog", "packed_voxels", "unpacked_voxels"]

RegionKind = Literal["accepted", "repainted", "excluded", "undo"]


@dataclass(frozen=True)
class RegionEntry:
    """One entry of the log of hot regions.

    Parameters
    ----------
    case_id, label_reader : str
        Which label.
    reader : str
        Who says so.
    kind : str
        ``accepted`` (the label is right here), ``repainted``, ``excluded`` (not to be learned from), or ``undo``.
    map_name, class_index, threshold
        The map in which it was found, whose class's, and above which value (0..1).
    digest : str
        `HotRegion.digest`.
    about : mapping
        Plain values: ``start_zyx`` and ``shape_zyx`` of its box on the upright grid, ``centre_zyx``, ``n_voxels``,
        ``mass``, ``mean``, ``top``, ``label_version``, and ``by_itself`` where the program marked it.
    voxels : bytes or None
        Which voxels of the box, as `packed_voxels` has them; None for an undo.
    barred : bytes or None
        Likewise, those that were learned from before: what an undo gives back.
    undoes : str or None
        Which entry this one takes back.
    decision_id : str
        Unique; 32 hexadecimal digits.
    created : datetime
        UTC.
    """

    case_id: str
    label_reader: str
    reader: str
    kind: RegionKind
    map_name: str = ""
    class_index: int = 0
    threshold: float = 0.0
    digest: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    voxels: bytes | None = None
    barred: bytes | None = None
    undoes: str | None = None
    decision_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def start_zyx(self) -> tuple[int, int, int]:
        """First voxel of its box."""
        z, y, x = self.about["start_zyx"]
        return int(z), int(y), int(x)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Its voxels in its box."""
        return unpacked_voxels(self.voxels, self._shape)

    @property
    def newly_barred(self) -> NDArray[np.bool_]:
        """Those of its voxels, in its box, that were learned from before."""
        return unpacked_voxels(self.barred, self._shape)

    @property
    def _shape(self) -> tuple[int, int, int]:
        z, y, x = self.about["shape_zyx"]
        return int(z), int(y), int(x)


def packed_voxels(inside: NDArray[np.bool_]) -> bytes:
    """Pack a mask, one bit a voxel in the order of the array, compressed."""
    return zlib.compress(np.packbits(inside).tobytes())


def unpacked_voxels(packed: bytes | None, shape_zyx: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return what `packed_voxels` was given; an empty mask for None.

    Raises
    ------
    DataError
        If it is damaged, or of another shape.
    """
    n = int(np.prod(shape_zyx))
    if packed is None:
        return np.zeros(shape_zyx, dtype=bool)
    try:
        bits = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
    except zlib.error as error:
        raise DataError("The voxels of a region are damaged in the review store. Decide it again.") from error
    if len(bits) != (n + 7) // 8:
        raise DataError(f"Expected the bits of {n} voxels of a region, got {len(bits)} bytes. Decide it again.")
    return np.unpackbits(bits, count=n).astype(bool).reshape(shape_zyx)


class RegionLog:
    """The table of what was said of hot regions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, *entries: RegionEntry) -> None:
        """Append entries in one transaction; on return all of them are on the disk."""
        if entries:
            with writing(self._engine) as connection:
                connection.execute(insert(region_decisions), [_values(entry) for entry in entries])

    def undo(self, key: ItemKey, decision_id: str, reader: str) -> RegionEntry | None:
        """Take back an entry that still holds; None if there is none of that id."""
        with writing(self._engine) as connection:
            log = [_entry(dict(row)) for row in connection.execute(_of(key)).mappings()]
            if decision_id not in {entry.decision_id for entry in effective(log)}:
                return None
            entry = RegionEntry(*key, reader, "undo", undoes=decision_id)
            connection.execute(insert(region_decisions).values(**_values(entry)))
        return entry

    def of(self, key: ItemKey) -> list[RegionEntry]:
        """All entries on the regions of one label, oldest first."""
        with reading(self._engine) as connection:
            return [_entry(dict(row)) for row in connection.execute(_of(key)).mappings()]

    def everything(self) -> list[RegionEntry]:
        """All entries, in the order in which they were appended, without their voxels."""
        c = region_decisions.c
        columns = [column for column in c if column.name not in ("seq", "voxels", "barred")]
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns).order_by(c.seq)).mappings()
            return [_entry(dict(row)) for row in rows]


def _of(key: ItemKey) -> Any:
    c = region_decisions.c
    columns = [column for column in c if column.name != "seq"]
    return select(*columns).where(c.case_id == key.case_id, c.label_reader == key.label_reader).order_by(c.seq)


def _entry(row: dict[str, Any]) -> RegionEntry:
    created, about = from_us(row.pop("created_us")), json.loads(row.pop("about"))
    return RegionEntry(**row, about=about, created=created)


def _values(entry: RegionEntry) -> dict[str, Any]:
    values = {**vars(entry), "about": json.dumps(dict(entry.about)), "created_us": to_us(entry.created)}
    del values["created"]
    return values
