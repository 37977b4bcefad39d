"""A second opinion beside a judge: the mean of both, whatever slabs they come in and whatever either knows."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import Box, encoder
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, RecordingReporter, Volume
from napari_aleatoric.review._scoring import _choice
from napari_aleatoric.review._scoring._arbiter import Verdict
from napari_aleatoric.review._scoring._case import LoadedCase
from napari_aleatoric.review._scoring._judge import Costs
from napari_aleatoric.review._scoring._light import HeedingClassifier, LightJudge, LightKind
from napari_aleatoric.review._scoring._network import NetworkKind
from napari_aleatoric.review._scoring._plan import TrainingPlan
from napari_aleatoric.review._scoring._second_opinion import SecondOpinionJudge, SecondOpinionKind, _together
from napari_aleatoric.uncertainty import CaseSamples, LightClassifier, ScoreSpec

SHAPE = (11, 4, 5)
BOX = Box.whole(SHAPE)
CASE: Any = None


class Saying:
    """A judge that says what it is given, in slabs of some thickness."""

    def __init__(self, p: NDArray[Any], classes: tuple[int, ...], thick: int) -> None:
        self.p, self.classes, self.thick = p, classes, thick
        self.made: list[weakref.ref[Any]] = []
        self.most = 0

    def predict_slabs(self, case: Any, box: Box) -> Iterator[NDArray[Any]]:
        for first in range(0, self.p.shape[1], self.thick):
            slab = self.p[:, first : first + self.thick].copy()
            self.made.append(weakref.ref(slab))
            self.most = max(self.most, sum(one() is not None for one in self.made))
            yield slab
            del slab

    def predict(self, case: Any, box: Box) -> NDArray[Any]:
        return self.p


def said(seed: int, classes: tuple[int, ...], n_rows: int = 4, dtype: Any = np.float32) -> NDArray[Any]:
    values = np.zeros((n_rows, *SHAPE))
    values[list(classes)] = np.random.default_rng(seed).random((len(classes), *SHAPE)) ** 3
    return np.asarray(values / values.sum(axis=0), dtype=dtype)


@pytest.mark.parametrize(("thick", "other"), [(11, 11), (3, 4), (4, 3), (2, 11), (11, 1)])
def test_the_mean_of_both_however_they_are_sliced(thick: int, other: int) -> None:
    p, q = said(1, (0, 1, 2, 3)), said(2, (0, 1, 2, 3))
    first, second = Saying(p, (0, 1, 2, 3), thick), Saying(q, (0, 1, 2, 3), other)
    judge = SecondOpinionJudge(first, second, 0.25)
    slabs = list(judge.predict_slabs(CASE, BOX))
    assert [s.shape[1] for s in slabs[:-1]] == [thick] * (len(slabs) - 1)
    expected = np.float32(0.75) * p + np.float32(0.25) * q
    np.testing.assert_array_equal(np.concatenate(slabs, axis=1), expected)
    np.testing.assert_array_equal(judge.predict(CASE, BOX), expected.astype(np.float16))
    assert judge.classes == (0, 1, 2, 3)


def test_of_either_one_slab_is_in_memory_and_half_precision_will_do() -> None:
    p, q = said(1, (0, 1, 2, 3), dtype=np.float16), said(2, (0, 1, 2, 3), dtype=np.float16)
    first, second = Saying(p, (0, 1, 2, 3), 2), Saying(q, (0, 1, 2, 3), 3)
    found = []
    for slab in SecondOpinionJudge(first, second, 0.5).predict_slabs(CASE, BOX):
        assert slab.dtype == np.float32
        found.append(slab.copy())
        del slab
    np.testing.assert_allclose(np.concatenate(found, axis=1), (p.astype(float) + q) / 2, atol=1e-6)
    assert (first.most, second.most) == (1, 1)


def test_a_class_that_one_has_not_seen_is_left_to_the_other() -> None:
    p, q = said(1, (0, 1, 3)), said(2, (0, 1))
    judge = SecondOpinionJudge(Saying(p, (0, 1, 3), 4), Saying(q, (0, 1), 3), 0.25)
    found = np.concatenate(list(judge.predict_slabs(CASE, BOX)), axis=1)
    assert judge.classes == (0, 1, 3)
    np.testing.assert_allclose(found[3], p[3], atol=1e-6)  # not lowered by somebody who cannot say it
    for c in (0, 1):  # the second shares out what is left
        np.testing.assert_allclose(found[c], 0.75 * p[c] + 0.25 * q[c] * (1 - p[3]), atol=1e-6)
    assert not found[2].any()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)


def test_either_may_know_what_the_other_does_not() -> None:
    p, q = said(1, (0, 1)), said(2, (0, 2, 3))
    judge = SecondOpinionJudge(Saying(p, (0, 1), 4), Saying(q, (0, 2, 3), 3), 0.4)
    found = np.concatenate(list(judge.predict_slabs(CASE, BOX)), axis=1)
    completed = p * (1 - q[2] - q[3])
    completed[[2, 3]] = q[[2, 3]]
    other = q * (1 - p[1])
    other[1] = p[1]
    np.testing.assert_allclose(found, 0.6 * completed + 0.4 * other, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)


def test_a_stop_comes_through_from_the_second() -> None:
    shape, stopping = (16, 64, 64), threading.Event()
    rng = np.random.default_rng(0)
    volume = Volume(rng.normal(0, 9, shape).astype(np.float32), Geometry(shape))
    label = rng.integers(0, 2, (1, *shape)).astype(np.uint16)  # borders everywhere: every voxel is predicted
    bank, spec = encoder("filter_bank"), ScoreSpec(rounds=5)
    rows = np.ascontiguousarray(bank.encode(volume).values.reshape(bank.n_features, -1).T)
    samples = [CaseSamples(rows[:400], label[0].reshape(-1, 1)[:400])]
    model = HeedingClassifier(2, spec, stopping).fit(samples)
    alike = LightClassifier(2, spec).fit(samples)
    assert len(rows) > 60_000
    np.testing.assert_array_equal(model.probabilities(rows), alike.probabilities(rows))
    case = LoadedCase("a", volume, ("",), label, ())
    judge = SecondOpinionJudge(Saying(said(1, (0, 1)), (0, 1), 3), LightJudge(model, bank, stopping), 0.25)
    stopping.set()
    with pytest.raises(Cancelled):
        list(judge.predict_slabs(case, Box.whole(shape)))


class Kind:
    """Remembers what is asked of it."""

    learns = True

    def __init__(self, name: str, costs: Costs) -> None:
        self.name, self.identity, self._costs = name, f"{name}-settings", costs
        self.kept: set[str] = set()
        self.p = said(len(name), (0, 1))

    def has(self, digest: str) -> bool:
        return digest in self.kept

    def are_kept(self, digests: Any) -> bool:
        return set(digests) <= self.kept

    def keep(self, digest: str, case: Any) -> None:
        assert digest not in self.kept
        self.kept.add(digest)

    def facts(self, digest: str) -> dict[str, Any]:
        return {}

    def costs(self, n_cases: int, n_folds: int) -> Costs:
        return self._costs

    def learn(self, plan: Any, folds: Any, reporter: Any) -> dict[int, Saying]:
        reporter.step(1, 2, self.name)
        return {fold: Saying(self.p, (0, 1), 2 + fold) for fold in folds}

    def keep_only(self, digests: Any) -> None:
        self.kept &= set(digests)

    def judged(self, plan: Any) -> tuple[str, tuple[str, ...]]:
        return self.name, ()

    def provenance(self, plan: Any) -> dict[str, Any]:
        return {"name": self.name, "packages": (f"of-{self.name}",)}


def test_both_kinds_are_kept_learned_and_named() -> None:
    one, other = Kind("network", Costs(1, 90, 4)), Kind("light", Costs(20, 200, 40))
    kind = SecondOpinionKind(one, other, 0.25)
    assert (kind.name, kind.learns) == ("network+light", True)
    other.kept = {"a"}
    assert not kind.has("a")  # kept by one of them, from an earlier run
    kind.keep("a", CASE)
    kind.keep("b", CASE)
    assert kind.has("a")
    assert one.kept == other.kept == {"a", "b"}
    kind.keep_only(["b"])
    assert one.kept == other.kept == {"b"}
    assert (kind.are_kept(["b"]), kind.are_kept(["a", "b"])) == (True, False)
    assert kind.costs(8, 2) == Costs(2, 100, 6)
    plan = TrainingPlan("", "", "", 2, {"a": 0, "b": 1}, {"a": "a", "b": "b"})
    reporter = RecordingReporter()
    judges = kind.learn(plan, [0, 1], reporter)
    assert [step[0] / step[1] for step in reporter.steps] == pytest.approx([0.45, 0.95])
    for fold in (0, 1):
        found = np.concatenate(list(judges[fold].predict_slabs(CASE, BOX)), axis=1)
        np.testing.assert_allclose(found, 0.75 * one.p + 0.25 * other.p, atol=1e-6)
    about = kind.provenance(plan)
    assert about["name"] == "network+light"
    assert about["second_opinion"] == {"weight": 0.25, "name": "light"}
    assert set(about["packages"]) == {"of-network", "of-light"}


class Fixed:
    """An arbiter that has made up its mind."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict, self.asked = verdict, 0

    def decide(self, plan: Any, firsts: Any, seconds: Any, reporter: Any) -> Verdict:
        assert set(firsts) == set(seconds)
        self.asked += 1
        return self.verdict

    def kept(self, plan: Any) -> Verdict | None:
        return self.verdict if self.asked else None


