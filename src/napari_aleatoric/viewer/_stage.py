"""The standing layers: image, uncertainty, original label, label. Cases come and go, the layers stay."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from textwrap import wrap
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.model import ClassTable, Geometry
from napari_aleatoric.session import ItemData, ViewState

from ._colours import heat_colormap, label_colormap
from ._facing import face
from ._letters_at_edges import LettersAtEdges
from ._shown_window import ShownWindow
from ._whole_view import WholeView

__all__ = ["Stage"]

IMAGE, HEAT, ORIGINAL, LABEL = "Image", "Uncertainty", "Original label", "Label"
_LETTER_PX = 8  # of the title, at most
_OWNER = "napari-aleatoric"


class Stage:
    """Shows items in a viewer.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer (or its model, without a window).
    on_painted : callable
        Called, without arguments, after the label may have changed under the user's hands.

    Notes
    -----
    Setting the data of standing layers is several times faster than removing and adding them, and it keeps the
    user's contrast, colours and selected tool from case to case.
    """

    jumped = Signal(tuple)  # where to: millimetres along z, y, x

    def __init__(self, viewer: ViewerModel, on_painted: Callable[[], None] = lambda: None) -> None:
        self._viewer = viewer
        self._on_painted = on_painted
        self._item: ItemData | None = None
        self._state: ViewState | None = None
        self._classes: ClassTable | None = None
        self._shown_map: tuple[Any, tuple[int, ...]] | None = None
        self._listening: Labels | None = None
        self._whole = WholeView(viewer)
        self.window = ShownWindow()
        self._letters = LettersAtEdges(viewer)
        self._neurological = False
        for event in (viewer.dims.events.ndisplay, viewer.dims.events.order):
            event.connect(self._face)
        viewer.dims.events.ndisplay.connect(self._turned)
        viewer.canvas.events.size.connect(self._resized)
        viewer.canvas.grid.events.enabled.connect(self._resized)

    # -- public -------------------------------------------------------------------------------------

    @property
    def label_layer(self) -> Labels | None:
        """The layer that is painted on."""
        layer = self._find(LABEL)
        return layer if isinstance(layer, Labels) else None

    @property
    def whole_zoom(self) -> float:
        """Canvas pixels for a unit of the world at which the whole image is seen."""
        return self._whole.zoom

    @property
    def image_layer(self) -> Image | None:
        """The image that is shown."""
        layer = self._find(IMAGE)
        return layer if isinstance(layer, Image) else None

    def show(self, item: ItemData, state: ViewState, classes: ClassTable) -> None:
        """Put an item into the layers.

        Parameters
        ----------
        item : ItemData
            What to show; its ``label`` array is painted on in place.
        state : ViewState
            How to show it.
        classes : ClassTable
            Colours and names.
        """
        before = self._item
        new_grid = before is None or item.image.geometry != before.image.geometry
        new_case = before is None or item.key != before.key
        self._item, self._shown_map, self._classes = item, None, classes
        place = state.places[0].index_zyx[0] if state.places else item.label.shape[0] // 2
        with ExitStack() as later:
            if new_case and not new_grid:  # slice each layer once, at the new place, and not at the old one before
                for layer in self._ours():
                    if hasattr(layer, "_block_refresh"):  # not of napari's open doors: without it, only slower
                        later.enter_context(layer._block_refresh())
            self._show_image(item)
            self._show_heat(item, state)
            self._show_original(item, state)
            self._show_label(item)
        if new_case and not new_grid:
            point = self._viewer.dims.point
            self.go_to_slice(place)
            if self._viewer.dims.point == point:  # nothing moved, so nothing was sliced
                for layer in self._ours():
                    layer.refresh()
        self._arrange()
        self.apply(state)
        if new_grid:
            self._show_whole(item)
        if new_case and new_grid:
            self.go_to_slice(place)

    def show_version(self, item: ItemData, state: ViewState) -> None:
        """Take note that the label on screen was saved: its array, undo history and slice stay as they are."""
        self._item = item
        self._show_original(item, state)
        self._arrange()
        self.apply(state)

    def apply(self, state: ViewState) -> None:
        """Change only what differs from what is shown."""
        item = self._item
        if item is None:
            return
        heat, label, original = self._find(HEAT), self._find(LABEL), self._find(ORIGINAL)
        if heat is not None:
            wanted = (item.heat, state.heatmap_classes)
            if state.heatmap_visible and item.heat is not None and self._shown_map != wanted:
                heat.data = item.heat.maximum(state.heatmap_classes)
                self._shown_map = wanted
            _set(heat, "contrast_limits", list(state.heatmap_limits))
            _set(heat, "opacity", state.heatmap_opacity)
            _set(heat, "visible", state.heatmap_visible)
            _set(heat, "blending", "translucent" if self._viewer.dims.ndisplay == 2 else "translucent_no_depth")
        if label is not None:
            flat = self._viewer.dims.ndisplay == 2
            outline = state.label_outline and flat
            _set(label, "contour", 1 if outline else 0)
            _set(label, "opacity", 0.9 if outline else 0.4)
            _set(label, "visible", state.label_visible)
            _set(label, "blending", "translucent" if flat else "translucent_no_depth")
        if original is not None:
            _set(original, "visible", state.original_visible)
        image = self._find(IMAGE)
        if image is not None:  # in 3-D the grey volume would hide what lies in it
            _set(image, "visible", self._viewer.dims.ndisplay == 2)
        self._state = state
        self._letters.show(item.image.geometry if state.has_sides else None)
        overlay = self._viewer.canvas.overlays.text
        _set(overlay, "position", "top_left")
        self._resized()
        _set(overlay, "visible", True)

    def jump_to(self, index_zyx: tuple[int, int, int]) -> None:
        """Show a voxel of the upright frame; where the view is zoomed in, in its middle."""
        if self._item is None:
            return
        geometry = self._item.image.geometry
        world = np.asarray(index_zyx, dtype=float) * np.asarray(_scale(geometry))
        dims = self._viewer.dims
        for axis in range(3):
            if axis < dims.ndim:
                dims.set_point(axis, float(world[axis]))
        camera = self._viewer.scene.camera
        if dims.ndisplay == 2 and camera.zoom > 1.2 * self._whole.zoom:  # zoomed in: the place may be out of sight
            shown = dims.displayed
            camera.center = (0.0, float(world[shown[0]]), float(world[shown[1]]))
        self.jumped.emit(tuple(world.tolist()))

    def go_to_slice(self, index: int) -> None:
        """Show a slice (z, upright frame)."""
        if self._item is not None and self._viewer.dims.ndim >= 3:
            self._viewer.dims.set_point(0, index * _scale(self._item.image.geometry)[0])

    @property
    def slice_index(self) -> int:
        """The slice (z, upright frame) that is shown."""
        if self._item is None or self._viewer.dims.ndim < 3:
            return 0
        return round(self._viewer.dims.point[0] / _scale(self._item.image.geometry)[0])

    def clear(self) -> None:
        """Remove the layers, whether or not they are locked."""
        for name in (IMAGE, HEAT, ORIGINAL, LABEL):
            layer = self._find(name)
            if layer is not None:
                layer.locked = False
                self._viewer.layers.remove(layer)
        self._item = None
        self._listening = None

    def turn_sides(self, neurological: bool) -> None:
        """Draw the patient's left at the left (neurological), or at the right; the data stay as they are."""
        self._neurological = neurological
        self._face()

    def _face(self, event: object = None) -> None:
        if self._item is not None:
            # x to the right and y down leave "away" for z, or left and right would change places in 3-D
            face(self._viewer, neurological=self._neurological and self._item.image.geometry.spacing_known)

    def _turned(self, event: object = None) -> None:
        """Between 2-D and 3-D the same wishes look different."""
        if self._state is not None:
            self.apply(self._state)

    def _resized(self, event: object = None) -> None:
        """Break the title anew: the letter in the middle of the upper edge stays free."""
        if self._state is not None:
            _set(self._viewer.canvas.overlays.text, "text", self._words(self._state))

    def close(self) -> None:
        """Let go of the viewer; its layers stay as they are."""
        for event in (self._viewer.dims.events.ndisplay, self._viewer.dims.events.order):
            event.disconnect(self._face)
        self._viewer.dims.events.ndisplay.disconnect(self._turned)
        self._viewer.canvas.events.size.disconnect(self._resized)
        self._viewer.canvas.grid.events.enabled.disconnect(self._resized)
        self._whole.close()
        self.window.close()
        self._letters.close()
        self._item = self._state = self._listening = None
        del self._viewer

    # -- the layers ---------------------------------------------------------------------------------

    def _find(self, name: str) -> Layer | None:
        for layer in self._viewer.layers:
            if layer.metadata.get("owner") == _OWNER and layer.metadata.get("role") == name:
                return layer
        return None

    def _ours(self) -> list[Layer]:
        return [layer for layer in self._viewer.layers if layer.metadata.get("owner") == _OWNER]

    def _show_image(self, item: ItemData) -> None:
        layer = self._find(IMAGE)
        if layer is not None and bool(layer.rgb) != item.image.is_rgb:
            layer.locked = False
            self._viewer.layers.remove(layer)
            layer = None
        data = _displayable(item.image.data)
        if layer is None:
            options = {} if item.image.is_rgb else {"contrast_limits": item.display_range, "colormap": "gray"}
            layer = Image(data, rgb=item.image.is_rgb, **options, **self._common(IMAGE, item))
            layer.locked = True
            self._viewer.add_layer(layer)
        else:
            self._replace(layer, item, data)
        self.window.put(layer, item)

    def _show_heat(self, item: ItemData, state: ViewState) -> None:
        layer = self._find(HEAT)
        shape = item.image.geometry.shape_zyx
        if item.heat is not None and state.heatmap_classes:
            data = item.heat.maximum(state.heatmap_classes)
            self._shown_map = (item.heat, state.heatmap_classes)
        else:
            data = np.broadcast_to(np.uint8(0), shape)
        if layer is None:
            layer = Image(
                data,
                colormap=heat_colormap(),
                contrast_limits=list(state.heatmap_limits),
                blending="translucent",
                interpolation2d="linear",
                rendering="mip",
                **self._common(HEAT, item),
            )
            layer.contrast_limits_range = (0.0, 255.0)
            layer.locked = True
            self._viewer.add_layer(layer)
            return
        self._replace(layer, item, data)

    def _show_original(self, item: ItemData, state: ViewState) -> None:
        layer = self._find(ORIGINAL)
        if item.original is None:
            if layer is not None:
                layer.locked = False
                self._viewer.layers.remove(layer)
            return
        if layer is None:
            layer = Labels(item.original, colormap=self._colormap(), opacity=0.6, **self._common(ORIGINAL, item))
            layer.contour = 1
            layer.editable = False
            layer.locked = True
            self._viewer.add_layer(layer)
            return
        self._replace(layer, item, item.original)

    def _show_label(self, item: ItemData) -> None:
        layer = self.label_layer
        if layer is None:
            layer = Labels(item.label, colormap=self._colormap(), **self._common(LABEL, item))
            layer.contour = 1
            layer.selected_label = self._first_value()
            self._viewer.add_layer(layer)
        else:
            self._replace(layer, item, item.label)
            if layer.metadata.get("classes") != self._classes:
                layer.colormap = self._colormap()
                layer.selected_label = self._first_value()
        layer.metadata["classes"] = self._classes
        if self._listening is not layer:
            layer.events.paint.connect(lambda event: self._on_painted())
            layer.events.labels_update.connect(lambda event: self._on_painted())
            layer.events.set_data.connect(lambda event: self._on_painted())
            self._listening = layer

    def _colormap(self) -> Any:
        return label_colormap(self._classes if self._classes is not None else ClassTable(()))

    def _first_value(self) -> int:
        return self._classes.classes[0].label_value if self._classes is not None and len(self._classes) else 1

    def _arrange(self) -> None:
        """Keep our layers in order from bottom to top, and the label selected so that painting works at once."""
        layers = self._viewer.layers
        ours = [layer for layer in (self._find(n) for n in (IMAGE, HEAT, ORIGINAL, LABEL)) if layer is not None]
        positions = [layers.index(layer) for layer in ours]
        if positions != sorted(positions):
            for target, layer in enumerate(ours):
                layers.move(layers.index(layer), target)
        label = self.label_layer
        if label is not None and layers.selection.active is not label:
            layers.selection.active = label

    def _common(self, role: str, item: ItemData) -> dict[str, Any]:
        geometry = item.image.geometry
        return {
            "name": role,
            "scale": _scale(geometry),
            "units": _units(geometry),
            "axis_labels": ("z", "y", "x"),
            "metadata": {"owner": _OWNER, "role": role, "case_id": item.key.case_id, "geometry": geometry},
        }

    def _replace(self, layer: Image | Labels, item: ItemData, data: NDArray[Any]) -> None:
        geometry = item.image.geometry
        same = layer.metadata.get("geometry") == geometry and layer.data.shape == data.shape
        layer.metadata.update(case_id=item.key.case_id, geometry=geometry)
        if tuple(layer.scale) != _scale(geometry):
            layer.scale = _scale(geometry)
        if tuple(str(u) for u in layer.units) != _units(geometry):
            layer.units = _units(geometry)
        with ExitStack() as still:
            if same:  # the extent has not changed, and telling so costs a round through all layers and sliders
                still.enter_context(layer.events.extent.blocker())
            if same and isinstance(layer, Labels) and layer.data.dtype == data.dtype:
                still.enter_context(layer.events.data.blocker())  # would compile the colours' shader once more
            layer.data = data

    def _words(self, state: ViewState) -> str:
        """Title, in lines that end before the letter in the middle of the edge; below, what else is to be known."""
        panels = 2 if self._viewer.canvas.grid.enabled else 1
        room = max(20, self._viewer.canvas.size[1] // (2 * panels * _LETTER_PX) - 3)
        title = "\n".join(wrap(state.title, room, break_long_words=False, break_on_hyphens=False))
        return f"{title}\n{state.remark}" if state.remark else title

    def _show_whole(self, item: ItemData) -> None:
        self._face()
        self._viewer.canvas.overlays.scale_bar.visible = item.image.geometry.spacing_known
        self._viewer.reset_view()


def _set(target: Any, name: str, value: Any) -> None:
    if getattr(target, name) != value:
        setattr(target, name, value)


def _scale(geometry: Geometry) -> tuple[float, float, float]:
    return geometry.spacing_zyx_mm


def _units(geometry: Geometry) -> tuple[str, str, str]:
    unit = "millimeter" if geometry.spacing_known else "pixel"
    return (unit, unit, unit)


def _displayable(data: NDArray[Any]) -> NDArray[Any]:
    """Return what napari can draw: no bool, no 64-bit integers."""
    if data.dtype == bool:
        return data.astype(np.uint8)
    if data.dtype.kind in "iu" and data.dtype.itemsize == 8:
        return data.astype(np.float32)
    return data
