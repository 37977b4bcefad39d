"""The reading thread: what is looked at comes first, what is asked for twice is read once."""

from __future__ import annotations

import threading

import pytest

from napari_aleatoric.session import Prefetcher


@pytest.fixture
def calls() -> list[str]:
    return []


def test_value_is_read_once(calls: list[str]) -> None:
    reader = Prefetcher(lambda key: (calls.append(key), key.upper())[1])
    assert reader.get("a").result(5) == "A"
    assert reader.get("a").result(5) == "A"
    assert calls == ["a"]
    reader.close()


def test_asked_for_ahead_is_ready(calls: list[str]) -> None:
    reader = Prefetcher(lambda key: (calls.append(key), key)[1])
    reader.ask(["a", "b"])
    assert reader.get("b").result(5) == "b"
    assert calls == ["a", "b"]
    reader.close()


def test_what_is_looked_at_overtakes_what_was_only_prefetched(calls: list[str]) -> None:
    gate = threading.Event()
    started = threading.Event()

    def load(key: str) -> str:
        if key == "first":
            started.set()
            gate.wait(5)
        calls.append(key)
        return key

    reader = Prefetcher(load)
    reader.ask(["first", "ahead"])
    assert started.wait(5)
    wanted = reader.get("wanted")
    gate.set()
    assert wanted.result(5) == "wanted"
    assert calls == ["first", "wanted"]
    reader.close()


def test_error_is_not_kept(calls: list[str]) -> None:
    def load(key: str) -> str:
        calls.append(key)
        if len(calls) == 1:
            raise ValueError("the first time fails")
        return key

    reader = Prefetcher(load)
    with pytest.raises(ValueError, match="first time"):
        reader.get("a").result(5)
    assert reader.get("a").result(5) == "a"
    reader.close()


def test_old_values_make_room(calls: list[str]) -> None:
    reader = Prefetcher(lambda key: (calls.append(key), key)[1], capacity=2)
    for key in ("a", "b", "c", "a"):
        assert reader.get(key).result(5) == key
    assert calls == ["a", "b", "c", "a"]
    reader.close()


def test_forgotten_value_is_read_again(calls: list[str]) -> None:
    reader = Prefetcher(lambda key: (calls.append(key), key)[1])
    reader.get("a").result(5)
    reader.forget("a")
    reader.get("a").result(5)
    assert calls == ["a", "a"]
    reader.close()
