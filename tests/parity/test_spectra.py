"""Singular values of decoded maps: of a small untrained network, through the real loader and the real scoring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")

from safetensors.torch import save_file  # noqa: E402

from napari_aleatoric.errors import Cancelled, DataError  # noqa: E402
from napari_aleatoric.foundation import WeightsStore  # noqa: E402
from napari_aleatoric.foundation._torch._sam_net import ARCHITECTURES, build_sam  # noqa: E402
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume  # noqa: E402
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, RecordingReporter, Volume  # noqa: E402
from napari_aleatoric.review import (  # noqa: E402
    ReviewStore,
    SpectraSpec,
    current_label,
    measure_spectra,
    read_spectra,
    save_correction,
    score_workspace,
)
from napari_aleatoric.uncertainty import ScoreSpec  # noqa: E402

SPEC = ScoreSpec(judge="light", rounds=5, samples_per_case=300, encoder="mine", jitters=0, device="cpu", maps=False)
GRID = Geometry((6, 20, 26), (2.0, 1.0, 1.0), (5, 6, 7), ((-1, 0, 0), (0, 1, 0), (0, 0, -1)))  # stored flipped


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Four cases with two classes, and a network called 'mine'."""
    monkeypatch.setenv("ALEATORIC_WEIGHTS", str(tmp_path / "weights"))
    torch.manual_seed(0)
    sam = build_sam(ARCHITECTURES["small"])
    save_file({k: v.contiguous() for k, v in sam.state_dict().items()}, tmp_path / "any.safetensors")
    WeightsStore().import_file("mine", tmp_path / "any.safetensors", architecture="small")
    rng = np.random.default_rng(0)
    for i in range(4):
        label = np.zeros(GRID.shape_zyx, np.uint8)
        label[1:5, 4:14, 5:18] = 1
        label[2:4, 7:11, 8 + i : 13 + i] = 2
        image = (label.astype(np.int16) * 300 + rng.integers(0, 200, GRID.shape_zyx)).astype(np.int16)
        write_volume(tmp_path / "data" / "images" / f"c{i}.nii.gz", Volume(image, GRID))
        write_label_map(tmp_path / "data" / "labels" / f"c{i}.nii.gz", LabelMap(label, GRID))
    return Workspace.create(tmp_path / "w", scan(tmp_path / "data", class_names={1: "liver", 2: "tumour"}))


def test_their_entropy_is_the_stored_perception_scale(workspace: Workspace) -> None:
    score_workspace(workspace, SPEC)
    with pytest.raises(Cancelled):
        measure_spectra(workspace, SpectraSpec(cases=("c2",)), reporter=RecordingReporter(cancel_after=2))
    assert {s.key.case_id for s in read_spectra(workspace)} == {"c2"}  # the named one first; what is done is kept
    done = measure_spectra(workspace, SpectraSpec(n_cases=10))
    assert (done.n_measured, done.n_kept, done.refused) == (3, 1, ())
    spectra = read_spectra(workspace)
    assert [(s.key.case_id, s.class_index) for s in spectra] == [(f"c{i}", c) for i in range(4) for c in (1, 2)]
    with ReviewStore.open(workspace.store_url) as store:
        for s in spectra:
            stored = store.item_scores(s.key).value("perception_scale", s.class_index)
            assert s.scale == pytest.approx(stored, abs=1e-9)
            p = s.shares[s.shares > 0]
            assert -(p * np.log(p)).sum() / np.log(s.rank) == pytest.approx(stored, abs=1e-4)
            assert p.sum() == pytest.approx(1, abs=1e-4)
            assert (np.diff(s.shares) <= 0).all()
        key = ItemKey("c1")
        label = current_label(workspace, store, key)
        data = label.data.copy()
        data[1:3, 2:6, 2:6] = 1
        save_correction(workspace, store, key, LabelMap(data, label.geometry), reader="Zoë")
    assert {s.key.case_id for s in read_spectra(workspace) if s.stale} == {"c1"}
    again = measure_spectra(workspace, SpectraSpec(cases=("c1",), n_cases=0))
    assert (again.n_measured, again.n_kept) == (1, 0)
    assert not any(s.stale for s in read_spectra(workspace))


def test_without_a_segmenter_there_are_no_maps_to_take_apart(workspace: Workspace) -> None:
    with pytest.raises(DataError, match=r"from the filter bank\. Install the ai extra"):
        measure_spectra(workspace, SpectraSpec(encoder="filter-bank"))
    assert read_spectra(workspace) == []
