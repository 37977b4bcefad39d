"""A slice of the screen as a text-image model should see it, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Prompt, bilinear
from napari_aleatoric.segmentation import Pointing, Side, SliceStack

from ._prompt_work import CaseInView
from ._slice_look import SliceLook
from ._slice_plane import SlicePlane

__all__ = ["DECIMALS", "PLANES", "DraftPointing", "TextPicture", "upright_plane"]

Box = tuple[float, float, float, float]
Points = tuple[tuple[float, float], ...]

_HALF = 0.5
DECIMALS = 3
"""Of places on a slice, in pixels: what was not moved is known again after it was in a layer."""

PLANES: tuple[Literal["axial", "coronal", "sagittal"], ...] = ("axial", "coronal", "sagittal")


@dataclass(frozen=True)
class DraftPointing:
    """What the segmenter is told about one object, in pixels of a slice: what can be dragged and edited.

    Parameters
    ----------
    box_xyxy : tuple of float, optional
        First and last pixel on either axis.
    inside_xy, outside_xy : tuple of tuple of float
        Points in the object, and points that are not.
    """

    box_xyxy: Box | None = None
    inside_xy: Points = ()
    outside_xy: Points = ()

    @property
    def point_at(self) -> str:
        """What of it the segmenter is asked with; "" where nothing says where the object is."""
        if self.box_xyxy is None:
            return "points" if self.inside_xy else ""
        return "both" if self.inside_xy or self.outside_xy else "box"


def upright_plane(axis: int, index: int) -> SlicePlane:
    """Return a slice with its axes in the order of the volume's, however it is turned on the screen."""
    down, right = (each for each in range(3) if each != axis)
    return SlicePlane(axis, index, down, right)


@dataclass(frozen=True, eq=False)
class TextPicture:
    """One slice with about square pixels and the patient the right way up.

    Networks learn from pictures as radiologists see them: coronal and sagittal slices have the head up there, while
    the upright frame counts from the feet.

    Parameters
    ----------
    plane : SlicePlane
        Which slice, of `upright_plane`.
    look : SliceLook
        The slice with about square pixels.
    image : numpy.ndarray of uint8, shape (H, W) or (H, W, 3)
        What the models see.
    """

    plane: SlicePlane
    look: SliceLook
    image: NDArray[np.uint8]

    @classmethod
    def of(cls, case: CaseInView, plane: SlicePlane) -> TextPicture:
        """Prepare the slice that lies there."""
        plane = upright_plane(plane.axis, plane.index)
        look = case.look(plane)
        image = look.image[::-1] if plane.axis != 0 else look.image
        return cls(plane, look, np.ascontiguousarray(image))

    @property
    def _head_up(self) -> bool:
        return self.plane.axis != 0

    # -- what lies on the picture, onto the slice ---------------------------------------------------------

    def values_on_slice(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Bring a map of the picture to the pixels of the slice, (down, right)."""
        turned = np.asarray(values[::-1] if self._head_up else values, dtype=np.float32)
        return turned if turned.shape == self.look.shape else bilinear(turned, self.look.shape)

    def mask_on_slice(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Bring a mask of the picture to the pixels of the slice, (down, right)."""
        return np.asarray(self.values_on_slice(mask) > _HALF)

    def pointing_on_slice(self, pointing: Pointing, *, with_points: bool) -> DraftPointing:
        """Bring a box and, if wanted, points of the picture to pixels of the slice."""
        down, right = self._growth
        x0, y0, x1, y1 = self._turned_box(pointing.box_xyxy)
        there = (x0 / right, y0 / down, (x1 + 1) / right - 1, (y1 + 1) / down - 1)  # as `SliceLook.prompt` has it
        bx0, by0, bx1, by1 = (round(v, DECIMALS) for v in there)
        box = (bx0, by0, bx1, by1)

        def back(points: Points) -> Points:
            turned = (self._turned(point) for point in points)
            placed = (((x + 0.5) / right - 0.5, (y + 0.5) / down - 0.5) for x, y in turned)
            return tuple((round(x, DECIMALS), round(y, DECIMALS)) for x, y in placed)

        if not with_points:
            return DraftPointing(box)
        return DraftPointing(box, back(pointing.inside_xy), back(pointing.outside_xy))

    # -- what lies on the slice, onto the picture ---------------------------------------------------------

    def pointing(self, drawn: DraftPointing) -> Pointing:
        """Bring what a person pointed at to the picture; a person's word counts as sure (confidence 1)."""
        n_inside = len(drawn.inside_xy)
        points = (*drawn.inside_xy, *drawn.outside_xy)
        labels = (1,) * n_inside + (0,) * len(drawn.outside_xy)
        grown = self.look.prompt(Prompt(drawn.box_xyxy, points, labels))
        there = tuple(self._turned(point) for point in grown.points_xy)
        if grown.box_xyxy is None:  # the points alone are asked with
            xs, ys = zip(*there[:n_inside], strict=True)
            box = (min(xs), min(ys), max(xs), max(ys))
        else:
            box = self._turned_box(grown.box_xyxy)
        return Pointing(box, there[:n_inside], there[n_inside:], 1.0)

    def on_side(self, case: CaseInView, side: Side) -> NDArray[np.bool_] | None:
        """Return which pixels of the picture lie on one side of the patient; None where any may be meant."""
        if not side:
            return None
        stack = SliceStack.of(case.volume, PLANES[self.plane.axis], case.window)
        if not stack.knows_sides:
            return None
        there = stack.on_side(self.plane.index, side, stack.middle_lps_x())
        shape = (self.image.shape[0], self.image.shape[1])
        return np.asarray(bilinear(there.astype(np.float32), shape) > _HALF)

    # -- parts ------------------------------------------------------------------------------------------

    @property
    def _growth(self) -> tuple[float, float]:
        return (self.image.shape[0] / self.look.shape[0], self.image.shape[1] / self.look.shape[1])

    def _turned(self, point: tuple[float, float]) -> tuple[float, float]:
        return (point[0], self.image.shape[0] - 1 - point[1]) if self._head_up else point

    def _turned_box(self, box: Box) -> Box:
        x0, y0, x1, y1 = box
        (_, ya), (_, yb) = self._turned((x0, y0)), self._turned((x1, y1))
        return (x0, min(ya, yb), x1, max(ya, yb))
