"""A public label one of whose values was not named as a class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.review import corrections
from napari_aleatoric.session import ReviewSession, prepare

pytestmark = pytest.mark.real


def test_the_posterior_hippocampus_is_missed_and_kept(real_data: Path, tmp_path: Path) -> None:
    found = scan(real_data / "msd_hippocampus", class_names={1: "Anterior"})
    assert " cases hold values that are in no class (" in found.layout_sentence
    dataset = replace(found, cases=found.cases[:1])
    path = dataset.cases[0].labels[0].paths[0]
    original = np.asarray(nibabel.load(path).dataobj)
    posterior = int(np.count_nonzero(original == 2))
    assert posterior > 100
    session, said = ReviewSession(reader="R"), []
    session.notice.connect(said.append)
    session.attach(prepare(Workspace.create(tmp_path / "workspace", dataset)))
    key = dataset.items[0]
    session._desk.screen._ahead.get(key).result(60)
    session.go(key)
    assert f"The label of {key} holds values that are in no class: 2 ({posterior} voxels)." in said[0].text
    z, y, x = np.argwhere(session.item.label == 2)[0]
    session.item.label[z, y, x] = 0
    session.painted()
    session.save()
    session._desk.painting.finish()
    (saved,) = corrections(session.store, key)
    theirs = np.asarray(nibabel.load(session.workspace.corrections_dir / saved.file).dataobj)
    assert np.count_nonzero(theirs == 2) == posterior - 1
    assert np.count_nonzero(theirs != original) == 1
    session.close()
