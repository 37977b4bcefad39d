"""nnU-Net itself as the trainer: what it is given, what it makes small, and that a stop costs an epoch at most."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
from tests.lobes import VALUES, write_lobes

from napari_aleatoric.errors import Cancelled, DataError, MissingExtraError
from napari_aleatoric.foundation import Box
from napari_aleatoric.io import Workspace, write_map
from napari_aleatoric.model import Decision, ItemKey, LabelMap, RecordingReporter, Verdict
from napari_aleatoric.review import (
    RetrainSpec,
    ReviewStore,
    current_label,
    export_nnunet,
    preview_retraining,
    save_correction,
)
from napari_aleatoric.training import (
    NNUNET_DATASET,
    LossSpec,
    NnUNetPlan,
    NnUNetRaw,
    TrainingSet,
    TrainSpec,
    build_objective,
    load_model,
    model_case,
    train_nnunet,
)

for _package in ("torch", "nnunetv2", "nibabel", "SimpleITK"):
    pytest.importorskip(_package)

pytestmark = pytest.mark.slow

PLAN = NnUNetPlan(("left lobe", "right lobe"))
SMALL = {"width": 4, "patch_voxels": 4096, "learning_rate": 0.1, "device": "cpu"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return write_lobes(tmp_path)


def where_in_the_world(path: Path) -> dict[tuple[int, int, int], int]:
    """Label value by position in micrometres (RAS), of all labelled voxels, as nibabel reads them."""
    import nibabel

    image = nibabel.load(path)
    values = np.asarray(image.dataobj)
    index = np.argwhere(values)
    points = index @ image.affine[:3, :3].T + image.affine[:3, 3]
    rounded = np.rint(points * 10).astype(int)  # a tenth of a millimetre: NIfTI keeps 32-bit floats
    return dict(zip(map(tuple, rounded.tolist()), values[tuple(index.T)].astype(int).tolist(), strict=True))


def test_what_is_learned_from_is_a_data_set_of_nnunet(workspace, capfd):
    import nibabel
    import SimpleITK
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

    spec = RetrainSpec(backend="nnunet", validation=0.0)
    free = [case.case_id for case in preview_retraining(workspace, spec).learn]
    held = [case.case_id for case in preview_retraining(workspace, spec).held_out]
    excluded, corrected, barred, plain = free
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
        store.decide(Decision(case_id=excluded, verdict=Verdict.EXCLUDED, reader="ann"))
        before = current_label(workspace, store, ItemKey(corrected))
        only = np.where(before.data == VALUES[1], before.data, 0)
        save_correction(workspace, store, ItemKey(corrected), LabelMap(only, before.geometry), reader="ann")
    grid = workspace.load_image(barred).upright().geometry
    weight = np.full(grid.shape_zyx, 255, dtype=np.uint8)
    weight[:3] = 0
    write_map(workspace, ItemKey(barred), "learning_weight", weight[np.newaxis], (0,), grid, {"door": "paint"})

    folder = export_nnunet(workspace, spec)
    assert folder == workspace.exports_dir / NNUNET_DATASET
    verify_dataset_integrity(str(folder), 1)
    said = capfd.readouterr().out
    assert "Error" not in said
    assert "Warning" not in said
    about = json.loads((folder / "dataset.json").read_text())
    assert about["labels"] == {"background": 0, "left lobe": 1, "right lobe": 2, "ignore": 3}
    assert about["numTraining"] == 3

    def names(part: str) -> set[str]:
        return {path.name.removesuffix(".nii.gz") for path in (folder / part).iterdir()}

    assert names("labelsTr") == {corrected, barred, plain}
    assert names("imagesTr") == {f"{name}_0000" for name in (corrected, barred, plain)}
    assert names("labelsTs") == set(held)  # kept apart

    indices = {value: index for index, value in VALUES.items()}
    for case_id in (*held, plain, barred, corrected):
        part = "Ts" if case_id in held else "Tr"
        stored = workspace.dataset.case(case_id)
        given = {p: indices[v] for p, v in where_in_the_world(stored.labels[0].paths[0]).items()}
        found = where_in_the_world(folder / f"labels{part}" / f"{case_id}.nii.gz")
        if case_id == corrected:
            given = {point: index for point, index in given.items() if index == 1}
        if case_id == barred:
            assert sum(index == 3 for index in found.values()) == 3 * grid.shape_zyx[1] * grid.shape_zyx[2]
            ignored = {point for point, index in found.items() if index == 3}
            found = {point: index for point, index in found.items() if index != 3}
            given = {point: index for point, index in given.items() if point not in ignored}
        assert found == given, case_id
        # the image lies upright, as nnU-Net reads it, and shows the same at the same place
        path = folder / f"images{part}" / f"{case_id}_0000.nii.gz"
        assert "".join(nibabel.aff2axcodes(nibabel.load(path).affine)) == "LPS"
        source, written = SimpleITK.ReadImage(str(stored.image)), SimpleITK.ReadImage(str(path))
        for index in ((3, 5, 7), (12, 9, 2)):
            point = source.TransformIndexToPhysicalPoint(index)
            assert written[written.TransformPhysicalPointToIndex(point)] == source[index]
    links = [path for path in folder.rglob("*") if path.is_symlink()]
    assert links or os.name == "nt"  # those that lie upright in their files
    assert all(path.resolve().is_file() for path in links)


def test_an_image_that_is_no_number_somewhere_is_written(tmp_path):
    import nibabel

    from napari_aleatoric.io import read_volume
    from napari_aleatoric.model import Geometry, Volume

    grid = Geometry((1, 6, 8), (5.0, 1.0, 1.0))
    data = np.arange(48, dtype=np.float32).reshape(grid.shape_zyx) - 10
    data[0, 2, 3] = np.nan
    nibabel.save(nibabel.Nifti1Image(data.T, grid.ras_from_index_xyz), tmp_path / "image.nii.gz")
    raw = NnUNetRaw(tmp_path / "Dataset001_X", PLAN)
    label = np.zeros(grid.shape_zyx, dtype=np.uint16)
    raw.put("a", Volume(data, grid), label, source=tmp_path / "image.nii.gz")
    assert raw.n_linked == 0
    found = read_volume(tmp_path / "Dataset001_X" / "imagesTr" / "a_0000.nii.gz")
    assert found.data[0, 2, 3] == -10
    assert found.geometry.spacing_zyx_mm == (999.0, 1.0, 1.0)  # one slice, to nnU-Net
    with pytest.raises(DataError, match="up to 2, got 3"):
        raw.put("b", Volume(data, grid), label + 3)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A raw data set of four cases; a function that trains on it, in a folder of its own."""
    root = tmp_path_factory.mktemp("nnunet")
    ws = write_lobes(root, 4)
    cases = [case.case_id for case in ws.dataset.cases]

    def train(folder: Path, loss: str, iterations: int, reporter: RecordingReporter):
        raw = NnUNetRaw(folder / "nnunet" / "raw" / NNUNET_DATASET, PLAN)
        for case_id in cases:
            label = ws.load_label(case_id, "").upright()
            if not raw.has(case_id):
                index = ws.dataset.classes.index_map(label.data)
                raw.put(case_id, ws.load_image(case_id).upright(), index)
        raw.finish(cases, any_ignored=False)
        spec = TrainSpec.of_preset("quick", **SMALL, iterations=iterations, loss=LossSpec(kind=loss))
        names = TrainingSet(tuple(cases[1:]), tuple(cases[:1]), (1.0, 0.5, 0.25))
        return train_nnunet(PLAN, folder / "nnunet", names, spec, folder, 1 << 33, reporter)

    return ws, train


