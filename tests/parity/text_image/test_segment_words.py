"""The verb ``segment`` with a model of BiomedCLIP's build from a folder and the shipped segmenter, offline."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("segment_anything")

from napari_aleatoric.cli._main import run
from napari_aleatoric.io import read_label_map, write_volume
from napari_aleatoric.model import Geometry, Volume


def test_a_folder_model_and_the_shipped_segmenter_go_the_whole_way(shaped, tmp_path, capsys) -> None:
    grey = np.random.default_rng(2).integers(0, 60, (6, 64, 80)).astype(np.int16)
    grey[1:5, 20:44, 12:40] += 700
    c, s = np.cos(0.15), np.sin(0.15)
    geometry = Geometry((6, 64, 80), (5.0, 1.1, 0.9), (3.0, -8.0, 40.0), ((c, s, 0), (-s, c, 0), (0, 0, -1)))
    image, mask = tmp_path / "ct.nii.gz", tmp_path / "mask.nii.gz"
    write_volume(image, Volume(grey, geometry))
    small = json.dumps({"steps": 2, "draws": 2, "layer": 1})
    arguments = ["segment", image, "-t", "liver", "-t", "a spleen", "--out", mask, "--model", shaped.folder]
    settings = ["least_presence=0", "look_at_most=3", "key_slices=1", "most_components=1", f"saliency={small}"]
    for each in settings:
        arguments += ["--set", each]
    status = run([str(each) for each in [*arguments, "--device", "cpu", "--json"]])
    out, err = capsys.readouterr()
    assert status == 0, err
    document = json.loads(out)
    label = read_label_map(mask)
    assert label.geometry.same_grid(geometry, 1e-3)
    assert [each["text"] for each in document["classes"]] == ["liver", "a spleen"]
    for value, each in enumerate(document["classes"], start=1):
        assert each["n_voxels"] == np.count_nonzero(label.data == value)
        assert each["found"] == (each["n_voxels"] > 0)
        assert -1 <= each["score"] <= 1
        assert ("was not found" in each["sentence"]) or ("found: " in each["sentence"])
    assert document["spec"]["saliency"]["steps"] == 2
