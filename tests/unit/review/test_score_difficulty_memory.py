"""A frozen segmenter is asked about a few classes at a time: neither classes nor moved boxes add to the memory."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.foundation import Embedding, Prediction, Prompt, decode_classes, jittered_prompts
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume
from napari_aleatoric.review._scoring import _difficulty
from napari_aleatoric.review._scoring._difficulty import DifficultyWork
from napari_aleatoric.uncertainty import DifficultyScores, ScoreSpec, score_difficulty

SHAPE = (12, 40, 48)
MOST_CLASSES = 12
FINE = 128  # cells of an answer on either axis: far more than the slice has pixels, as of a large network
MAP_BYTES = 4 * SHAPE[0] * FINE * FINE  # of one decoded class


class LargeAnswers:
    """A soft box on a fine grid; knows how many answers are alive."""

    name = "large"

    def __init__(self) -> None:
        self.alive = self.most_alive = 0

    def embed(self, slices: Sequence[np.ndarray]) -> list[Embedding]:
        values = np.ones((2, 3, 3), np.float16)
        return [Embedding(values, s.shape[:2], (4 * FINE, 4 * FINE), self.name) for s in slices]

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        return [self._answer(e, p) for e, p in zip(embeddings, prompts, strict=True)]

    def _answer(self, embedding: Embedding, prompt: Prompt) -> Prediction:
        x0, y0, x1, y1 = prompt.box_xyxy
        y, x = ((np.arange(FINE) + 0.5) * n / FINE - 0.5 for n in embedding.shape_yx)
        inside = np.minimum(np.minimum(y - y0, y1 - y)[:, None], np.minimum(x - x0, x1 - x)[None])
        logits = (2.0 * inside + 1.5).astype(np.float32)
        self.alive += 1
        self.most_alive = max(self.most_alive, self.alive)
        weakref.finalize(logits, self._gone)
        return Prediction(logits, 0.9, embedding.shape_yx)

    def _gone(self) -> None:
        self.alive -= 1

    def segment(self, image: np.ndarray, prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        return self.predict(self.embed([image]), [prompt])[0]


@pytest.fixture
def data(tmp_path: Path) -> tuple[Workspace, Volume, np.ndarray]:
    """Twelve blocks in a grid, a class each."""
    label = np.zeros(SHAPE, np.uint8)
    for c in range(MOST_CLASSES):
        y, x = 13 * (c // 4), 12 * (c % 4)
        label[1 + c // 4 : 9 + c // 4, y + 1 : y + 11, x + 1 : x + 9 + c % 3] = c + 1
    volume = Volume((20.0 * label).astype(np.float32), Geometry(SHAPE, (2.0, 1.0, 1.0)))
    folder = tmp_path / "data"
    folder.mkdir()
    write_volume(folder / "a.nrrd", volume)
    write_label_map(folder / "a_label.nrrd", LabelMap(label, volume.geometry))
    names = ";".join(f"{c}=part {c}" for c in range(1, MOST_CLASSES + 1))
    (folder / "manifest.csv").write_text(
        f"case,image,label,reader,patient,class_names\na,a.nrrd,a_label.nrrd,,,{names}"
    )
    return Workspace.create(tmp_path / "review", scan(folder)), volume, label


def work(ws: Workspace, jitters: int, monkeypatch: pytest.MonkeyPatch) -> tuple[DifficultyWork, LargeAnswers]:
    fake = LargeAnswers()
    monkeypatch.setattr(_difficulty, "segmenter", lambda *_, **__: fake)
    return DifficultyWork(ws, ScoreSpec(jitters=jitters), "large"), fake


def peak(data: tuple[Workspace, Volume, np.ndarray], n: int, jitters: int, monkeypatch: pytest.MonkeyPatch) -> int:
    ws, volume, label = data
    asked, fake = work(ws, jitters, monkeypatch)
    gc.collect()
    tracemalloc.start()
    try:
        found = asked.measure(volume, {"": np.where(label <= n, label, 0)})
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len([v for v in found[""].values if v.measure == "prompt_spread"]) == n + 1
    assert fake.most_alive <= 66  # 64 asked together, of many hundred
    return most


def test_memory_grows_with_neither_classes_nor_boxes(
    data: tuple[Workspace, Volume, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_aleatoric.foundation._decoded._GROUP_BYTES", 1)
    few = peak(data, 3, 2, monkeypatch) / MAP_BYTES
    many = peak(data, MOST_CLASSES, 9, monkeypatch) / MAP_BYTES
    assert many - few < 5, (few, many)
    # nine more classes are 18 more maps of answers and spreads where they are held at once
    monkeypatch.setattr("napari_aleatoric.foundation._decoded._GROUP_BYTES", MOST_CLASSES * MAP_BYTES)
    assert peak(data, MOST_CLASSES, 9, monkeypatch) / MAP_BYTES - few > 15


def equal(a: DifficultyScores, b: DifficultyScores) -> None:
    assert [(v.measure, v.class_index) for v in a.values] == [(v.measure, v.class_index) for v in b.values]
    np.testing.assert_allclose([v.value for v in a.values], [v.value for v in b.values], rtol=1e-9)
    assert a.map_classes == b.map_classes
    assert set(a.maps) == set(b.maps) == {"difficulty", "prompt_spread"}
    for name in a.maps:
        assert np.array_equal(a.maps[name], b.maps[name]), name
        assert a.maps[name].max() > 50


@pytest.mark.parametrize("together", [1, 5, MOST_CLASSES])
def test_groups_of_classes_give_what_all_at_once_give(
    data: tuple[Workspace, Volume, np.ndarray], monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    ws, volume, label = data
    monkeypatch.setattr("napari_aleatoric.foundation._decoded._GROUP_BYTES", together * MAP_BYTES)
    asked, fake = work(ws, 3, monkeypatch)
    scores = asked.measure(volume, {"": label})[""]
    box = asked._box(label > 0, 0)
    assert box is not None
    assert box.shape_zyx[0] == SHAPE[0]
    embedded = asked._embed(volume, box, 0, (0.0, 1.0))
    classes = range(1, MOST_CLASSES + 1)
    decoded = decode_classes(fake, embedded, label, classes)
    equal(scores, score_difficulty(decoded, embedded, label, jittered_prompts(fake, embedded, label, classes, n=3)))
    # and room for three rows only: the same classes keep theirs, whatever the groups
    monkeypatch.setattr("napari_aleatoric.uncertainty._class_maps._MAP_BYTES", 4 * label.size)
    short = asked.measure(volume, {"": label})[""]
    rows = [scores.map_classes.index(c) for c in short.map_classes]
    overlap = {v.class_index: 1 - v.value for v in scores.values if v.measure == "prompt_spread" and v.class_index}
    assert short.map_classes == (0, *sorted(sorted(overlap, key=lambda c: overlap[c])[:3]))
    for name in short.maps:
        assert np.array_equal(short.maps[name][1:], scores.maps[name][rows[1:]])


def test_the_spread_is_numpys_deviation_and_the_overlap_the_mean_dice(
    data: tuple[Workspace, Volume, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers cross the bounds of what is asked together: 7 boxes a slice do not divide 64."""
    ws, volume, label = data
    asked, fake = work(ws, 2, monkeypatch)
    box = asked._box(label > 0, 0)
    assert box is not None
    embedded = asked._embed(volume, box, 0, (0.0, 1.0))
    n, seen = 7, []
    predict = fake.predict

    def listening(embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        found = predict(embeddings, prompts)
        seen.extend(f.logits for f in found)
        return found

    monkeypatch.setattr(fake, "predict", listening)
    found = jittered_prompts(fake, embedded, label, [2, 5], n=n)
    answers = np.stack(seen).reshape(2, 8, n, FINE, FINE)  # class, slice, box
    p = 1 / (1 + np.exp(-answers.clip(-30, 30).astype(np.float64)))
    for row, first in enumerate((1, 2)):
        expected = np.zeros((SHAPE[0], FINE, FINE))
        expected[first : first + 8] = 2 * p[row].std(axis=1)
        np.testing.assert_allclose(found.spread[row], expected.clip(0, 1), atol=1e-6)
        masks = answers[row] > 0
        dice = [
            2 * (m[i] & m[j]).sum() / (m[i].sum() + m[j].sum()) for m in masks for i in range(n) for j in range(i)
        ]
        assert found.overlap[row] == pytest.approx(np.mean(dice), rel=1e-12)
        assert 0.5 < found.overlap[row] < 0.999
