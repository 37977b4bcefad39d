"""Which of two judges counts for more is asked of cases that neither has seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import CaseFiles, Geometry, RecordingReporter, SilentReporter, Volume
from napari_aleatoric.review._scoring._arbiter import Arbiter, Verdict
from napari_aleatoric.review._scoring._case import LoadedCase
from napari_aleatoric.review._scoring._plan import TrainingPlan
from napari_aleatoric.uncertainty import ScoreSpec

SHAPE = (4, 6, 5)
N = 30


def label_of(number: int) -> np.ndarray:
    """Two readers, who agree in nine of ten voxels."""
    rng = np.random.default_rng(number)
    one = rng.random(SHAPE) > 0.6
    return np.stack([one, one ^ (rng.random(SHAPE) > 0.9)]).astype(np.uint16)


class Reader:
    """Cases c00, c01, ...; remembers who was read."""

    def __init__(self, voxels: int = 120) -> None:
        self.read_: list[str] = []
        self.voxels = voxels

    def n_voxels(self, case: CaseFiles) -> int:
        return self.voxels

    def read(self, case: CaseFiles) -> LoadedCase:
        self.read_.append(case.case_id)
        number = int(case.case_id[1:])
        volume = Volume(np.zeros(SHAPE, np.float32), Geometry(SHAPE))
        return LoadedCase(case.case_id, volume, ("a", "b"), label_of(number), ())


class Judge:
    """Gives the first reader's label so much probability, a little more or less by case; must only see its fold."""

    classes = (0, 1)

    def __init__(self, sure: float, fold: int, spread: float = 0.02) -> None:
        self.sure, self.fold, self.spread = sure, fold, spread

    def predict(self, case: LoadedCase, box: Box) -> np.ndarray:
        number = int(case.case_id[1:])
        assert number % 2 == self.fold
        sure = self.sure + self.spread * np.sin(number)
        p = np.where(label_of(number)[0] == 1, sure, 1 - sure)[box.slices]
        return np.stack([1 - p, p])


def plan_of(n: int = N) -> TrainingPlan:
    ids = [f"c{k:02d}" for k in range(n)]
    return TrainingPlan("", "", "", 2, {c: int(c[1:]) % 2 for c in ids}, {c: f"digest-{c}" for c in ids})


def arbiter(folder: Path, reader: Any, n: int = N) -> Arbiter:
    cases: Any = {f"digest-c{k:02d}": CaseFiles(f"c{k:02d}", (Path("x"),), ()) for k in range(n)}
    return Arbiter(ScoreSpec(), reader, cases, folder)


def decide(
    one: Arbiter, first: float, second: float, spread: float = 0.02, n: int = N, reporter: Any = None
) -> Verdict:
    judges = [{fold: Judge(sure, fold, spread) for fold in (0, 1)} for sure in (first, second)]
    return one.decide(plan_of(n), judges[0], judges[1], reporter or SilentReporter())  # type: ignore[arg-type]


def test_the_scores_are_those_of_the_formula(tmp_path: Path) -> None:
    reader = Reader()
    verdict = decide(arbiter(tmp_path, reader), 0.9, 0.7, spread=0)
    assert len(reader.read_) == verdict.n_cases == 24
    assert len(set(reader.read_)) == 24
    assert {int(c[1:]) > 15 for c in reader.read_} == {True, False}  # spread over the data set
    by_hand = []
    for case in reader.read_:
        one, other = label_of(int(case[1:]))
        scores = []
        for label in (one, other):
            seen = (label > 0) | (one > 0)  # both judges call the first reader's voxels something
            right = (label == one)[seen]
            scores.append(np.where(right, 2 * 0.1**2, 2 * 0.9**2).mean())
        by_hand.append(np.mean(scores))
    assert verdict.first == pytest.approx(np.mean(by_hand), rel=1e-5)
    assert verdict.second > verdict.first


def test_the_second_leads_only_where_it_is_clearly_better(tmp_path: Path) -> None:
    assert decide(arbiter(tmp_path / "a", Reader()), 0.55, 0.7).second_leads
    assert not decide(arbiter(tmp_path / "b", Reader()), 0.7, 0.55).second_leads
    assert not decide(arbiter(tmp_path / "c", Reader()), 0.7, 0.7).second_leads


def test_few_or_large_cases_tell_nothing(tmp_path: Path) -> None:
    reader = Reader()
    assert decide(arbiter(tmp_path / "a", reader, 7), 0.55, 0.7, n=7) == Verdict()
    large = Reader(2_000_000)  # six of them would fit
    assert decide(arbiter(tmp_path / "b", large), 0.55, 0.7) == Verdict()
    assert reader.read_ == large.read_ == []
    medium = Reader(1_000_000)
    assert decide(arbiter(tmp_path / "c", medium), 0.55, 0.7).n_cases == 12


def test_a_verdict_is_kept_for_its_plan(tmp_path: Path) -> None:
    reader, reporter = Reader(), RecordingReporter()
    first = decide(arbiter(tmp_path, reader), 0.55, 0.7, reporter=reporter)
    assert [step[:2] for step in reporter.steps] == [(k, 24) for k in range(24)]
    again = decide(arbiter(tmp_path, reader), 0.9, 0.1)
    assert again == first
    assert len(reader.read_) == 24
    assert not decide(arbiter(tmp_path, reader, 20), 0.9, 0.1, n=20).second_leads  # another plan
    for damaged in ("{", "[]", '{"plan": 3}'):
        (tmp_path / "second_opinion.json").write_text(damaged)
        assert arbiter(tmp_path, reader).kept(plan_of()) is None


def test_a_single_case_was_seen_by_its_judge(tmp_path: Path) -> None:
    reader = Reader()
    ids = [f"c{k:02d}" for k in range(N)]
    plan = TrainingPlan("", "", "", 1, dict.fromkeys(ids, 0), {c: f"digest-{c}" for c in ids})
    judges: Any = {0: Judge(0.9, 0)}
    assert arbiter(tmp_path, reader).decide(plan, judges, judges, SilentReporter()) == Verdict()
    assert reader.read_ == []
