"""The formulas of learning from several readers, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.training import LossSpec, UmaSpec, build_objective
from napari_aleatoric.uncertainty import band, departure

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

N, R, K, SHAPE = 3, 4, 3, (4, 9, 10)
UNKNOWN = -1


@pytest.fixture
def given():
    """Labels with a reader missing, voxels beyond the rim, and a patch in which nobody drew anything."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, K, (N, R, *SHAPE)) * (rng.random((N, R, *SHAPE)) < 0.05)
    labels[0, :, 1:3, 3:6, 3:7] = 1
    labels[0, 1, 1:3, 3:6, 3:7] = 2
    labels[1, 2] = UNKNOWN
    labels[1, :, :, :2] = UNKNOWN
    labels[2] = 0
    logits = rng.normal(0, 1.5, (2, N, K, *SHAPE))
    log_variance = np.clip(rng.normal(0, 2, (N, R, *SHAPE)), -5, 5)
    voxel = rng.uniform(0.2, 2, (N, *SHAPE))
    sample = np.array([1.0, 0.5, 2.0])
    return labels, logits, log_variance, voxel, sample


def weighted(labels, log_variance):
    known = labels != UNKNOWN
    w = np.where(known, np.exp(-log_variance), 0)
    return w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)


def cross_entropy(logits, labels):
    """−ln p of every reader's class, (N, R, *S); 0 where unknown."""
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    taken = np.take_along_axis(p, np.maximum(labels, 0), axis=1)
    return np.where(labels == UNKNOWN, 0, -np.log(taken)), p


def segmentation_loss(logits, labels, log_variance, voxel):
    """½ [Σ_r mean ŵ_r CE(p, y_r) + Dice(p, Σ ŵ_r y_r)] of every patch, voxels weighted."""
    w, (entropy, p) = weighted(labels, log_variance), cross_entropy(logits, labels)
    known = (labels != UNKNOWN).any(axis=1)
    found = []
    for i in range(N):
        v = voxel[i] * known[i]
        ce = sum((w[i, r] * entropy[i, r] * v).sum() / v.sum() for r in range(R))
        dices = []
        for c in range(1, K):
            y = sum(w[i, r] * (labels[i, r] == c) for r in range(R))
            dices.append(1 - (2 * (v * p[i, c] * y).sum() + 1e-5) / ((v * (p[i, c] + y)).sum() + 1e-5))
        found.append(0.5 * (ce + np.mean(dices)))
    return np.array(found)


def uncertainty_loss(logits, labels, log_variance, voxel):
    entropy, _ = cross_entropy(logits, labels)
    values = np.exp(-log_variance) * entropy + log_variance / 2
    of_patches = []
    for i in range(N):
        of_readers = []
        for r in range(R):
            v = voxel[i] * (labels[i, r] != UNKNOWN)
            if v.any():
                of_readers.append((values[i, r] * v).sum() / v.sum())
        of_patches.append(np.mean(of_readers))
    return np.mean(of_patches)


def quality(labels, u):
    """Mean of q_r over the readers there are, and whether anybody drew anything."""
    found = []
    for i in range(N):
        near = band((labels[i] > 0).any(axis=0), 3.0)
        of_readers = []
        for r in range(R):
            inside = near & (labels[i, r] != UNKNOWN)
            if (labels[i, r] != UNKNOWN).any():
                of_readers.append(1 - u[i, r][inside].mean() if inside.any() else 1.0)
        found.append(np.mean(of_readers))
    return np.array(found)


def batch_of(labels, voxel, sample):
    from napari_aleatoric.training._torch._train_patches import Batch

    return Batch(
        torch.zeros(N, 1, *SHAPE),
        torch.from_numpy(labels),
        torch.from_numpy(voxel),
        torch.from_numpy(sample),
        torch.arange(N),
    )


def objective_of(spec, qualities=()):
    from napari_aleatoric.training._torch._uma_objective import UmaObjective

    found = UmaObjective(build_objective(LossSpec(), K), spec, 5).double()
    found._remember(torch.tensor(qualities, dtype=torch.float64))
    return found


def loss_of(spec, given, part=0.5, qualities=(), auxiliary=True):
    labels, (primary, second), log_variance, voxel, sample = given
    tensors = [torch.from_numpy(v).requires_grad_() for v in (primary, second, log_variance)]
    objective = objective_of(spec, qualities)
    found = objective(
        tensors[0], tensors[1] if auxiliary else None, tensors[2], batch_of(labels, voxel, sample), part
    )
    return found, tensors, objective


