from __future__ import annotations

import json

import numpy as np
import pytest

from napari_aleatoric.model import ClassTable, HotSpot, ItemKey
from napari_aleatoric.uncertainty import (
    CHECKS,
    LABEL_RISK_MAP,
    STRATEGIES,
    Cohort,
    LabelFacts,
    ScoreTable,
    check_geometry,
    label_facts,
    place_in_words,
    rank,
    reason,
    slices_in_words,
)

CLASSES = ClassTable.from_names({1: "liver", 2: "tumour"})


def liver(seed: int = 0, shape: tuple[int, int, int] = (24, 30, 30)) -> np.ndarray:
    radius = 8 + 0.3 * np.random.default_rng(seed).normal()
    grid = np.indices(shape) - np.array([n // 2 for n in shape]).reshape(3, 1, 1, 1)
    return ((grid**2).sum(axis=0) <= radius**2).astype(np.uint16)


COHORT = Cohort([label_facts(liver(s), 0.001) for s in range(20)])


def found(label: np.ndarray, cohort: Cohort | None = COHORT, voxel_ml: float = 0.001) -> dict[str, str]:
    flags = check_geometry(label_facts(label, voxel_ml), CLASSES, cohort)
    assert all(0 <= f.severity <= 1 and f.check in CHECKS for f in flags)
    assert [f.severity for f in flags] == sorted((f.severity for f in flags), reverse=True)
    return {f.check: f.sentence for f in flags}


def test_an_ordinary_label_is_not_flagged() -> None:
    for seed in range(20):
        assert found(liver(seed)) == {}
        assert found(liver(seed), None) == {}


def test_missing_slices_are_counted_from_one() -> None:
    label = liver()
    label[13:15] = 0
    sentences = found(label)
    assert sentences["gap"] == "liver: nothing labelled at slices 14 to 15, between labelled ones."
    assert "2 separate pieces, it is usually one" in sentences["pieces"]
    assert "liver: the labelled area changes by" in sentences["slice_jump"]


def test_missing_coronal_slice() -> None:
    label = liver()
    label[:, 16] = 0
    assert found(label)["gap"] == "liver: nothing labelled at coronal slice 17, between labelled ones."


def test_a_cut_off_end_is_a_jump() -> None:
    label = liver()
    label[12:] = 0
    assert "slice 12" in found(label)["slice_jump"]


def test_extra_blob() -> None:
    label = liver()
    label[2:4, 2:4, 2:4] = 1
    sentence = found(label)["pieces"]
    assert sentence.startswith("liver: 2 separate pieces")
    assert "the smallest has 8 voxels, at slice " in sentence


def test_usual_pieces_are_not_flagged() -> None:
    pair = liver()
    pair[:, 14:16] = 0
    cohort = Cohort(
        [label_facts(np.where(np.arange(30)[None, :, None] // 1 != 15, liver(s), 0)) for s in range(10)]
    )
    assert "pieces" not in found(pair, cohort)
    assert "gap" not in found(pair, cohort)


def test_volume_outlier_in_millilitres_or_voxels() -> None:
    label = liver()
    label[:, :, 16:] = 0
    assert "ml, much smaller than usual; nine of ten labels have" in found(label)["volume"]
    voxels = Cohort([label_facts(liver(s)) for s in range(20)])
    assert "voxels, much smaller than usual" in found(label, voxels, float("nan"))["volume"]


def test_holes_and_border() -> None:
    label = liver()
    label[12, 15, 15] = 0
    assert found(label)["holes"] == "liver: 1 unlabelled voxel enclosed by it, at slice 13."
    label = np.roll(liver(), -4, axis=0)
    label[0] = label[1]
    assert "lowest slice" in found(label)["border"]


def test_another_class_inside_is_no_hole() -> None:
    label = liver()
    label[11:13, 14:16, 14:16] = 2
    assert "holes" not in found(label)


def test_a_class_that_others_have_is_missed() -> None:
    assert found(np.zeros((5, 6, 7), np.uint16))["absent"].startswith("liver: not labelled, though 20 of 20")


def test_flat_images_are_judged_in_their_plane() -> None:
    label = np.zeros((1, 40, 40), np.uint16)
    label[0, 5:15, 5:15] = 1
    label[0, 10, 10] = 0
    label[0, 30, 20] = 1
    sentences = found(label, None)
    assert set(sentences) == {"holes", "pieces"}
    assert sentences["pieces"].endswith("around row 31, column 21.")


def test_pieces_of_flat_images_against_scipy() -> None:
    from scipy import ndimage

    # long thin structures: a labelling that forgets to merge gives more
    field = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(400, 400)), 3)
    label = (np.abs(field) < 0.01).astype(np.uint16)[np.newaxis]
    pieces, n = ndimage.label(label[0], np.ones((3, 3)))
    found = label_facts(label).classes[1]
    assert found.n_pieces == n > 20
    assert found.smallest_piece == np.bincount(pieces.ravel())[1:].min()


def test_facts_survive_json() -> None:
    label = liver()
    label[12, 15, 15] = 0
    facts = label_facts(label, 0.5)
    assert LabelFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    unknown = label_facts(label)
    again = LabelFacts.from_json(json.loads(json.dumps(unknown.to_json())))
    assert again.classes == unknown.classes
    assert np.isnan(again.voxel_ml)


# --- words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "words"),
    [
        (0, "worst of 201"),
        (2, "third worst of 201"),
        (10, "11th worst of 201"),
        (20, "21st worst of 201"),
        (21, "22nd worst of 201"),
        (110, "111th worst of 201"),
        (122, "123rd worst of 201"),
    ],
)
def test_places(position: int, words: str) -> None:
    assert place_in_words(position, 201) == words


def test_slices() -> None:
    assert slices_in_words(13, 18) == "at slices 14 to 19"
    assert slices_in_words(4, 4) == "at slice 5"


def _table() -> ScoreTable:
    keys = [ItemKey(f"c{i}") for i in range(4)]
    column = np.array([0.1, 0.5, 0.9, 0.3])
    columns = {("nll_union", c): column for c in (0, 1, 2)} | {("perception_scale", c): 1 - column for c in (0, 2)}
    columns["nll_union", 2] = column[::-1].copy()
    return ScoreTable(keys, columns)


def test_the_reason_names_class_cause_place_and_rank() -> None:
    ranking = rank(_table())
    spots = [HotSpot(LABEL_RISK_MAP, 0, (9, 9, 9), (9, 9)), HotSpot(LABEL_RISK_MAP, 2, (15, 3, 3), (13, 18))]
    assert reason(ranking, 1, CLASSES, spots) == (
        "tumour: the label and what the rest of the data set teaches disagree most at slices 14 to 19; "
        "second worst of 4"
    )
    assert reason(ranking, 2, CLASSES) == (
        "liver: the label and what the rest of the data set teaches disagree most; worst of 4"
    )
    assert "around row 4, column 4;" in reason(ranking, 1, CLASSES, spots, flat=True)


def test_every_strategy_gives_a_reason() -> None:
    table = _table()
    assert reason(rank(table, "difficulty"), 2, CLASSES).startswith("tumour: hard for the frozen model (AUV")
    for strategy in STRATEGIES:
        for row in range(len(table)):
            assert reason(rank(table, strategy), row, CLASSES)
    sized = ScoreTable(table.keys, {**table.columns, ("volume_voxels", 0): np.array([9.0, 20, 40, 80])})
    beyond = reason(rank(sized, "difficulty_beyond_size"), 2, CLASSES)
    assert "than its size explains (AUV beyond size" in beyond
    spread = ScoreTable(table.keys, {("prompt_spread", c): np.array([0.1, 0.5, 0.2, 0.3]) for c in (0, 2)})
    said = reason(rank(spread, "prompt_spread"), 1, CLASSES)
    assert said == (
        "tumour: the frozen model's outline moves with its prompt, more than in 88% of the cases; hardest of 4"
    )
    assert reason(rank(table, "random"), 0, CLASSES).startswith("drawn at random;")
    assert reason(rank(table, "softmin"), 0, CLASSES) == "not measured"
