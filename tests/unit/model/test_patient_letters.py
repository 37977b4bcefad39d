"""Letters of the patient: known slices by hand; all orders of storage against others are in `tests/parity/io`."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.model import Geometry, edge_letters, patient_letters


def turned_about_x(degrees: float) -> Geometry:
    """Upright, then tilted like the gantry of a CT: y leans towards the head."""
    a = np.radians(degrees)
    matrix = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    return Geometry((5, 6, 7), direction_lps=matrix)


def test_upright_slices_are_read_as_everywhere() -> None:
    upright = Geometry((5, 6, 7))
    assert edge_letters(upright, 1, 2) == ("A", "P", "R", "L")
    assert edge_letters(upright, 0, 2, upside_down=True) == ("S", "I", "R", "L")
    assert edge_letters(upright, 0, 1, upside_down=True) == ("S", "I", "A", "P")
    assert edge_letters(upright, 1, 2, mirrored=True) == ("A", "P", "L", "R")


@pytest.mark.parametrize(
    ("degrees", "front", "back"),
    [(0, "A", "P"), (9, "A", "P"), (10, "AI", "PS"), (-18, "AS", "PI"), (60, "IA", "SP")],
)
def test_a_tilted_axis_is_named_after_two_directions(degrees: float, front: str, back: str) -> None:
    assert patient_letters(turned_about_x(degrees), 1) == (front, back)
    assert patient_letters(turned_about_x(degrees), 2) == ("R", "L")
