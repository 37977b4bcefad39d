"""A mouse for plots: where a value is drawn, and a drag along some places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from qtpy.QtCore import QPoint, QPointF, Qt


def pixel_of(plot: Any, x: float, y: float) -> QPoint:
    """Where a value is on a pyqtgraph plot."""
    return plot.mapFromScene(plot.getPlotItem().vb.mapViewToScene(QPointF(x, y)))


def until_still(qtbot: Any, plot: Any) -> None:
    """Wait until a plot has its final place and scale: axes take their width when they are drawn."""
    seen: list[list[QPoint]] = []

    def still() -> bool:
        seen.append([plot.mapToGlobal(pixel_of(plot, at, at)) for at in (0, 1)])
        return len(seen) > 40 and all(places == seen[-1] for places in seen[-40:])

    qtbot.waitUntil(still, timeout=120_000)


def between(places: list[QPoint], n: int = 6) -> Iterator[QPoint]:
    """Give points along the way: pyqtgraph passes over moves that come too fast."""
    for a, b in pairwise(places):
        for k in range(1, n + 1):
            yield QPoint(round(a.x() + (b.x() - a.x()) * k / n), round(a.y() + (b.y() - a.y()) * k / n))


def drag(qtbot: Any, plot: Any, places: list[QPoint]) -> None:
    """Press at the first place, move along the others, and let go at the last."""
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    viewport = plot.viewport()

    def send(kind: Any, at: QPoint, button: Any, buttons: Any) -> None:
        spot = QPointF(at)
        globally = QPointF(viewport.mapToGlobal(at))
        event = QMouseEvent(kind, spot, globally, button, buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(viewport, event)

    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    send(QMouseEvent.Type.MouseMove, places[0], none, none)
    send(QMouseEvent.Type.MouseButtonPress, places[0], left, left)
    for at in between(places):
        send(QMouseEvent.Type.MouseMove, at, none, left)
        qtbot.wait(20)
    send(QMouseEvent.Type.MouseButtonRelease, places[-1], left, none)
