"""From a wish to a change of the label: which operation, on which slices, with which numbers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.editing import (
    Edit,
    Keep,
    Scope,
    copy_neighbour,
    copy_region,
    differing_region,
    fill_holes,
    grow,
    interpolate_slices,
    keep_largest,
    remove_small,
    shrink,
    smooth,
)
from napari_aleatoric.errors import DataError
from napari_aleatoric.model import ClassTable, Geometry, Reporter, SilentReporter

from ._edit_wishes import EditWishes
from ._slice_plane import SlicePlane

__all__ = ["OPERATIONS", "EditTask", "Operation", "class_range", "class_title", "edit_sentence"]

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Operation:
    """Something that a button does to the label.

    Parameters
    ----------
    name : str
        Identifier; the action is called ``edit_<name>``.
    title : str
        On the button.
    hint : str
        What it does, for the tool tip.
    """

    name: str
    title: str
    hint: str


OPERATIONS = {
    each.name: each
    for each in (
        Operation(
            "interpolate",
            "Draw between slices",
            "Draw the class into the empty slices between slices that have it, by their shapes.",
        ),
        Operation("fill_holes", "Fill holes", "Fill the background that the class encloses."),
        Operation("remove_small", "Drop parts below", "Take away loose parts of the class below this size."),
        Operation("keep_largest", "Largest only", "Take away all parts of the class but the largest."),
        Operation("smooth", "Smooth", "Smooth the border of the class; its volume stays the same."),
        Operation("grow", "Grow", "Add to the class what lies within this distance of it."),
        Operation("shrink", "Shrink", "Take from the class what lies within this distance of its border."),
        Operation("copy_before", "Copy from before", "Make the class here what it is in the slice before."),
        Operation("copy_after", "Copy from after", "Make the class here what it is in the slice after."),
        Operation("take_region", "Take region", "Take over the region of the other label that is pointed at."),
    )
}


@dataclass(frozen=True, eq=False)
class EditTask:
    """One thing to be done to a label.

    Parameters
    ----------
    operation : Operation
        What.
    label : numpy.ndarray of integer, shape (Z, Y, X)
        The label on the screen, upright; read, never written.
    geometry : Geometry
        Of the upright image.
    value : int
        Label value of the class.
    plane : SlicePlane
        The slice on the screen.
    wishes : EditWishes
        A copy of the wishes as they are now.
    classes : ClassTable
        For the words.
    other : numpy.ndarray of integer, shape (Z, Y, X), optional
        The label that a region is taken from.
    place : tuple of int, optional
        The voxel that is pointed at.
    """

    operation: Operation
    label: NDArray[Any]
    geometry: Geometry
    value: int
    plane: SlicePlane
    wishes: EditWishes
    classes: ClassTable
    other: NDArray[Any] | None = None
    place: Triple | None = None

    @property
    def scope(self) -> Scope:
        """Where it works."""
        axis, reach = self.plane.axis, self.wishes.reach
        return Scope(axis, self.plane.index) if reach == "slice" else Scope(axis, flat=reach == "slices")

    @property
    def spacing(self) -> tuple[float, float, float] | None:
        """Distances of voxels in mm; None where they are not known."""
        return self.geometry.spacing_zyx_mm if self.geometry.spacing_known else None

    def work(self, reporter: Reporter = SilentReporter()) -> Edit:  # noqa: B008  (stateless)
        """Work out what changes. Runs in any thread.

        Raises
        ------
        DataError
            If there is nothing that this could be done to; the sentence says why.
        """
        name, wishes, value = self.operation.name, self.wishes, self.value
        whole = name == "take_region" and wishes.all_classes
        if value in wishes.locked and not whole:
            title = class_title(self.classes, value)
            raise DataError(f"{title[0].upper()}{title[1:]} is locked. Unlock it, or choose another class.")
        if value == 0 and not whole:
            raise DataError("The background is chosen, which this cannot be done to. Choose a class.")
        keep = Keep(wishes.locked, others=not wishes.over_others)
        if name == "take_region":
            return self._region(keep)
        if name in ("copy_before", "copy_after"):
            here = Scope(self.plane.axis, self.plane.index)
            return copy_neighbour(self.label, value, here, -1 if name == "copy_before" else 1, keep)
        reporter.step(0, 1, "looking at the label")
        label = self.label.copy()  # what is painted meanwhile must not change under the work
        scope, spacing = self.scope, self.spacing
        if not (label == value).any():
            raise DataError(f"There is nothing of {class_title(self.classes, value)} in this label yet.")
        if name == "interpolate":
            return interpolate_slices(label, value, scope, spacing, keep, reporter)
        if name == "fill_holes":
            return fill_holes(label, value, scope, keep, reporter)
        if name == "remove_small":
            return remove_small(label, value, scope, wishes.smallest, spacing, keep, reporter)
        if name == "keep_largest":
            return keep_largest(label, value, scope, keep, reporter)
        if name == "smooth":
            return smooth(label, value, scope, wishes.sigma, spacing, keep, reporter)
        margin = grow if name == "grow" else shrink
        return margin(label, value, scope, wishes.distance, spacing, keep, reporter)

    def _region(self, keep: Keep) -> Edit:
        if self.other is None:
            raise DataError("Choose first whose label a region is to be taken from.")
        if self.place is None:
            raise DataError("Point into the image, at the region that is to be taken over.")
        value = None if self.wishes.all_classes else self.value
        scope = Scope(self.plane.axis, flat=self.wishes.reach != "volume")
        found = differing_region(self.label, self.other, self.place, scope, value)
        if found is None:
            about = "" if value is None else f" about {class_title(self.classes, value)}"
            raise DataError(f"The two labels do not differ{about} at this place.")
        return copy_region(self.label, self.other, *found, value, keep)


def class_title(classes: ClassTable, value: int) -> str:
    """Return what a label value is called in a sentence."""
    found = next((c.class_name for c in classes if c.label_value == value), "")
    return f"“{found}”" if found else f"label {value}"


def edit_sentence(task: EditTask, edit: Edit) -> str:
    """Say what a change did to the class, in ml where voxels have a known size."""
    title = task.operation.title
    if not len(edit):
        return f"{title}: nothing to change{' on this slice' if task.wishes.reach == 'slice' else ''}."
    gained, lost = int((edit.new == task.value).sum()), int((edit.old == task.value).sum())
    if task.wishes.all_classes and task.operation.name == "take_region":
        return f"{title}: {len(edit):,} voxels changed."
    ml = task.geometry.voxel_volume_ml if task.spacing is not None else 0.0
    size = f" ({(gained - lost) * ml:+.2f} ml)" if ml else ""
    return f"{title}: {class_title(task.classes, task.value)} +{gained:,} −{lost:,} voxels{size}."


def class_range(image: NDArray[Any], label: NDArray[Any], value: int) -> tuple[float, float] | None:
    """Return the 5th and 95th percentile of the intensities in a class; None where it has fewer than 10 voxels.

    Parameters
    ----------
    image : numpy.ndarray, shape (...)
        Intensities of a slice.
    label : numpy.ndarray of integer, the same shape
        Label values.
    value : int
        Label value of the class.
    """
    inside = image[label == value]
    if inside.size < 10:
        return None
    low, high = np.percentile(inside, [5.0, 95.0])
    return float(low), float(high)
