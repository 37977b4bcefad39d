"""The noun `Saliency` refuses what is none, and its settings what cannot be chosen."""

import numpy as np
import pytest
from pydantic import ValidationError

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Saliency, SaliencySpec


def test_a_map_of_zero_to_one_is_kept_as_it_is() -> None:
    found = Saliency(np.array([[0, 1], [0.25, 0.5]], np.float32), 0.31, "m2ib")
    assert found.map_yx[1, 0] == np.float32(0.25)


@pytest.mark.parametrize(
    ("values", "score", "method", "word"),
    [
        (np.zeros((2, 2, 2), np.float32), 0.0, "m2ib", "map"),
        (np.zeros((2, 2)), 0.0, "m2ib", "float32"),
        (np.full((2, 2), 1.5, np.float32), 0.0, "m2ib", "1.5"),
        (np.array([[0, np.nan]], np.float32), 0.0, "m2ib", "values"),
        (np.zeros((2, 2), np.float32), 2.0, "gradcam", "similarity"),
        (np.zeros((2, 2), np.float32), 0.0, "magic", "gradcam"),
    ],
)
def test_what_is_no_saliency_is_refused(values: np.ndarray, score: float, method: str, word: str) -> None:
    with pytest.raises(DataError, match=word):
        Saliency(values, score, method)  # type: ignore[arg-type]


def test_settings_are_those_of_the_published_program() -> None:
    spec = SaliencySpec()
    assert (spec.beta, spec.steps, spec.draws, spec.learning_rate) == (0.1, 10, 10, 1.0)
    with pytest.raises(ValidationError):
        SaliencySpec(variance=1.0)  # type: ignore[call-arg]
