"""The four questions in one session: order, map and words change together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Decision, ItemKey, ItemScores, Question, ScoreValue, Verdict
from napari_aleatoric.review import ReviewStore, use_order
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import ClassScore, ReviewSession, answered, class_scores, open_path, prepare
from napari_aleatoric.uncertainty import ScoreTable

SIZES = (400.0, 300.0, 200.0, 100.0)
SCORES = {  # which case is the worst: 1, 2, 3, 4
    "nll_union": (0.9, 0.1, 0.2, 0.3),
    "levelset": (0.1, 0.9, 0.3, 0.2),
    "predictive_entropy": (0.3, 0.2, 0.9, 0.1),
    "perception_scale": (0.5, 0.4, 0.3, 0.1),
    "volume_voxels": SIZES,
}


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "abdomens"
    write_samples(folder, SampleSpec(n_cases=4, seed=1, matrix=32))
    return folder


@pytest.fixture
def workspace(data_set: Path, tmp_path: Path) -> Workspace:
    workspace = open_path(data_set, tmp_path / "review")
    with ReviewStore.open(workspace.store_url) as store:
        prints = workspace.fingerprints()
        store.sync_items(workspace.dataset.items, prints)
        for i, key in enumerate(workspace.dataset.items):
            values = [ScoreValue(m, c, by_case[i]) for m, by_case in SCORES.items() for c in range(6)]
            store.put_item_scores(ItemScores(key, tuple(values)), fingerprint=prints[key], spec_digest="test")
    return workspace


@pytest.fixture
def session(workspace: Workspace) -> Iterator[ReviewSession]:
    session = ReviewSession(reader="dr test")
    session.attach(prepare(workspace))
    yield session
    session.close()


def first(session: ReviewSession) -> tuple[str, str]:
    row = session.queue.row(0)
    return row.key.case_id[-1], row.reason


def test_order_map_and_sentence_follow_the_question(session: ReviewSession) -> None:
    told = []
    session.queue_changed.connect(lambda queue: told.append(queue.strategy))
    assert first(session)[0] == "1"
    session.options.question = Question.AMBIGUITY
    assert session.filter.strategy == "levelset"
    assert session.options.map_name == "ambiguity"
    case, why = first(session)
    assert case == "2"
    assert "depends on how sure one wants to be" in why
    assert why.endswith("the most ambiguous of 4") or "most ambiguous of 4" in why
    session.options.question = Question.DIFFICULTY
    assert (session.filter.strategy, session.options.map_name) == ("difficulty", "difficulty")
    assert first(session)[0] == "4"
    session.options.question = Question.LABEL_RISK
    assert (session.filter.strategy, session.options.map_name) == ("label_risk", "label_risk")
    assert first(session)[0] == "1"
    assert told == ["levelset", "difficulty", "label_risk"]  # ranked once for each


def test_the_question_follows_the_order_that_is_chosen(session: ReviewSession) -> None:
    session.set_filter(strategy="predictive_entropy")
    assert session.options.question is Question.AMBIGUITY
    assert session.options.map_name == "ambiguity"
    assert first(session)[0] == "3"
    session.options.question = Question.DIFFICULTY
    session.options.question = Question.AMBIGUITY
    assert session.filter.strategy == "predictive_entropy"  # as it was left
    session.set_filter(strategy="random")
    assert session.options.question is Question.AMBIGUITY  # an order, no question
    session.set_filter(text="abdomen")
    assert session.filter.strategy == "random"
    session.options.question = Question.LABEL_RISK
    assert session.filter.strategy == "label_risk"


def test_the_question_follows_the_map(session: ReviewSession) -> None:
    session.options.map_name = "prompt_spread"
    assert session.options.question is Question.DIFFICULTY
    assert session.filter.strategy == "difficulty"
    assert session.options.map_name == "prompt_spread"  # the one that was chosen
    session.options.map_name = "mutual_information"
    assert session.filter.strategy == "levelset"
    assert session.options.map_name == "mutual_information"


def test_questions_in_turn(session: ReviewSession) -> None:
    seen = []
    for _ in range(5):
        seen.append(session.options.question)
        session.asking.step()
    assert seen == [*Question, Question.LABEL_RISK]
    session.asking.step(-1)
    assert session.options.question is Question.LABEL_RISK


def test_what_has_data_and_what_has_not(session: ReviewSession) -> None:
    found = answered(session.full_queue.table)
    assert found == {Question.LABEL_RISK, Question.AMBIGUITY, Question.DIFFICULTY}
    session.options.question = Question.DISAGREEMENT  # may be asked: the window says what is missing
    assert session.queue.row(0).reason == "not measured"
    only_size = ScoreTable([ItemKey("a")], {("volume_voxels", 0): np.ones(1), ("levelset", 0): np.array([np.nan])})
    assert answered(only_size) == frozenset()


def test_size_is_taken_out_of_all_but_the_label_risk(session: ReviewSession) -> None:
    table, key = session.full_queue.table, session.workspace.dataset.items[0]

    def of(measure: str) -> ClassScore:
        return class_scores(table, key, measure, session.classes)[1]

    place, raw, rest = of("levelset")
    assert (place, raw) == (pytest.approx(0.125), pytest.approx(0.1))
    assert rest == pytest.approx(table.size_removed("levelset", 1)[0])
    assert of("auv").size_removed == pytest.approx(table.size_removed("perception_scale", 1)[0])
    for name in ("nll_union", "label_risk", "auv_size_adjusted", "volume_voxels"):
        assert np.isnan(of(name).size_removed)


def test_a_data_set_opens_in_its_own_order(workspace: Workspace, session: ReviewSession) -> None:
    session.options.question = Question.DIFFICULTY
    use_order(workspace, "softmin")
    session.attach(prepare(workspace))
    assert session.filter.strategy == "softmin"
    assert session.options.question is Question.LABEL_RISK
    assert session.options.map_name == "label_risk"
    session.options.question = Question.AMBIGUITY
    session.options.question = Question.LABEL_RISK
    assert session.filter.strategy == "softmin"


def test_an_order_that_cannot_be_had_is_refused_in_words(session: ReviewSession) -> None:
    said: list[str] = []
    session.notice.connect(lambda notice: said.append(notice.text))
    session.set_filter(strategy="checked")
    assert "another reader" in said[-1]
    assert session.filter.strategy == "label_risk"
    store, keys = session.store, session.workspace.dataset.items
    for key in keys[1:3]:
        store.decide(Decision(case_id=key.case_id, label_reader="", verdict=Verdict.ACCEPTED, reader="chief"))
    session.set_filter(strategy="checked")
    assert session.filter.strategy == "checked"
    assert session.full_queue.blind
    assert {session.queue.row(i).status for i in range(4)} == {"pending"}  # what others said is not shown