def test_all_parts_together(given):
    labels, (primary, second), s, voxel, sample = given
    u = 1 / (1 + np.exp(-s))
    q = quality(labels, u)
    recent = np.array([q[0] - 0.1, q[0] + 0.05, q[0] + 0.02, 0.0, 0.99])
    t = np.quantile(recent, 0.5)
    high = np.array([q[0] >= t, q[1] >= t, True])  # nobody drew anything: first predictor
    assert not high[0]
    counts = sample * np.where(high, 1.0, 0.5)
    logits = np.where(high[:, None, None, None, None], primary, second)
    expected = (counts * segmentation_loss(logits, labels, s, voxel)).sum() / sample.sum()
    expected += uncertainty_loss(primary, labels, s, voxel)
    found, _, objective = loss_of(UmaSpec(apart="voxel", route=True), given, qualities=recent)
    assert found.total.item() == pytest.approx(expected, rel=1e-6)
    assert float(found.terms["threshold"]) == pytest.approx(t)
    assert float(found.terms["high"]) == pytest.approx(high.mean())
    assert float(found.terms["quality"]) == pytest.approx(q.mean(), rel=1e-6)
    assert float(found.terms["uncertainty"]) == pytest.approx(uncertainty_loss(primary, labels, s, voxel), rel=1e-6)
    # the two oldest are replaced by those in which somebody drew something
    np.testing.assert_allclose(objective.recent, [q[0], q[1], *recent[2:]], rtol=1e-6)


@pytest.mark.parametrize(
    ("spec", "part"),
    [(UmaSpec(route=True), 0.05), (UmaSpec(apart="voxel"), 0.5)],
    ids=["warming up", "all high"],
)
def test_all_patches_are_good_at_first_and_without_routing(given, spec, part):
    labels, (primary, _), s, voxel, sample = given
    told_apart = 1.0 if part == 0.5 else 0.0
    expected = (sample * segmentation_loss(primary, labels, told_apart * s, voxel)).sum() / sample.sum()
    expected += uncertainty_loss(primary, labels, s, voxel)
    found, _, _ = loss_of(spec, given, part, qualities=[1.0] * 5)
    assert found.total.item() == pytest.approx(expected, rel=1e-6)


def whole_readers(labels, s):
    """One log-variance a reader and patch, by plain loops over classes and readers."""
    found = np.zeros_like(s)
    for i in range(N):
        near = band((labels[i] > 0).any(axis=0), 3.0)
        usual = {}
        for c in range(K):
            values = [s[i, r][near & (labels[i, r] == c)] for r in range(R)]
            usual[c] = np.concatenate(values).mean() if np.concatenate(values).size else 0.0
        for r in range(R):
            known = near & (labels[i, r] != UNKNOWN)
            left = [s[i, r][voxel] - usual[labels[i, r][voxel]] for voxel in map(tuple, np.argwhere(known))]
            found[i, r] = np.mean(left) if left else 0.0
    return found


