from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review import StrokeJournal
from napari_aleatoric.review._labels._journal_file import Stroke, pack_stroke, read_records, record, unpack_stroke

KEY = ItemKey("case_1", "Ann")
SHAPE = (6, 7, 8)


def journal_files(workspace: Workspace) -> list[Path]:
    return sorted((workspace.corrections_dir / ".journal").glob("*"))


@pytest.fixture
def journal(workspace: Workspace) -> StrokeJournal:
    return StrokeJournal.open(workspace, KEY, "Zoë", "base", SHAPE)


def test_strokes_come_back_with_old_and_new_values(workspace: Workspace, journal: StrokeJournal) -> None:
    journal.append([9, 10, 11, 40], old=[0, 0, 1, 2], new=3)
    journal.append(np.array([[0, 0, 1], [5, 6, 7]]), old=0, new=[1, 70000])
    journal.flush()
    assert journal.n_strokes == 2
    journal.close()
    (pending,) = StrokeJournal.pending(workspace)
    assert (pending.key, pending.reader, pending.base, pending.shape_zyx) == (KEY, "Zoë", "base", SHAPE)
    assert pending.n_strokes == 2
    first, second = pending.strokes()
    assert first.index.tolist() == [9, 10, 11, 40]
    assert first.old.tolist() == [0, 0, 1, 2]
    assert first.new.tolist() == [3, 3, 3, 3]
    assert second.index.tolist() == [1, 6 * 7 * 8 - 1]
    label = np.zeros(SHAPE, dtype=np.int32)
    assert pending.apply(label) is label
    assert label[0, 1, 1:4].tolist() == [3, 3, 3]
    assert label[5, 6, 7] == 70000
    assert np.count_nonzero(label) == 6
    assert pending.n_changes(label) == 0
    assert pending.n_changes(np.zeros_like(label)) == 6
    pending.discard()
    assert StrokeJournal.pending(workspace) == []


def test_nothing_is_written_before_the_first_stroke(workspace: Workspace, journal: StrokeJournal) -> None:
    journal.flush()
    journal.append([], old=[], new=[])
    journal.append([], old=0, new=1)
    assert journal_files(workspace) == []
    journal.commit()


