"""Reference, before and after of a held-out case as outlines over its image, or beside each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_aleatoric.session import ComparedMasks

from ._colours import COMPARED_COLOURS
from ._side_by_side import LINKED, SideBySide, copy_of_image

__all__ = ["ComparedLayers"]

REFERENCE, BEFORE, AFTER = "reference", "before", "after"
RIGHT_IMAGE, RIGHT_REFERENCE = "right image", "right reference"
_OWNER = "napari-aleatoric-compared"
_WIDTHS = {BEFORE: 3, AFTER: 2, REFERENCE: 1, RIGHT_REFERENCE: 1}  # narrower ones on top: none hides another
_FINE = 128  # pixels across; in coarser images wide outlines would fill what they go round
_NAME_PX = 12
_NAME_GROUND = "#303030e0"  # of its own: the names have the colours of the outlines on light canvases, too


class ComparedLayers:
    """Shows masks in a viewer as locked outlines that nobody paints on; they are gone when they are hidden.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    image : callable
        Returns the layer of the image.
    ended : callable
        Called when a person left the two panels with napari's own button.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        image: Callable[[], Image | None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._viewer, self._image = viewer, image
        self._panels = SideBySide(viewer, lambda: self._left(ended))
        self._linked: Image | None = None  # whose look the image at the right has

    @property
    def layers(self) -> list[Layer]:
        """What is shown, from bottom to top."""
        return [layer for layer in self._viewer.layers if layer.metadata.get("owner") == _OWNER]

    def find(self, role: str) -> Layer | None:
        """Return one of the layers; None where it is not shown."""
        return next((layer for layer in self.layers if layer.metadata["role"] == role), None)

    def show(self, masks: ComparedMasks, *, side_by_side: bool) -> None:
        """Show masks instead of what was shown.

        Parameters
        ----------
        masks : ComparedMasks
            On the grid of the image.
        side_by_side : bool
            Whether before is at the left and after at the right, each with image and reference.
        """
        image = self._image()
        if image is None:
            return
        active = self._viewer.layers.selection.active
        if not side_by_side:
            self._panels.turn_off()
            self._drop(RIGHT_IMAGE, RIGHT_REFERENCE)
        if masks.before is None:
            self._drop(BEFORE)
        else:
            self._put(BEFORE, masks.before_title, image, masks.before)
        self._put(AFTER, "After", image, masks.after)
        self._put(REFERENCE, "Reference", image, masks.reference)
        if side_by_side:
            self._put_image(image)
            self._put(RIGHT_REFERENCE, "Reference (right)", image, masks.reference)
            wanted = (RIGHT_IMAGE, AFTER, RIGHT_REFERENCE)
            self._panels.turn_on([layer for role in wanted if (layer := self.find(role)) is not None])
        self._name_panels(side_by_side)
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active

    def hide(self) -> None:
        """Take the layers away, and show the view as it was."""
        self._panels.turn_off()
        self._drop(*(layer.metadata["role"] for layer in self.layers))

    def close(self) -> None:
        """Take the layers away and let go of the viewer."""
        self.hide()
        self._panels.close()
        del self._viewer

    def _left(self, ended: Callable[[], None]) -> None:
        self._drop(RIGHT_IMAGE, RIGHT_REFERENCE)
        self._name_panels(False)
        ended()

    # -- layers -------------------------------------------------------------------------------------------

    def _drop(self, *roles: str) -> None:
        for role in roles:
            layer = self.find(role)
            if layer is None:
                continue
            if role == RIGHT_IMAGE and self._linked is not None:
                self._viewer.layers.unlink_layers([self._linked, layer], LINKED)
                self._linked = None
            layer.locked = False
            self._viewer.layers.remove(layer)

    def _put(self, role: str, name: str, image: Image, data: NDArray[Any]) -> None:
        layer = self.find(role)
        if layer is not None:
            layer.data, layer.name = data, name
            return
        kind = REFERENCE if role == RIGHT_REFERENCE else role
        colours = DirectLabelColormap(color_dict={0: "transparent", None: COMPARED_COLOURS[kind]})
        layer = Labels(data, colormap=colours, opacity=1.0, **self._common(role, name, image))
        layer.contour = _WIDTHS[role] if min(data.shape[1:]) >= _FINE else 1
        layer.editable = False
        layer.locked = True
        self._viewer.add_layer(layer)

    def _put_image(self, image: Image) -> None:
        if self.find(RIGHT_IMAGE) is not None:
            return
        layer = copy_of_image(image, **self._common(RIGHT_IMAGE, "Image (right)", image))
        self._viewer.add_layer(layer)
        self._viewer.layers.link_layers([image, layer], LINKED)
        self._linked = image

    def _name_panels(self, side_by_side: bool) -> None:
        """Write the names into the canvas, in the colours of the outlines."""
        for layer in self.layers:
            kind = REFERENCE if layer.metadata["role"] == RIGHT_REFERENCE else layer.metadata["role"]
            if kind not in COMPARED_COLOURS:
                continue
            overlay = layer.name_overlay
            overlay.position, overlay.font_size, overlay.color = "bottom_left", _NAME_PX, COMPARED_COLOURS[kind]
            overlay.box_color = _NAME_GROUND
            overlay.visible = layer.metadata["role"] != RIGHT_REFERENCE

    def _common(self, role: str, name: str, image: Image) -> dict[str, Any]:
        return {
            "name": name,
            "scale": image.scale,
            "units": image.units,
            "axis_labels": image.axis_labels,
            "metadata": {"owner": _OWNER, "role": role},
        }
