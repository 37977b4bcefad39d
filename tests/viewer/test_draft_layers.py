"""Drafts as layers: where boxes and points lie in any plane, and what is told when they are dragged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_aleatoric.segmentation import Query
from napari_aleatoric.session import DraftPointing, DraftSlice, SlicePlane, TextDraft
from napari_aleatoric.viewer import DRAFT_LAYERS, DraftLayers
from napari_aleatoric.viewer._draft_marks import boxes_and_points, pointings_by_slice

SHAPE = (6, 20, 30)
TWO = (
    DraftPointing((2.0, 3.0, 5.0, 9.0), ((3.0, 4.0),), ((5.0, 3.0),)),
    DraftPointing((12.0, 3.0, 15.0, 9.0)),
)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_boxes_and_points_come_back_from_any_plane(axis: int) -> None:
    boxes, points, inside = boxes_and_points(axis, {4: TWO})
    assert np.unique(np.stack(boxes)[..., axis]).tolist() == [4.0]
    down, right = (k for k in range(3) if k != axis)
    assert boxes[0][:, right].min() == 1.5  # round whole pixels
    assert boxes[0][:, down].max() == 9.5
    assert points[0, [down, right]].tolist() == [4.0, 3.0]
    assert inside.tolist() == [1, 0]
    assert pointings_by_slice(axis, boxes, points, inside) == {4: TWO}


def test_points_belong_to_the_box_they_lie_in_or_the_nearest_or_stand_alone() -> None:
    boxes, _, _ = boxes_and_points(0, {1: TWO})
    points = np.array([[1, 8, 13], [1, 4, 8], [3, 2, 2]], float)
    found = pointings_by_slice(0, boxes, points, np.array([1, 0, 1]))
    assert found[1][1].inside_xy == ((13.0, 8.0),)
    assert found[1][0].outside_xy == ((8.0, 4.0),)  # three pixels from the first box, four from the second
    assert found[3] == (DraftPointing(None, ((2.0, 2.0),)),)
    assert found[3][0].point_at == "points"
    assert [each.point_at for each in found[1]] == ["both", "both"]
    assert DraftPointing(None, (), ((1.0, 1.0),)).point_at == ""
    turned = np.array([[1, 5, 0], [1, 10, 5], [1, 5, 10], [1, 0, 5]], float)  # a box that was turned
    assert pointings_by_slice(0, [turned], np.zeros((0, 3)), np.zeros(0, int))[1][0].box_xyxy == (
        0.5,
        0.5,
        9.5,
        9.5,
    )


class Window:
    def __init__(self) -> None:
        self.viewer = ViewerModel()
        scale = (5.0, 0.7, 0.7)
        self.label = Labels(np.zeros(SHAPE, np.uint8), scale=scale, units="mm", axis_labels=("z", "y", "x"))
        self.viewer.add_layer(self.label)
        self.edits: list[tuple[SlicePlane, Any]] = []
        self.layers = DraftLayers(self.viewer, lambda: self.label, lambda *edit: self.edits.append(edit))


def draft_on(plane: SlicePlane, pointings: tuple[DraftPointing, ...]) -> TextDraft:
    shape = tuple(SHAPE[k] for k in (plane.down, plane.right))
    saliency, coarse = np.zeros(shape, np.float32), np.zeros(shape, bool)
    saliency[1, 2], coarse[1, 2] = 0.5, True
    label = np.zeros(SHAPE, np.uint8)
    plane.cut(label)[1, 2] = 1
    part = DraftSlice(plane, saliency, coarse, pointings)
    return TextDraft(Query.plain("liver"), "CT", plane, label, (part,), "", 0.2, "seer", "sam")


def test_a_draft_is_shown_edited_and_hidden() -> None:
    window = Window()
    layers, plane = window.layers, SlicePlane(1, 7, 0, 2)
    draft = draft_on(plane, TWO)
    layers.show(draft)
    assert [layer.name for layer in window.viewer.layers][1:] == list(DRAFT_LAYERS)
    assert layers.find("Saliency").data[1, 7, 2] == 128
    assert layers.find("Saliency").data.astype(int).sum() == 128
    assert layers.find("Coarse mask").data[1, 7, 2] == 1
    assert layers.find("Draft").data is draft.label, "edited in place"
    assert all(tuple(layers.find(name).scale) == (5.0, 0.7, 0.7) for name in DRAFT_LAYERS)
    assert (layers.n_boxes, layers.n_points) == (2, 2)
    assert not window.edits, "showing is not editing"

    boxes, points = layers.find("Draft boxes"), layers.find("Draft points")
    boxes.data = [boxes.data[0] + np.array([0, 0, 4]), boxes.data[1]]
    ((where, told),) = window.edits
    assert where == plane
    assert {each.box_xyxy for each in told} == {(6.0, 3.0, 9.0, 9.0), (12.0, 3.0, 15.0, 9.0)}
    layers.choose_tool("outside")
    points.add([[2, 7, 13]])
    assert window.edits[-1][0] == plane
    assert sum(len(each.outside_xy) for each in window.edits[-1][1]) == 2
    layers.choose_tool("inside")
    points.add([[4, 9, 13]])  # on another slice
    assert window.edits[-1] == (SlicePlane(1, 9, 0, 2), (DraftPointing(None, ((13.0, 4.0),)),))
    boxes.selected_data = {0, 1}
    boxes.remove_selected()
    assert window.edits[-1][0] == plane

    n = len(window.edits)
    layers.find("Saliency").visible = False
    layers.hide()
    assert not any(layers.find(name).visible for name in DRAFT_LAYERS)
    assert not any(np.asarray(layers.find(name).data).any() for name in DRAFT_LAYERS), "nothing of it is left"
    assert draft.label.any(), "but what was drafted is whole"
    assert window.viewer.layers.selection.active is window.label
    layers.show(draft_on(SlicePlane(0, 3, 1, 2), ()))
    assert len(window.edits) == n
    assert not boxes.data
    assert not len(points.data)
    shown = {name for name in DRAFT_LAYERS if layers.find(name).visible}
    assert shown == {"Draft", "Draft boxes", "Draft points"}, "what a person switched off stays off"
    layers.close()
    assert list(window.viewer.layers) == [window.label]
