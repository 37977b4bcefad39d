"""What changes with who judged: the parts of the label risk, the words, the settings that count."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from napari_aleatoric.model import ClassTable, ItemKey
from napari_aleatoric.uncertainty import (
    JUDGES,
    MEASURES,
    QuickNetSpec,
    ScoreSpec,
    ScoreTable,
    judge_in_words,
    label_risk,
    rank,
    reason,
    risk_parts,
)

KEYS = [ItemKey(c) for c in "abcd"]
COLUMNS = {
    ("nll_union", 0): np.array([0.1, 0.2, 0.3, 0.4]),
    ("local_max", 0): np.array([0.1, 0.2, 0.3, 0.4]),
    ("dice_gap", 0): np.array([0.9, 0.2, 0.1, 0.3]),  # a has another extent
    ("softmin", 0): np.array([0.9, 0.1, 0.8, 0.7]),  # b has single voxels that contradict
}
TRAINED = [0.125, 0.875, 0.625, 0.875]


@pytest.mark.parametrize(
    ("judge", "risks"),
    [("light", [0.875, 0.375, 0.625, 0.875]), ("network", TRAINED), ("network+light", TRAINED)],
)
def test_the_extent_counts_with_the_light_one_and_the_soft_minimum_with_a_network(
    judge: str, risks: list[float]
) -> None:
    table = ScoreTable(KEYS, COLUMNS, judge=judge)
    np.testing.assert_allclose(label_risk(table), risks)
    np.testing.assert_allclose(rank(table).score, risks)


def test_scores_of_a_judge_that_is_not_known_are_ranked_as_before() -> None:
    np.testing.assert_array_equal(
        rank(ScoreTable(KEYS, COLUMNS)).order, rank(ScoreTable(KEYS, COLUMNS, judge="light")).order
    )
    assert risk_parts("") == risk_parts("light")


def test_a_reason_says_who_judged() -> None:
    classes = ClassTable.from_names({1: "liver"})
    said = {"light": "light classifier", "network": "network", "probabilities": "given prob"}
    for judge, words in {**said, "network+light": "network and the light"}.items():
        table = ScoreTable(KEYS, COLUMNS, judge=judge)
        ranking = rank(table)
        assert words in reason(ranking, int(ranking.order[0]), classes)
    assert "judged" not in reason(rank(ScoreTable(KEYS, COLUMNS)), 3, classes)
    assert "judged" not in reason(rank(table, "random"), 3, classes)
    soft = reason(rank(ScoreTable(KEYS, COLUMNS, judge="network")), 1, classes)
    assert soft == (
        "single voxels of the label contradict what the rest of the data set teaches, most; second worst of 4 "
        "(judged by the quick network)"
    )


def test_every_judge_has_words_and_parts_that_are_measured() -> None:
    for judge in JUDGES:
        assert judge_in_words(judge)
        assert set(risk_parts(judge)) <= set(MEASURES)


def test_what_auto_comes_to_is_no_part_of_the_digest_of_values() -> None:
    spec = ScoreSpec()
    others = [
        ScoreSpec(judge="light"),
        ScoreSpec(network=QuickNetSpec(iterations=3)),
        ScoreSpec(second_opinion=0),
        ScoreSpec(probabilities="folder"),
    ]
    for other in others:
        assert other.values_digest == spec.values_digest
        assert other.digest != spec.digest
        assert ScoreSpec.model_validate_json(other.model_dump_json()) == other


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"judge": "light", "probabilities": "x"}, "got both"),
        ({"judge": "probabilities"}, "name it"),
        ({"judge": "best"}, "light"),
        ({"network": {"iteration": 3}}, "iteration"),
        ({"second_opinion": 1}, "less than 1"),
    ],
)
def test_settings_that_contradict_are_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ScoreSpec.model_validate(values)
