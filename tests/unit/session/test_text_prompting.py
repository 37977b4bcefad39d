"""Words become a draft, boxes are dragged, and nothing is drawn that nobody asked for."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.foundation import Embedding, Prediction, Prompt, Saliency
from napari_aleatoric.model import Geometry, SilentReporter, Volume
from napari_aleatoric.segmentation import Query, VolumeSpec
from napari_aleatoric.session import DraftPointing, Prompting, SlicePlane, TextPhase, TextPrompting, WholeVolume

SECONDS = 60.0
LIVER, SPLEEN = 200, 120  # grey levels


class Seer:
    """Sees a word where the grey level is the word's; "prostate" is nowhere."""

    name, n_layers = "seer", 12

    def __init__(self) -> None:
        self.gate, self.asked = threading.Event(), []
        self.gate.set()
        self.obeys = True
        self.pictures: list[np.ndarray] = []

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += list(texts)
        grey = {"liver": (1, 0, 0), "spleen": (0, 1, 0)}
        return np.array([next((v for k, v in grey.items() if k in t), (0, 0, 1)) for t in texts], np.float32)

    def embed_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        rows = []
        for image in images:
            here = [float((np.abs(image.astype(int) - level) < 15).any()) for level in (255, 153)]
            rows.append(np.array([*here, 0.3]) / np.linalg.norm([*here, 0.3]))
        return np.array(rows, np.float32)

    def saliency(self, image_yx: np.ndarray, text_vector: np.ndarray, **options: Any) -> Saliency:
        return self.saliencies([image_yx], text_vector[np.newaxis], **options)[0]

    def saliencies(
        self, images: Any, text_vectors: Any, *, method: Any = None, spec: Any = None, reporter: Any = None
    ) -> list[Saliency]:
        found = []
        for image, vector in zip(images, text_vectors, strict=True):
            self.pictures.append(image)
            for step in range(10):
                while not self.gate.wait(0.02):
                    if self.obeys:
                        (reporter or SilentReporter()).step(step, 10, "held")
                (reporter or SilentReporter()).step(step, 10, "Looking")
            level = 255 if vector[0] else 153
            seen = (np.abs(image.astype(int) - level) < 15).astype(np.float32)
            found.append(Saliency(seen, float(self.embed_images([image])[0] @ vector), method or "m2ib"))
        return found


class Outliner:
    """Outlines the brightest pixels in the box, less one row of pixels that only points bring."""

    name = "outliner"

    def __init__(self) -> None:
        self.asked: list[Prompt] = []

    def embed(self, slices: Sequence[np.ndarray]) -> list[Embedding]:
        return [Embedding(np.zeros((1, 1, 1), np.float16), i.shape[:2], i.shape[:2], self.name) for i in slices]

    def predict(self, embeddings: Any, prompts: Any) -> list[Prediction]:
        raise AssertionError("a quick one looks at every box by itself")

    def segment(self, image: np.ndarray, prompt: Prompt, *, whole: Any = None) -> Prediction:
        self.asked.append(prompt)
        logits = np.full(image.shape[:2], -5.0, np.float32)
        if prompt.box_xyxy is not None:
            x0, y0, x1, y1 = (round(v) for v in prompt.box_xyxy)
            logits[y0 : y1 + 1, x0 : x1 + 1] = 5.0
        for (x, y), label in zip(prompt.points_xy, prompt.point_labels, strict=True):
            logits[round(y), round(x)] = 5.0 if label else -5.0
        return Prediction(logits, 0.9, image.shape[:2])


