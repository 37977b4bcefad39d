"""The table of keys: defaults without conflicts, changes that last, clashes refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.widgets.keys import ACTIONS, KeyTable, keys_of_napari, normalised


@pytest.fixture
def table(tmp_path: Path) -> KeyTable:
    return KeyTable(tmp_path / "keys.json")


def key_of(table: KeyTable, name: str) -> str:
    return next(b.key for b in table.bindings() if b.action.name == name)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("n", "N"),
        ("shift+n", "Shift+N"),
        ("Shift+Ctrl+n", "Ctrl+Shift+N"),
        ("control+return", "Ctrl+Return"),
        ("", ""),
        ("?", "?"),
    ],
)
def test_one_spelling(written: str, expected: str) -> None:
    assert normalised(written) == expected


@pytest.mark.parametrize("written", ["Ctrl+", "Shift", "a+b"])
def test_no_key_is_refused(written: str) -> None:
    with pytest.raises(DataError, match="Expected one key"):
        normalised(written)


def test_defaults_are_unique_and_spelt_right() -> None:
    keys = [a.key for a in ACTIONS if a.key]
    assert len(set(keys)) == len(keys)
    assert [normalised(k) for k in keys] == keys


def test_change_lasts(table: KeyTable, tmp_path: Path) -> None:
    table.change("accept", "y")
    assert key_of(KeyTable(tmp_path / "keys.json"), "accept") == "Y"
    table.reset()
    assert key_of(KeyTable(tmp_path / "keys.json"), "accept") == "A"


def test_key_of_another_action_is_refused_and_nothing_changes(table: KeyTable) -> None:
    with pytest.raises(DataError, match="already used"):
        table.change("reject", "A")
    assert key_of(table, "reject") == "R"
    assert key_of(table, "accept") == "A"


def test_key_of_napari_is_refused(table: KeyTable) -> None:
    with pytest.raises(DataError, match="napari uses it: increase brush"):
        table.change("accept", "Y", taken={"Y": "increase brush"})


def test_freed_key_can_be_given_to_another(table: KeyTable) -> None:
    table.change("accept", "")
    table.change("reject", "A")
    assert key_of(table, "reject") == "A"
    assert key_of(table, "accept") == ""


def test_conflict_with_napari_is_said_and_not_bound(table: KeyTable) -> None:
    binding = next(b for b in table.bindings({"J": "make coffee"}) if b.action.name == "jump_hottest")
    assert binding.conflict == "napari uses it: make coffee"


def test_damaged_file_means_defaults(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("{not json")
    assert key_of(KeyTable(path), "next_item") == "N"


def test_no_default_collides_with_napari(table: KeyTable) -> None:
    taken = keys_of_napari()
    assert "P" in taken  # paint: the look-up finds napari's keys at all
    assert [b for b in table.bindings(taken) if b.conflict] == []
