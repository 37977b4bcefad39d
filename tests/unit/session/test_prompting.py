"""The segmenter beside the window: what is urgent goes first, and late answers are dropped."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, JobFailedError, NotFoundError
from napari_aleatoric.foundation import Embedding, Prediction, Prompt
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.session import Prompting, SlicePlane

SECONDS = 20.0


class Fake:
    """Finds the bright pixels in the box, or all bright ones; can be held up, and can break."""

    name = "fake"

    def __init__(self) -> None:
        self.gate, self.load_gate = threading.Event(), threading.Event()
        self.gate.set()
        self.load_gate.set()
        self.seen: list[tuple[str, int]] = []  # what was done, and the brightest value of the slice
        self.error: Exception | None = None

    def _do(self, what: str, image: np.ndarray) -> None:
        self.gate.wait(SECONDS)
        if self.error is not None:
            raise self.error
        self.seen.append((what, int(image.max())))

    def embed(self, slices: Sequence[np.ndarray]) -> list[Embedding]:
        for image in slices:
            self._do("embed", image)
        return [
            Embedding(image[np.newaxis].astype(np.float16), image.shape, image.shape, "fake") for image in slices
        ]

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        found = []
        for embedding in embeddings:
            self._do("predict", embedding.values)
            found.append(Prediction(embedding.values[0].astype(np.float32) - 1, 0.9, embedding.shape_yx))
        return found

    def segment(self, image: np.ndarray, prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        self._do("segment", image)
        if whole is not None:  # clicks: as the slice said
            return whole
        logits = np.full(image.shape, -1.0, np.float32)
        assert prompt.box_xyxy is not None
        x0, y0, x1, y1 = (round(v) for v in prompt.box_xyxy)
        inside = (slice(y0, y1 + 1), slice(x0, x1 + 1))
        logits[inside] = image[inside].astype(np.float32) - 0.5
        return Prediction(logits, 0.8, image.shape)


class Host:
    def __init__(self, fake: Fake) -> None:
        self.fake, self.closed, self.error = fake, False, None

    def open(self) -> Fake:
        self.fake.load_gate.wait(SECONDS)
        if self.closed:
            raise Cancelled("closed")
        if self.error:
            raise self.error
        return self.fake

    def close(self) -> None:
        self.closed = True


class Desk:
    """A `Prompting` with a main thread that the test turns by hand."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.fake = Fake()
        self.hosts: list[Host] = []
        self.load_error: Exception | None = None
        self.prompting = Prompting(self._host, self.calls.put)
        self.answers: list[Any] = []
        self.unanswered: list[tuple[object, str]] = []
        self.prompting.answered.connect(self.answers.append)
        self.prompting.unanswered.connect(lambda about, why: self.unanswered.append((about, why)))

    def _host(self, name: str) -> Host:
        host = Host(self.fake)
        host.error = self.load_error
        self.hosts.append(host)
        return host

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not condition():  # what it waits for may come true without a call
            with contextlib.suppress(queue.Empty):
                self.calls.get(timeout=0.05)()
                continue
            assert time.monotonic() < end, "nothing came of it"

    def settle(self) -> None:
        """Wait until the worker has done all it was given."""
        done = threading.Event()
        self.prompting._worker.submit(99, done.set)
        assert done.wait(SECONDS)
        while not self.calls.empty():
            self.calls.get()()


VOLUME = np.zeros((6, 20, 30), np.int16)
for _z in range(6):
    VOLUME[_z, 5:10, 6:16] = 100 + 20 * _z


def plane(z: int) -> SlicePlane:
    return SlicePlane(0, z, 1, 2)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.prompting.show(Volume(VOLUME, Geometry(VOLUME.shape)))
    desk.prompting.look_at(plane(2))
    yield desk
    desk.fake.gate.set()
    desk.fake.load_gate.set()
    desk.prompting.close()


def phase(desk: Desk) -> str:
    return str(desk.prompting.status.phase)


