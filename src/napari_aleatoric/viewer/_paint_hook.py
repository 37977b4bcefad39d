"""What napari's own tools paint, held to the wishes: kinds of brush, and classes that are locked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray

from napari_aleatoric.editing import along_edge, ball, in_range, widened
from napari_aleatoric.foundation import Box
from napari_aleatoric.session import EditWishes

from ._slice_in_view import plane_in_view

__all__ = ["PaintHook"]

_HOOKED = ("paint", "fill", "paint_polygon", "data_setitem")


class PaintHook:
    """Stands between napari's tools and one Labels layer; several layers may share the array that is painted.

    The four public methods that change a Labels layer are replaced on this one object: what a kind of brush does
    not cover is not painted, and voxels of locked classes are set back within the same step of undo. Undo and redo
    are left alone.

    Parameters
    ----------
    viewer : ViewerModel
        Shows the layer.
    layer : Labels
        Three-dimensional.
    wishes : EditWishes
        Which brush, and what is locked.
    image : callable
        Returns the intensities under the layer, shape (Z, Y, X) and channels last if there are any; None where
        there is no image.
    on_locked : callable
        ``on_locked(value)`` when a locked class was to be painted.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        layer: Labels,
        wishes: EditWishes,
        image: Callable[[], NDArray[Any] | None],
        on_locked: Callable[[int], None] = lambda value: None,
    ) -> None:
        self._viewer, self.layer, self._wishes = viewer, layer, wishes
        self._image, self._on_locked = image, on_locked
        self._plain = {name: getattr(layer, name) for name in _HOOKED}
        for name in _HOOKED:
            setattr(layer, name, getattr(self, f"_{name}"))

    def close(self) -> None:
        """Give the layer its own methods back."""
        for name in _HOOKED:
            self.layer.__dict__.pop(name, None)

    # -- what is called instead of napari's methods -------------------------------------------------------

    def _paint(self, coord: Sequence[float], new_label: int, refresh: bool = True) -> None:
        if self._refused(new_label):
            return
        covered = self._covered(coord, int(new_label))
        if covered is not None:
            self._set(*covered, int(new_label), refresh)
        elif self._wishes.locked:
            shape, reach = self.layer.data.shape, self.layer.brush_size // 2 + 2
            start = [max(0, round(c) - reach) for c in coord]
            stop = [min(n, round(c) + reach + 1) for c, n in zip(coord, shape, strict=True)]
            around = tuple(slice(a, max(a, b)) for a, b in zip(start, stop, strict=True))
            self._held("paint", around, coord, new_label, refresh)
        else:
            self._plain["paint"](coord, new_label, refresh)

    def _fill(self, coord: Sequence[float], new_label: int, refresh: bool = True) -> None:
        if not self._refused(new_label):
            self._held("fill", (slice(None),) * 3, coord, new_label, refresh)

    def _paint_polygon(self, points: Any, new_label: int) -> None:
        if not self._refused(new_label):
            self._held("paint_polygon", (slice(None),) * 3, points, new_label)

    def _data_setitem(self, indices: Any, value: Any, refresh: bool = True) -> None:
        locked = sorted(self._wishes.locked)
        if locked:
            where = tuple(np.asarray(axis) for axis in indices)
            old = np.asarray(self.layer.data[where])
            new = np.broadcast_to(np.asarray(value), old.shape)
            free = ~(np.isin(old, locked) | np.isin(new, locked))
            indices, value = tuple(axis[free] for axis in where), new[free].astype(old.dtype)
        self._plain["data_setitem"](indices, value, refresh)

    # -- locks --------------------------------------------------------------------------------------------

    def _refused(self, value: int) -> bool:
        if int(value) in self._wishes.locked:
            self._on_locked(int(value))
            return True
        return False

    def _held(self, name: str, around: tuple[slice, ...], *arguments: Any) -> None:
        """Let napari paint, then set voxels of locked classes back, as one step of undo."""
        locked = sorted(self._wishes.locked)
        if not locked:
            self._plain[name](*arguments)
            return
        before = np.array(self.layer.data[around])
        with self._one_step():
            self._plain[name](*arguments)
            touched = np.isin(before, locked) & (before != self.layer.data[around])
            if touched.any():
                start = [part.start or 0 for part in around]
                inside = np.nonzero(touched)
                where = tuple(axis + a for axis, a in zip(inside, start, strict=True))
                self._plain["data_setitem"](where, before[inside])

    def _one_step(self) -> AbstractContextManager[Any]:
        # inside a stroke napari groups already; a second group would end the first
        return nullcontext() if getattr(self.layer, "_block_history", True) else self.layer.block_history()

    # -- kinds of brush -----------------------------------------------------------------------------------

    def _covered(self, coord: Sequence[float], value: int) -> tuple[Box, NDArray[np.bool_]] | None:
        """Return what the brush covers; None where napari's own brush is to paint."""
        layer, kind = self.layer, self._wishes.brush
        plane, image = plane_in_view(self._viewer, layer), self._image()
        if kind == "plain" or plane is None or (kind != "ball" and image is None):
            return None
        z, y, x = (float(s) for s in layer.scale)
        radius = layer.brush_size / 2 * min(layer.scale[plane.down], layer.scale[plane.right])
        is_flat = kind != "ball" and layer.n_edit_dimensions < 3
        at = (float(coord[0]), float(coord[1]), float(coord[2]))
        found = ball(at, radius, layer.data.shape, (z, y, x), plane.axis if is_flat else None)
        if found is None:
            return Box((0, 0, 0), (0, 0, 0)), np.zeros((0, 0, 0), bool)
        box, footprint = widened(*found, layer.data.shape) if kind == "edge" else found
        if kind == "ball" or image is None:
            return box, footprint
        part = image[box.slices]
        part = part.mean(axis=-1) if part.ndim == 4 else part
        if kind == "range":
            return box, in_range(part, footprint, self._wishes.low, self._wishes.high)
        last = [n - 1 for n in footprint.shape]
        z0, y0, x0 = (int(np.clip(round(c) - a, 0, n)) for c, a, n in zip(at, box.start_zyx, last, strict=True))
        return box, along_edge(part, footprint, (z0, y0, x0), self._wishes.tolerance, (z, y, x))

    def _set(self, box: Box, mask: NDArray[np.bool_], value: int, refresh: bool) -> None:
        layer = self.layer
        part = np.asarray(layer.data[box.slices])
        if layer.preserve_labels:
            mask = mask & (part == (layer.selected_label if value == 0 else 0))
        inside = np.nonzero(mask & (part != value))
        if len(inside[0]):
            where = tuple(axis + a for axis, a in zip(inside, box.start_zyx, strict=True))
            layer.data_setitem(where, value, refresh)
