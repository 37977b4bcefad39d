"""What prompts drew is known while it is in the label: through undo, redo, the brush and better answers."""

from __future__ import annotations

import numpy as np

from napari_aleatoric.foundation import Prompt
from napari_aleatoric.review import PromptUse
from napari_aleatoric.session import PromptAnswer, SlicePlane
from napari_aleatoric.session._prompted_masks import PromptedMasks

PLANE = SlicePlane(1, 2, 2, 0)  # down x, right z: nothing lies as in memory


def square(start: int, stop: int) -> np.ndarray:
    mask = np.zeros((8, 8), bool)
    mask[start:stop, start:stop] = True
    return mask


class Label:
    """A label, its slice, and prompts that are drawn into it."""

    def __init__(self, earlier: tuple[PromptUse, ...] = ()) -> None:
        self.data = np.zeros((8, 4, 8), np.uint8)
        self.masks = PromptedMasks(self.data, earlier)

    @property
    def slice(self) -> np.ndarray:
        return PLANE.cut(self.data)

    def box(self, mask: np.ndarray, value: int = 1, segmenter: str = "sam") -> None:
        self._draw(mask, value, Prompt(box_xyxy=(0, 0, 1, 1)), None, segmenter)

    def clicks(self, n: int, wanted: np.ndarray, about: object) -> None:
        """Draw what an object looks like after n clicks, in place of what it looked like before."""
        points = tuple((float(k), 0.0) for k in range(n))
        before = self.masks.slice_now(PLANE)
        self.slice[...] = wanted
        prompt = Prompt(points_xy=points, point_labels=(1,) * n)
        self.masks.drawn(PromptAnswer(PLANE, prompt, wanted > 0, 0.9, None, about, 0.1, "sam"), before)

    def _draw(self, mask: np.ndarray, value: int, prompt: Prompt, about: object, segmenter: str) -> None:
        before = self.masks.slice_now(PLANE)
        self.slice[mask] = value
        self.masks.drawn(PromptAnswer(PLANE, prompt, mask, 0.9, None, about, 0.1, segmenter), before)

    def uses(self) -> tuple[PromptUse, ...]:
        return self.masks.uses()


def test_boxes_and_clicks_are_counted_for_each_model() -> None:
    label = Label()
    assert label.uses() == ()
    label.box(square(0, 2))
    label.box(square(3, 5))
    label.box(square(6, 8), segmenter="medsam")
    assert label.uses() == (PromptUse("medsam", 1, 0), PromptUse("sam", 2, 0))


def test_an_answer_that_changes_nothing_is_no_drawing() -> None:
    label = Label()
    label.box(np.zeros((8, 8), bool))
    assert label.uses() == ()


def test_undo_takes_the_mention_back_and_redo_brings_it_again() -> None:
    label = Label()
    label.box(square(0, 4))
    drawn = label.slice.copy()
    label.slice[...] = 0
    assert label.uses() == ()
    label.slice[...] = drawn
    assert label.uses() == (PromptUse("sam", 1, 0),)


def test_what_is_painted_after_an_undo_is_by_hand() -> None:
    label = Label()
    label.box(square(0, 4))
    label.slice[...] = 0
    label.masks.follow()
    label.slice[1:3, 1:3] = 1
    assert label.uses() == ()


def test_a_touched_up_mask_still_counts_and_one_painted_over_does_not() -> None:
    label = Label()
    label.box(square(0, 4))
    label.slice[0, :] = 0
    label.slice[5, 5] = 1
    assert label.uses() == (PromptUse("sam", 1, 0),)
    label.slice[square(0, 4)] = 2
    assert label.uses() == ()


def test_more_clicks_on_one_object_are_one_object_and_undo_goes_through_them() -> None:
    label, about = Label(), object()
    one, two = square(0, 6).astype(np.uint8), square(2, 8).astype(np.uint8)
    label.clicks(1, one, about)
    assert label.uses() == (PromptUse("sam", 0, 1),)
    label.clicks(3, two, about)
    assert label.uses() == (PromptUse("sam", 0, 3),)
    label.slice[...] = one
    assert label.uses() == (PromptUse("sam", 0, 1),)
    label.slice[...] = 0
    assert label.uses() == ()
    label.slice[...] = two
    assert label.uses() == (PromptUse("sam", 0, 3),)
    label.slice[...] = one
    label.clicks(2, square(1, 3).astype(np.uint8), about)  # in place of what was undone
    assert label.uses() == (PromptUse("sam", 0, 2),)
    label.slice[...] = two
    assert label.uses() != (PromptUse("sam", 0, 3),)


def test_a_second_mask_over_the_first_hides_it_until_it_is_undone() -> None:
    label = Label()
    label.box(square(2, 4), value=1)
    first = label.slice.copy()
    label.box(square(0, 8), value=2, segmenter="medsam")
    assert label.uses() == (PromptUse("medsam", 1, 0),)
    label.slice[...] = first
    assert label.uses() == (PromptUse("sam", 1, 0),)


def test_an_erasing_prompt_counts() -> None:
    label = Label()
    label.slice[...] = 1
    label.box(square(0, 4), value=0)
    assert label.uses() == (PromptUse("sam", 1, 0),)


def test_what_was_there_before_counts_for_good() -> None:
    label = Label(earlier=(PromptUse("sam", 2, 5),))
    label.box(square(0, 4))
    assert label.uses() == (PromptUse("sam", 3, 5),)
    label.slice[...] = 0
    assert label.uses() == (PromptUse("sam", 2, 5),)
