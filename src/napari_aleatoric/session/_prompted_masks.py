"""Which masks on a label were drawn by prompts, and are still there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.review import PromptUse, prompt_uses

from ._prompt_words import AcceptedDraft, PromptAnswer
from ._slice_plane import SlicePlane, WholeVolume

__all__ = ["PromptedMasks"]


@dataclass(eq=False)
class _Object:
    """What prompts about one object did to one slice, step by step.

    ``where`` are the pixels (flat indices) that any step changed; ``values[k]`` what they held after step k, and
    ``values[0]`` what they held before the first; ``here`` is the step that the label shows now.
    """

    plane: SlicePlane | WholeVolume
    where: NDArray[np.intp]
    values: list[NDArray[Any]]
    uses: list[PromptUse | None] = field(default_factory=lambda: [None])
    here: int = 0

    def add(self, before: NDArray[Any], after: NDArray[Any], use: PromptUse) -> None:
        """Take note of one more step; steps that were undone are forgotten."""
        del self.values[self.here + 1 :], self.uses[self.here + 1 :]
        fresh = np.setdiff1d(np.flatnonzero(before != after), self.where)
        self.where = np.concatenate([self.where, fresh])
        self.values = [np.concatenate([values, before.ravel()[fresh]]) for values in self.values]
        self.values.append(after.ravel()[self.where])
        self.uses.append(use)
        self.here = len(self.values) - 1

    def follow(self, now: NDArray[Any]) -> None:
        """Find the step that the slice shows: undo and redo go through them, brushes leave them."""
        found = now[np.unravel_index(self.where, now.shape)]
        for k in sorted(range(len(self.values)), key=lambda k: abs(k - self.here)):
            if np.array_equal(self.values[k], found):
                self.here = k
                return
        drawn = self.values[self.here] != self.values[0]
        if not (found[drawn] == self.values[self.here][drawn]).any():
            self.here = 0  # all of it was painted over


class PromptedMasks:
    """Keeps track of what promptable segmenters drew into one label, for the record of a saved version.

    The label itself is looked at rather than the program's doings counted, so that napari's undo and redo, the
    brush and scripts are followed alike. A mask counts while one pixel of it is left; one that was undone, erased
    or painted over whole does not count, and counts again after a redo. Two things it cannot know: what was drawn
    before the label came to the screen counts for good, and what a person paints by hand exactly where an undone
    mask was counts as its redo.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        The array that is drawn into; read, never written.
    earlier : tuple of PromptUse
        What the version on the screen holds already.
    """

    def __init__(self, label: NDArray[Any], earlier: tuple[PromptUse, ...] = ()) -> None:
        self._label = label
        self._earlier = earlier
        self._objects: dict[object, _Object] = {}

    def slice_now(self, plane: SlicePlane | WholeVolume) -> NDArray[Any]:
        """Return a copy of a slice of the label, for `drawn`."""
        return plane.cut(self._label).copy()

    def drawn(self, answer: PromptAnswer | AcceptedDraft, before: NDArray[Any]) -> None:
        """Take note of an answer that was drawn.

        Parameters
        ----------
        answer : PromptAnswer or AcceptedDraft
            The answer; of several about the same object the last one counts, with all of its clicks.
        before : numpy.ndarray of integer, shape (down, right)
            The slice of the label before it was drawn, `slice_now`.
        """
        after = self.slice_now(answer.plane)
        about = answer if answer.about is None else answer.about
        known = self._objects.get(about)
        if known is None or known.plane != answer.plane:
            if np.array_equal(before, after):
                return
            known = self._objects[about] = _Object(
                answer.plane, np.empty(0, np.intp), [np.empty(0, self._label.dtype)]
            )
        known.follow(before)
        known.add(before, after, answer.use)

    def follow(self) -> None:
        """See which masks are still there; call it when the label was changed."""
        for known in self._objects.values():
            known.follow(known.plane.cut(self._label))

    def uses(self) -> tuple[PromptUse, ...]:
        """Return whose masks are in the label now, and the prompts that they took."""
        self.follow()
        shown = (known.uses[known.here] for known in self._objects.values())
        return prompt_uses([*self._earlier, *(use for use in shown if use is not None)])
