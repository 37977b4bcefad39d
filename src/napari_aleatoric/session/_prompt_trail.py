"""The clicks that outline one object, and the label after each of them: undo takes back a click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Prompt

from ._slice_plane import SlicePlane

__all__ = ["Clicks", "PromptTrail", "painted_slice"]


@dataclass(frozen=True)
class Clicks:
    """Points of one object so far.

    Parameters
    ----------
    points_xy : tuple of tuple of float
        In pixels of the slice.
    labels : tuple of int
        1 = in the object, 0 = not in it.
    """

    points_xy: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()

    def and_one(self, point_xy: tuple[float, float], label: int) -> Clicks:
        """Return these and one more."""
        return Clicks((*self.points_xy, point_xy), (*self.labels, label))


@dataclass(frozen=True, eq=False)
class _Step:
    clicks: Clicks
    label: NDArray[Any]  # the slice of the label after it
    logits: NDArray[np.float32] | None = None


class PromptTrail:
    """One object that is being pointed at.

    Each answer replaces the one before, on the label as it was before the first click; napari's undo and redo go
    back and forth between the answers, and the trail follows them.

    Parameters
    ----------
    plane : SlicePlane
        Where.
    label : numpy.ndarray, shape (down, right)
        The slice of the label before the first click; copied.
    value : int
        Label value that is drawn.
    """

    def __init__(self, plane: SlicePlane, label: NDArray[Any], value: int) -> None:
        self.plane = plane
        self.value = value
        self._steps = [_Step(Clicks(), label.copy())]
        self._here = 0
        self._asked: Clicks | None = None  # clicks whose answer is on its way

    @property
    def clicks(self) -> Clicks:
        """All clicks so far, answered or not."""
        return self._asked if self._asked is not None else self._steps[self._here].clicks

    def painted(self, mask: NDArray[np.bool_], *, replace: bool, keep_others: bool) -> NDArray[Any]:
        """Return the slice of the label with this object drawn into what was there before; see `painted_slice`."""
        return painted_slice(self._steps[0].label, mask, self.value, replace=replace, keep_others=keep_others)

    def click(self, point_xy: tuple[float, float], label: int) -> Prompt:
        """Add a click and return what to ask."""
        logits = self._steps[self._here].logits if self._asked is None else None
        self._asked = self.clicks.and_one(point_xy, label)
        return Prompt(points_xy=self._asked.points_xy, point_labels=self._asked.labels, mask_logits=logits)

    def answered(self, clicks: Clicks, label: NDArray[Any], logits: NDArray[np.float32] | None) -> None:
        """Take note of what the slice of the label is after an answer to these clicks."""
        del self._steps[self._here + 1 :]
        self._steps.append(_Step(clicks, label.copy(), logits))
        self._here += 1
        if self._asked == clicks:
            self._asked = None

    def failed(self) -> None:
        """Forget the clicks that got no answer."""
        self._asked = None

    def follow(self, label: NDArray[Any]) -> bool:
        """Find the slice of the label among the steps, after somebody may have changed it.

        Returns
        -------
        bool
            False if it is none of them: somebody painted here, and the object is finished.
        """
        order = sorted(range(len(self._steps)), key=lambda k: abs(k - self._here))
        for k in order:
            if np.array_equal(self._steps[k].label, label):
                self._here = k
                return True
        return False


def painted_slice(
    label: NDArray[Any], mask: NDArray[np.bool_], value: int, *, replace: bool, keep_others: bool
) -> NDArray[Any]:
    """Return a slice of a label with a mask drawn into it.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (down, right) or (Z, Y, X)
        As it is.
    mask : numpy.ndarray of bool, same shape
        Where.
    value : int
        What; 0 erases.
    replace : bool
        The class consists of the mask alone afterwards, on this slice; else the mask is added to it.
    keep_others : bool
        Pixels of other classes stay as they are.
    """
    found = label.copy()
    if replace:
        found[label == value] = 0
    if keep_others and value != 0:
        mask = mask & ((label == 0) | (label == value))
    found[mask] = value
    return found
