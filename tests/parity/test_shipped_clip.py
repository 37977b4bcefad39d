"""The small text-image network that is shipped: what the demo shows, on abdomens that it has never seen."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytest.importorskip("tokenizers")

from napari_aleatoric.foundation import TEXT_IMAGE_WEIGHTS, load_text_image
from napari_aleatoric.foundation._text_image_known import SHIPPED_FOLDER, SHIPPED_TEXT_IMAGE
from napari_aleatoric.model import Reorientation, Volume
from napari_aleatoric.samples import SAMPLE_CLASSES, SampleSpec, make_case
from napari_aleatoric.segmentation import PromptLibrary, VolumeSpec, open_segmenter, segment_volume

SPEC = SampleSpec(n_cases=6, matrix=96, seed=90_210, error_fraction=0.0)  # never learnt from, and not the demo's
LIBRARY = PromptLibrary.load()


@pytest.fixture(scope="module")
def words():
    return load_text_image(SHIPPED_TEXT_IMAGE, device="cpu", precision="float32", threads=2)


@pytest.fixture(scope="module")
def segmenter():
    return open_segmenter("sam-small", device="cpu")


@pytest.fixture(scope="module")
def case():
    return make_case(SPEC, 0)


def dice(found, truth) -> float:
    return 2 * np.count_nonzero(found & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))


def test_the_weights_are_those_of_the_record():
    record = json.loads((SHIPPED_FOLDER / f"{SHIPPED_TEXT_IMAGE}.json").read_text())
    file = SHIPPED_FOLDER / SHIPPED_TEXT_IMAGE / "open_clip_model.safetensors"
    content = file.read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"] == TEXT_IMAGE_WEIGHTS[SHIPPED_TEXT_IMAGE].sha256
    assert len(content) == record["size_bytes"] < 12_000_000
    assert "CC-BY-SA-4.0" in record["licence"]


def test_it_advises_what_it_was_trained_for(words):
    advice = words.advice
    assert advice.saliency_method == "patches"
    assert None not in (advice.patch_scale, advice.patch_offset, advice.least_presence, advice.least_score)


def names_at(case, words):
    """Value of a name in the case's truth."""
    return next(value for value, name in SAMPLE_CLASSES.names.items() if name == words)


@pytest.mark.parametrize(("asked", "name"), [("liver", "liver"), ("the left kidney", "left kidney")])
def test_an_organ_is_found_on_the_side_it_is_on_however_the_volume_is_stored(case, words, segmenter, asked, name):
    truth = case.truth.data == names_at(case, name)
    storage = Reorientation((2, 1, 0), (True, False, True))
    for data, geometry, expected in (
        (case.image.data, case.image.geometry, truth),
        (storage.apply(case.image.data), storage.apply_geometry(case.image.geometry), storage.apply(truth)),
    ):
        volume = Volume(np.ascontiguousarray(data), geometry, "CT")
        found = segment_volume(volume, LIBRARY.query(asked, modality="CT"), words, segmenter, VolumeSpec())
        assert found.label.geometry.same_grid(geometry)
        assert dice(found.label.data > 0, expected) > 0.7, found.sentence


def test_what_is_not_there_is_not_found(case, words, segmenter):
    volume = Volume(case.image.data, case.image.geometry, "CT")
    for word in ("prostate", "hippocampus"):
        found = segment_volume(volume, LIBRARY.query(word, modality="CT"), words, segmenter, VolumeSpec())
        assert not found.found, (word, found.look.presence, found.look.score)
        assert "was not found" in found.sentence