def test_a_stopped_training_goes_on_from_the_checkpoint_to_the_same_weights(prepared, tmp_path):
    ws, train = prepared
    straight = RecordingReporter()
    whole = train(tmp_path / "whole", "umedsam", 4, straight)
    losses = {step: value for name, value, step in straight.metrics if name == "loss"}
    assert sorted(losses) == [1, 2, 3, 4]
    told = {name for name, _, _ in straight.metrics}
    assert {"learning_rate", "dice/mean", "loss/dice", "loss/shape", "loss/weight_dice"} <= told

    class StopsAtTheThirdStep(RecordingReporter):
        def step(self, done, total, message=""):
            if any(name == "loss" and step == 3 for name, _, step in self.metrics):
                raise Cancelled("Stopped as asked.")
            super().step(done, total, message)

    with pytest.raises(Cancelled):
        train(tmp_path / "stopped", "umedsam", 4, StopsAtTheThirdStep())
    kept = [path.name for path in (tmp_path / "stopped").rglob("checkpoint*")]
    assert kept == ["checkpoint_latest.pth"]
    gone_on = RecordingReporter()
    again = train(tmp_path / "stopped", "umedsam", 4, gone_on)
    rest = {step: value for name, value, step in gone_on.metrics if name == "loss"}
    assert sorted(rest) == [3, 4]  # the third epoch was not over
    assert rest == {step: losses[step] for step in rest}
    assert again.digest == whole.digest  # bit for bit, and the learned weights of the loss's terms with it
    assert not (tmp_path / "stopped" / "nnunet").exists()
    assert train(tmp_path / "stopped", "umedsam", 4, RecordingReporter()).digest == again.digest  # not done again

    # asked: on the image's own grid, with a stop that is heard within a case
    volume = ws.load_image("case_2").upright()
    shape = volume.geometry.shape_zyx
    opened = load_model(tmp_path / "whole", "cpu")
    case = model_case(volume, np.zeros((1, *shape), np.uint16), Box.whole(shape), opened.plan)
    found = opened.predict(case, shape)
    assert found.probabilities.shape == (3, *shape)
    np.testing.assert_allclose(found.probabilities.astype(float).sum(axis=0), 1, atol=3e-3)
    p = found.probabilities.astype(np.float64)
    entropy = -(p * np.log(np.maximum(p, 1e-9))).sum(axis=0)
    np.testing.assert_allclose(found.predictive_entropy, entropy, atol=5e-3)

    def stop() -> None:
        raise Cancelled("Stopped as asked.")

    with pytest.raises(Cancelled):
        opened.predict(case, shape, stop)
    np.testing.assert_array_equal(opened.predict(case, shape).probabilities, found.probabilities)


