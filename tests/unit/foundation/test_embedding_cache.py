"""The embedding cache, with other processes writing, reading and being killed for real."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import EmbeddingCache
from napari_aleatoric.foundation._segmenter import Embedding

KEY = EmbeddingCache.key("image", "net", axis=0)
OTHER = EmbeddingCache.key("image", "net", axis=1)


def embedding(seed: int, shape: tuple[int, int, int] = (8, 4, 6), name: str = "net-auto") -> Embedding:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float16)
    return Embedding(values, (64 + seed % 7, 50), (64, 48), name)


def assert_same(found: Embedding | None, expected: Embedding) -> None:
    assert found is not None
    assert found.values.dtype == np.float16
    assert np.array_equal(found.values, expected.values)
    assert (found.shape_yx, found.input_yx, found.segmenter) == (
        expected.shape_yx,
        expected.input_yx,
        expected.segmenter,
    )
    assert all(isinstance(v, tuple) for v in (found.shape_yx, found.input_yx))


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in files_of(folder))


# What other processes share with this one: an embedding that anybody can make again from its slice index.
MAKER = """
import sys, warnings
from pathlib import Path
import numpy as np
from napari_aleatoric.foundation import EmbeddingCache
from napari_aleatoric.foundation._segmenter import Embedding

def embedding(seed, shape=(8, 4, 6)):
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float16)
    return Embedding(values, (64 + seed % 7, 50), (64, 48), "net-auto")
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAKER + code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out


# -- one process ------------------------------------------------------------------------------------


def test_what_is_put_is_found_bit_for_bit(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "not" / "there" / "yet")
    assert cache.get(KEY, 3) is None
    cache.put(KEY, 3, embedding(3))
    assert_same(cache.get(KEY, 3), embedding(3))
    assert_same(EmbeddingCache(tmp_path / "not" / "there" / "yet").get(KEY, 3), embedding(3))
    assert cache.get(KEY, 4) is None
    assert cache.get(OTHER, 3) is None