def test_each_reader_of_a_patch_has_one_weight_that_no_class_tilts(given):
    from napari_aleatoric.training._torch._uma_objective import of_whole_readers

    labels, (primary, _), s, voxel, sample = given
    expected = whole_readers(labels, s)
    assert np.ptp(expected[0, :, 0, 0, 0]) > 0.01
    found = of_whole_readers(torch.from_numpy(s), torch.from_numpy(labels), K, 3.0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    tilted = s + 3.0 * (labels == 1)  # the class is hard for everybody
    again = of_whole_readers(torch.from_numpy(tilted), torch.from_numpy(labels), K, 3.0)
    np.testing.assert_allclose(again, expected, atol=1e-6)
    loss = (sample * segmentation_loss(primary, labels, expected, voxel)).sum() / sample.sum()
    whole, _, _ = loss_of(UmaSpec(), given)
    assert float(whole.total.detach() - whole.terms["uncertainty"]) == pytest.approx(loss, rel=1e-6)


def test_without_weights_all_readers_count_alike(given):
    labels, (primary, _), s, voxel, sample = given
    expected = (sample * segmentation_loss(primary, labels, 0 * s, voxel)).sum() / sample.sum()
    found, _, _ = loss_of(UmaSpec(weigh=False), given)
    assert float(found.total.detach() - found.terms["uncertainty"]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("part", [0.4, 1.0])
def test_a_target_is_moved_to_the_weighted_vote(given, part):
    from napari_aleatoric.training._torch._uma_objective import agreed_target, sharpened

    labels, _, s, _, _ = given
    w = weighted(labels, s)
    mean = np.stack([sum(w[:, r] * (labels[:, r] == c) for r in range(R)) for c in range(K)], axis=1)
    vote = np.zeros_like(mean)
    for i, z, y, x in np.ndindex(N, *SHAPE):
        c = int(mean[i, :, z, y, x].argmax())
        vote[i, c if mean[i, c, z, y, x] > 0.5 else 0, z, y, x] = 1
    unknown = ~(labels != UNKNOWN).any(axis=1)
    assert unknown.any()
    expected = np.where(unknown[:, None], -1, (1 - part) * mean + part * vote)
    found = sharpened(agreed_target(torch.from_numpy(labels), torch.from_numpy(s), K), part)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    even = torch.tensor([[[[[0.5]]], [[[0.5]]]]], dtype=torch.float64)
    assert sharpened(even, 1.0)[0, :, 0, 0, 0].tolist() == [1.0, 0.0]  # two of four: background, as in a vote


def test_without_a_second_predictor_low_patches_are_left_out(given):
    labels, (primary, _), s, voxel, sample = given
    counts = sample * [0, 0, 1]
    expected = (counts * segmentation_loss(primary, labels, s, voxel)).sum() / sample.sum()
    found, _, _ = loss_of(
        UmaSpec(auxiliary=False, apart="voxel", route=True), given, qualities=[1.0] * 5, auxiliary=False
    )
    assert float(found.total.detach() - found.terms["uncertainty"]) == pytest.approx(expected, rel=1e-6)


def test_weights_from_departure_are_one_minus_departure(given):
    labels, (primary, _), _, voxel, sample = given
    u = np.zeros(labels.shape)
    for i in range(N):
        there = (labels[i] != UNKNOWN).any(axis=(1, 2, 3))
        u[i, there] = departure(np.maximum(labels[i, there], 0), n_rows=K).by_reader
    s = -np.log(np.maximum(1 - u, np.exp(-5)))
    expected = (sample * segmentation_loss(primary, labels, s, voxel)).sum() / sample.sum()
    spec = UmaSpec(maps="departure", apart="voxel")
    objective = objective_of(spec)
    found = objective(torch.from_numpy(primary), None, None, batch_of(labels, voxel, sample), 0.5)
    assert found.total.item() == pytest.approx(expected, rel=1e-5)
    assert "uncertainty" not in found.terms
    assert float(found.terms["quality"]) == pytest.approx(quality(labels, u).mean(), rel=1e-5)


def test_a_missing_reader_is_not_an_empty_one(given):
    labels, (primary, _), s, voxel, sample = given
    spec = UmaSpec()
    with_missing, _, _ = loss_of(spec, given)
    empty = labels.copy()
    empty[1, 2] = 0
    with_empty, _, _ = loss_of(spec, (empty, given[1], s, voxel, sample))
    assert abs(with_missing.total.item() - with_empty.total.item()) > 1e-3
    alone = [np.delete(values, 2, axis=1)[1:2] for values in (labels, s)]
    batch = batch_of(labels, voxel, sample)
    one = type(batch)(
        batch.images[1:2],
        torch.from_numpy(alone[0]),
        *(v[1:2] for v in (batch.voxel_weight, batch.sample_weight)),
        batch.sample_index[1:2],
    )
    without = objective_of(spec)(torch.from_numpy(primary[1:2]), None, torch.from_numpy(alone[1]), one, 0.5)
    expected = segmentation_loss(primary, labels, whole_readers(labels, s), voxel)[1]
    assert float(without.total.detach() - without.terms["uncertainty"]) == pytest.approx(expected, rel=1e-6)


def test_uncertainty_learns_from_its_own_loss_alone_and_the_predictors_from_theirs(given):
    labels, (primary, _), s, voxel, _ = given
    found, (first, second, log_variance), _ = loss_of(UmaSpec(route=True), given, qualities=[1.0] * 5)
    found.total.backward()
    assert (first.grad[:2] == 0).all()  # two patches are of low quality: none of the first predictor's
    assert (second.grad[2] == 0).all()
    assert first.grad[2].abs().sum() > 0
    assert second.grad[:2].abs().sum() > 0
    entropy, _ = cross_entropy(primary, labels)
    weight = voxel[:, None] * (labels != UNKNOWN)
    n_readers = np.array([4, 3, 4])[:, None, None, None, None]
    of_reader = weight / np.maximum(weight.sum(axis=(2, 3, 4), keepdims=True), 1e-300)
    expected = (0.5 - np.exp(-s) * entropy) * of_reader / n_readers / N
    np.testing.assert_allclose(log_variance.grad, expected, rtol=1e-5, atol=1e-9)


def test_nobody_drew_anything_and_one_reader_alone():
    labels = np.zeros((N, 1, *SHAPE), np.int64)
    rng = np.random.default_rng(0)
    s, logits = rng.normal(0, 1, (N, 1, *SHAPE)), rng.normal(0, 1, (2, N, K, *SHAPE))
    voxel, sample = np.ones((N, *SHAPE)), np.ones(N)
    found, _, objective = loss_of(UmaSpec(route=True), (labels, logits, s, voxel, sample), qualities=[])
    assert float(found.terms["quality"]) == 1.0
    assert float(found.terms["high"]) == 1.0
    assert objective.recent.isnan().all()
    entropy, _ = cross_entropy(logits[0], labels)
    assert float(found.terms["cross_entropy"]) == pytest.approx(entropy.mean(), rel=1e-6)  # its weight is 1
    labels[0, 0, 1:3, 2:5, 2:5] = 1
    drawn, _, objective = loss_of(UmaSpec(route=True), (labels, logits, s, voxel, sample), qualities=[])
    near = band(labels[0, 0] > 0, 3.0)
    q = 1 - (1 / (1 + np.exp(-s[0, 0])))[near].mean()
    np.testing.assert_allclose(objective.recent[:1], [q], rtol=1e-6)
    assert np.isfinite(drawn.total.item())