@pytest.mark.parametrize("kind", ["dice_ce", "duo"])
def test_the_loss_is_ours_at_every_scale_with_nnunets_weights(prepared, tmp_path, kind, monkeypatch):
    import torch

    from napari_aleatoric.training._torch import _nnunet_train
    from napari_aleatoric.training._torch._nnunet_trainer import AleatoricTrainer

    _, train = prepared
    seen = []

    class Watched(AleatoricTrainer):
        def initialize(self):
            super().initialize()
            rng = torch.Generator().manual_seed(0)
            sizes = [(2, 8, 12, 16), (2, 4, 6, 8), (2, 2, 3, 4)][: len(self.loss.weight_factors)]
            logits = [torch.randn(b, 3, *s, generator=rng) for b, *s in sizes]
            target = [torch.randint(0, 3, (b, 1, *s), generator=rng).to(torch.int16) for b, *s in sizes]
            self.scale_loss.part = 1.0
            self.scale_loss.sample_weight = torch.tensor([1.0, 0.25])
            seen.append((logits, target, self.loss(logits, target), self.loss.weight_factors))
            self.scale_loss.sample_weight = None
            raise Cancelled("Seen enough.")

    monkeypatch.setattr(_nnunet_train, "AleatoricTrainer", Watched)
    with pytest.raises(Cancelled):
        train(tmp_path / "model", kind, 2, RecordingReporter())
    ((logits, target, found, factors),) = seen
    assert len(factors) > 1
    assert sum(factors) == pytest.approx(1)
    assert factors[0] == pytest.approx(2 * factors[1]) or factors[1] == 0
    objective = build_objective(LossSpec(kind=kind), 3)
    weight = torch.tensor([1.0, 0.25])
    expected = sum(
        factor * objective(one, index[:, 0].long(), part=1.0, sample_weight=weight).total
        for factor, one, index in zip(factors, logits, target, strict=True)
    )
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_voxels_that_are_ignored_are_not_learned_from():
    import torch

    from napari_aleatoric.training._torch._nnunet_trainer import ScaleLoss

    rng = torch.Generator().manual_seed(1)
    logits = torch.randn(1, 3, 4, 6, 8, generator=rng)
    target = torch.randint(0, 3, (1, 1, 4, 6, 8), generator=rng)
    target[:, :, :2] = 3
    loss = ScaleLoss(build_objective(LossSpec(), 3), ignored=3)
    other = logits.clone()
    other[:, :, :2] += 5
    assert float(loss(logits, target)) == pytest.approx(float(loss(other, target)), rel=1e-6)
    alone = build_objective(LossSpec(), 3)(logits[:, :, 2:], target[:, 0, 2:], part=0.0).total
    assert float(loss(logits, target)) == pytest.approx(float(alone), rel=1e-5)


def test_what_nnunet_cannot_is_said(workspace, monkeypatch):
    from napari_aleatoric.review import retrain

    with pytest.raises(ValueError, match="without these settings: denoise, voxel_weights, minutes"):
        RetrainSpec(
            backend="nnunet",
            voxel_weights=True,
            train=TrainSpec(loss=LossSpec(denoise=True), minutes=2),
        )
    own = RetrainSpec()
    plain = RetrainSpec(backend="nnunet", train=TrainSpec(loss=LossSpec(kind="duo"))).plain()
    assert (own.backend, plain.backend, plain.train.loss.kind) == ("own", "nnunet", "dice_ce")
    real = importlib.util.find_spec

    def without(name: str, *more):
        return None if name == "nnunetv2" else real(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'napari-aleatoric\[nnunet\]'"):
        retrain(workspace, RetrainSpec(backend="nnunet"))
    assert not (workspace.root / "models").exists()