def test_nothing_is_loaded_before_it_is_wanted(desk: Desk) -> None:
    assert desk.hosts == []
    assert phase(desk) == "off"


def test_from_loading_to_an_answer(desk: Desk) -> None:
    desk.fake.gate.clear()
    desk.fake.load_gate.clear()
    desk.prompting.start()
    assert phase(desk) == "loading"
    desk.fake.load_gate.set()
    desk.until(lambda: phase(desk) == "looking")
    assert desk.prompting.status.sentence == "Looking at slice 2 …"
    desk.fake.gate.set()
    desk.until(lambda: phase(desk) == "ready")
    desk.prompting.ask(plane(2), Prompt(box_xyxy=(4, 3, 9, 9)))
    assert phase(desk) == "answering"
    desk.until(lambda: bool(desk.answers))
    expected = np.zeros((20, 30), bool)
    expected[5:10, 6:10] = True
    assert np.array_equal(desk.answers[0].mask, expected)
    assert desk.answers[0].plane == plane(2)
    assert desk.answers[0].segmenter == "fake"
    assert "0.80" in desk.prompting.status.sentence


def test_slice_in_view_first_then_its_neighbours_once(desk: Desk) -> None:
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.settle()
    desk.settle()
    brightest = [value for what, value in desk.fake.seen if what == "embed"]
    assert len(brightest) == 3
    assert brightest[2] < brightest[0] < brightest[1], "slice 2, then 3, then 1"
    order = [what for what, _ in desk.fake.seen]
    desk.prompting.look_at(plane(3))
    desk.settle()
    desk.settle()
    assert len(desk.fake.seen) == len(order) + 1, "of slice 3 and its neighbours only slice 4 is new"


def test_a_question_goes_before_looking_ahead(desk: Desk) -> None:
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.settle()
    desk.fake.seen.clear()
    desk.fake.gate.clear()
    desk.prompting.look_at(plane(4))  # being looked at, held up; 5 and 3 follow
    desk.prompting.ask(plane(4), Prompt(box_xyxy=(6, 5, 8, 8)))
    desk.fake.gate.set()
    desk.until(lambda: bool(desk.answers))
    desk.settle()
    desk.settle()
    kinds = [what for what, _ in desk.fake.seen]
    assert kinds.index("segment") <= 1, kinds


@pytest.mark.parametrize(("side", "closer"), [(200, 0), (120, 1)])
def test_a_big_box_is_answered_from_what_was_seen_already_unless_that_was_coarse(
    desk: Desk, side: int, closer: int
) -> None:
    volume = np.zeros((3, side, side), np.int16)
    volume[:, 20:100, 10:110] = 200
    desk.prompting.show(Volume(volume, Geometry(volume.shape)))
    desk.prompting.look_at(plane(1))
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.prompting.ask(plane(1), Prompt(box_xyxy=(10, 15, 112, 105)))
    desk.until(lambda: bool(desk.answers))
    assert [what for what, _ in desk.fake.seen].count("segment") == closer
    assert np.array_equal(desk.answers[0].mask, volume[1] > 0)


def test_clicks_get_a_closer_look(desk: Desk) -> None:
    volume = np.zeros((3, 100, 120), np.int16)
    volume[:, 50:54, 60:66] = 200
    desk.prompting.show(Volume(volume, Geometry(volume.shape)))
    desk.prompting.look_at(plane(1))
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.settle()
    desk.settle()
    before = len(desk.fake.seen)
    desk.prompting.ask(plane(1), Prompt(points_xy=((62.0, 51.0),), point_labels=(1,)))
    desk.until(lambda: bool(desk.answers))
    assert [what for what, _ in desk.fake.seen[before:]] == ["predict", "segment"]
    assert np.array_equal(desk.answers[0].mask, volume[1] > 0)
    assert desk.answers[0].logits.shape == (100, 120), "the answer of the whole slice goes on to the next click"


