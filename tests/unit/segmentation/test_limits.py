"""Below which likeness words count as not found: the user's choice, the model's advice, the program's own."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Advice
from napari_aleatoric.foundation._advice import advice_in
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.segmentation import (
    NotFoundLimits,
    Query,
    SliceSpec,
    VolumeSpec,
    limits_of,
    segment_slice,
    segment_volume,
)


def picture() -> np.ndarray:
    image = np.full((40, 60), 10, dtype=np.uint8)
    image[10:30, 10:30] = 120
    image[10:20, 40:50] = 150
    return image


def advised(words, **advice):
    """The model of greys, with advice."""
    words.advice = Advice(**advice)
    return words


def test_the_users_choice_goes_before_the_models_and_that_before_the_programs(words) -> None:
    assert limits_of(SliceSpec(), words) == NotFoundLimits(
        least_presence=0.6, least_score=-1, presence_from="program", score_from="program"
    )
    told = advised(words, least_presence=0.9)
    assert limits_of(SliceSpec(), told) == NotFoundLimits(
        least_presence=0.9, least_score=-1, presence_from="model", score_from="program"
    )
    chosen = limits_of(VolumeSpec(least_presence=0.0, least_score=0.3), told)
    assert chosen == NotFoundLimits(
        least_presence=0, least_score=0.3, presence_from="settings", score_from="settings"
    )


@pytest.mark.parametrize("volume", [False, True])
def test_what_the_model_advises_decides_unless_something_is_chosen(words, grey_segmenter, volume) -> None:
    query = Query("liver", ("liver",), ("spleen", "prostate"))
    image = picture()
    stored = Volume(np.stack([image] * 3), Geometry((3, *image.shape)), "CT")

    def look(**settings):
        if volume:
            return segment_volume(stored, query, words, grey_segmenter, VolumeSpec(window=(0, 255), **settings))
        return segment_slice(image, query, words, grey_segmenter, SliceSpec(**settings))

    assert look().found
    score = float((words.embed_images([image]) @ words.embed_texts(["liver"]).T)[0, 0])
    advised(words, least_score=score + 0.01)
    refused = look()
    assert not refused.found
    assert f"less than {score + 0.01:.3f}" in refused.sentence
    assert (refused.limits.least_score, refused.limits.score_from) == (score + 0.01, "model")
    accepted = look(least_score=score - 0.01)
    assert accepted.found
    assert (accepted.limits.least_score, accepted.limits.score_from) == (score - 0.01, "settings")


def test_advice_is_read_from_the_description_and_what_is_no_advice_refused() -> None:
    assert advice_in({"model_cfg": {}}, "x") == Advice()
    found = advice_in({"aleatoric": {"least_presence": 0.7, "layer": 6}}, "x")
    assert (found.least_presence, found.least_score, found.layer) == (0.7, None, 6)
    for wrong in ({"least_presence": 3}, {"least_presense": 0.5}, [1], {"layer": -1}, {"patch_scale": 20.0}):
        with pytest.raises(DataError, match=r"'x' advises something that is not understood: aleatoric.*open_clip"):
            advice_in({"aleatoric": wrong}, "x")