def test_where_the_second_leads_it_judges_alone() -> None:
    one, other = Kind("network", Costs(1, 90, 4)), Kind("light", Costs(20, 200, 40))
    plan = TrainingPlan("", "", "", 2, {"a": 0, "b": 1}, {"a": "a", "b": "b"})
    for leads, weight in ((True, 1.0), (False, 0.25)):
        arbiter: Any = Fixed(Verdict(9, 0.6, 0.4 if leads else 0.7, leads))
        kind = SecondOpinionKind(one, other, 0.25, arbiter)
        assert kind.provenance(plan)["second_opinion"] == {"weight": 0.25, "name": "light"}
        reporter = RecordingReporter()
        judges = kind.learn(plan, [0, 1], reporter)
        found = np.concatenate(list(judges[0].predict_slabs(CASE, BOX)), axis=1)
        np.testing.assert_allclose(found, (1 - weight) * one.p + weight * other.p, atol=1e-6)
        assert isinstance(judges[0], Saying) is leads  # the network is not asked
        name, words = kind.judged(plan)
        assert name == kind.provenance(plan)["name"] == ("light" if leads else "network+light")
        why = (
            "The light classifier judged alone: it foretold the labels of 9 cases that it had not seen better than "
            "the network (Brier score 0.40 against 0.60; 0 is best).",
        )
        assert words == (why if leads else ())
        about = kind.provenance(plan)["second_opinion"]
        assert about["weight"] == weight
        assert (about["compared"], about["brier"]) == (9, {"first": 0.6, "second": 0.4 if leads else 0.7})


