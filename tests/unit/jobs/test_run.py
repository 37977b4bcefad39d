"""Run folders: ids, what is written down, locks."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from napari_aleatoric.errors import NotFoundError, WorkspaceError
from napari_aleatoric.jobs._handle import _one_at_a_time
from napari_aleatoric.jobs._run import Order, RunFolder, new_run_id


def test_run_ids_sort_by_time_and_are_unique() -> None:
    start = datetime(2026, 12, 31, 23, 59, 59, 999_990, tzinfo=UTC)
    ids = [new_run_id(start + timedelta(microseconds=3 * i)) for i in range(10)]
    assert ids == sorted(ids)
    assert len({new_run_id(start) for _ in range(50)}) > 45


def test_an_order_comes_back_as_it_was_given(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "runs" / new_run_id())
    folder.create(Order("count", {"n": 3}, "0123456789abcdef", resumes="before"))
    order = folder.order()
    assert (order.door, order.spec, order.resumes) == ("count", {"n": 3}, "before")
    content = json.loads((folder.path / "spec.json").read_text())
    assert {"python", "numpy", "napari-aleatoric"} <= set(content["versions"])
    assert content["spec_digest"] == order.spec_digest == "0123456789abcdef"
    assert [p.name for p in folder.path.iterdir()] == ["spec.json"]


def test_a_folder_without_an_order_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(NotFoundError, match="no run 'x'"):
        RunFolder(tmp_path / "x").order()
    (tmp_path / "x" / "spec.json").write_text('{"format": 99, "door": "score", "spec": {}}')
    with pytest.raises(NotFoundError, match="format"):
        RunFolder(tmp_path / "x").order()


def test_a_folder_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file in the way")
    with pytest.raises(WorkspaceError, match="Check that the workspace can be written"):
        RunFolder(tmp_path / "runs" / "id").create(Order("score", {}))


def test_one_window_at_a_time_may_start_a_door(tmp_path: Path) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        with _one_at_a_time(tmp_path / "lock"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not (tmp_path / "lock").exists()


def test_the_lock_of_a_window_that_died_is_broken(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    start = time.monotonic()
    with _one_at_a_time(tmp_path / "lock", patience_s=0.2):
        pass
    assert time.monotonic() - start < 20.0
