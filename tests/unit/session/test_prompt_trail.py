"""Clicks on one object: every answer stands on the label before the first, and undo is followed."""

from __future__ import annotations

import numpy as np

from napari_aleatoric.session import Clicks, PromptTrail, SlicePlane, painted_slice

PLANE = SlicePlane(0, 0, 1, 2)


def disc(n: int) -> np.ndarray:
    mask = np.zeros((8, 8), bool)
    mask[:n, :n] = True
    return mask


def answer(trail: PromptTrail, clicks: Clicks, mask: np.ndarray) -> np.ndarray:
    label = trail.painted(mask, replace=False, keep_others=False)
    trail.answered(clicks, label, mask.astype(np.float32))
    return label


def test_add_replace_keep_and_erase() -> None:
    label = np.zeros((8, 8), np.uint8)
    label[6:, 6:] = 1  # the class already, elsewhere
    label[0, 0] = 2  # another class, under the mask
    added = painted_slice(label, disc(3), 1, replace=False, keep_others=False)
    assert (added == 1).sum() == 9 + 4
    replaced = painted_slice(label, disc(3), 1, replace=True, keep_others=False)
    assert (replaced == 1).sum() == 9
    kept = painted_slice(label, disc(3), 1, replace=True, keep_others=True)
    assert (kept == 1).sum() == 8
    assert kept[0, 0] == 2
    erased = painted_slice(label, disc(3), 0, replace=False, keep_others=True)
    assert erased[0, 0] == 0
    assert label[0, 0] == 2, "the label that was given is not written to"


def test_a_better_answer_replaces_the_one_before() -> None:
    trail = PromptTrail(PLANE, np.zeros((8, 8), np.uint8), 3)
    prompt = trail.click((1.0, 1.0), 1)
    assert prompt.mask_logits is None
    first = answer(trail, trail.clicks, disc(6))
    assert (first == 3).sum() == 36
    prompt = trail.click((5.0, 5.0), 0)
    assert prompt.points_xy == ((1.0, 1.0), (5.0, 5.0))
    assert prompt.point_labels == (1, 0)
    assert prompt.mask_logits is not None, "it goes on from the answer before"
    second = answer(trail, trail.clicks, disc(2))
    assert (second == 3).sum() == 4, "what the first answer had drawn too much is gone"


def test_undo_and_redo_take_clicks_back_and_bring_them_again() -> None:
    empty = np.zeros((8, 8), np.uint8)
    trail = PromptTrail(PLANE, empty, 3)
    trail.click((1.0, 1.0), 1)
    first = answer(trail, trail.clicks, disc(6))
    trail.click((5.0, 5.0), 0)
    second = answer(trail, trail.clicks, disc(2))
    assert trail.follow(first)
    assert trail.clicks.labels == (1,)
    assert trail.follow(second)
    assert trail.clicks.labels == (1, 0)
    assert trail.follow(empty)
    assert trail.clicks == Clicks()
    painted = first.copy()
    painted[7, 7] = 9
    assert not trail.follow(painted), "somebody painted: the object is finished"


def test_quick_clicks_are_asked_together_and_a_failure_forgets_them() -> None:
    trail = PromptTrail(PLANE, np.zeros((8, 8), np.uint8), 3)
    trail.click((1.0, 1.0), 1)
    prompt = trail.click((2.0, 2.0), 1)
    assert len(prompt.points_xy) == 2
    trail.failed()
    assert trail.clicks == Clicks()


def test_an_answer_to_earlier_clicks_leaves_the_later_ones_asked() -> None:
    trail = PromptTrail(PLANE, np.zeros((8, 8), np.uint8), 3)
    trail.click((1.0, 1.0), 1)
    one = trail.clicks
    trail.click((2.0, 2.0), 1)
    answer(trail, one, disc(3))
    assert len(trail.clicks.points_xy) == 2
