"""The table of keys: defaults without conflicts, changes that last, clashes refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.widgets.keys import ACTIONS, PRESETS, KeyTable, keys_of_napari, normalised


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


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_collides_with_itself_or_napari(table: KeyTable, preset: str) -> None:
    table.reset(preset)
    assert [b for b in table.bindings(keys_of_napari()) if b.conflict] == []
    assert table.preset == preset
    assert all(
        normalised(key) == key and name in {a.name for a in ACTIONS} for name, key in PRESETS[preset].items()
    )


def test_a_preset_lasts_until_a_key_is_changed(table: KeyTable, tmp_path: Path) -> None:
    table.reset("PACS-like")
    again = KeyTable(tmp_path / "keys.json")
    assert (key_of(again, "next_item"), key_of(again, "reject")) == ("PgDown", "R")
    again.change("reject", "N")
    assert again.preset == ""


def test_a_saved_table_is_the_same_on_another_computer(table: KeyTable, tmp_path: Path) -> None:
    table.change("accept", "")
    table.change("reject", "A")
    table.export(tmp_path / "mine.json")
    other = KeyTable(tmp_path / "other" / "keys.json")
    other.change("skip", "Ctrl+K")
    assert other.take(tmp_path / "mine.json") == ()
    assert other.bindings() == table.bindings() == KeyTable(tmp_path / "other" / "keys.json").bindings()


def test_a_table_with_a_clash_is_refused_as_a_whole(table: KeyTable, tmp_path: Path) -> None:
    table.export(tmp_path / "mine.json")
    text = (tmp_path / "mine.json").read_text()
    (tmp_path / "clash.json").write_text(text.replace('"accept": "A"', '"accept": "J"'))
    with pytest.raises(
        DataError, match=r"'J' in 'clash.json' cannot be used for 'Accept this label' \(already used"
    ):
        table.take(tmp_path / "clash.json")
    with pytest.raises(DataError, match="napari uses it: make coffee"):
        table.take(tmp_path / "mine.json", taken={"K": "make coffee"})
    assert key_of(table, "accept") == "A"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"keys": {"accept": "A"}}', '{"keys of napari-aleatoric": 1, "keys": {"a": 1}}']
)
def test_another_file_is_no_table_of_keys(table: KeyTable, tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(DataError, match=r"Expected a table of keys that was saved here, got 'other\.json'"):
        table.take(tmp_path / "other.json")


def test_actions_of_another_version_are_named_and_left_out(table: KeyTable, tmp_path: Path) -> None:
    text = '{"keys of napari-aleatoric": 1, "keys": {"accept": "y", "make_coffee": "C"}}'
    (tmp_path / "newer.json").write_text(text)
    assert table.take(tmp_path / "newer.json") == ("There is no action 'make_coffee' here.",)
    assert (key_of(table, "accept"), key_of(table, "reject")) == ("Y", "R")