class Host:
    def __init__(self, model: Any, error: Exception | None = None) -> None:
        self.model, self.error, self.closed = model, error, False

    def open(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.model

    def close(self) -> None:
        self.closed = True
        if isinstance(self.model, Seer):
            self.model.gate.set()


def body() -> Volume:
    """Twelve slices; the liver (bright) at the patient's right, in the upper half, the spleen at the left."""
    data = np.zeros((12, 40, 30), np.int16)
    data[:, 2:38, 2:28] = 60
    data[6:11, 10:20, 4:12] = LIVER
    data[6:11, 12:18, 22:26] = SPLEEN
    geometry = Geometry(data.shape, (5.0, 1.0, 1.0))
    return Volume(data, geometry, "CT")


class Desk:
    """A `TextPrompting` with a main thread that the test turns by hand."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.seer, self.outliner = Seer(), Outliner()
        self.hosts: list[Host] = []
        self.error: Exception | None = None
        self.prompting = Prompting(lambda name: Host(self.outliner), self.calls.put)
        spec = VolumeSpec(threshold="fixed", least_presence=0.0)
        self.text = TextPrompting(self._host, self.prompting, self.calls.put, spec)
        self.drafts: list[Any] = []
        self.said: list[Any] = []
        self.text.drafted.connect(self.drafts.append)
        self.text.status_changed.connect(self.said.append)
        self.text.choose("seer")
        self.volume = body()
        self.text.show(self.volume)

    def _host(self, name: str) -> Host:
        self.hosts.append(Host(self.seer, self.error))
        return self.hosts[-1]

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not condition():  # what it waits for may come true without a call
            with contextlib.suppress(queue.Empty):
                self.calls.get(timeout=0.05)()
                continue
            assert time.monotonic() < end, "nothing came of it"

    def find(self, query: Query, plane: SlicePlane | None) -> Any:
        n = len(self.drafts)
        self.text.find(query, plane)
        self.until(lambda: len(self.drafts) > n or self.text.status.phase is TextPhase.FAILED)
        return self.drafts[-1] if len(self.drafts) > n else None


@pytest.fixture
def desk():
    desk = Desk()
    yield desk
    desk.text.close()
    desk.prompting.close()


@pytest.mark.parametrize(
    "plane",
    [SlicePlane(0, 8, 1, 2), SlicePlane(0, 8, 2, 1), SlicePlane(1, 15, 0, 2), SlicePlane(2, 8, 0, 1)],
    ids=["axial", "axial on its side", "coronal", "sagittal"],
)
def test_a_word_is_drafted_in_any_plane(desk: Desk, plane: SlicePlane) -> None:
    draft = desk.find(Query.plain("liver"), plane)
    wanted = np.zeros(desk.volume.data.shape, np.uint8)
    where = [slice(None)] * 3
    where[plane.axis] = plane.index
    wanted[tuple(where)] = (desk.volume.data == LIVER)[tuple(where)]
    assert wanted.any()
    assert np.array_equal(draft.label, wanted)
    part = draft.slices[0]
    assert np.array_equal(part.plane.cut(wanted) > 0, part.coarse)
    ys, xs = np.nonzero(part.plane.cut(wanted))
    assert part.pointings[0].box_xyxy == pytest.approx((xs.min(), ys.min(), xs.max(), ys.max()), abs=0.5)
    assert "similarity" in draft.sentence
    assert desk.text.status.phase is TextPhase.DRAFT
    assert any(status.fraction is not None for status in desk.said)
    if plane.axis:  # the head is up in what the model sees, and 5 mm are as long as five pixels of 1 mm
        bright = np.abs(desk.seer.pictures[-1].astype(int) - 255) < 15
        assert bright.shape[0] == 60
        assert np.nonzero(bright)[0].mean() < 30


def test_a_dragged_box_is_outlined_at_once_and_alone(desk: Desk) -> None:
    draft = desk.find(Query.plain("liver"), SlicePlane(1, 15, 0, 2))
    other = SlicePlane(1, 20, 0, 2)
    redrawn: list[SlicePlane] = []
    desk.text.redrawn.connect(redrawn.append)
    n = len(desk.outliner.asked)
    boxes = (DraftPointing((5.0, 7.0, 10.0, 9.0)), DraftPointing((22.0, 2.0, 24.0, 3.0)))
    desk.text.edit(draft.region, boxes)
    desk.until(lambda: bool(redrawn))
    wanted = np.zeros((12, 30), bool)
    wanted[7:10, 5:11] = wanted[2:4, 22:25] = True
    assert np.array_equal(draft.region.cut(draft.label) > 0, wanted)
    assert not other.cut(draft.label).any()
    assert len(desk.outliner.asked) == n + 2
    with_point = replace(boxes[0], inside_xy=((15.0, 5.0),), outside_xy=((6.0, 8.0),))
    desk.text.edit(draft.region, (with_point, boxes[1]))
    desk.until(lambda: len(redrawn) == 2)
    assert len(desk.outliner.asked) == n + 3, "the box that was not touched is not asked again"
    assert desk.outliner.asked[-1].point_labels == (1, 0)
    desk.text.edit(draft.region, ())
    desk.until(lambda: len(redrawn) == 3)
    assert not draft.label.any()


def test_a_box_of_the_draft_that_was_not_touched_is_not_asked_again(desk: Desk) -> None:
    draft = desk.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2))
    n, liver, redrawn = len(desk.outliner.asked), draft.label.copy(), []
    desk.text.redrawn.connect(redrawn.append)
    desk.text.edit(draft.region, (*draft.slices[0].pointings, DraftPointing((1.0, 30.0, 3.0, 32.0))))
    desk.until(lambda: bool(redrawn))
    assert len(desk.outliner.asked) == n + 1
    liver[8, 30:33, 1:4] = 1
    assert np.array_equal(draft.label, liver)


def test_a_volume_is_drafted_from_key_slices(desk: Desk) -> None:
    draft = desk.find(Query.plain("spleen"), None)
    assert isinstance(draft.region, WholeVolume)
    truth = desk.volume.data == SPLEEN
    dice = 2 * (truth & (draft.label > 0)).sum() / (truth.sum() + (draft.label > 0).sum())
    assert dice > 0.8
    key = draft.slices[0]
    assert np.array_equal(key.coarse, key.plane.cut(truth))
    assert any(status.fraction is not None for status in desk.said)


def test_what_is_on_the_other_side_is_not_found_and_says_its_score(desk: Desk) -> None:
    right = Query("right liver", ("liver",), side="right")
    assert desk.find(right, SlicePlane(0, 8, 1, 2)).found  # x grows to the patient's left
    draft = desk.find(replace(right, text="left liver", side="left"), SlicePlane(0, 8, 1, 2))
    assert not draft.found
    assert not draft.slices[0].pointings
    assert draft.slices[0].saliency.max() == 1.0, "where it was looked at can be seen all the same"
    assert "was not found" in draft.sentence
    assert "Similarity" in draft.sentence
    assert desk.text.status.phase is TextPhase.IDLE


def test_cancel_stops_at_once_and_keeps_the_model(desk: Desk) -> None:
    desk.seer.gate.clear()
    desk.text.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2))
    desk.until(lambda: bool(desk.seer.pictures))
    desk.text.cancel()
    assert not desk.text.status.busy
    desk.seer.gate.set()
    assert desk.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2)).found
    assert len(desk.drafts) == 1
    assert len(desk.hosts) == 1, "it was not loaded again"


def test_a_model_that_does_not_stop_is_ended_within_two_seconds(desk: Desk) -> None:
    desk.seer.gate.clear()
    desk.seer.obeys = False
    desk.text.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2))
    desk.until(lambda: bool(desk.seer.pictures))
    began = time.monotonic()
    desk.text.cancel()
    assert not desk.text.status.busy
    while not desk.hosts[0].closed:
        time.sleep(0.005)
    assert time.monotonic() - began < 20  # two seconds, and what a busy machine adds
    desk.seer.obeys = True
    assert desk.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2)).found  # asked again before anybody was told
    assert len(desk.hosts) == 2
    assert len(desk.drafts) == 1


def test_what_cannot_be_loaded_says_why(desk: Desk) -> None:
    desk.error = NotFoundError("The weights are not here. Do this.")
    assert desk.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2)) is None
    assert desk.text.status.sentence == "The weights are not here. Do this."
    desk.error = None
    assert desk.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2)).found
    desk.text.choose("")
    desk.text.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2))
    assert desk.text.status.sentence == TextPrompting.NO_MODEL


def test_another_case_forgets_the_draft_and_late_answers(desk: Desk) -> None:
    draft = desk.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2))
    gone: list[bool] = []
    desk.text.dropped.connect(lambda: gone.append(True))
    desk.text.edit(draft.region, (DraftPointing((1.0, 1.0, 2.0, 2.0)),))
    before = draft.label.copy()
    desk.text.show(body())
    assert gone
    assert desk.text.draft is None
    settled = desk.text._edits.submit(0, lambda: None)
    settled.result(SECONDS)
    while not desk.calls.empty():
        desk.calls.get()()
    assert np.array_equal(draft.label, before)


def test_a_draft_never_goes_over_other_classes_unless_asked(desk: Desk) -> None:
    draft = desk.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2))
    label = np.zeros(desk.volume.data.shape, np.uint8)
    label[:, 10:12, :] = 3  # another class, partly where the draft is
    label[8, 30:33, 20:22] = 1  # of the class, on the slice
    label[2, 30:33, 20:22] = 1  # and on another
    liver = draft.label > 0
    added = draft.painted(label, 1, replace=False, keep_others=True)
    assert np.array_equal(added[label == 3], label[label == 3])
    assert np.array_equal(added == 1, (label == 1) | (liver & (label != 3)))
    replaced = draft.painted(label, 1, replace=True, keep_others=True)
    assert not replaced[8, 30:33, 20:22].any()
    assert (replaced[2] == label[2]).all(), "the class is replaced on its slice only"
    assert np.array_equal(replaced[8] == 1, (liver & (label != 3))[8])
    assert (draft.painted(label, 1, replace=False, keep_others=False)[liver] == 1).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_pointed_at_is_carried_through_the_volume(desk: Desk, axis: int) -> None:
    plane = SlicePlane(0, 8, 1, 2) if axis == 0 else SlicePlane(1, 15, 0, 2)
    first = desk.find(Query.plain("liver"), plane)
    wanted = DraftPointing((22.0, 12.0, 25.0, 17.0)) if axis == 0 else DraftPointing((22.0, 6.0, 25.0, 10.0))
    n = len(desk.drafts)
    desk.text.carry({plane.index: (wanted,)})
    desk.until(lambda: len(desk.drafts) > n)
    draft = desk.drafts[-1]
    truth = desk.volume.data == SPLEEN
    found = draft.label > 0
    assert np.array_equal(plane.cut(found), plane.cut(truth))
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8
    assert isinstance(draft.region, WholeVolume)
    assert draft.slices[0].pointings == (wanted,)
    assert np.array_equal(draft.slices[0].saliency, first.slices[0].saliency)
    assert (draft.query, draft.seer) == (first.query, first.seer)


def test_a_stopped_carrying_leaves_the_draft(desk: Desk) -> None:
    draft = desk.find(Query.plain("liver"), SlicePlane(0, 8, 1, 2))
    before = draft.label.copy()
    desk.text.carry({8: ()})
    assert "Draw a box" in desk.text.status.sentence
    desk.text.carry({8: draft.slices[0].pointings})
    assert desk.text.status.busy
    desk.text.cancel()
    assert desk.text.draft is draft
    assert desk.text.status.phase is TextPhase.DRAFT
    assert np.array_equal(draft.label, before)
