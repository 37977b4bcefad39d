"""The tables of questions, measures and maps: complete, consistent, and never mixed."""

from __future__ import annotations

import string
from dataclasses import FrozenInstanceError

import pytest

from napari_aleatoric.model import Question
from napari_aleatoric.uncertainty import MAPS, MEASURES, QUESTIONS, STRATEGIES, measures_of


def test_every_question_has_its_words_its_measure_and_its_map() -> None:
    assert list(QUESTIONS) == list(Question)
    for question, info in QUESTIONS.items():
        assert info.sentence.endswith("?")
        assert info.help.endswith(".")
        assert info.missing.endswith(".")
        assert MEASURES[info.measure].question is question
        assert MAPS[info.map_name].question is question
        assert MEASURES[info.measure].map_name == info.map_name
    assert len({info.title for info in QUESTIONS.values()}) == 4
    assert len({info.superlative for info in QUESTIONS.values()}) == 4


def test_every_measure_belongs_to_one_question_and_shows_a_map_of_it() -> None:
    listed = [m.name for q in Question for m in measures_of(q, detail=True)]
    assert sorted(listed) == sorted(MEASURES)
    for measure in MEASURES.values():
        if measure.map_name:
            assert MAPS[measure.map_name].question is measure.question, measure.name
    short = {m.name for m in measures_of(Question.LABEL_RISK)}
    assert "nll_union" in short
    assert "outside_subspace" not in short


def test_findings_hold_only_what_the_queue_can_fill_in() -> None:
    known = {"score", "where", "place", "reference"}
    for measure in MEASURES.values():
        for text, allowed in ((measure.finding, {"score", "where"}), (measure.finding_against, known)):
            names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
            assert names <= allowed, measure.name
            assert not text.endswith("."), measure.name


def test_orders_answer_the_question_of_their_measure() -> None:
    for strategy in STRATEGIES.values():
        if strategy.name in MEASURES:
            assert strategy.question is MEASURES[strategy.name].question


def test_the_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        QUESTIONS[Question.AMBIGUITY] = None  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        MEASURES["auv"].title = "risk"  # type: ignore[misc]
