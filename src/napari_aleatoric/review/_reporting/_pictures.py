"""The pictures of one label: before, now, and where the machine doubts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ClassTable, Volume, display_range

from ._drawing import draw, grey, with_heat, with_outlines
from ._places import Place
from ._record import Figure, Panel
from ._section import Cut, cuts_through, field_of

__all__ = ["Material", "figures_of"]


@dataclass(frozen=True, eq=False)
class Material:
    """What pictures are made of, all upright and on one grid.

    Parameters
    ----------
    image : Volume
        The image.
    before, after : numpy.ndarray of integer, shape (Z, Y, X)
        Label values of the original and of the present version.
    heat : numpy.ndarray of uint8 or None, shape (Z, Y, X)
        A voxel map, 0..255 for 0..1.
    heat_words : str
        What it is.
    """

    image: Volume
    before: NDArray[Any]
    after: NDArray[Any]
    heat: NDArray[np.uint8] | None
    heat_words: str


def figures_of(material: Material, places: list[Place], classes: ClassTable) -> tuple[Figure, ...]:
    """Draw every place: the outline before where it differs, the present outline, and the heat.

    Parameters
    ----------
    material : Material
        Image, labels and heat.
    places : list of Place
        Where.
    classes : ClassTable
        Which label values are which classes.
    """
    shown = display_range(material.image)
    drawn = (material.before != 0) | (material.after != 0)
    changed = bool((material.before != material.after).any())
    return tuple(_figure(material, place, classes, drawn, shown, changed) for place in places)


def _figure(
    material: Material,
    place: Place,
    classes: ClassTable,
    drawn: NDArray[np.bool_],
    shown: tuple[float, float],
    changed: bool,
) -> Figure:
    geometry = material.image.geometry
    box = field_of(drawn, place.index_zyx, geometry.spacing_zyx_mm)
    cuts = cuts_through(geometry, place.index_zyx, box)
    pictures = [grey(cut.of(material.image.data), shown) for cut in cuts]
    known = geometry.spacing_known

    def row(outline: NDArray[Any] | None, heat: NDArray[np.uint8] | None = None) -> tuple[Panel, ...]:
        panels = []
        for cut, picture in zip(cuts, pictures, strict=True):
            layered = picture if heat is None else with_heat(picture, cut.of(heat))
            if outline is not None:
                layered = with_outlines(layered, classes.index_map(cut.of(outline, nearest=True)))
            panels.append(Panel(_caption(cut), draw(layered, cut, with_bar=known)))
        return tuple(panels)

    rows = [("Label as it was", row(material.before))] if changed else []
    rows.append(("Label now" if changed else "Label", row(material.after)))
    if material.heat is not None:
        rows.append((material.heat_words, row(None, material.heat)))
    return Figure(_heading(place, geometry.is_flat), tuple(rows))


def _caption(cut: Cut) -> str:
    return "" if cut.plane.name == "picture" else f"{cut.plane.name}, slice {cut.index + 1}"


def _heading(place: Place, flat: bool) -> str:
    z, y, x = (i + 1 for i in place.index_zyx)
    where = f"row {y}, column {x}" if flat else f"slice {z}, row {y}, column {x}"
    return f"{place.words[:1].upper()}{place.words[1:]} ({where})"
