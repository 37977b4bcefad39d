"""Settings of the way in by words: kept in the workspace, and no others reach a run."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Embedding, Prediction, Prompt, Saliency
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.segmentation import Query, VolumeSpec
from napari_aleatoric.session import (
    Prompting,
    SlicePlane,
    TextDraft,
    TextPrompting,
    keep_text_settings,
    kept_text_settings,
)
from napari_aleatoric.session._text_settings import SETTINGS_FILE

CHOSEN = VolumeSpec(saliency_method="patches", threshold="fixed", fixed_level=0.65, boxes="one", most_components=2)


def test_only_what_is_not_as_usual_is_kept_and_the_rest_follows_the_program(tmp_path: Path) -> None:
    assert kept_text_settings(tmp_path) == VolumeSpec()
    assert not (tmp_path / SETTINGS_FILE).exists()
    keep_text_settings(tmp_path, CHOSEN)
    assert kept_text_settings(tmp_path) == CHOSEN
    content = json.loads((tmp_path / SETTINGS_FILE).read_text())
    assert set(content) == {"saliency_method", "threshold", "fixed_level", "boxes", "most_components"}
    keep_text_settings(tmp_path, VolumeSpec())
    assert kept_text_settings(tmp_path) == VolumeSpec()


@pytest.mark.parametrize(
    ("text", "where"), [("{", "the file"), ('{"treshold": 1}', "treshold"), ('{"boxes": "none"}', "boxes")]
)
def test_a_file_that_is_not_understood_is_a_sentence(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(DataError, match=f"not understood at {where}.*usual settings"):
        kept_text_settings(tmp_path)


class Seer:
    """Sees three spots, one of them hardly, and notes how it was asked."""

    name, n_layers = "seer", 12

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def embed_texts(self, texts: Any) -> np.ndarray:
        return np.array([(1, 0) if "liver" in text else (0, 1) for text in texts], np.float32)

    def embed_images(self, images: Any) -> np.ndarray:
        return np.array([(0.8, 0.6)] * len(images), np.float32)

    def saliencies(self, images: Any, text_vectors: Any, *, method: Any = None, **_: Any) -> list[Saliency]:
        self.asked.append(method)
        found = []
        for image in images:
            seen = np.zeros(image.shape[:2], np.float32)
            seen[4:10, 4:10], seen[4:10, 20:26], seen[20:26, 4:10] = 1.0, 0.9, 0.6
            found.append(Saliency(seen, 0.8, method or "m2ib"))
        return found


class Outliner:
    """Outlines the inside of a box."""

    name = "outliner"

    def embed(self, slices: Any) -> list[Embedding]:
        return [Embedding(np.zeros((1, 1, 1), np.float16), i.shape[:2], i.shape[:2], self.name) for i in slices]

    def segment(self, image: np.ndarray, prompt: Prompt, *, whole: Any = None) -> Prediction:
        logits = np.full(image.shape[:2], -5.0, np.float32)
        x0, y0, x1, y1 = (round(v) for v in prompt.box_xyxy or (0, 0, 0, 0))
        logits[y0 : y1 + 1, x0 : x1 + 1] = 5.0
        return Prediction(logits, 0.9, image.shape[:2])


class Host:
    def __init__(self, model: Any) -> None:
        self.model = model

    def open(self) -> Any:
        return self.model

    def close(self) -> None:
        pass


def test_what_is_chosen_reaches_the_next_run() -> None:
    calls: queue.Queue[Callable[[], None]] = queue.Queue()
    seer, drafts = Seer(), []
    prompting = Prompting(lambda name: Host(Outliner()), calls.put)
    text = TextPrompting(lambda name: Host(seer), prompting, calls.put, VolumeSpec(least_presence=0.0))
    text.drafted.connect(drafts.append)
    text.choose("seer")
    data = np.random.default_rng(1).integers(20, 200, (9, 32, 32)).astype(np.int16)
    text.show(Volume(data, Geometry(data.shape, (2.0, 1.0, 1.0)), "CT"))

    def find(plane: SlicePlane | None, **changes: Any) -> TextDraft:
        text.spec = VolumeSpec.model_validate({**text.spec.model_dump(), **changes})
        n = len(drafts)
        text.find(Query.plain("liver"), plane)
        while len(drafts) == n:
            calls.get(timeout=60)()
        return drafts[-1]

    def boxes(draft: TextDraft) -> list[int]:
        return [len(part.pointings) for part in draft.slices]

    plane = SlicePlane(0, 4, 1, 2)
    assert boxes(find(plane, threshold="fixed", fixed_level=0.5, most_components=3)) == [3]
    assert seer.asked == [None], "as the model advises"
    assert boxes(find(plane, saliency_method="patches", fixed_level=0.7)) == [2]
    assert seer.asked[-1] == "patches"
    assert boxes(find(plane, boxes="one")) == [1]
    assert boxes(find(plane, boxes="each", most_components=1)) == [1]
    whole = find(None, most_components=3, key_slices=1, pieces=1)
    assert boxes(whole) == [2]
    assert len(find(None, key_slices=2, pieces=2).slices) == 2
    text.close()
    prompting.close()