def test_a_journal_in_use_is_left_alone(workspace: Workspace) -> None:
    journal = StrokeJournal.open(workspace, KEY, "Zoë", "base", SHAPE)
    journal.append([1], old=0, new=1)
    assert StrokeJournal.pending(workspace) == []
    code = (
        "import sys; from pathlib import Path; from napari_aleatoric.io import Workspace;"
        "from napari_aleatoric.review import StrokeJournal;"
        "print(len(StrokeJournal.pending(Workspace.open(Path(sys.argv[1])))))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "0"
    del journal  # forgotten without close, as when a window crashes
    assert len(StrokeJournal.pending(workspace)) == 1


@pytest.mark.parametrize("end", ["commit", "discard"])
def test_ended_journals_leave_nothing(workspace: Workspace, journal: StrokeJournal, end: str) -> None:
    journal.append([1], old=0, new=1)
    getattr(journal, end)()
    assert journal_files(workspace) == []


def test_pending_of_one_item_oldest_first(workspace: Workspace) -> None:
    for key, base in ((KEY, "first"), (ItemKey("case_2"), "x"), (KEY, "second")):
        journal = StrokeJournal.open(workspace, key, "R", base, SHAPE)
        journal.append([1], old=0, new=1)
        journal.close()
    assert [p.base for p in StrokeJournal.pending(workspace, KEY)] == ["first", "second"]
    assert len(StrokeJournal.pending(workspace)) == 3


def test_any_torn_tail_is_ignored(workspace: Workspace, journal: StrokeJournal) -> None:
    ends = []
    for i in range(4):
        journal.append(np.arange(i, 40, i + 1), old=0, new=i + 1)
        ends.append(journal_files(workspace)[0].stat().st_size)
    journal.close()
    (path,) = journal_files(workspace)
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        n_whole = sum(end <= length for end in ends)
        found = StrokeJournal.pending(workspace)
        if n_whole == 0:
            assert found == []
            continue
        assert [p.n_strokes for p in found] == [n_whole]
        assert [int(s.new[0]) for s in found[0].strokes()] == list(range(1, n_whole + 1))


def test_a_flipped_bit_hides_that_stroke_and_those_after_it(workspace: Workspace, journal: StrokeJournal) -> None:
    for i in range(3):
        journal.append([i], old=0, new=1)
    journal.close()
    (path,) = journal_files(workspace)
    content = bytearray(path.read_bytes())
    content[-1] ^= 4
    path.write_bytes(content)
    assert StrokeJournal.pending(workspace)[0].n_strokes == 2


def test_a_full_disk_gives_a_sentence_and_keeps_earlier_strokes(
    workspace: Workspace, journal: StrokeJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([1, 2], old=0, new=1)
    real = journal._stream
    assert real is not None

    class Full:
        def write(self, content) -> int:
            if len(content) > 5:
                return real.write(content[:5])
            raise OSError(28, "No space left on device")

        def __getattr__(self, name: str):
            return getattr(real, name)

    journal._stream = Full()  # type: ignore[assignment]
    with pytest.raises(WorkspaceError, match="No space left"):
        journal.append([3], old=0, new=1)
    journal._stream = real
    journal.append([4], old=0, new=2)
    journal.close()
    (pending,) = StrokeJournal.pending(workspace)
    assert [s.index.tolist() for s in pending.strokes()] == [[1, 2], [4]]


def test_voxels_that_come_twice(workspace: Workspace, journal: StrokeJournal) -> None:
    journal.append([7, 3, 7, 3, 5], old=[1, 2, 9, 9, 3], new=[9, 9, 4, 5, 6])
    journal.close()
    (stroke,) = StrokeJournal.pending(workspace)[0].strokes()
    assert stroke.index.tolist() == [3, 5, 7]
    assert stroke.old.tolist() == [2, 3, 1]
    assert stroke.new.tolist() == [5, 6, 4]


def test_what_cannot_be_a_stroke_is_refused(workspace: Workspace, journal: StrokeJournal) -> None:
    with pytest.raises(DataError, match="outside"):
        journal.append([6 * 7 * 8], old=0, new=1)
    with pytest.raises(DataError, match="outside"):
        journal.append([-1], old=0, new=1)
    with pytest.raises(DataError, match="outside"):
        journal.append([[0, 7, 0]], old=0, new=1)
    with pytest.raises(DataError, match=r"\(n, 3\)"):
        journal.append([[1, 2]], old=0, new=1)
    with pytest.raises(DataError, match="integers"):
        journal.append([1], old=0, new=0.5)
    journal.append([1], old=0, new=300)
    journal.close()
    (pending,) = StrokeJournal.pending(workspace)
    with pytest.raises(DataError, match="shape"):
        pending.apply(np.zeros((6, 8, 7), dtype=int))
    small = np.zeros(SHAPE, dtype=np.uint8)
    with pytest.raises(DataError, match="cannot hold"):
        pending.apply(small)
    assert not small.any()


values = st.integers(-(2**40), 2**40)


@given(st.sets(st.integers(0, 2**50), min_size=1, max_size=60), values, st.data())
def test_packing_is_exact(indices: set[int], new: int, data: st.DataObject) -> None:
    index = np.array(sorted(indices), dtype=np.int64)
    old = np.array(data.draw(st.lists(values, min_size=len(index), max_size=len(index))))
    stroke = unpack_stroke(pack_stroke(Stroke(index, old, np.full(len(index), new))))
    np.testing.assert_array_equal(stroke.index, index)
    np.testing.assert_array_equal(stroke.old, old)
    np.testing.assert_array_equal(stroke.new, new)


def test_a_big_fill_is_small() -> None:
    index = np.arange(1_000_000)
    assert len(pack_stroke(Stroke(index, np.zeros(index.size, np.uint8), np.ones(index.size, np.uint8)))) < 200


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=20), max_size=5), st.binary(max_size=12))
def test_records_survive_any_rubbish_behind_them(payloads: list[bytes], rubbish: bytes) -> None:
    content = b"ALSTROK1" + b"".join(map(record, payloads))
    found, end = read_records(content + rubbish)
    assert found[: len(payloads)] == payloads
    assert end >= len(content)


PAINTER = """
import sys
from pathlib import Path
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review import StrokeJournal
journal = StrokeJournal.open(Workspace.open(Path(sys.argv[1])), ItemKey("case_1"), "R", "", (6, 7, 8))
i = 0
while True:
    journal.append([i % 336], old=0, new=i)
    print(i, flush=True)
    i += 1
"""


def test_strokes_survive_a_kill_without_any_flush(workspace: Workspace) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", PAINTER, str(workspace.root)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for _ in range(50):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    said = 50 + len(child.stdout.read().split())
    child.wait(30)
    (pending,) = StrokeJournal.pending(workspace)
    assert said <= pending.n_strokes <= said + 1
    assert [int(s.new[0]) for s in pending.strokes()] == list(range(pending.n_strokes))
