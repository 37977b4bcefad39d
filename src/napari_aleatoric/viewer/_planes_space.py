"""Label and heatmap of the window in three dimensions, beside its planes."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_aleatoric.model import Geometry
from napari_aleatoric.session import SPACE

from ._planes_layers import history_of

__all__ = ["LinkedSpace"]

_SEEN_IN_SPACE = ("Label", "Uncertainty")


class LinkedSpace:
    """The label and the heatmap in three dimensions. Painting is seen when it is asked for: it costs all voxels.

    Parameters
    ----------
    viewer : ViewerModel
        The window.
    """

    name = SPACE

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = ViewerModel(title=SPACE, ndisplay=3)
        self._window = viewer
        self._geometry: Geometry | None = None
        self._copies: dict[str, Image | Labels] = {}
        self._drawn: tuple[int, ...] = ()  # of the label's history, when it was last drawn
        viewer.layers.events.removed.connect(self._removed)

    def show(self, geometry: Geometry) -> None:
        """Show what the window shows of a volume, as it is now."""
        for role in _SEEN_IN_SPACE:
            self._show(role)
        if geometry != self._geometry:
            self._geometry = geometry
            self.viewer.scene.camera.orientation = ("away", "down", "right")
            self.viewer.reset_view()
            # from the front, a little from above and from the patient's right, head up
            self.viewer.scene.camera.set_view_direction((-0.2, 1.0, 0.25), up_direction=(1.0, 0.0, 0.0))
        overlay = self.viewer.canvas.overlays.text
        overlay.position, overlay.text, overlay.visible = "top_left", self.name, True

    def hide(self) -> None:
        """Show nothing until it is asked for again: another case is on the screen."""
        for copy in self._copies.values():
            copy.visible = False

    def clear(self) -> None:
        """Let go of the arrays."""
        self.viewer.layers.clear()
        self._copies = {}
        self._geometry = None

    def close(self) -> None:
        """Let go of everything."""
        self._window.layers.events.removed.disconnect(self._removed)
        self.clear()
        del self._window

    def _removed(self, event: Any) -> None:
        """Forget what the window has taken away: it must not be seen any more."""
        copy = self._copies.pop(event.value.metadata.get("role", ""), None)
        if copy is not None:
            self.viewer.layers.remove(copy)

    def _show(self, role: str) -> None:
        layer = next((one for one in self._window.layers if one.metadata.get("role") == role), None)
        copy = self._copies.get(role)
        if not isinstance(layer, Image | Labels):
            if copy is not None:
                self.viewer.layers.remove(self._copies.pop(role))
            return
        looks: dict[str, Any] = {"scale": layer.scale, "units": layer.units, "blending": "translucent_no_depth"}
        if copy is None:
            if isinstance(layer, Labels):
                copy = Labels(layer.data, name=role, colormap=layer.colormap, opacity=0.4, **looks)
                copy.editable = False
            else:
                limits, colours = layer.contrast_limits, layer.colormap
                copy = Image(
                    layer.data, name=role, colormap=colours, contrast_limits=limits, rendering="mip", **looks
                )
            self._copies[role] = copy
            self.viewer.add_layer(copy)
        elif copy.data is not layer.data:
            copy.scale, copy.units = layer.scale, layer.units
            copy.data = layer.data
        elif isinstance(layer, Labels) and history_of(layer) != self._drawn:
            copy.refresh()
        if isinstance(layer, Labels):
            self._drawn = history_of(layer)
        copy.visible = layer.visible
        if isinstance(layer, Image):
            copy.opacity, copy.contrast_limits = layer.opacity, layer.contrast_limits
