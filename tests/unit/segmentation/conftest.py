"""Models that can be foreseen: every word is a grey value, and what is pointed at is what has its grey value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_aleatoric.foundation import Embedding, Prediction, Prompt, Saliency, SaliencySpec

WORDS = {"liver": 120, "spleen": 150, "kidney": 200, "prostate": 90, "bladder": 60, "lung": 30, "bone": 240}


class GreyWords:
    """A text-image model: a sentence means the grey values near that of the first word it knows."""

    name = "grey-words"
    n_layers = 1

    def __init__(self) -> None:
        self.n_looked = 0

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = []
        for text in texts:
            grey = next((g for word, g in WORDS.items() if word in text.lower()), 250)
            rows.append(np.exp(-0.5 * ((np.arange(256) - grey) / 4) ** 2))
        known = np.array(rows)
        return _unit(np.where(known > 1e-3, known, 0.0))

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.n_looked += len(images)
        counts = np.array([np.bincount(_grey(i).astype(int).ravel(), minlength=256) for i in images], dtype=float)
        counts[:, :5] = [1, 0, 0, 0, 0]
        return _unit(np.sqrt(counts))

    def saliency(self, image_yx, text_vector, *, method=None, spec: SaliencySpec | None = None) -> Saliency:
        return self.saliencies([image_yx], text_vector[np.newaxis], method=method, spec=spec)[0]

    def saliencies(self, images, text_vectors, *, method=None, spec: SaliencySpec | None = None):
        found = []
        scores = np.sum(self.embed_images(images) * text_vectors, axis=1)
        for image, vector, score in zip(images, text_vectors, scores, strict=True):
            raw = np.exp(-0.5 * ((_grey(image) - float(vector.argmax())) / 8) ** 2)
            low, high = raw.min(), raw.max()
            map_yx = (raw - low) / (high - low) if high > low + 1e-6 else np.zeros_like(raw)
            found.append(Saliency(map_yx.astype(np.float32), float(np.clip(score, -1, 1)), method or "m2ib"))
        return found


class GreySegmenter:
    """A segmenter: what has the grey value of the prompt's middle, within the box and two pixels round it."""

    name = "grey-segmenter"

    def __init__(self, *, estimate: float = 0.9) -> None:
        self.estimate = estimate
        self.prompts: list[Prompt] = []

    def embed(self, slices: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        return [
            Embedding(_grey(s)[np.newaxis].astype(np.float16), s.shape[:2], _times4(s), self.name) for s in slices
        ]

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        return [self._answer(e.values[0].astype(float), p) for e, p in zip(embeddings, prompts, strict=True)]

    def segment(self, image: NDArray[np.uint8], prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        return self._answer(_grey(image).astype(float), prompt)

    def _answer(self, grey: NDArray[np.float64], prompt: Prompt) -> Prediction:
        self.prompts.append(prompt)
        y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
        if prompt.box_xyxy is not None:
            x0, y0, x1, y1 = prompt.box_xyxy
            near = (x >= x0 - 2) & (x <= x1 + 2) & (y >= y0 - 2) & (y <= y1 + 2)
            inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
            wanted = np.median(grey[inside & (grey > 20)]) if (inside & (grey > 20)).any() else -100
        else:
            near = np.ones_like(grey, dtype=bool)
            wanted = np.median(
                [grey[int(b), int(a)] for (a, b), k in zip(prompt.points_xy, prompt.point_labels, strict=True) if k]
            )
        hit = near & (np.abs(grey - wanted) < 12)
        logits = np.where(hit, 5.0, -5.0).astype(np.float32)
        return Prediction(logits, self.estimate, (grey.shape[0], grey.shape[1]))


class GreyTracker(GreySegmenter):
    """The same with a memory: it goes up from the key slice, then down, with the box of the answer before."""

    name = "grey-tracker"

    def track(self, slices, key_slice, prompt):
        self.order = []
        for numbers in (range(key_slice, len(slices)), range(key_slice - 1, -1, -1)):
            box = prompt.box_xyxy
            for number in numbers:
                answer = self._answer(slices[number].values[0].astype(float), Prompt(box)).logits
                ys, xs = np.nonzero(answer > 0)
                if len(ys):
                    box = (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
                self.order.append(number)
                yield number, answer


def _grey(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    return (image.mean(axis=-1) if image.ndim == 3 else image).astype(np.float64)


def _times4(image: NDArray[np.uint8]) -> tuple[int, int]:
    return (4 * image.shape[0], 4 * image.shape[1])


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def words() -> GreyWords:
    return GreyWords()


@pytest.fixture
def grey_segmenter() -> GreySegmenter:
    return GreySegmenter()


@pytest.fixture
def grey_tracker() -> GreyTracker:
    return GreyTracker()


@pytest.fixture
def unsure_segmenter() -> GreySegmenter:
    return GreySegmenter(estimate=0.2)
