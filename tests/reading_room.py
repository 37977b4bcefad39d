"""A viewer with our layers, and a mouse for it; no window."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
    mouse_wheel_callbacks,
)

from napari_aleatoric.model import ClassTable, Geometry, ItemKey, Volume
from napari_aleatoric.session import ItemData, ViewOptions, resolve
from napari_aleatoric.viewer import Stage

SHAPE = (12, 20, 30)
SCALE = (5.0, 0.7, 0.9)


def item(name: str, display_range: tuple[float, float] = (0.0, 1000.0)) -> ItemData:
    geometry = Geometry(SHAPE, SCALE)
    image = Volume(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE), geometry)
    return ItemData(ItemKey(name), image, geometry, np.zeros(SHAPE, np.uint8), "", None, display_range)


class Room:
    """A viewer with our layers, and a mouse."""

    def __init__(self) -> None:
        self.viewer = ViewerModel()
        self.stage = Stage(self.viewer)
        self.show("first")
        self.image: Any = self.stage.image_layer
        self.label: Any = self.stage.label_layer

    def show(self, name: str, **changes: Any) -> None:
        shown = item(name, **changes)
        self.stage.show(shown, resolve(shown, ViewOptions(), ClassTable(())), ClassTable(()))

    def place(self, at: tuple[float, float]) -> tuple[float, ...]:
        """Where the world is at (x, y) of the canvas, whose pixels are millimetres: in the axial plane."""
        return (self.viewer.dims.point[0], at[1], at[0])

    def drag(self, *pixels: tuple[float, float], button: int = 3, modifiers: tuple[str, ...] = ()) -> list[bool]:
        steps = [("mouse_press", mouse_press_callbacks, pixels[0])]
        steps += [("mouse_move", mouse_move_callbacks, at) for at in pixels[1:]]
        steps += [("mouse_release", mouse_release_callbacks, pixels[-1])]
        handled = []
        for kind, run, at in steps:
            event = SimpleNamespace(
                type=kind, button=button, modifiers=modifiers, pos=np.array(at), handled=False,
                position=self.place(at), is_dragging=kind == "mouse_move",
                view_direction=None, dims_displayed=list(self.viewer.dims.displayed),
                dims_point=list(self.viewer.dims.point),
            )  # fmt: skip
            read_only = ReadOnlyWrapper(event, exceptions=("handled",))
            run(self.viewer, read_only)
            active = self.viewer.layers.selection.active
            if active is not None:
                run(active, read_only)
            handled.append(event.handled)
        return handled

    def turn(self, delta: float, modifiers: tuple[str, ...] = (), position: Any = (0.0, 0.0, 0.0)) -> bool:
        event = SimpleNamespace(
            type="mouse_wheel", delta=(0.0, delta), modifiers=modifiers, position=position, handled=False,
            native=SimpleNamespace(inverted=lambda: False),
        )  # fmt: skip
        mouse_wheel_callbacks(self.viewer, ReadOnlyWrapper(event, exceptions=("handled",)))
        return event.handled
