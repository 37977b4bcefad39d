from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.foundation import Embedding, Prediction, Prompt, PromptSegmenter, segmenter
from napari_aleatoric.foundation._segmenter import grey_or_colour

RNG = np.random.default_rng(5)


# -- prompts ----------------------------------------------------------------------------------------


def test_every_kind_of_prompt_alone_is_enough() -> None:
    assert Prompt((1, 2, 1, 2)).points_xy == ()  # one pixel
    assert Prompt(points_xy=((1.5, 2),), point_labels=(0,)).box_xyxy is None
    assert Prompt(mask_logits=np.zeros((4, 4), np.float32)).mask_logits is not None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "a box, points or an earlier answer"),
        ({"points_xy": ((1, 2),)}, r"as many point labels as points \(1\), got 0"),
        ({"points_xy": ((1, 2),), "point_labels": (1, 0)}, r"points \(1\), got 2"),
        ({"points_xy": ((1, 2),), "point_labels": (2,)}, "0 .outside. or 1 .inside., got"),
        ({"points_xy": ((1, 2),), "point_labels": (-1,)}, "0 .outside. or 1 .inside., got"),
        ({"box_xyxy": (5, 2, 4, 9)}, "x0 ≤ x1"),
        ({"box_xyxy": (4, 9, 5, 2)}, "y0 ≤ y1"),
        ({"box_xyxy": (4, float("nan"), 5, 2)}, "y0 ≤ y1"),
    ],
)
def test_a_prompt_that_says_nothing_clear_is_refused(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Prompt(**arguments)  # type: ignore[arg-type]


# -- answers on the slice -----------------------------------------------------------------------------


def by_scipy(logits: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Bilinear, pixel centres at halves, edges continued."""
    at = [(np.arange(n) + 0.5) * logits.shape[k] / n - 0.5 for k, n in enumerate(shape)]
    grid = np.meshgrid(*at, indexing="ij")
    return np.asarray(map_coordinates(logits.astype(np.float64), grid, order=1, mode="nearest"))


@pytest.mark.parametrize(
    ("grid", "shape"),
    [
        ((24, 32), (96, 128)),
        ((24, 32), (37, 53)),
        ((17, 40), (9, 11)),
        ((1, 7), (5, 20)),
        ((7, 1), (20, 3)),
        ((1, 1), (4, 6)),
        ((12, 5), (1, 1)),
        ((6, 9), (6, 9)),
    ],
)
def test_logits_on_the_slice_are_those_of_scipy(grid: tuple[int, int], shape: tuple[int, int]) -> None:
    logits = RNG.normal(size=grid).astype(np.float32)
    found = Prediction(logits, 0.5, shape).on_slice()
    assert found.dtype == np.float32
    assert found.shape == shape
    np.testing.assert_allclose(found, by_scipy(logits, shape), atol=2e-5)


def test_a_window_lies_where_it_was_looked_and_the_rest_is_far_outside() -> None:
    logits = RNG.normal(size=(6, 10)).astype(np.float32)
    found = Prediction(logits, 0.5, (40, 30), window_xyxy=(3, 20, 28, 35)).on_slice()
    assert found.shape == (40, 30)
    np.testing.assert_allclose(found[20:35, 3:28], by_scipy(logits, (15, 25)), atol=2e-5)
    outside = np.ones((40, 30), dtype=bool)
    outside[20:35, 3:28] = False
    assert set(np.unique(found[outside])) == {-12.0}


def test_a_window_of_the_whole_slice_is_the_whole_slice() -> None:
    logits = RNG.normal(size=(5, 8)).astype(np.float32)
    whole = Prediction(logits, 0.5, (20, 31)).on_slice()
    assert np.array_equal(whole, Prediction(logits, 0.5, (20, 31), (0, 0, 31, 20)).on_slice())


# -- slices ---------------------------------------------------------------------------------------------


def test_grey_becomes_three_equal_channels_and_colour_stays() -> None:
    grey = RNG.integers(0, 255, (3, 5), dtype=np.uint8)
    assert grey_or_colour(grey).shape == (3, 5, 3)
    assert all(np.array_equal(grey_or_colour(grey)[..., c], grey) for c in range(3))
    colour = RNG.integers(0, 255, (3, 5, 3), dtype=np.uint8)
    assert np.array_equal(grey_or_colour(colour), colour)
    narrow = RNG.integers(0, 255, (7, 3), dtype=np.uint8)  # grey, three pixels wide
    assert grey_or_colour(narrow).shape == (7, 3, 3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 5), np.float32),
        np.zeros((4, 5), np.int8),
        np.zeros((4, 5), bool),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 5), np.uint8),
    ],
)
def test_what_is_no_slice_is_refused(image: NDArray[np.generic]) -> None:
    with pytest.raises(DataError, match=r"Expected a slice of uint8.*got"):
        grey_or_colour(image)


# -- the door -------------------------------------------------------------------------------------------


class Outliner:
    """The least that a segmenter is."""

    name = "outliner"

    def embed(self, slices: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        return [Embedding(np.zeros((1, 1, 1), np.float16), (s.shape[0], s.shape[1]), (16, 16), "o") for s in slices]

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        return [Prediction(np.zeros((4, 4), np.float32), 0.0, e.shape_yx) for e in embeddings]

    def segment(self, image: NDArray[np.uint8], prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        return self.predict(self.embed([image]), [prompt])[0]


def test_anything_with_three_verbs_and_a_name_is_a_segmenter() -> None:
    assert isinstance(Outliner(), PromptSegmenter)
    assert not isinstance(object(), PromptSegmenter)


def test_a_segmenter_without_a_name_is_not_found() -> None:
    pytest.importorskip("segment_anything")
    with pytest.raises(NotFoundError, match=r"Known segmenters: sam-small, sam-vit-b"):
        segmenter("")


@pytest.mark.parametrize(
    ("absent", "name"), [("torch", "sam-small"), ("segment_anything", "sam-small"), ("transformers", "medsam2")]
)
def test_without_the_extra_the_sentence_says_what_to_install(absent: str, name: str) -> None:
    code = f"""
import sys
sys.modules[{absent!r}] = None
from napari_aleatoric.errors import MissingExtraError
from napari_aleatoric.foundation import segmenter
try:
    segmenter({name!r})
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "pip install 'napari-aleatoric[ai]'" in done.stdout
    assert name in done.stdout
