"""Layers of the window seen again in another plane: the same arrays, the same looks, one brush, one history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

__all__ = ["LayerTwin", "PlaneLayers", "history_of"]

_LOOKS = ("opacity", "blending", "visible")
_GREY = ("contrast_limits_range", "contrast_limits", "gamma", "colormap")
_LABEL = ("contour", "show_selected_label", "colormap")
_BRUSH = (
    "editable",
    "selected_label",
    "brush_size",
    "preserve_labels",
    "contiguous",
    "n_edit_dimensions",
    "mode",
)
_NOT_IN_3D = ("contour", "opacity", "blending", "visible")  # in 3-D the window's layers look otherwise for a while
_QUIETLY = {"extent": False, "thumbnail": False, "highlight": False}


class LayerTwin:
    """A second layer of the same array in another viewer.

    What changes in one changes in the other: looks, the brush, and what is painted. Both have one history, so
    that undo in either takes back what was painted last in any.

    Parameters
    ----------
    viewer : ViewerModel
        The window, whose layer the first one is.
    layer : Image or Labels
        A layer of the window.
    """

    def __init__(self, viewer: ViewerModel, layer: Image | Labels) -> None:
        self._viewer, self.layer = viewer, layer
        self._busy = False
        common = {name: getattr(layer, name) for name in ("name", "scale", "translate", "units", "axis_labels")}
        common["metadata"] = dict(layer.metadata)
        self.twin: Image | Labels
        if isinstance(layer, Labels):
            self.twin = Labels(layer.data, colormap=layer.colormap, **common)
            self._names: tuple[str, ...] = (*_LABEL, *_LOOKS, *_BRUSH)
        else:
            limits = {} if layer.rgb else {"contrast_limits": layer.contrast_limits, "colormap": layer.colormap}
            self.twin = Image(layer.data, rgb=layer.rgb, interpolation2d=layer.interpolation2d, **limits, **common)
            self._names = _LOOKS if layer.rgb else (*_GREY, *_LOOKS)
        for name in self._names:
            self._pass_on(self.layer, self.twin, name)
        self._share_history()
        self._seen = self._state()
        for name in self._names:
            getattr(layer.events, name).connect(self._layer_looks)
            getattr(self.twin.events, name).connect(self._twin_looks)
        for event in ("set_data", "labels_update", "scale"):
            if hasattr(layer.events, event):
                getattr(layer.events, event).connect(self._layer_drawn)
                getattr(self.twin.events, event).connect(self._twin_drawn)
        if isinstance(layer, Labels):
            self.twin.events.paint.connect(self._twin_painted)

    def follow(self) -> None:
        """Take over all that the window's layer is now."""
        if self.twin.data is not self.layer.data or tuple(self.twin.scale) != tuple(self.layer.scale):
            self._take_data()
        for name in self._names:
            self._pass_on(self.layer, self.twin, name)

    def close(self) -> None:
        """Let go of the window's layer."""
        for name in (*self._names, "set_data", "labels_update", "scale"):
            if hasattr(self.layer.events, name):
                getattr(self.layer.events, name).disconnect(
                    self._layer_looks if name in self._names else self._layer_drawn
                )
        del self._viewer

    # -- looks and the brush --------------------------------------------------------------------------

    def _layer_looks(self, event: Any) -> None:
        self._pass_on(self.layer, self.twin, event.type)

    def _twin_looks(self, event: Any) -> None:
        self._pass_on(self.twin, self.layer, event.type)

    def _pass_on(self, source: Layer, target: Layer, name: str) -> None:
        if self._busy or (name in _NOT_IN_3D and self._viewer.dims.ndisplay != 2):
            return
        value = getattr(source, name)
        if name == "colormap" or value != getattr(target, name):
            with self._busily():
                setattr(target, name, value)

    # -- what is drawn ----------------------------------------------------------------------------------

    def _layer_drawn(self, event: Any = None) -> None:
        before, self._seen = self._seen, self._state()
        if self._busy or self._viewer.dims.ndisplay != 2:
            return
        if self.twin.data is not self.layer.data or tuple(self.twin.scale) != tuple(self.layer.scale):
            self._take_data()
        elif isinstance(self.layer, Labels) and (event.type == "labels_update" or _changed(before, self._seen)):
            with self._busily():
                self.twin.refresh(**_QUIETLY)

    def _twin_drawn(self, event: Any = None) -> None:
        if self._busy or not isinstance(self.layer, Labels):
            return
        if event.type == "labels_update" or history_of(self.layer) != self._seen[1]:
            with self._busily():
                self.layer.refresh(**_QUIETLY)
            self._seen = self._state()

    def _twin_painted(self, event: Any) -> None:
        """Who keeps strokes listens to the window's layer."""
        self.layer.events.paint(value=event.value)

    def _take_data(self) -> None:
        with self._busily():
            if tuple(self.twin.scale) != tuple(self.layer.scale):
                self.twin.scale = self.layer.scale
            if self.twin.units != self.layer.units:
                self.twin.units = self.layer.units
            self.twin.metadata.update(self.layer.metadata)
            if self.twin.data is not self.layer.data:
                self.twin.data = self.layer.data
        self._share_history()

    def _share_history(self) -> None:
        # napari has no open door to a layer's history; it makes a new one whenever the data is another
        if isinstance(self.layer, Labels) and isinstance(self.twin, Labels):
            self.twin._undo_history, self.twin._redo_history = self.layer._undo_history, self.layer._redo_history

    def _state(self) -> tuple[Any, tuple[int, ...]]:
        return self._viewer.dims.point, history_of(self.layer)

    @contextmanager
    def _busily(self) -> Iterator[None]:
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before


