"""The outlines of all readers over the image, the region in question, and the outcome that is painted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_aleatoric.model import ClassTable
from napari_aleatoric.session import AdjudicationScene
from napari_aleatoric.uncertainty import DisputedRegion

from ._colours import class_colour
from ._side_by_side import LINKED, SideBySide, copy_of_image

__all__ = ["DIMMED", "OUTCOME", "REGION", "ReaderLayers"]

DIMMED, OUTCOME, REGION = "dimmed", "outcome", "region"
_RIGHT_IMAGE, _RIGHT_REGION = "right image", "right region"
_OWNER = "napari-aleatoric-readers"
_FINE = 256  # pixels across; in coarser images wide outlines would fill what they go round
_NAME_PX = 11
_NAME_GROUND = "#303030e0"  # of its own: the names have the colours of the outlines on light canvases, too
_REGION_COLOUR = "#ffffff"
_DARK = (0.0, 0.0, 0.0, 0.6)


class ReaderLayers:
    """Shows what several readers drew; gone when it is hidden, and the view is as it was.

    Parameters
    ----------
    viewer : ViewerModel
        Any napari viewer.
    image : callable
        Returns the layer of the image.
    painted : callable
        Called with whether a stroke has ended when the outcome was painted on.
    ended : callable
        Called when a person left the two panels with napari's own button.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        image: Callable[[], Image | None],
        painted: Callable[[bool], None] = lambda ended: None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._viewer, self._image, self._painted = viewer, image, painted
        self._panels = SideBySide(viewer, lambda: self._left(ended))
        self._scene: AdjudicationScene | None = None
        self._linked: Image | None = None
        self._region: DisputedRegion | None = None
        self._marked: NDArray[np.uint8] | None = None  # 1 in the region in question
        self._silent = False
        self._beside = ""

    @property
    def layers(self) -> list[Layer]:
        """What is shown, from bottom to top."""
        return [layer for layer in self._viewer.layers if layer.metadata.get("owner") == _OWNER]

    def find(self, role: str) -> Any:
        """Return one of the layers: `OUTCOME`, `REGION`, `DIMMED` or "reader NAME"; None if not shown."""
        return next((layer for layer in self.layers if layer.metadata["role"] == role), None)

    def show(self, scene: AdjudicationScene, classes: ClassTable) -> None:
        """Show a case instead of what was shown.

        Parameters
        ----------
        scene : AdjudicationScene
            On the grid of the image.
        classes : ClassTable
            Colours of the outcome.
        """
        self.hide()
        image = self._image()
        if image is None:
            return
        self._scene = scene
        colours: dict[int | None, Any] = {c.class_index: class_colour(c.class_index) for c in classes}
        filled = DirectLabelColormap(color_dict={**colours, 0: "transparent", None: "transparent"})
        outcome = Labels(scene.shown, colormap=filled, opacity=0.35, **self._common(OUTCOME, "Outcome", image))
        self._viewer.add_layer(outcome)
        outcome.events.paint.connect(lambda event: self._was_painted(True))
        outcome.events.labels_update.connect(lambda event: self._was_painted(False))
        fine = min(image.data.shape[1:3]) >= _FINE
        for place, (mark, label) in enumerate(zip(scene.readers, scene.labels, strict=True)):
            width = max(1, min(3, len(scene.readers) - place)) if fine else 1
            self._outline(f"reader {mark.name}", f"{mark.number} {mark.name}", label, mark.colour, width, image)
        self._viewer.layers.selection.active = outcome
        outcome.mode = "pan_zoom"

    def hide(self) -> None:
        """Take the layers away, and show the view as it was."""
        self._panels.turn_off()
        for layer in self.layers:
            self._drop(layer.metadata["role"])
        self._scene = self._region = self._marked = None

    def close(self) -> None:
        """Take the layers away and let go of the viewer."""
        self.hide()
        self._panels.close()
        del self._viewer

    # -- the region in question ---------------------------------------------------------------------------

    def mark(self, region: DisputedRegion, *, dimmed: bool) -> None:
        """Lay white over a region; with ``dimmed`` everything but it is darker.

        Only the voxels of this region and of the one before are written.
        """
        image, scene = self._image(), self._scene
        if image is None or scene is None:
            return
        if self._marked is None:
            self._marked = np.zeros(scene.shown.shape, np.uint8)
        if self._region is not None:
            self._marked[self._region.box][self._region.inside] = 0
        self._marked[region.box][region.inside] = 1
        if self.find(REGION) is None:
            self._put_marked(REGION, "Region", image)
            self._put_in_order()
        if dimmed and self.find(DIMMED) is None:
            self._put_dark(image)
        elif not dimmed:
            self._drop(DIMMED)
        for role in (REGION, _RIGHT_REGION, DIMMED):
            layer = self.find(role)
            if layer is not None:
                layer.refresh(extent=False)
        self._region = region

    def _put_marked(self, role: str, name: str, image: Image) -> None:
        """Put the region over the outlines, which run along its border: their colours show through."""
        colours = DirectLabelColormap(color_dict={0: "transparent", None: _REGION_COLOUR})
        layer = Labels(self._marked, colormap=colours, opacity=0.4, **self._common(role, name, image))
        layer.editable = False
        layer.locked = True
        self._keeping_active(lambda: self._viewer.add_layer(layer))

    def _put_in_order(self) -> None:
        """Put the layers over each other as they belong, unless two panels have them apart."""
        if self._panels.is_on or self._scene is None:
            return
        wanted = [OUTCOME, *(f"reader {mark.name}" for mark in self._scene.readers), DIMMED, REGION]
        found = [layer for role in wanted if (layer := self.find(role)) is not None]
        layers = self._viewer.layers
        if list(layers)[-len(found) :] != found:
            for layer in found:
                layers.move(layers.index(layer), len(layers))

    def _put_dark(self, image: Image) -> None:
        dark = DirectLabelColormap(color_dict={0: _DARK, None: "transparent"})
        layer = Labels(self._marked, colormap=dark, opacity=1.0, **self._common(DIMMED, "Dim", image))
        layer.editable = False
        self._keeping_active(lambda: self._viewer.add_layer(layer))
        layer.locked = True
        self._put_in_order()

    # -- the outcome --------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw the outcome again after its array was written to: the slice that is shown, nothing else."""
        layer = self.find(OUTCOME)
        if layer is None:
            return
        self._silent = True
        try:
            if hasattr(layer, "_reset_history"):  # what was painted before is the log's to undo
                layer._reset_history()
            layer.refresh(extent=False)
        finally:
            self._silent = False

    def paint(self, class_index: int | None) -> None:
        """Take the brush for a structure; None lays it down."""
        layer = self.find(OUTCOME)
        if layer is None:
            return
        self._viewer.layers.selection.active = layer
        if class_index is not None:
            layer.selected_label = class_index
            layer.brush_size = min(layer.brush_size, 5)
        layer.mode = "pan_zoom" if class_index is None else "paint"

    def _was_painted(self, ended: bool) -> None:
        if not self._silent:
            self._painted(ended)

    # -- beside each other --------------------------------------------------------------------------------

    def put_beside(self, reader: str) -> None:
        """Show one reader in a panel of their own with the image alone; "" shows all over each other again."""
        image = self._image()
        if image is None or self._scene is None:
            return
        if not reader:
            self._panels.turn_off()
            self._drop(_RIGHT_IMAGE)
            self._drop(_RIGHT_REGION)
            self._put_in_order()
            return
        self._put_right_image(image)
        if self._marked is not None and self.find(_RIGHT_REGION) is None:
            self._put_marked(_RIGHT_REGION, "Region (right)", image)
        self._beside = f"reader {reader}"
        self._arrange_right()

    def _arrange_right(self) -> None:
        found: Sequence[Any] = [self.find(role) for role in (_RIGHT_IMAGE, self._beside, _RIGHT_REGION)]
        self._panels.turn_on([layer for layer in found if layer is not None])

    def _left(self, ended: Callable[[], None]) -> None:
        self._drop(_RIGHT_IMAGE)
        self._drop(_RIGHT_REGION)
        self._put_in_order()
        ended()

    def _put_right_image(self, image: Image) -> None:
        if self.find(_RIGHT_IMAGE) is not None:
            return
        layer = copy_of_image(image, **self._common(_RIGHT_IMAGE, "Image (right)", image))
        self._keeping_active(lambda: self._viewer.add_layer(layer))
        self._viewer.layers.link_layers([image, layer], LINKED)
        self._linked = image

    # -- layers -------------------------------------------------------------------------------------------

    def _outline(self, role: str, name: str, data: NDArray[Any], colour: str, width: int, image: Image) -> None:
        colours = DirectLabelColormap(color_dict={0: "transparent", None: colour})
        layer = Labels(data, colormap=colours, opacity=1.0, **self._common(role, name, image))
        layer.contour = width
        layer.editable = False
        layer.locked = True
        self._keeping_active(lambda: self._viewer.add_layer(layer))

    def _keeping_active(self, change: Callable[[], Any]) -> None:
        active = self._viewer.layers.selection.active
        change()
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active

    def _drop(self, role: str) -> None:
        layer = self.find(role)
        if layer is None:
            return
        if role == _RIGHT_IMAGE and self._linked is not None:
            self._viewer.layers.unlink_layers([self._linked, layer], LINKED)
            self._linked = None
        layer.locked = False
        self._keeping_active(lambda: self._viewer.layers.remove(layer))

    def _common(self, role: str, name: str, image: Image) -> dict[str, Any]:
        return {
            "name": name,
            "scale": image.scale,
            "units": image.units,
            "axis_labels": image.axis_labels,
            "metadata": {"owner": _OWNER, "role": role},
        }
