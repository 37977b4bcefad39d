"""Left is left on the screen, in slices and in 3-D, however the volume is stored."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.model import ClassTable, Geometry, ItemKey, LabelMap, Reorientation, Volume
from napari_aleatoric.session import ItemData, ViewOptions, resolve
from napari_aleatoric.viewer import Stage, class_colour

pytestmark = pytest.mark.gui

CLASSES = ClassTable.from_names({1: "right front top"})
UPRIGHT = Geometry((30, 40, 50), (2.0, 1.0, 1.0))


def stored_label(turn: Reorientation) -> LabelMap:
    """Label the patient's right, anterior, superior corner; store it in another axis order and direction."""
    label = np.zeros(UPRIGHT.shape_zyx, np.uint8)
    label[20:28, 3:12, 3:14] = 1  # z high = superior, y low = anterior, x low = right
    return LabelMap(turn.apply(label), turn.apply_geometry(UPRIGHT))


def item(stored: LabelMap) -> ItemData:
    upright = stored.upright()
    label = np.ascontiguousarray(upright.data)
    image = Volume(np.zeros(label.shape, np.int16), upright.geometry)
    return ItemData(ItemKey("a"), image, stored.geometry, label, "", None, (0.0, 1.0))


def centre_of_colour(picture: np.ndarray) -> tuple[float, float]:
    """Mean row and column, each 0..1, of the pixels in the hue of class 1."""
    red, green, blue = (int(class_colour(1)[k : k + 2], 16) for k in (1, 3, 5))
    rgb = picture[..., :3].astype(float)
    brightness = rgb.sum(axis=-1)
    share = rgb / np.maximum(brightness, 1)[..., np.newaxis]
    wanted = np.array([red, green, blue]) / (red + green + blue)
    hit = (brightness > 60) & (np.abs(share - wanted).max(axis=-1) < 0.06)
    assert hit.sum() > 50, "the label is not to be seen"
    rows, columns = np.nonzero(hit)
    return rows.mean() / picture.shape[0], columns.mean() / picture.shape[1]


ORDERS = [
    Reorientation(axes, flips)
    for axes, flips in zip(
        permutations((0, 1, 2)),
        (
            (False, False, False),
            (True, False, False),
            (False, True, True),
            (True, True, True),
            (False, False, True),
            (True, False, True),
        ),
        strict=True,
    )
]


def test_every_storage_order_gives_the_same_picture(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    stage = Stage(viewer)
    options = ViewOptions(label_outline=False)
    seen = []
    for turn in ORDERS:
        case = item(stored_label(turn))
        stage.show(case, resolve(case, options, CLASSES), CLASSES)
        stage.go_to_slice(24)
        picture = viewer.screenshot(canvas_only=True, flash=False)
        row, column = centre_of_colour(picture[60:])  # below the title
        assert column < 0.5, "the patient's right has to be on the left of an axial slice"
        assert row < 0.5, "the patient's front has to be at the top of an axial slice"
        seen.append(picture)
    assert all(np.array_equal(seen[0], picture) for picture in seen)
    stage.close()


@pytest.mark.parametrize(
    ("look_zyx", "up_zyx", "right_is_left"),
    [
        ((0, 1, 0), (1, 0, 0), True),  # from the front: the patient faces us
        ((0, -1, 0), (1, 0, 0), False),  # from behind
        ((1, 0, 0), (0, -1, 0), True),  # from the feet, front up, as axial slices are
        ((-1, 0, 0), (0, -1, 0), False),  # from above the head, front up
    ],
)
def test_three_dimensions_are_not_mirrored(
    make_napari_viewer: Any, look_zyx: tuple[int, ...], up_zyx: tuple[int, ...], right_is_left: bool
) -> None:
    viewer = make_napari_viewer(show=True)
    stage = Stage(viewer)
    case = item(stored_label(ORDERS[0]))
    stage.show(case, resolve(case, ViewOptions(), CLASSES), CLASSES)
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.set_view_direction(look_zyx, up_direction=up_zyx)
    row, column = centre_of_colour(viewer.screenshot(canvas_only=True, flash=False)[60:])
    assert bool(column < 0.5) is right_is_left
    assert row < 0.55  # the corner is superior and anterior: up in all four
    stage.close()
