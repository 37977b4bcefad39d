"""Label values that are in no class are said, with their voxels, by every way in."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.io import UnknownValueWarning, Workspace, scan, unknown_values_sentence
from napari_aleatoric.io._label_values import counts_of, unknown_values_remark

Put = Callable[..., Path]


def test_counts_agree_with_a_plain_loop() -> None:
    data = np.random.default_rng(0).integers(0, 9, (4, 5, 6))
    expected = {v: sum(1 for x in data.ravel() if x == v) for v in range(1, 9)}
    for kind in (np.uint8, np.uint16, np.int32):
        assert counts_of(data.astype(kind)) == expected
    assert counts_of(data - 2)[-1] == expected[1]


def test_a_sentence_names_case_values_voxels_and_what_to_do() -> None:
    words = unknown_values_sentence("case_7 (anna)", {9: 1, 7: 1200})
    assert words.startswith("The label of case_7 (anna) holds values that are in no class: 7 (1200 voxels), 9 (1 v")
    assert "count as background" in words
    assert "kept when a correction is saved" in words
    assert "dataset.json" in words
    assert unknown_values_sentence("case_7", {}) == ""


def test_many_values_and_many_cases_stay_readable() -> None:
    words = unknown_values_sentence("a", {v: v for v in range(1, 11)})
    assert ": 5 (5 voxels), 6 (6 voxels), 7 (7 voxels), 8 (8 voxels), 9 (9 voxels), 10 (10 voxels) and 4" in words
    assert "(10 voxels)" in words.split("and 4 more")[1], "1 + 2 + 3 + 4 voxels of the other values"
    remark = unknown_values_remark([(f"case_{k}", {7: 3}) for k in range(9)])
    assert remark.startswith(" The labels of 9 cases")
    assert "case_5: 7 (3 voxels); and 3 more cases" in remark
    assert unknown_values_remark([]) == ""


@pytest.fixture
def folder(tmp_path: Path, put_image: Put, put_label: Put) -> Path:
    root = tmp_path / "data"
    for case, values in (("a", (1, 7)), ("b", (1,))):
        put_image(root / f"images/{case}.nii.gz", 1)
        put_label(root / f"labels/{case}.nii.gz", *values)
    return root


def test_loading_warns_once_asked_and_loses_nothing(folder: Path, tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w", scan(folder, class_names={1: "liver"}))
    with pytest.warns(UnknownValueWarning, match=r"label of a holds .* no class: 7 \(9 voxels\)"):
        label = workspace.load_label("a")
    assert np.count_nonzero(label.data == 7) == 9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        workspace.load_label("b")
        assert np.array_equal(workspace.load_label("a", warn=False).data, label.data)


def test_looking_into_a_folder_remarks_on_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = scan(folder, class_names={1: "liver"}).layout_sentence
    assert "The label of a holds values that are in no class: 7 (9 voxels)." in sentence
    assert "no class" not in scan(folder, class_names={1: "liver", 7: "spleen"}).layout_sentence
    assert "no class" not in scan(folder).layout_sentence, "all that is found is a class then"
    monkeypatch.setattr("napari_aleatoric.io._scan._QUICK_BYTES", 10)
    assert "no class" not in scan(folder, class_names={1: "liver"}).layout_sentence, "a large data set is not read"


def test_a_label_that_cannot_be_counted_is_no_reason_to_refuse_the_case(folder: Path, put_image: Put) -> None:
    put_image(folder / "labels" / "b.nii.gz", 3)
    found = scan(folder, class_names={1: "liver"})
    assert [case.case_id for case in found.cases] == ["a", "b"]
