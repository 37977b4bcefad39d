"""A training from beginning to end: learns, stops and goes on, keeps what it should; and what its model says."""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from napari_aleatoric.errors import Cancelled, DataError, NotFoundError
from napari_aleatoric.model import RecordingReporter
from napari_aleatoric.training import (
    CaseGrid,
    CaseShelf,
    LossSpec,
    NetCase,
    TrainingSet,
    TrainSpec,
    load_model,
    plan_model,
    train_model,
)
from napari_aleatoric.uncertainty import entropy

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
pytest.importorskip("accelerate")

TINY = TrainSpec(
    network="dynunet",
    iterations=8,
    width=4,
    patch_voxels=8192,
    voxels_per_step=8192,
    validate_every=4,
    device="cpu",
)
CYCLIC = TINY.model_copy(
    update={"schedule": "cyclic", "cycles": 2, "checkpoints_per_cycle": 2, "gamma": 0.5, "iterations": 12}
)
CASES = TrainingSet(("case0", "case1", "case2", "case3"), ("case4",))
UNSEEN = TrainingSet(CASES.names)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the networks are tiny
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Six noisy balls, bright on dark."""
    kept = CaseShelf(tmp_path_factory.mktemp("cases"))
    rng = np.random.default_rng(5)
    for k in range(6):
        shape = (14 + k, 20, 18)
        grid = np.indices(shape) - np.reshape((7 + k // 2, 9 + k % 3, 8), (3, 1, 1, 1))
        mask = (grid**2).sum(axis=0) <= 25
        image = rng.normal(0, 0.4, shape) + 2.0 * mask
        kept.put(f"case{k}", NetCase(image[np.newaxis].astype(np.float16), mask[np.newaxis].astype(np.uint16)))
    return kept


def planned(spec):
    return plan_model([CaseGrid((16, 20, 18), (1.0, 1.0, 1.0))], 1, ["ball"], spec)


def trained(shelf, folder, spec=TINY, cases=CASES, reporter=None, plan=None):
    return train_model(plan or planned(spec), shelf, cases, spec, folder, reporter)


def dice(found, mask):
    return 2 * (found & mask).sum() / (found.sum() + mask.sum())


def test_it_learns_what_it_has_not_seen_and_tells_how_it_goes(shelf, tmp_path):
    spec = TINY.model_copy(update={"iterations": 60, "validate_every": 20, "network": "segresnet", "width": 8})
    spec = spec.model_copy(update={"loss": LossSpec(kind="duo", warm_up=0)})
    reporter = RecordingReporter()
    model = trained(shelf, tmp_path, spec, reporter=reporter)
    case = shelf.get("case5")
    assert dice(model.predict(case, case.labels.shape[1:]).class_index > 0, case.labels[0] > 0) > 0.85
    told = {}
    for name, value, step in reporter.metrics:
        told.setdefault(name, []).append((step, value))
    assert [step for step, _ in told["loss"]] == list(range(1, 61))
    assert [step for step, _ in told["dice/ball"]] == [20, 40, 60]
    assert max(value for _, value in told["dice/mean"]) == pytest.approx(model.validation_dice["ball"])
    assert {"loss/dice", "loss/cross_entropy", "learning_rate", "scale/ball", "class_weight/ball"} <= set(told)
    assert all(1 / 1.5 - 1e-6 <= value <= 1 for _, value in told["class_weight/ball"])


@pytest.mark.parametrize("spec", [TINY, CYCLIC], ids=["averaged", "cyclic"])
def test_stopped_anywhere_it_ends_the_same_bit_for_bit(shelf, tmp_path, spec):
    cases = CASES if spec is TINY else UNSEEN
    whole = trained(shelf, tmp_path / "whole", spec, cases)
    folder = tmp_path / "stopped"
    for stop_at in (3, 3, 4):  # with TINY one of them falls into a look at the validation case
        with pytest.raises(Cancelled):
            trained(shelf, folder, spec, cases, RecordingReporter(cancel_after=stop_at))
        with pytest.raises(NotFoundError, match="finished"):
            load_model(folder)
    reporter = RecordingReporter()
    model = trained(shelf, folder, spec, cases, reporter)
    assert model.digest == whole.digest
    assert reporter.steps[0][0] > 3
    assert not (folder / "state.pt").exists()
    again = RecordingReporter()
    assert trained(shelf, folder, spec, cases, again).digest == whole.digest
    assert not again.steps  # nothing is learned twice
    other = trained(shelf, folder, spec.model_copy(update={"seed": 1}), cases)
    assert other.digest != whole.digest


def test_cycles_leave_members_that_say_how_sure_they_are(shelf, tmp_path):
    model = trained(shelf, tmp_path, CYCLIC, UNSEEN)
    assert model.checkpoints == ("cycle1-01", "cycle1-02", "cycle2-01", "cycle2-02")
    case = shelf.get("case5")
    shape = case.labels.shape[1:]
    found = model.predict(case, shape)
    members = [p.astype(np.float32) for _, p in model.predict_members(case, shape)]
    assert len(members) == 4
    mean = np.mean(members, axis=0)
    np.testing.assert_allclose(found.probabilities.astype(np.float32), mean, atol=2e-3)
    np.testing.assert_allclose(found.predictive_entropy, entropy(mean), atol=5e-3)
    np.testing.assert_allclose(found.expected_entropy, np.mean([entropy(p) for p in members], axis=0), atol=5e-3)
    assert found.class_expected is not None
    for c in range(2):
        binary = [scipy.stats.entropy(np.stack([p[c], 1 - p[c]]), axis=0) for p in members]
        np.testing.assert_allclose(found.class_expected[c].astype(np.float32), np.mean(binary, axis=0), atol=5e-3)
        predictive, expected = found.class_entropies(c)
        of_mean = scipy.stats.entropy(np.stack([mean[c], 1 - mean[c]]), axis=0)
        np.testing.assert_allclose(predictive, of_mean, atol=5e-3)
        assert (expected <= predictive).all()
        assert (predictive - expected).max() > 1e-3
    assert found.mutual_information.max() > 1e-3
    assert (found.expected_entropy <= found.predictive_entropy + 1e-6).all()
    assert found.predictive_entropy.max() <= np.log(2) + 1e-5


def test_slabs_are_the_whole_in_parts_on_another_grid(shelf, tmp_path, monkeypatch):
    from napari_aleatoric.training._torch import _predict_model

    model = trained(shelf, tmp_path, CYCLIC, UNSEEN)
    case, shape = shelf.get("case5"), (37, 25, 30)
    whole = model.predict(case, shape, mirroring=True)
    monkeypatch.setattr(_predict_model, "_SLAB_NUMBERS", 1)
    slabs = list(model.predict_slabs(case, shape, mirroring=True))
    assert len(slabs) == 5
    np.testing.assert_allclose(np.concatenate([s.probabilities for s in slabs], 1), whole.probabilities, atol=1e-3)
    for name in ("predictive_entropy", "expected_entropy", "mutual_information"):
        np.testing.assert_allclose(
            np.concatenate([getattr(s, name) for s in slabs]), getattr(whole, name), atol=1e-4
        )
    by_class = np.concatenate([s.class_expected for s in slabs], 1)
    np.testing.assert_allclose(by_class, whole.class_expected, atol=1e-3)
    plain = model.predict(case, shape)
    assert np.abs(plain.probabilities.astype(float) - whole.probabilities).max() > 1e-3


def test_prediction_stops_between_windows_and_damaged_weights_are_found(shelf, tmp_path):
    model = trained(shelf, tmp_path)

    def go_on():
        raise Cancelled("Stopped as asked.")

    with pytest.raises(Cancelled):
        model.predict(shelf.get("case5"), (19, 20, 18), go_on)
    path = tmp_path / "checkpoints" / "best.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="Train it anew"):
        load_model(tmp_path).predict(shelf.get("case5"), (19, 20, 18))


def test_patches_made_ahead_are_the_same(shelf, tmp_path, monkeypatch):
    from napari_aleatoric.training._torch import _train_loop

    plain = trained(shelf, tmp_path / "plain", CYCLIC)
    monkeypatch.setattr(_train_loop, "_AHEAD", ("cpu",))
    with pytest.raises(Cancelled):
        trained(shelf, tmp_path / "ahead", CYCLIC, reporter=RecordingReporter(cancel_after=5))
    reporter = RecordingReporter()
    ahead = trained(shelf, tmp_path / "ahead", CYCLIC, reporter=reporter)
    assert ahead.digest == plain.digest
    last = [value for name, value, step in reporter.metrics if name == "dice/ball" and step == 12]
    assert ahead.validation_dice["ball"] == pytest.approx(last[0])  # of the weights that are kept


def test_it_stops_early_where_nothing_gets_better(shelf, tmp_path):
    spec = TINY.model_copy(
        update={"iterations": 60, "validate_every": 2, "early_stopping_patience": 2, "learning_rate": 1e-9}
    )
    model = trained(shelf, tmp_path, spec)
    assert model.steps < 12


def test_minutes_say_how_many_steps(shelf, tmp_path):
    spec = TINY.model_copy(update={"iterations": 100_000, "minutes": 1e-6})
    assert trained(shelf, tmp_path, spec, UNSEEN).steps == 15


def test_without_memory_it_learns_from_less(shelf, tmp_path, monkeypatch):
    from napari_aleatoric.training._torch import _train_loop

    plan = replace(planned(TINY), batch=4)
    sizes = []
    step = _train_loop.TrainingParts.step

    def limited(self, batch, *rest):
        sizes.append((len(batch.images), *batch.images.shape[2:]))
        if batch.images.numel() > 3000:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return step(self, batch, *rest)

    monkeypatch.setattr(_train_loop.TrainingParts, "step", limited)
    model = trained(shelf, tmp_path, plan=plan)
    assert sizes[:4] == [(4, 16, 20, 16), (2, 16, 20, 16), (1, 16, 20, 16), (1, 16, 8, 16)]
    assert model.plan.patch_zyx == (16, 8, 16)
    assert json.loads((tmp_path / "model.json").read_text())["steps"] == TINY.iterations
    monkeypatch.setattr(_train_loop.TrainingParts, "step", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(DataError, match="smaller width or patch"):
        trained(shelf, tmp_path / "none", plan=plan)


def test_a_loss_that_is_no_number_is_said(shelf, tmp_path):
    spec = TINY.model_copy(update={"learning_rate": 1.0, "optimiser": "sgd", "iterations": 400})
    broken = CaseShelf(tmp_path / "cases")
    case = shelf.get("case0")
    broken.put("case0", NetCase(np.full_like(case.image, np.nan), np.asarray(case.labels)))
    with pytest.raises(DataError, match="loss that is a number"):
        trained(broken, tmp_path / "model", spec, TrainingSet(["case0"]))


def test_dice_by_class_and_reader():
    from napari_aleatoric.training._torch._train_validate import case_dice

    found = np.array([0, 1, 1, 2, 0, 0]).reshape(1, 1, 6)
    labels = np.array([[0, 1, 2, 2, 0, 0], [0, 1, 1, 0, 0, 0]]).reshape(2, 1, 1, 6)
    scores = case_dice(found, labels, 4)
    assert scores[0] == pytest.approx((2 / 3 + 1) / 2)
    assert scores[1] == pytest.approx((2 / 3 + 0) / 2)
    assert np.isnan(scores[2])