def test_turned_zero_and_infinite_values_are_found_as_they_were(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    base = embedding(1).values
    odd = base.copy()
    odd[0, 0, :3] = np.inf, -np.inf, np.nan
    for index, values in enumerate((base.transpose(2, 0, 1)[::-1], np.zeros_like(base), odd)):
        cache.put(KEY, index, Embedding(values, (5, 7), (20, 28), "net"))
        found = cache.get(KEY, index)
        assert found is not None
        assert np.array_equal(found.values, values, equal_nan=True)


def with_finer(seed: int) -> Embedding:
    rng = np.random.default_rng(seed)
    finer = tuple(rng.standard_normal(shape).astype(np.float16) for shape in [(2, 16, 24), (4, 8, 12)])
    return Embedding(rng.standard_normal((8, 4, 6)).astype(np.float16), (64, 50), (64, 48), "net-auto", finer)


def test_finer_maps_are_found_in_their_order(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path).put(KEY, 3, with_finer(5))
    found = EmbeddingCache(tmp_path).get(KEY, 3)
    assert_same(found, with_finer(5))
    assert [each.shape for each in found.finer] == [(2, 16, 24), (4, 8, 12)]
    assert all(np.array_equal(a, b) for a, b in zip(found.finer, with_finer(5).finer, strict=True))
    assert found.n_bytes == 2 * (8 * 4 * 6 + 2 * 16 * 24 + 4 * 8 * 12)


def test_a_slice_that_lost_or_swapped_a_finer_map_is_a_miss(tmp_path: Path) -> None:
    import zarr

    cache = EmbeddingCache(tmp_path)
    for change in ("lose", "swap", "alter"):
        cache.put(KEY, 0, with_finer(1))
        (path,) = files_of(tmp_path)
        with zarr.storage.ZipStore(path, mode="r") as store:
            group = zarr.open_group(store, mode="r")
            attributes, maps = dict(group.attrs), {name: group[name][...] for name in group.array_keys()}
        if change == "lose":
            del maps["finer_1"]
        elif change == "swap":
            maps["finer_0"], maps["finer_1"] = maps["finer_1"], maps["finer_0"]
        else:
            maps["finer_1"] = maps["finer_1"].copy()
            maps["finer_1"][0, 0, 0] += 1
        with zarr.storage.ZipStore(path, mode="w") as store:
            group = zarr.create_group(store, attributes=attributes)
            for name, values in maps.items():
                array = group.create_array(name, shape=values.shape, dtype="float16", compressors=None)
                array[...] = values
        assert cache.get(KEY, 0) is None, change
        cache.put(KEY, 0, with_finer(1))
        assert_same(cache.get(KEY, 0), with_finer(1))


def test_many_slices_keep_their_places(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put_many(KEY, [7, 2, 5], [embedding(7), embedding(2), embedding(5)])
    found = cache.get_many(KEY, [2, 3, 5, 7])
    assert found[1] is None
    for index, each in ((2, found[0]), (5, found[2]), (7, found[3])):
        assert_same(each, embedding(index))
    with pytest.raises(ValueError):
        cache.put_many(KEY, [1, 2], [embedding(1)])


def test_a_second_put_replaces_the_first(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put(KEY, 0, embedding(1))
    cache.put(KEY, 0, embedding(2, (8, 6, 4)))
    assert_same(cache.get(KEY, 0), embedding(2, (8, 6, 4)))
    assert len(files_of(tmp_path)) == 1


def test_keys_differ_where_anything_differs() -> None:
    base = ("ab", "cd", 0, "ef")
    others = [
        ("ab", "cd", 1, "ef"),
        ("abc", "d", 0, "ef"),
        ("ab", "c", 0, "def"),
        ("ab", "cd", 0, ""),
        ("", "", 0, ""),
    ]
    keys = {EmbeddingCache.key(i, s, axis=a, settings=t) for i, s, a, t in [base, *others]}
    assert len(keys) == 6
    assert EmbeddingCache.key("ab", "cd", axis=0, settings="ef") in keys
    # as on every other machine; a change makes every cache on every disk worthless, and has to be meant
    assert KEY == "f740cd6eb6e46305fafea1df0f1c4fbd"


@pytest.mark.parametrize("key", ["", "../../somewhere/else/entirely/xxx", "A" * 32, "0" * 31])
def test_what_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(DataError, match="32 hexadecimal digits"):
        EmbeddingCache(tmp_path).put(key, 0, embedding(0))
    with pytest.raises(DataError, match="32 hexadecimal digits"):
        EmbeddingCache(tmp_path).get(key, 0)


def test_a_negative_index_and_no_room_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 or more, got -1"):
        EmbeddingCache(tmp_path).get(KEY, -1)
    with pytest.raises(DataError, match="at least one byte"):
        EmbeddingCache(tmp_path, 0)


def test_another_program_reads_it_as_zarr(tmp_path: Path) -> None:
    import zarr

    EmbeddingCache(tmp_path).put(KEY, 12, embedding(12))
    with zarr.storage.ZipStore(tmp_path / KEY / "12.zarr.zip", mode="r") as store:
        array = zarr.open_array(store, mode="r")
        assert array.metadata.zarr_format == 3
        assert np.array_equal(array[...], embedding(12).values)
        assert array.attrs["shape_yx"] == [69, 50]


def test_asking_an_empty_cache_loads_no_zarr(tmp_path: Path) -> None:
    code = 'print(EmbeddingCache(Path(sys.argv[1])).get("0" * 32, 0), "zarr" in sys.modules)'
    assert finish(start(code, tmp_path)).split() == ["None", "False"]


# -- damage ------------------------------------------------------------------------------------------


def test_any_flipped_bit_is_a_miss_or_does_not_matter(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    expected = embedding(1, (2, 3, 4))
    cache.put(KEY, 0, expected)
    path = files_of(tmp_path)[0]
    whole = path.read_bytes()
    n_missed = 0
    for at in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at % 8)
        path.write_bytes(damaged)
        found = cache.get(KEY, 0)
        if found is None:
            n_missed += 1
        else:
            assert_same(found, expected)
    assert n_missed > len(whole) / 3 / 2
    path.write_bytes(whole)
    assert_same(cache.get(KEY, 0), expected)


def test_every_shortened_or_strange_file_is_a_miss_and_can_be_written_again(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put(KEY, 0, embedding(1, (2, 3, 4)))
    path = files_of(tmp_path)[0]
    whole = path.read_bytes()
    for n in range(0, len(whole), 29):
        path.write_bytes(whole[:n])
        assert cache.get(KEY, 0) is None
    for strange in (bytes(len(whole)), os.urandom(len(whole)), b"PK\x05\x06" + bytes(18)):
        path.write_bytes(strange)
        assert cache.get(KEY, 0) is None
    cache.put(KEY, 0, embedding(2))
    assert_same(cache.get(KEY, 0), embedding(2))


def test_numbers_changed_behind_every_checksum_of_the_format_are_a_miss(tmp_path: Path) -> None:
    """A zip file that is whole in itself, with other numbers or another slice size."""
    import zarr

    cache = EmbeddingCache(tmp_path)
    cache.put(KEY, 0, embedding(0))
    path = files_of(tmp_path)[0]
    with zarr.storage.ZipStore(path, mode="r") as store:
        attributes = dict(zarr.open_array(store, mode="r").attrs)
    values = embedding(0).values
    other = values.copy()
    other[3, 2, 1] += 1
    for numbers, changed in (
        (other, {}),
        (values, {"shape_yx": [64, 51]}),
        (values, {"segmenter": "other"}),
        (values.reshape(8, 6, 4), {}),
        (values.astype(np.float32), {}),
        (values, {"digest": None}),
        (values, {}),
    ):
        path.unlink()
        with zarr.storage.ZipStore(path, mode="w") as store:
            made = zarr.create_array(
                store, shape=numbers.shape, dtype=numbers.dtype, attributes={**attributes, **changed}
            )
            made[...] = numbers
        if numbers is values and not changed:  # the same made in the same way is found: the test can fail
            assert_same(cache.get(KEY, 0), embedding(0))
        else:
            assert cache.get(KEY, 0) is None


def test_a_file_moved_to_another_slice_or_image_is_a_miss(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put(KEY, 0, embedding(0))
    cache.put(OTHER, 0, embedding(1))
    data = (tmp_path / KEY / "0.zarr.zip").read_bytes()
    (tmp_path / KEY / "1.zarr.zip").write_bytes(data)
    (tmp_path / OTHER / "0.zarr.zip").write_bytes(data)
    assert cache.get_many(KEY, [0, 1])[1] is None
    assert cache.get(OTHER, 0) is None
    assert_same(cache.get(KEY, 0), embedding(0))


# -- bounded size ------------------------------------------------------------------------------------


def keys(n: int) -> list[str]:
    return [EmbeddingCache.key(f"image {i}", "net", axis=0) for i in range(n)]


def bytes_of_one(tmp_path: Path) -> int:
    EmbeddingCache(tmp_path / "one").put(KEY, 0, embedding(0, (16, 8, 8)))
    return size_of(tmp_path / "one")


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    one = bytes_of_one(tmp_path)
    cache = EmbeddingCache(tmp_path / "cache", max_bytes=10 * one)
    names = keys(5)
    for name in names[:4]:
        cache.put_many(name, [0, 1], [embedding(0, (16, 8, 8)), embedding(1, (16, 8, 8))])
    assert cache.get(names[0], 0) is not None  # used again: now the second is the oldest
    cache.put_many(names[4], [0, 1], [embedding(0, (16, 8, 8)), embedding(1, (16, 8, 8))])
    assert cache.get(names[1], 0) is None
    assert cache.get(names[1], 1) is None
    for name in (names[0], names[3], names[4]):
        assert_same(cache.get(name, 1), embedding(1, (16, 8, 8)))
    assert size_of(tmp_path / "cache") <= 10 * one


def test_the_limit_holds_at_every_moment_and_most_of_it_is_used(tmp_path: Path) -> None:
    one = bytes_of_one(tmp_path)
    limit = 40 * one
    cache = EmbeddingCache(tmp_path / "cache", max_bytes=limit)
    largest = 0
    for name in keys(25):
        for index in range(3):
            cache.put(name, index, embedding(index, (16, 8, 8)))
            largest = max(largest, size_of(tmp_path / "cache"))
            assert_same(cache.get(name, index), embedding(index, (16, 8, 8)))
    assert 0.8 * limit < largest <= limit


def test_a_cache_made_smaller_shrinks_with_the_next_slice(tmp_path: Path) -> None:
    one = bytes_of_one(tmp_path)
    large = EmbeddingCache(tmp_path / "cache")
    for name in keys(12):
        large.put(name, 0, embedding(0, (16, 8, 8)))
    EmbeddingCache(tmp_path / "cache", max_bytes=4 * one).put(KEY, 0, embedding(1, (16, 8, 8)))
    assert one <= size_of(tmp_path / "cache") <= 4 * one
    assert_same(large.get(KEY, 0), embedding(1, (16, 8, 8)))


def test_an_image_larger_than_the_limit_keeps_its_first_slices(tmp_path: Path) -> None:
    one = bytes_of_one(tmp_path)
    cache = EmbeddingCache(tmp_path / "cache", max_bytes=6 * one)
    for index in range(20):
        cache.put(KEY, index, embedding(index, (16, 8, 8)))
    found = cache.get_many(KEY, range(20))
    kept = [index for index, each in enumerate(found) if each is not None]
    assert kept == list(range(len(kept)))
    assert 4 <= len(kept) <= 6
    assert size_of(tmp_path / "cache") <= 6 * one
    cache.put(OTHER, 0, embedding(0, (16, 8, 8)))  # another image still comes in
    assert_same(cache.get(OTHER, 0), embedding(0, (16, 8, 8)))


def test_the_folder_may_be_deleted_while_it_is_used(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "cache")
    cache.put(KEY, 0, embedding(0))
    shutil.rmtree(tmp_path / "cache")
    assert cache.get(KEY, 0) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.put(KEY, 1, embedding(1))
    assert_same(cache.get(KEY, 1), embedding(1))


def test_what_a_killed_process_left_unfinished_is_swept_up(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put(KEY, 0, embedding(0))
    old, young = tmp_path / ".new-0", tmp_path / ".new-1"
    gone = tmp_path / ".gone-0"
    gone.mkdir()
    for path in (old, young, gone / "0.zarr.zip"):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 3600,) * 2)
    EmbeddingCache(tmp_path).put(OTHER, 0, embedding(0))
    assert not old.exists()
    assert not gone.exists()
    assert young.exists(), "another process may be writing it"


# -- a disk that does not want to ---------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_one_warning_and_no_caching(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = EmbeddingCache(tmp_path / "file" / "cache")
    with pytest.warns(UserWarning, match="cannot be written") as caught:
        cache.put(KEY, 0, embedding(0))
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.put(KEY, 1, embedding(1))
        assert cache.get(KEY, 0) is None


def test_a_file_that_cannot_be_made_is_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    cache = EmbeddingCache(tmp_path)
    cache.put(KEY, 0, embedding(0))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.warns(UserWarning, match="Permission denied") as caught:
        cache.put_many(KEY, [1, 2], [embedding(1), embedding(2)])
    assert len(caught) == 1
    monkeypatch.undo()
    assert_same(cache.get(KEY, 0), embedding(0))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is writable for root")
def test_a_read_only_folder_still_gives_what_it_has(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path).put(KEY, 0, embedding(0))
    folders = (tmp_path / KEY, tmp_path)
    for folder in folders:
        folder.chmod(0o555)
    try:
        cache = EmbeddingCache(tmp_path)
        with pytest.warns(UserWarning, match="cannot be written"):
            cache.put(KEY, 1, embedding(1))
        assert_same(cache.get(KEY, 0), embedding(0))
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_one_warning_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    """The system refuses to write on in the middle of a file, as it does when the disk is full."""
    code = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
cache = EmbeddingCache(Path(sys.argv[1]))
key = "0" * 32
cache.put(key, 0, embedding(0))
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for i in range(1, 4):
        cache.put(key, i, embedding(i, (64, 16, 16)))
print([w.category.__name__ for w in caught])
print([found is not None for found in cache.get_many(key, range(4))])
"""
    process = start(code, tmp_path)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert out.splitlines() == ["['UserWarning']", "[True, False, False, False]"]
    assert [path.name for path in files_of(tmp_path)] == ["0.zarr.zip"]
    assert "Traceback" not in errors


# -- other processes -----------------------------------------------------------------------------------

WRITER = """
cache = EmbeddingCache(Path(sys.argv[1]), int(sys.argv[3]))
names = [EmbeddingCache.key(f"image {i}", "net", axis=0) for i in range(6)]
rng = np.random.default_rng(int(sys.argv[2]))
n_found = 0
for step in range(250):
    name, index = names[rng.integers(6)], int(rng.integers(8))
    found = cache.get(name, index)
    if found is None:
        cache.put(name, index, embedding(index, (16, 8, 8)))
    else:
        n_found += 1
        expected = embedding(index, (16, 8, 8))
        assert np.array_equal(found.values, expected.values) and found.shape_yx == expected.shape_yx
print(n_found)
"""


def test_processes_that_write_read_and_make_room_at_once_find_only_right_numbers(tmp_path: Path) -> None:
    one = bytes_of_one(tmp_path)
    limit = 30 * one  # of 48 slices: entries go all the time
    with_warnings = "warnings.simplefilter('error')\n" + WRITER
    others = [start(with_warnings, tmp_path / "cache", seed, limit) for seed in range(3)]
    counts = [int(finish(process).split()[-1]) for process in others]
    assert min(counts) > 20, "hardly anything was found; the cache did not work"
    assert size_of(tmp_path / "cache") <= limit + limit // 20 + 2 * one
    left = [path.name for path in (tmp_path / "cache").rglob(".*")]
    assert not left


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_kills_at_random_moments_leave_right_numbers_or_nothing(tmp_path: Path) -> None:
    """Forks writers from a process that has imported everything, and kills each after a random while."""
    code = """
import os, signal, time, zarr
root, key = Path(sys.argv[1]), "0" * 32
rng = np.random.default_rng(0)
slices = [embedding(i, (64, 16, 16)) for i in range(40)]
for kill in range(25):
    child = os.fork()
    if child == 0:
        cache = EmbeddingCache(root, 8 * 2**20)
        step = kill
        while True:
            name = f"{step // 40 % 4:032x}"
            cache.put(name, step % 40, slices[step % 40])
            step += 1
    time.sleep(rng.uniform(0.02, 0.25))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print("done")
"""
    assert finish(start(code, tmp_path)).split() == ["done"]
    cache = EmbeddingCache(tmp_path, 8 * 2**20)
    found = [(i, cache.get(f"{entry:032x}", i)) for entry in range(4) for i in range(40)]
    there = [(i, each) for i, each in found if each is not None]
    assert len(there) > 20, "hardly anything was written before the kills"
    for i, each in there:
        assert_same(each, embedding(i, (64, 16, 16)))
    finished = [path for path in files_of(tmp_path) if not path.name.startswith(".")]
    assert len(finished) == len(there), "a file under its final name is not whole"
    assert size_of(tmp_path) <= 10 * 2**20
    cache.put(KEY, 0, embedding(0))  # and it goes on
    assert_same(cache.get(KEY, 0), embedding(0))
