"""What a network draws meanwhile: kept small, read as it appears, drawn with outlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.judged_workspace import MODEL, judged_workspace

from napari_aleatoric.io import Workspace
from napari_aleatoric.review import NETWORK_FOLDER, model_folder
from napari_aleatoric.session import ExampleView, ReviewSession, Training, TrainingExamples, prepare
from napari_aleatoric.session._training_examples import example_picture
from napari_aleatoric.session._training_machine import Machine
from napari_aleatoric.training import EXAMPLE_FOLDER, ExampleShelf, ExampleSlice, NetCase

WHITE, BLUE = [255, 255, 255], [63, 184, 255]


def case(colours: int = 1) -> NetCase:
    image = np.zeros((colours, 5, 8, 10), np.float16)
    image[:, 3] = np.linspace(-1, 3, 80).reshape(8, 10)
    labels = np.zeros((2, 5, 8, 10), np.uint16)
    labels[0, 3, 2:6, 3:7] = 1
    labels[0, 1, 2, 2] = 2
    return NetCase(image, labels)


def drawn(start: int) -> np.ndarray:
    found = np.zeros((5, 8, 10), np.int64)
    found[3, 2:6, start : start + 4] = 1
    found[0] = 2
    return found


def test_a_slice_is_kept_of_every_look(tmp_path: Path) -> None:
    shelf = ExampleShelf(tmp_path / "example")
    assert (shelf.steps(), shelf.slice(), shelf.found(0)) == ((), None, None)
    for step, start in ((100, 1), (20, 0), (1000, 4)):
        shelf.keep(step, case(), drawn(start), (1.5, 0.75))
    assert shelf.steps() == (20, 100, 1000)
    kept = shelf.slice()
    assert kept is not None
    assert kept.spacing_yx == (1.5, 0.75)
    np.testing.assert_array_equal(kept.label, case().labels[0, 3])
    assert kept.image.shape == (1, 8, 10)
    assert (kept.image.min(), kept.image.max()) == (0, 255)
    found = shelf.found(100)
    assert found is not None
    np.testing.assert_array_equal(found, drawn(1)[3])
    assert sum(path.stat().st_size for path in (tmp_path / "example").iterdir()) < 5000
    (tmp_path / "example" / "00000100.npz").write_bytes(b"torn")
    assert shelf.found(100) is None


def test_without_a_label_the_middle_slice(tmp_path: Path) -> None:
    shelf = ExampleShelf(tmp_path / "example")
    plain = replace(case(3), labels=np.zeros((1, 5, 8, 10), np.uint16))
    found = drawn(0)
    found[2, 0, 0] = 7
    shelf.keep(1, plain, found, (1.0, 1.0))
    kept = shelf.found(1)
    assert kept is not None
    assert kept[0, 0] == 7


def test_outlines_of_label_and_prediction() -> None:
    label, found = np.zeros((8, 10), np.uint16), np.zeros((8, 10), np.uint16)
    label[2:6, 2:6], found[2:6, 6:9] = 1, 1
    found[5, 8] = 2
    grey = np.full((1, 8, 10), 100, np.uint8)
    picture = example_picture(ExampleSlice(grey, label, (1.0, 1.0)), found)
    fold = picture.shape[0] // 8
    assert picture.shape == (8 * fold, 10 * fold, 3)
    assert max(picture.shape) >= 320
    assert picture[2 * fold, 3 * fold].tolist() == WHITE
    assert picture[4 * fold, 4 * fold].tolist() == [100, 100, 100], "inside nothing is covered"
    assert picture[2 * fold, 7 * fold].tolist() == BLUE
    assert picture[5 * fold, 8 * fold + fold // 2].tolist() == BLUE, "classes are parted, too"
    assert picture[0, 0].tolist() == [100, 100, 100]
    same = example_picture(ExampleSlice(grey, label, (1.0, 1.0)), label)
    colours = {tuple(c) for c in same.reshape(-1, 3).tolist()}
    assert colours == {tuple(WHITE), tuple(BLUE), (100, 100, 100)}, "where they agree both are seen"


def now(work: Callable[[], None]) -> None:
    work()


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return judged_workspace(tmp_path, n_cases=2)


@pytest.fixture
def session(ws: Workspace) -> Iterator[ReviewSession]:
    session = ReviewSession(reader="ann")
    yield session
    session.close()


def test_pictures_appear_and_earlier_ones_come_back(session: ReviewSession, ws: Workspace) -> None:
    training = Training(session, worker=now, look_at=lambda: Machine("cpu", 2**33))
    examples = TrainingExamples(session, training, worker=now)
    told: list[ExampleView] = []
    examples.view_changed.connect(told.append)
    session.attach(prepare(ws))
    training.wake()
    assert examples.view.picture is None
    shelf = ExampleShelf(model_folder(ws, MODEL) / NETWORK_FOLDER / EXAMPLE_FOLDER)
    shelf.keep(10, case(), drawn(0), (3.0, 1.0))
    training.curves_changed.emit(training.curves)
    assert (examples.view.steps, examples.view.step) == ((10,), 10)
    assert examples.view.aspect == pytest.approx(10 / 24)
    assert examples.view.picture is not None
    shelf.keep(20, case(), drawn(4), (3.0, 1.0))
    training.curves_changed.emit(training.curves)
    assert examples.view.step == 20, "the newest is followed"
    newest = examples.view.picture
    examples.choose(10)
    assert examples.view.step == 10
    assert not np.array_equal(examples.view.picture, newest)  # type: ignore[arg-type]
    shelf.keep(30, case(), drawn(5), (3.0, 1.0))
    training.curves_changed.emit(training.curves)
    assert (examples.view.steps, examples.view.step) == ((10, 20, 30), 10), "who looks back is left there"
    n = len(told)
    training.curves_changed.emit(training.curves)
    assert len(told) == n, "nothing new, nothing told"
    examples.choose(30)
    examples.choose(99)
    assert examples.view.step == 30
    session.attach(prepare(ws))
    assert (examples.view.step, told[-1].step) in ((30, 30), (-1, -1))
    examples.close()
