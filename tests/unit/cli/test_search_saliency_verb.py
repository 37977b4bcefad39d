"""``aleatoric search-saliency``: slices and masks are cut alike, whatever way a volume is stored."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_aleatoric import segmentation
from napari_aleatoric.foundation import Saliency
from napari_aleatoric.io import write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume

FLIPPED = ((-1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))  # right to left, and coronal slices stored


class SeesBright:
    """Its map is the image's brightness, upside down unless the layer is 8."""

    name, n_layers = "bright", 12

    def embed_texts(self, texts):
        return np.ones((len(texts), 3), np.float32) / np.float32(np.sqrt(3))

    def saliencies(self, images, text_vectors, *, method="m2ib", spec=None, reporter=None):
        maps = [np.asarray(image / 255, np.float32) for image in images]
        return [Saliency(m if spec.layer == 8 else np.ascontiguousarray(m[::-1]), 0.1, method) for m in maps]


@pytest.fixture
def labelled(tmp_path, call):
    rng = np.random.default_rng(0)
    for case in range(4):
        grid = Geometry((9, 12, 10), (1.0, 3.0, 1.5), (5.0, -7.0, 2.0), FLIPPED if case % 2 else np.eye(3).tolist())
        data, label = rng.integers(0, 20, grid.shape_zyx).astype(np.int16), np.zeros(grid.shape_zyx, np.uint8)
        label[1:4, 2:5, 1:6], label[2:4, 7, 6:9] = 2, 1
        if case == 3:
            label[label == 2] = 0
        data[label == 2] = 900
        write_volume(tmp_path / "cases" / "images" / f"c{case}.nii.gz", Volume(data, grid))
        write_label_map(tmp_path / "cases" / "labels" / f"c{case}.nii.gz", LabelMap(label, grid))
    status, _, err = call("init", tmp_path / "cases", "--workspace", tmp_path / "review")
    assert status == 0, err
    return tmp_path / "review"


def test_the_right_layer_is_found_on_slices_that_show_the_object(labelled, call_json, monkeypatch, tmp_path):
    monkeypatch.setattr(segmentation, "open_text_model", lambda *_, **__: SeesBright())
    best = tmp_path / "best.json"
    names = ["--text", "a bright block", "--class", "label 2", "--model", "x", "--cases", "4", "--out", best]
    found = call_json("search-saliency", labelled, *names)
    assert sorted(found["cases"]) == ["c0", "c1", "c2"]  # the fourth does not show it
    assert found["rows"][0] == {"layer": 8, "beta": 0.1, "dice": 1.0, "dices": [1.0, 1.0, 1.0]}
    assert found["rows"][-1]["dice"] < 0.7
    written = json.loads(best.read_text())
    assert (written["saliency_method"], written["saliency"]["layer"]) == ("m2ib", 8)  # whatever the model advises


def test_a_class_that_is_none_is_named(labelled, call):
    status, _, err = call("search-saliency", labelled, "--text", "x", "--class", "liver", "--model", "x")
    assert status != 0
    assert "There is no class 'liver'; the classes are label 1, label 2." in err