def history_of(layer: Layer) -> tuple[int, ...]:
    """Return a mark of how far a label's history is: another one after every stroke, undo and redo."""
    if not isinstance(layer, Labels):
        return ()
    undo, redo = layer._undo_history, layer._redo_history
    return (len(undo), len(redo), id(undo[-1]) if undo else 0)


def _changed(before: tuple[Any, Any], now: tuple[Any, Any]) -> bool:
    """Whether voxels may have changed; a layer is drawn anew for another slice as well."""
    return bool(before[1] != now[1] or before[0] == now[0])


class PlaneLayers:
    """Keeps the layers of another viewer like those of the window.

    Parameters
    ----------
    viewer : ViewerModel
        The window.
    plane : ViewerModel
        The other viewer; it has no layers but these.
    wanted : callable
        Which of the window's layers are seen there.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        plane: ViewerModel,
        wanted: Callable[[Layer], bool] = lambda layer: isinstance(layer, Image | Labels),
    ) -> None:
        self._viewer, self._plane, self._wanted = viewer, plane, wanted
        self._twins: dict[Layer, LayerTwin] = {}
        events = viewer.layers.events
        self._events = (events.inserted, events.removed, events.reordered)
        for event in self._events:
            event.connect(self._listed)
        viewer.layers.selection.events.active.connect(self._chosen)
        self._listed()

    def twin_of(self, layer: Layer | None) -> Layer | None:
        """Return the layer of the plane that shows a layer of the window, or None."""
        found = self._twins.get(layer) if layer is not None else None
        return None if found is None else found.twin

    def follow(self) -> None:
        """Look again at everything."""
        self._listed()
        for twin in self._twins.values():
            twin.follow()

    def close(self) -> None:
        """Empty the plane and let go of the window."""
        for event in self._events:
            event.disconnect(self._listed)
        self._viewer.layers.selection.events.active.disconnect(self._chosen)
        for twin in self._twins.values():
            twin.close()
        self._twins = {}
        self._plane.layers.clear()
        self._wanted = lambda layer: False
        del self._viewer, self._plane

    def _listed(self, event: Any = None) -> None:
        shown = [layer for layer in self._viewer.layers if self._wanted(layer) and layer.ndim == 3]
        for layer in [layer for layer in self._twins if layer not in shown]:
            twin = self._twins.pop(layer)
            twin.close()
            self._plane.layers.remove(twin.twin)
        for layer in [layer for layer in shown if layer not in self._twins]:
            self._twins[layer] = twin = LayerTwin(self._viewer, layer)
            self._plane.add_layer(twin.twin)
        for place, layer in enumerate(shown):
            now = self._plane.layers.index(self._twins[layer].twin)
            if now != place:
                self._plane.layers.move(now, place)
        self._chosen()

    def _chosen(self, event: Any = None) -> None:
        self._plane.layers.selection.active = self.twin_of(self._viewer.layers.selection.active)
