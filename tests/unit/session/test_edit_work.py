"""From wishes to changes: the right operation on the right slices, with sentences; and whose labels are offered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.editing import Keep, Scope, copy_neighbour, grow, keep_largest, remove_small, shrink, smooth
from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.model import ClassInfo, ClassTable, Geometry
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.samples import SampleSpec, read_truth, write_samples
from napari_aleatoric.session import (
    OPERATIONS,
    EditTask,
    EditWishes,
    SlicePlane,
    class_range,
    edit_sentence,
    edit_sources,
    load_item,
    read_source,
)

SPACING = (3.0, 0.5, 0.8)
CLASSES = ClassTable((ClassInfo(1, 4, "liver"), ClassInfo(2, 7, "tumour")))


def task(name: str, value: int = 4, axis: int = 0, **wishes: object) -> EditTask:
    label = np.zeros((6, 20, 20), np.uint8)
    label[1:5, 4:12, 4:12] = 4
    label[2, 16, 16] = 4
    label[1:5, 12:15, 4:12] = 7
    other = label.copy()
    other[1:4, 2:4, 5:9] = 4
    down, right = (k for k in range(3) if k != axis)
    plane = SlicePlane(axis, 2 if axis == 0 else 9, down, right)
    geometry = Geometry(label.shape, SPACING)
    return EditTask(
        OPERATIONS[name], label, geometry, value, plane, EditWishes(**wishes), CLASSES, other, (2, 3, 6)
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("reach", ["slice", "slices", "volume"])
def test_wishes_choose_slices_and_numbers(axis: int, reach: str) -> None:
    index = 2 if axis == 0 else 9
    scope = {"slice": Scope(axis, index), "slices": Scope(axis, flat=True), "volume": Scope(axis)}[reach]
    wishes = {"reach": reach, "distance": 1.7, "sigma": 3.0, "smallest": 3.0, "over_others": True}
    keep = Keep(others=False)
    for name, function, number in (("grow", grow, 1.7), ("shrink", shrink, 1.7), ("smooth", smooth, 3.0)):
        one = task(name, axis=axis, **wishes)
        expected = function(one.label, 4, scope, number, SPACING, keep)
        assert len(expected)
        assert np.array_equal(one.work().applied_to(one.label), expected.applied_to(one.label))
    one = task("remove_small", axis=axis, **wishes)
    expected = remove_small(one.label, 4, scope, 3.0, SPACING, keep)
    assert np.array_equal(one.work().applied_to(one.label), expected.applied_to(one.label))
    one = task("keep_largest", axis=axis, **wishes)
    assert np.array_equal(one.work().index, keep_largest(one.label, 4, scope, keep).index)
    one = task("copy_before", axis=axis, **wishes)
    expected = copy_neighbour(one.label, 4, Scope(axis, index), -1, keep)
    assert np.array_equal(one.work().index, expected.index)


def test_without_a_known_spacing_numbers_are_voxels() -> None:
    one = task("grow", distance=1.0, reach="volume")
    unknown = replace(one, geometry=replace(one.geometry, spacing_known=False))
    assert unknown.spacing is None
    expected = grow(one.label, 4, Scope(), 1.0, None)
    assert np.array_equal(unknown.work().index, expected.index)
    assert len(expected) != len(one.work())
    assert "ml" not in edit_sentence(unknown, expected)


def test_a_region_is_taken_by_class_or_whole() -> None:
    one = task("take_region")
    assert (one.work().where[0] == 2).all()
    assert len(one.work()) == 8
    through = task("take_region", reach="volume")
    assert len(through.work()) == 24
    assert edit_sentence(through, through.work()) == "Take region: “liver” +24 −0 voxels (+0.03 ml)."
    assert len(task("take_region", value=0, all_classes=True, reach="volume").work()) == 24
    assert len(task("take_region", value=0, all_classes=True, locked=frozenset({4})).work()) == 0
    for wrong, words in (
        (replace(one, other=None), "Choose first whose label"),
        (replace(one, place=None), "Point into the image"),
        (replace(one, value=7), "do not differ about “tumour”"),
    ):
        with pytest.raises(DataError, match=words):
            wrong.work()


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(DataError, match="“liver” is locked"):
        task("grow", locked=frozenset({4})).work()
    with pytest.raises(DataError, match="background is chosen"):
        task("grow", value=0).work()
    with pytest.raises(DataError, match="nothing of label 9 in this label"):
        task("smooth", value=9).work()
    one = task("fill_holes")
    assert edit_sentence(one, one.work()) == "Fill holes: nothing to change on this slice."


def test_the_range_of_a_class() -> None:
    image = np.arange(100.0).reshape(10, 10)
    label = (image >= 40).astype(np.uint8)
    assert class_range(image, label, 1) == pytest.approx((42.95, 96.05))
    assert class_range(image, (image < 5).astype(np.uint8), 1) is None


def test_other_readers_and_the_original_are_offered(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write_samples(folder / "samples", SampleSpec(n_cases=1, matrix=32))
    rows = ["case,image,label,reader"]
    readers = ("reader_a", "reader_b")
    pairs = [(case, reader) for case in read_truth(folder / "samples") for reader in readers]
    rows += [f"{c},samples/imagesTr/{c}.nii.gz,samples/readers/{r}/{c}.nii.gz,{r}" for c, r in pairs]
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    workspace = Workspace.create(tmp_path / "review", scan(folder))
    key = workspace.dataset.items[0]
    with ReviewStore.open(workspace.store_url) as store:
        item = load_item(workspace, store, key)
        readers = [label.reader for label in workspace.dataset.case(key.case_id).labels]
        assert len(readers) == 2
        assert [s.name for s in edit_sources(workspace, item)] == [r for r in readers if r != key.label_reader]
        shown = replace(item, original=item.label + 1)
        original = edit_sources(workspace, shown)[0]
        assert (original.kind, original.title) == ("original", "the original label")
        assert read_source(workspace, store, shown, original) is shown.original
        for source in edit_sources(workspace, item):
            expected = workspace.load_label(key.case_id, source.name, warn=False).upright().data
            assert np.array_equal(read_source(workspace, store, item, source), expected)
        assert edit_sources(workspace, replace(item, blinded=True)) == ()