def test_what_only_the_first_knows_is_still_asked_of_it() -> None:
    judge = _together(Saying(said(1, (0, 1, 2)), (0, 1, 2), 3), Saying(said(2, (0, 1)), (0, 1), 3), 1.0)
    assert isinstance(judge, SecondOpinionJudge)
    assert judge.classes == (0, 1, 2)


def test_identity_changes_with_either_and_with_the_weight() -> None:
    def identity(weight: float, one: str = "x", other: str = "y") -> str:
        kinds = Kind(one, Costs(1, 1, 1)), Kind(other, Costs(1, 1, 1))
        return SecondOpinionKind(*kinds, weight).identity

    found = {identity(0.25), identity(0.2500001), identity(0.25, one="z"), identity(0.25, other="z")}
    assert len(found) == 4
    assert identity(0.25) == identity(0.25)


def test_the_default_has_a_second_opinion_and_none_is_the_network_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_choice, "find_spec", lambda name: object())
    grid = Geometry((3, 8, 8))
    rows = ["case,image,label,class_names"]
    for k in range(4):
        write_volume(tmp_path / "data" / f"i{k}.nii.gz", Volume(np.full(grid.shape_zyx, k, np.int16), grid))
        write_label_map(tmp_path / "data" / f"l{k}.nii.gz", LabelMap(np.ones(grid.shape_zyx, np.uint8), grid))
        rows.append(f"c{k},i{k}.nii.gz,l{k}.nii.gz,1=liver")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
    ws = Workspace.create(tmp_path / "workspace", scan(tmp_path / "data"))
    cases = list(ws.dataset.cases)
    digests = {case.case_id: case.case_id for case in cases}

    def chosen(**values: Any) -> Any:
        spec = ScoreSpec.model_validate(values)
        reader: Any = None
        return _choice.choose_kind(ws, spec, cases, reader, digests, threading.Event(), lambda: None)[0]

    both, alone, light = chosen(), chosen(second_opinion=0), chosen(judge="light")
    assert isinstance(both, SecondOpinionKind)
    assert isinstance(alone, NetworkKind)
    assert isinstance(light, LightKind)
    assert both.name == "network+light"
    assert alone.identity == f"network-{ScoreSpec().network.digest}"
    assert both.identity == f"{alone.identity}+0.25?{light.identity}"
    assert chosen(second_opinion=0.25).identity == f"{alone.identity}+0.25*{light.identity}"
    assert chosen(judge="light", second_opinion=0.5).identity == light.identity
