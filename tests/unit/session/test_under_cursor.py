"""What is told of a place is what other programs say of it: on every orientation, tilted and anisotropic."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from napari_aleatoric.model import ClassTable, Geometry, ItemKey, Volume
from napari_aleatoric.session import HeatMaps, Intensities, ItemData, ViewOptions, resolve, under_cursor

CLASSES = ClassTable.from_names({3: "liver"})
SHAPE = (5, 6, 7)
AXES = [
    tuple(tuple(sign * float(k == axis) for k in range(3)) for sign, axis in zip(signs, axes, strict=True))
    for axes in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]  # 48 direction matrices, row by row


class MapOnDisk:
    class_indices = (1,)
    geometry = Geometry(SHAPE)

    def of(self, class_index: int) -> np.ndarray:
        values = np.zeros(SHAPE, np.uint8)
        values[2, 3, 4] = 102
        return values


def item(stored: Volume | None = None, **changes: Any) -> ItemData:
    stored = stored or Volume(np.arange(210, dtype=np.int16).reshape(SHAPE), Geometry(SHAPE, (4.0, 0.5, 0.75)))
    image = stored.upright()
    fields: dict[str, Any] = {
        "key": ItemKey("a"),
        "image": image,
        "stored_geometry": stored.geometry,
        "label": np.zeros(image.geometry.shape_zyx, np.uint8),
        "label_version": "",
        "original": None,
        "display_range": (0.0, 1.0),
    }
    return ItemData(**{**fields, **changes})


def told(shown: ItemData, index: tuple[float, float, float], **wishes: Any) -> Any:
    return under_cursor(shown, index, CLASSES, resolve(shown, ViewOptions(**wishes), CLASSES))


def in_words(point: tuple[float, ...]) -> str:
    letters = [pair[round(v, 1) >= 0] for v, pair in zip(point, ("RL", "AP", "IS"), strict=True)]
    return " ".join(f"{letter} {abs(v):.1f}" for letter, v in zip(letters, point, strict=True)) + " mm"


@pytest.mark.parametrize("direction", AXES)
@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_place_and_value_are_those_of_simpleitk(direction: Any, tilt: float) -> None:
    """SimpleITK reads the file's array at the index that is told, and puts it where we say it is."""
    c, s = np.cos(tilt), np.sin(tilt)
    turned = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    stored = Volume(
        np.random.default_rng(0).permutation(210).astype(np.int16).reshape(SHAPE),
        Geometry(SHAPE, (4.0, 0.5, 0.75), (-31.0, 12.0, -7.5), tuple(map(tuple, turned @ np.array(direction)))),
    )
    foreign = sitk.GetImageFromArray(stored.data)
    foreign.SetSpacing((0.75, 0.5, 4.0))
    foreign.SetOrigin((-31.0, 12.0, -7.5))
    foreign.SetDirection((turned @ np.array(direction)).ravel().tolist())
    shown = item(stored)
    for upright in ((0, 0, 0), (1, 2, 3), tuple(n - 1 for n in shown.image.geometry.shape_zyx)):
        found = told(shown, upright)
        file_index = tuple(int(v) for v in found.voxel.removeprefix("voxel ").split(","))
        assert found.value == str(foreign[file_index])
        assert found.position == in_words(foreign.TransformIndexToPhysicalPoint(file_index))


def test_place_between_voxels_is_where_the_mouse_is() -> None:
    shown = item()
    assert told(shown, (1.0, 2.4, 3.0)).voxel == "voxel 3, 2, 1"
    assert told(shown, (1.0, 2.4, 3.0)).position == "L 2.2 P 1.2 S 4.0 mm"
    assert told(shown, (1.0, 2.6, 3.0)).voxel == "voxel 3, 3, 1"
    assert told(shown, (-0.4, 0, 0)) is not None
    assert told(shown, (-0.6, 0, 0)) is None
    assert told(shown, (4.6, 0, 0)) is None


def test_no_millimetres_where_the_spacing_is_not_known() -> None:
    image = item().image
    shown = item(replace(image, geometry=replace(image.geometry, spacing_known=False)))
    assert told(shown, (1, 2, 3)).position == ""
    assert "mm" not in told(shown, (1, 2, 3)).words


def test_class_and_heat_are_told_as_far_as_they_are_shown() -> None:
    shown = item(heat=HeatMaps(MapOnDisk()))
    shown.label[2, 3, 4], shown.label[0, 0, 0] = 3, 9
    assert (told(shown, (2, 3, 4)).class_name, told(shown, (2, 3, 4)).heat) == ("liver", "heat 0.40")
    assert told(shown, (0, 0, 0)).class_name == "label 9"
    assert told(shown, (1, 1, 1)).class_name == ""
    hidden = told(shown, (2, 3, 4), heatmap_on=False, label_visible=False)
    assert (hidden.class_name, hidden.heat) == ("", "")
    assert told(replace(shown, blinded=True), (2, 3, 4)).heat == ""


def test_units_are_told_where_they_are_known() -> None:
    hu = Intensities("CT", -1000, 1000, {})
    values = np.full(SHAPE, -34, np.int16)
    for modality, words in {"CT": "-34 HU", "": "-34 HU?"}.items():
        assert told(item(Volume(values, Geometry(SHAPE), modality), intensities=hu), (1, 1, 1)).value == words
    mr = item(Volume(values, Geometry(SHAPE), "MR"), intensities=replace(hu, kind="MR"))
    assert told(mr, (1, 1, 1)).value == "-34"
    assert told(item(Volume(values / np.float32(7), Geometry(SHAPE))), (1, 1, 1)).value == "-4.857"
    colours = Volume(np.full((1, 4, 4, 3), (1, 20, 255), np.uint8), Geometry((1, 4, 4), spacing_known=False), "RGB")
    assert told(item(colours), (0, 1, 1)).value == "R 1 G 20 B 255"
