"""Values in no class: the reader is told when the case opens, and a saved correction keeps them in its file."""

from __future__ import annotations

import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_aleatoric.io import UnknownValueWarning, Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import corrections, current_label, score_workspace
from napari_aleatoric.session import Kind, ReviewSession, prepare
from napari_aleatoric.uncertainty import ScoreSpec

GRID = Geometry((8, 20, 24), (2.0, 1.0, 1.0), direction_lps=((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)))


@pytest.fixture(params=[7, -3, 300])
def value(request: pytest.FixtureRequest) -> int:
    """Return a value that no class has: small, negative, and too large for a byte."""
    return int(request.param)


@pytest.fixture
def workspace(tmp_path: Path, value: int) -> Workspace:
    rng = np.random.default_rng(0)
    rows = ["case,image,label,class_names"]
    for k in range(3):
        label = np.zeros(GRID.shape_zyx, np.int16)
        label[2:6, 4:12, 4:12] = 1
        if k == 1:
            label[3:5, 14:18, 14:18] = value
        image = rng.normal(0, 20, GRID.shape_zyx) + 100 * (label != 0)
        write_volume(tmp_path / "data" / f"image_{k}.nii.gz", Volume(image.astype(np.int16), GRID))
        write_label_map(tmp_path / "data" / f"label_{k}.nii.gz", LabelMap(label, GRID))
        rows.append(f"case_{k},image_{k}.nii.gz,label_{k}.nii.gz,1=liver")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))


class Told(ReviewSession):
    """A session that delivers in whatever thread, and remembers what it said."""

    def __init__(self) -> None:
        super().__init__(reader="R")
        self.said: list[tuple[Kind, str]] = []
        self.notice.connect(lambda notice: self.said.append((notice.kind, notice.text)))

    def show(self, key: ItemKey) -> None:
        """Read ahead, so that it is there at once."""
        self._desk.screen._ahead.get(key).result(30)
        self.go(key)
        assert self.item is not None
        assert self.item.key == key


def test_told_when_the_case_opens_and_kept_when_it_is_saved(workspace: Workspace, value: int) -> None:
    session = Told()
    session.attach(prepare(workspace))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnknownValueWarning)  # the notice says it, and says it once
        session.show(ItemKey("case_0"))
        assert session.said == []
        session.show(ItemKey("case_1"))
    ((kind, words),) = session.said
    assert kind is Kind.WARNING
    assert f"The label of case_1 holds values that are in no class: {value} (32 voxels)." in words
    label = session.item.label
    assert np.count_nonzero(label == value) == 32
    label[label == value] = np.where(np.arange(32) < 10, 1, value)  # the reader paints over ten of them
    session.painted()
    session.save()
    session._desk.painting.finish()
    session.close()
    store = prepare(workspace).store
    (saved,) = corrections(store, ItemKey("case_1"))
    theirs = np.asarray(nibabel.load(workspace.corrections_dir / saved.file).dataobj)
    original = np.asarray(nibabel.load(workspace.dataset.case("case_1").label_of("").paths[0]).dataobj)
    assert np.count_nonzero(theirs == value) == 22
    assert (original[theirs == value] == value).all()
    assert np.count_nonzero(theirs == 1) == np.count_nonzero(original == 1) + 10
    assert np.array_equal(theirs[original != value], original[original != value])
    with pytest.warns(UnknownValueWarning, match=rf"{value} \(22 voxels\)"):
        current_label(workspace, store, ItemKey("case_1"))
    store.close()


def test_scoring_warns(workspace: Workspace, value: int) -> None:
    with pytest.warns(
        UnknownValueWarning, match=rf"label of case_1 holds .* no class: {value} \(32 voxels\)"
    ) as seen:
        score_workspace(workspace, ScoreSpec(judge="light", encoder="filter-bank"))
    assert {str(w.message).split(" holds")[0] for w in seen if w.category is UnknownValueWarning} == {
        "The label of case_1"
    }
