"""Wishes and facts in, one picture out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_aleatoric.model import ClassTable, Geometry, ItemKey, Volume
from napari_aleatoric.session import HeatMaps, ItemData, ViewOptions, resolve

CLASSES = ClassTable.from_names({3: "liver", 7: "tumour"})
SHAPE = (4, 5, 6)


class MapOnDisk:
    """Stands for the file: counts how often a class is read."""

    class_indices = (0, 1, 2)
    geometry = Geometry(SHAPE)

    def __init__(self) -> None:
        self.read: list[int] = []

    def of(self, class_index: int) -> np.ndarray:
        self.read.append(class_index)
        values = np.zeros(SHAPE, np.uint8)
        values[1, 2, 3] = {0: 255, 1: 200, 2: 90}[class_index]
        if class_index == 2:
            values[1, 4, 5] = 255
        return values


def item(**changes: Any) -> ItemData:
    geometry = changes.pop("geometry", Geometry(SHAPE, (3.0, 1.0, 1.0)))
    fields: dict[str, Any] = {
        "key": ItemKey("case_1", "reader b"),
        "image": Volume(np.zeros(SHAPE, np.int16), geometry),
        "stored_geometry": geometry,
        "label": np.zeros(SHAPE, np.uint8),
        "label_version": "",
        "original": None,
        "display_range": (0.0, 1.0),
        "heat": HeatMaps(MapOnDisk()),
    }
    return ItemData(**{**fields, **changes})


def test_all_classes_are_shown_at_first() -> None:
    state = resolve(item(), ViewOptions(), CLASSES)
    assert state.heatmap_visible
    assert state.heatmap_classes == (1, 2)
    assert "all classes" in state.legend
    assert [(p.class_index, p.index_zyx) for p in state.places] == [(2, (1, 4, 5))]  # the cooler one is too near


def test_hidden_class_loses_its_map_and_its_places() -> None:
    state = resolve(item(), ViewOptions(hidden_classes=frozenset({2})), CLASSES)
    assert state.heatmap_classes == (1,)
    assert [(p.class_index, p.index_zyx) for p in state.places] == [(1, (1, 2, 3))]
    assert "liver" in state.legend
    assert "tumour" not in state.legend


def test_no_class_no_heatmap() -> None:
    state = resolve(item(), ViewOptions(hidden_classes=frozenset({1, 2})), CLASSES)
    assert not state.heatmap_visible
    assert state.places == ()


def test_without_a_map_the_legend_says_what_to_do() -> None:
    state = resolve(item(heat=None), ViewOptions(), CLASSES)
    assert not state.heatmap_visible
    assert "score the data set" in state.legend


def test_threshold_moves_the_colours_and_drops_cold_places() -> None:
    state = resolve(item(), ViewOptions(threshold=0.8), CLASSES)
    assert state.heatmap_limits == (pytest.approx(204.0), 255.0)
    assert [p.index_zyx for p in state.places] == [(1, 4, 5)]
    assert resolve(item(), ViewOptions(threshold=0.8, hidden_classes=frozenset({2})), CLASSES).places == ()  # 0.78


def test_original_can_only_be_shown_where_there_is_a_correction() -> None:
    wish = ViewOptions(original_visible=True)
    assert not resolve(item(), wish, CLASSES).original_visible
    assert resolve(item(original=np.zeros(SHAPE, np.uint8)), wish, CLASSES).original_visible


def test_title_names_case_reader_and_tilt() -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    tilted = Geometry(SHAPE, direction_lps=((1, 0, 0), (0, c, -s), (0, s, c)))
    state = resolve(item(geometry=tilted), ViewOptions(), CLASSES)
    assert "case_1 (reader b)" in state.title
    assert "17°" in state.title  # 0.3 rad
    assert state.has_sides


def test_photograph_has_no_patient_side() -> None:
    flat = Geometry(SHAPE, spacing_known=False)
    assert not resolve(item(geometry=flat), ViewOptions(), CLASSES).has_sides


def test_maximum_over_classes_leaves_the_maps_alone() -> None:
    heat = HeatMaps(MapOnDisk())
    shown = heat.maximum((1, 2))
    assert shown[1, 2, 3] == 200
    assert shown[1, 4, 5] == 255
    assert heat.of(1)[1, 4, 5] == 0
    assert heat.maximum((2,))[1, 2, 3] == 90


def test_every_class_is_read_once_and_the_whole_case_never() -> None:
    source = MapOnDisk()
    heat = HeatMaps(source)
    heat.maximum((1,))
    heat.maximum((1, 2))
    assert source.read == [1, 2]
    assert heat.profiles[1].tolist() == [0, pytest.approx((200 / 255) ** 2), 0, 0]
    assert heat.profiles[2].tolist() == [0, pytest.approx((90 / 255) ** 2 + 1), 0, 0]


def test_unknown_wish_is_an_error() -> None:
    with pytest.raises(ValueError):
        ViewOptions(opacity=0.3)  # the field is called heatmap_opacity
    with pytest.raises(ValueError):
        ViewOptions(threshold=1.5)


def test_the_legend_says_which_map_it_is() -> None:
    state = resolve(item(map_name="difficulty"), ViewOptions(), CLASSES)
    assert "difficulty" in state.legend
    assert "nothing about the label" in state.legend_help
    without = resolve(item(map_name="difficulty", heat=None), ViewOptions(), CLASSES)
    assert "frozen model" in without.legend
    assert "score the data set" not in without.legend