def test_answer_for_a_slice_that_is_gone_is_dropped_and_said(desk: Desk) -> None:
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.fake.gate.clear()
    desk.prompting.ask(plane(2), Prompt(box_xyxy=(6, 5, 8, 8)), about="box")
    desk.prompting.look_at(plane(3))
    desk.fake.gate.set()
    desk.until(lambda: bool(desk.unanswered))
    assert desk.answers == []
    assert "moved on" in desk.unanswered[0][1]


def test_answer_for_a_case_that_is_gone_is_dropped(desk: Desk) -> None:
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.fake.gate.clear()
    desk.prompting.ask(plane(2), Prompt(box_xyxy=(6, 5, 8, 8)), about="box")
    desk.prompting.show(Volume(VOLUME + 1, Geometry(VOLUME.shape)))
    desk.prompting.look_at(plane(2))
    desk.fake.gate.set()
    desk.settle()
    assert desk.answers == []
    assert desk.unanswered == [("box", "")]
    desk.until(lambda: phase(desk) == "ready")


def test_a_newer_question_about_the_same_object_replaces_the_older_one(desk: Desk) -> None:
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.fake.gate.clear()
    for k in (7, 8, 9):
        desk.prompting.ask(plane(2), Prompt(box_xyxy=(6, 5, k, 8)), about="object")
    other = Prompt(box_xyxy=(6, 5, 7, 6))
    desk.prompting.ask(plane(2), other, about="another")
    desk.fake.gate.set()
    desk.until(lambda: len(desk.answers) == 2)
    desk.settle()
    assert [a.prompt.box_xyxy for a in desk.answers] == [(6, 5, 9, 8), other.box_xyxy]


def test_stopping_while_it_loads_closes_it(desk: Desk) -> None:
    desk.fake.load_gate.clear()
    desk.prompting.start()
    desk.prompting.stop()
    assert desk.hosts[0].closed
    desk.fake.load_gate.set()
    desk.settle()
    assert phase(desk) == "off"
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    assert len(desk.hosts) == 2


def test_stopping_later_keeps_it_loaded(desk: Desk) -> None:
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.prompting.stop()
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    assert len(desk.hosts) == 1


def test_what_cannot_be_loaded_says_why_and_can_be_tried_again(desk: Desk) -> None:
    desk.load_error = NotFoundError("The weights are not here. Run this.")
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "failed")
    assert desk.prompting.status.sentence == "The weights are not here. Run this."
    assert not desk.prompting.active
    desk.load_error = None
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")


@pytest.mark.parametrize("error", [JobFailedError("The process was killed."), ValueError("odd")])
def test_a_segmenter_that_breaks_is_let_go(desk: Desk, error: Exception) -> None:
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.settle()
    desk.fake.error = error
    desk.prompting.ask(plane(2), Prompt(box_xyxy=(6, 5, 8, 8)), about="box")
    desk.until(lambda: phase(desk) == "failed")
    assert str(error) in desk.prompting.status.sentence
    assert desk.unanswered
    assert desk.hosts[0].closed
    desk.fake.error = None
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")


def test_another_model_forgets_what_the_first_one_saw(desk: Desk) -> None:
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.prompting.choose("sam-vit-b")
    assert phase(desk) in ("loading", "looking")
    assert desk.hosts[0].closed
    desk.until(lambda: phase(desk) == "ready")
    assert len(desk.hosts) == 2


def test_three_dimensions_and_no_case_are_said(desk: Desk) -> None:
    desk.prompting.start()
    desk.until(lambda: phase(desk) == "ready")
    desk.prompting.look_at(None)
    assert "3-D" in desk.prompting.status.sentence
    desk.prompting.show(None)
    assert "Open a case" in desk.prompting.status.sentence


def test_a_question_while_it_is_off_gets_no_answer(desk: Desk) -> None:
    desk.prompting.ask(plane(2), Prompt(box_xyxy=(6, 5, 8, 8)), about="box")
    assert desk.unanswered == [("box", "Segmenting is off.")]
