"""Colours of readers hang on their names."""

from __future__ import annotations

from napari_aleatoric.model import CONSENSUS_COLOUR, READER_COLOURS, reader_colours

NAMES = ["rater1", "rater2", "rater3", "rater4", "anna", "ben", "cleo", "dora"]


def test_all_apart_and_the_same_in_any_order() -> None:
    found = reader_colours(NAMES)
    assert sorted(found.values()) == sorted(READER_COLOURS)
    assert reader_colours(reversed(NAMES)) == found
    assert CONSENSUS_COLOUR not in READER_COLOURS


def test_one_who_joins_changes_hardly_anybody() -> None:
    for left_out in NAMES:
        before = reader_colours(name for name in NAMES if name != left_out)
        after = reader_colours(NAMES)
        assert sum(before[name] != after[name] for name in before) <= len(before) // 2
    assert reader_colours(["zoe", "anna"])["anna"] == reader_colours(["anna"])["anna"]


def test_more_readers_than_colours() -> None:
    many = reader_colours(f"reader {i}" for i in range(20))
    assert len(many) == 20
    assert set(many.values()) == set(READER_COLOURS)
