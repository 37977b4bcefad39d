"""The line at the bottom of the canvas stays off the patient's letter in the middle."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from qtpy.QtWidgets import QWidget

from napari_aleatoric.widgets._cursor_line import CursorLine

pytestmark = pytest.mark.gui


@pytest.mark.parametrize(("width", "room_below"), [(900, 6), (220, 44)])
def test_a_line_that_reaches_the_letter_is_lifted(qtbot: Any, width: int, room_below: int) -> None:
    canvas = QWidget()
    qtbot.addWidget(canvas)
    canvas.resize(width, 300)
    window = SimpleNamespace(_qt_viewer=SimpleNamespace(canvas=SimpleNamespace(native=canvas)))
    line = CursorLine(SimpleNamespace(window=window))
    line.show_window("W 1425 L -312, automatic")
    assert 300 - (line.y() + line.height()) == room_below
    assert line.x() + line.width() <= width
    canvas.show()
    canvas.resize(1120 - width, 300)  # the wide canvas becomes narrow and the narrow one wide
    qtbot.waitUntil(lambda: 300 - (line.y() + line.height()) == 50 - room_below, timeout=10_000)
    line.let_go()
