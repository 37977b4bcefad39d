"""Colours: apart for every eye, and the heatmap's lightness grows."""

from __future__ import annotations

import numpy as np

from napari_aleatoric.model import ClassTable
from napari_aleatoric.viewer import class_colour, heat_colormap, label_colormap


def lightness(rgb: np.ndarray) -> np.ndarray:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def test_two_hundred_classes_have_two_hundred_colours() -> None:
    colours = [class_colour(i) for i in range(1, 201)]
    assert all(len(c) == 7 and c.startswith("#") for c in colours)
    assert len(set(colours)) > 190


def test_label_colours_follow_the_file_values() -> None:
    colormap = label_colormap(ClassTable.from_names({11121: "cortex", 4: "ventricle"}))
    assert np.allclose(colormap.map(0), [0, 0, 0, 0])
    first = np.array([int(class_colour(1)[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    assert np.allclose(colormap.map(4)[:3], first, atol=0.01)  # value 4 is class 1
    assert np.allclose(colormap.map(99), [1, 1, 1, 1])  # in no class: white, to be noticed


def test_heatmap_gets_lighter_and_denser() -> None:
    table = heat_colormap().map(np.linspace(0, 1, 50))
    assert np.all(np.diff(lightness(table[:, :3])) > 0)
    assert np.all(np.diff(table[:, 3]) >= 0)
    assert table[0, 3] == 0
