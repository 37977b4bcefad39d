"""The search over layer and β, on a model whose maps are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Saliency, SaliencySpec, search_saliency
from napari_aleatoric.model import RecordingReporter


class Known:
    """Layer 8 with β 1 finds the object; others find it moved by as many rows as they are off."""

    n_layers = 12

    def __init__(self) -> None:
        self.asked: list[SaliencySpec] = []

    def saliencies(self, images, text_vectors, *, method="m2ib", spec=None, reporter=None):
        self.asked.append(spec)
        off = 2 * abs(spec.layer - 8) + (0 if spec.beta == 1 else 1)
        reporter.step(1, 1)
        values = np.zeros((20, 10), np.float32)
        values[5 + off : 11 + off, 2:8] = 0.31  # above the published level
        values[0] = 0.3
        return [Saliency(values, 0.2, method)] * len(images)


MASK = np.zeros((20, 10), np.int16)
MASK[5:11, 2:8] = 3
IMAGES = [np.zeros((20, 10), np.uint8), np.zeros((20, 10, 3), np.uint8)]


def test_every_choice_is_tried_and_the_best_comes_first():
    model, told = Known(), RecordingReporter()
    found = search_saliency(
        model, IMAGES, [MASK, MASK], np.zeros((2, 4), np.float32), spec=SaliencySpec(seed=5), reporter=told
    )
    assert {(s.layer, s.beta) for s in model.asked} == {(layer, b) for layer in (7, 8, 9) for b in (0.1, 1.0, 2.0)}
    assert (found.best.layer, found.best.beta, found.best.seed) == (8, 1.0, 5)
    assert found.rows[0].dices == (1.0, 1.0)
    assert found.rows[1].dice == pytest.approx(5 / 6)  # one row of six too low
    assert [row.dice for row in found.rows] == sorted((row.dice for row in found.rows), reverse=True)
    assert told.steps[-1][:2] == (9, 9)


def test_networks_of_another_depth_are_tried_as_deep():
    model = Known()
    model.n_layers = 6
    search_saliency(model, IMAGES[:1], [MASK], np.zeros((1, 4), np.float32), betas=[1.0])
    assert [s.layer for s in model.asked] == [3, 4]


def test_what_does_not_fit_is_refused():
    vectors = np.zeros((1, 4), np.float32)
    with pytest.raises(DataError, match="1 slices, 2 masks"):
        search_saliency(Known(), IMAGES[:1], [MASK, MASK], vectors)
    with pytest.raises(DataError, match="with 0 of them set"):
        search_saliency(Known(), IMAGES[:1], [MASK * 0], vectors)
    with pytest.raises(DataError, match="at least one layer"):
        search_saliency(Known(), IMAGES[:1], [MASK], vectors, betas=[])
