"""What lies under the mouse: value, place in the patient, voxel, class, heat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_aleatoric.model import ClassTable

from ._intensities import CT_KIND
from ._item import ItemData
from ._resolve import ViewState

__all__ = ["UnderCursor", "place_in_words", "under_cursor"]

_SIDES = (("R", "L"), ("A", "P"), ("I", "S"))  # (below 0, above 0) of LPS x, y, z


@dataclass(frozen=True)
class UnderCursor:
    """What is known of one place of a case; "" where something is not known.

    Parameters
    ----------
    value : str
        Of the image: "-34 HU", "312", or three colours. "HU?" where the unit is only presumed from the values.
    position : str
        In the patient, in millimetres from the scanner's origin: "L 12.3 P 40.1 S 101.5 mm".
    voxel : str
        Index in the order of the file, first axis first, counted from 0: "voxel 120, 88, 33".
    class_name : str
        Of the label on the screen; "" for background.
    heat : str
        Of the map on the screen, 0 … 1.
    """

    value: str
    position: str
    voxel: str
    class_name: str
    heat: str

    @property
    def words(self) -> str:
        """All of it in one line."""
        return " · ".join(
            part for part in (self.value, self.class_name, self.heat, self.position, self.voxel) if part
        )


def under_cursor(
    item: ItemData, index_zyx: tuple[float, float, float], classes: ClassTable, view: ViewState
) -> UnderCursor | None:
    """Look one place up; a few array accesses, so that it can be done at every move of the mouse.

    Parameters
    ----------
    item : ItemData
        What is on the screen.
    index_zyx : tuple of float
        The place, as an index of the upright frame; fractions are allowed.
    classes : ClassTable
        Names.
    view : ViewState
        What of it is shown: heat that is not shown is not told.

    Returns
    -------
    UnderCursor or None
        None outside of the image.
    """
    geometry = item.image.geometry
    voxel = tuple(int(np.floor(v + 0.5)) for v in index_zyx)
    if not all(0 <= v < n for v, n in zip(voxel, geometry.shape_zyx, strict=True)):
        return None
    stored = item.stored_geometry.index_from_lps(geometry.lps_from_index(voxel))
    i, j, k = (int(v) for v in np.rint(stored[::-1]))
    value = int(item.label[voxel])
    heat = ""
    if view.heatmap_visible and item.heat is not None:
        heat = f"heat {float(item.heat.maximum(view.heatmap_classes)[voxel]) / 255.0:.2f}"
    return UnderCursor(
        value=_value(item, voxel),
        position=place_in_words(geometry.lps_from_index(index_zyx)) if geometry.spacing_known else "",
        voxel=f"voxel {i}, {j}, {k}",
        class_name=classes.names.get(value, f"label {value}") if value and view.label_visible else "",
        heat=heat,
    )


def place_in_words(point_lps: np.ndarray) -> str:
    """Say where in the patient: "L 12.3 P 40.1 S 101.5 mm" for LPS (12.3, 40.1, 101.5)."""
    parts = []
    for value, (below, above) in zip(np.round(np.asarray(point_lps, dtype=float), 1), _SIDES, strict=True):
        parts.append(f"{below if value < 0 else above} {abs(value):.1f}")
    return " ".join(parts) + " mm"


def _value(item: ItemData, voxel: tuple[int, ...]) -> str:
    found = item.image.data[voxel]
    if item.image.is_rgb:
        return " ".join(f"{letter} {int(v)}" for letter, v in zip("RGB", found, strict=True))
    number = f"{int(found)}" if item.image.data.dtype.kind in "iub" else f"{float(found):.4g}"
    if item.intensities is not None and item.intensities.is_hu:
        return f"{number} HU" if item.image.modality == CT_KIND else f"{number} HU?"
    return number
