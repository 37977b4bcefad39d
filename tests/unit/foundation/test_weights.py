"""The registry, the store without a network, and looking at files without torch."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest

from napari_aleatoric.errors import DataError, DownloadError, NotFoundError, WorkspaceError
from napari_aleatoric.foundation import SEGMENTERS, WEIGHTS, WeightsStore
from napari_aleatoric.foundation._weights._check import digest_of
from napari_aleatoric.foundation._weights._files import Record, alone, sweep
from napari_aleatoric.foundation._weights._format import check_format, foreign_call
from napari_aleatoric.foundation._weights._known import shipped_weights
from napari_aleatoric.model import RecordingReporter


@pytest.fixture
def store(tmp_path, entry):
    return WeightsStore(tmp_path / "weights", known={"tiny": entry}, shipped=tmp_path / "package")


@pytest.fixture
def given(tmp_path, content):
    """The file on a disk, under the name a browser gave it."""
    folder = tmp_path / "given" / "deeper"
    folder.mkdir(parents=True)
    path = folder / "tiny(1).pth"
    path.write_bytes(content)
    return path


# ---- the registry


def test_published_weights_are_known_completely():
    published = ["sam-vit-b", "sam-vit-l", "sam-vit-h", "medsam-vit-b", "sam2.1-hiera-tiny", "medsam2"]
    assert list(WEIGHTS) == ["sam-small", *published]
    assert tuple(WEIGHTS) == SEGMENTERS
    for name, entry in WEIGHTS.items():
        assert entry.name == name
        assert entry.licence
        assert entry.good_for.endswith(".")
        if entry.origin == "published":
            assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
            assert all(url.startswith("https://") and url.endswith(entry.file_name) for url in entry.urls)
    assert WEIGHTS["medsam-vit-b"].scaling == "unit"
    assert {entry.scaling for name, entry in WEIGHTS.items() if name != "medsam-vit-b"} == {"imagenet"}


def test_the_shipped_record_describes_the_shipped_file(tmp_path):
    assert shipped_weights(tmp_path).sha256 is None
    path = tmp_path / "sam-small.safetensors"
    path.write_bytes(b"numbers")
    store = WeightsStore(tmp_path / "w", shipped=tmp_path)
    record = {"sha256": digest_of(path), "size_bytes": 7, "licence": "CC-BY-SA-4.0"}
    (tmp_path / "sam-small.json").write_text(json.dumps(record))
    entry = shipped_weights(tmp_path)
    store = WeightsStore(tmp_path / "w", known={"sam-small": entry}, shipped=tmp_path)
    assert store.path("sam-small") == path
    assert store.verify("sam-small").state == "verified"
    assert entry.licence == "CC-BY-SA-4.0"
    with pytest.raises(NotFoundError, match="comes with the program"):
        store.import_file("sam-small", path)
    path.unlink()
    with pytest.raises(NotFoundError, match="Install it anew"):
        store.download("sam-small")
    (tmp_path / "sam-small.json").write_text("{broken")
    assert shipped_weights(tmp_path).sha256 is None


def test_the_shipped_file_is_the_one_its_record_tells_of():
    if WEIGHTS["sam-small"].sha256 is None:
        pytest.skip("this copy of the program came without sam-small")
    store = WeightsStore()
    assert store.verify("sam-small").state == "verified"
    assert WEIGHTS["sam-small"].size_bytes <= 15_000_000


def test_looking_at_weights_loads_no_torch(tmp_path):
    code = (
        "import sys; from napari_aleatoric.foundation import WeightsStore\n"
        f"store = WeightsStore({str(tmp_path)!r}); [store.status(name) for name in store.names()]\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


# ---- folder, states, verification


def test_the_environment_names_folder_mirror_and_offline(tmp_path, monkeypatch):
    assert WeightsStore().folder.name == "weights"
    assert not WeightsStore().offline
    monkeypatch.setenv("ALEATORIC_WEIGHTS", str(tmp_path / "there"))
    monkeypatch.setenv("ALEATORIC_OFFLINE", "1")
    monkeypatch.setenv("ALEATORIC_WEIGHTS_MIRROR", "http://mirror.example/sam")
    store = WeightsStore()
    assert (store.folder, store.offline, store.mirror) == (tmp_path / "there", True, "http://mirror.example/sam")
    assert not WeightsStore(offline=False).offline
    assert WeightsStore(tmp_path / "other").folder == tmp_path / "other"
    monkeypatch.setenv("ALEATORIC_OFFLINE", "0")
    assert not WeightsStore().offline


def test_states_from_absent_to_damaged(store, entry, given):
    assert store.status("tiny").state == "absent"
    with pytest.raises(NotFoundError, match="aleatoric weights download tiny"):
        store.path("tiny")
    store.folder.mkdir()
    path = store.folder / "tiny.pth"
    path.write_bytes(given.read_bytes())
    assert store.status("tiny").state == "present"  # put there by hand
    assert store.verify("tiny").state == "verified"
    assert store.status("tiny").state == "verified"
    record = json.loads((store.folder / "tiny.pth.json").read_text())
    assert (record["sha256"], record["source"]) == (entry.sha256, "put there by hand")
    path.write_bytes(path.read_bytes()[:-5])
    assert store.status("tiny").state == "damaged"
    assert "3,000,004" in store.status("tiny").sentence
    with pytest.raises(NotFoundError, match="no weights 'large'"):
        store.status("large")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions stop")
def test_a_folder_that_may_only_be_read_is_enough(store, content):
    store.folder.mkdir()
    (store.folder / "tiny.pth").write_bytes(content)
    store.folder.chmod(0o555)
    try:
        assert store.verify("tiny").state == "verified"
        assert store.download("tiny").state == "verified"
    finally:
        store.folder.chmod(0o755)


def test_a_record_that_cannot_be_written_is_no_failure(store, content, monkeypatch):
    store.folder.mkdir()
    (store.folder / "tiny.pth").write_bytes(content)

    def refuse(*_):
        raise WorkspaceError("No.")

    monkeypatch.setattr(Record, "write", refuse)
    assert store.verify("tiny").state == "verified"
    assert store.download("tiny").state == "verified"


def test_the_record_makes_another_process_call_it_verified(store, entry, given):
    store.import_file("tiny", given)
    code = (
        "import sys; from pathlib import Path; from napari_aleatoric.foundation import *\n"
        f"entry = KnownWeights(**{dataclasses.asdict(entry)!r})\n"
        f"print(WeightsStore(Path({str(store.folder)!r}), known={{'tiny': entry}}).status('tiny').state)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "verified", done.stderr
    record = json.loads((store.folder / "tiny.pth.json").read_text())
    assert record["sha256"] == entry.sha256
    assert record["source"] == "tiny(1).pth"
    assert record["size_bytes"] == entry.size_bytes
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record["date"])


def test_a_changed_byte_is_found_by_every_load(store, given, content):
    store.import_file("tiny", given)
    path = store.path("tiny")
    reads = RecordingReporter()
    store._verified("tiny", reads, again=False)
    assert reads.steps == []  # checked in this process, and unchanged since
    stat = path.stat()
    path.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert store.status("tiny").state == "present"  # no longer what was checked
    for check in (store.load_state, store.verify):
        with pytest.raises(DataError, match="damaged, or not tiny: it has the right size, but its SHA-256"):
            check("tiny")
    assert store.status("tiny").state == "damaged"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda good: b"", "is empty"),
        (
            lambda good: good[:1_500_000],
            r"truncated, or not tiny: tiny has 3,000,004 bytes, and here are 1,500,000 \(50%\)",
        ),
        (lambda good: b"<!DOCTYPE html><html>Please log in</html>", "is a web page"),
        (lambda good: b"\xef\xbb\xbf\n <html>", "is a web page"),
        (lambda good: good[:-1] + bytes([good[-1] ^ 1]), "is damaged, or not tiny"),
        (lambda good: good + b"more", "is not tiny: tiny has 3,000,004 bytes"),
        (lambda good: b"some notes", "is not tiny"),
    ],
)
def test_wrong_files_are_not_imported(store, given, content, make, words):
    store.import_file("tiny", given)
    bad = given.with_name("bad.pth")
    bad.write_bytes(make(content))
    with pytest.raises(DataError, match=f"^bad.pth .*{words}") as caught:
        store.import_file("tiny", bad)
    assert len(str(caught.value)) < 300
    assert store.verify("tiny").state == "verified"  # what was there before is unchanged
    assert not list(store.folder.glob("*.importing"))


# ---- import


def test_import_from_a_folder_by_digest_and_by_name(store, given, entry):
    reporter = RecordingReporter()
    status = store.import_file(None, given.parents[1], reporter)
    assert (status.weights.name, status.state) == ("tiny", "verified")
    assert reporter.steps[-1][:2] == (3.0, pytest.approx(3.000004))
    assert given.exists()
    named = given.with_name("tiny.pth")
    named.write_bytes(given.read_bytes()[:-1])
    given.unlink()
    with pytest.raises(DataError, match=r"^tiny.pth is truncated"):
        store.import_file(None, given.parent)
    named.unlink()
    with pytest.raises(NotFoundError, match=r"No file in 'deeper'.*tiny.pth"):
        store.import_file("tiny", given.parent)
    with pytest.raises(NotFoundError, match="Check the path"):
        store.import_file("tiny", given)


def test_import_without_a_name_recognises_or_refuses(tmp_path, entry, given):
    other = dataclasses.replace(entry, name="other", file_name="other.pth", sha256="0" * 64, size_bytes=5)
    store = WeightsStore(tmp_path / "w", known={"other": other, "tiny": entry})
    assert store.import_file(None, given).weights.name == "tiny"
    unknown = given.with_name("unknown.pth")
    unknown.write_bytes(b"12345")
    with pytest.raises(NotFoundError, match="--name NAME"):
        store.import_file(None, unknown)


@pytest.mark.parametrize("name", ["Tiny", "../x", "", "a b", "x" * 65, ".x"])
def test_own_names_are_plain(store, given, name):
    with pytest.raises(DataError, match="Expected a name of small letters"):
        store.import_file(name, given)


def test_own_weights_refuse_wrong_settings(store, given, tmp_path):
    with pytest.raises(DataError, match="vit_b, vit_l, vit_h, small"):
        store.import_file("mine", given, architecture="vit_x")
    with pytest.raises(DataError, match="'imagenet' or 'unit'"):
        store.import_file("mine", given, scaling="bytes")
    with pytest.raises(DataError, match="got the folder"):
        store.import_file("mine", given.parent, architecture="vit_b")
    with pytest.raises(NotFoundError, match=r"no config\.json: expected one file of weights, or a folder"):
        store.import_file("mine", given.parent)
    with pytest.raises(NotFoundError, match="no file"):
        store.import_file("mine", tmp_path / "absent.pth")


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path, entry, given):
    (tmp_path / "file").write_text("")
    store = WeightsStore(tmp_path / "file" / "weights", known={"tiny": entry})
    with pytest.raises(WorkspaceError, match="ALEATORIC_WEIGHTS"):
        store.import_file("tiny", given)


def test_a_full_disk_is_told_before(store, given, monkeypatch):
    import shutil

    usage = shutil.disk_usage(given.parent)._replace(free=51_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"51.0 MB free, and 3.0 MB are needed"):
        store.import_file("tiny", given)
    with pytest.raises(DataError, match="Make room"):
        store.download("tiny")


def test_two_processes_do_not_bring_the_same(store, given):
    store.folder.mkdir()
    with alone(store.folder, "tiny.pth"):
        for bring in (lambda: store.import_file("tiny", given), lambda: store.download("tiny")):
            with pytest.raises(DataError, match="Another process is bringing tiny"):
                bring()
    assert store.import_file("tiny", given).state == "verified"


# ---- own records and what is left over


def own_record(folder: Path, name: str, data: bytes, **changes) -> Path:
    file = folder / f"own-{name}-{hashlib.sha256(data).hexdigest()[:12]}.pth"
    file.write_bytes(data)
    values = {
        "name": name,
        "architecture": "small",
        "file_name": file.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "mtime_ns": file.stat().st_mtime_ns,
        "source": "mine.pth",
        "date": "2026-02-03T04:05:06+00:00",
        "scaling": "unit",
        "licence": "CC0-1.0",
        "own": True,
    }
    Record(**{**values, **changes}).write(folder / f"own-{name}.json")
    return file


def test_own_weights_are_known_by_their_records(store):
    store.folder.mkdir()
    own_record(store.folder, "mine", b"some numbers")
    own_record(store.folder, "tiny", b"in place of the known")
    own_record(store.folder, "later", b"x", architecture="not-yet-known")
    own_record(store.folder, "outside", b"y", file_name="../../outside.pth")
    (store.folder / "own-broken.json").write_text('{"name": 3}')
    assert store.names() == ["tiny", "mine"]
    entry = store.info("mine")
    assert (entry.architecture, entry.scaling, entry.licence, entry.origin) == ("small", "unit", "CC0-1.0", "own")
    assert store.verify("mine").state == "verified"
    with pytest.raises(NotFoundError):
        store.download("outside")
    store.path("mine").write_bytes(b"some nUmbers")
    with pytest.raises(DataError, match="damaged"):
        store.load_state("mine")


def test_sweeping_removes_what_dead_processes_left_and_nothing_else(store, given):
    store.folder.mkdir()
    kept = own_record(store.folder, "mine", b"some numbers")
    orphan = store.folder / "own-mine-000000000000.pth"
    left = store.folder / "tiny.pth.importing"
    part = store.folder / "tiny.pth.part"
    foreign = store.folder / "notes.pth"
    old, new = store.folder / ".0123abcd.tmp.json", store.folder / ".4567abcd.tmp.json"
    for path in (orphan, left, part, foreign, old, new):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    with alone(store.folder, "tiny.pth"), alone(store.folder, "own-mine"):
        sweep(store.folder)
        assert left.exists()
        assert orphan.exists()
    sweep(store.folder)
    assert not left.exists()
    assert not orphan.exists()
    assert not old.exists()
    assert new.exists()  # perhaps being written
    assert kept.exists()
    assert part.exists()
    assert foreign.exists()
    assert sweep(store.folder / "nowhere") is None


# ---- formats


class Bomb:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def archive(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, data in entries.items():
            made.writestr(name, data)
    return stream.getvalue()


def safetensors(n_bytes: int = 8, header: bytes | None = None, told: int | None = None) -> bytes:
    table = json.dumps({"__metadata__": {"a": "b"}, "x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})
    text = table.encode() if header is None else header
    return struct.pack("<Q", len(text) if told is None else told) + text + bytes(n_bytes)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_pickle_bomb_does_not_go_off(tmp_path, protocol, wrapped):
    crater = tmp_path / "crater"
    data = pickle.dumps({"image_encoder.pos_embed": Bomb(crater)}, protocol)
    path = tmp_path / "bomb.pth"
    path.write_bytes(archive({"archive/data.pkl": data, "archive/version": b"3"}) if wrapped else data)
    with pytest.raises(
        DataError, match=r"^bomb.pth holds more than weights: reading it would call \w+\.system"
    ) as e:
        check_format(path)
    assert "nothing was run" in str(e.value)
    assert not crater.exists()
    pickle.loads(data)  # it is a real one
    assert crater.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"<html><body>404</body></html>", "is a web page"),
        (b"hello, these are my notes", "is no checkpoint: expected a file written by torch.save or safetensors"),
        (bytes(100), "is no checkpoint"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "is no checkpoint"),
        (archive({"notes.txt": b"x"}), "an archive, but not one that torch.save wrote"),
        (archive({"a/data.pkl": b"\x80\x02}."})[:-30], "is truncated or damaged"),
        (archive({"a/data.pkl": b"\x80\x02}."}, zipfile.ZIP_DEFLATED), "packed by another program"),
        (archive({"a/data.pkl": b"\x80\x02}.", "a/code/x.py": b""}), "compiled program"),
        (archive({"a/data.pkl": b"\x80\x02}", "a/version": b"3"}), "truncated or damaged"),
        (pickle.dumps({"x": [1, 2]}, 2), "is a pickle, not the archive"),
        (safetensors(4), "is truncated: its table of contents promises"),
        (safetensors(told=5000), "is truncated: its table of contents needs 5,000 bytes"),
        (safetensors(9), "is damaged: it has 1 bytes more"),
        (safetensors(header=b'{"x": 3}'), "is damaged: its table of contents"),
        (safetensors(header=b'{"x": '), "is damaged: its table of contents"),
        (safetensors(told=1 << 40), "is no checkpoint"),
    ],
)
def test_every_wrong_file_has_its_sentence(tmp_path, data, words):
    path = tmp_path / "some.pth"
    path.write_bytes(data)
    with pytest.raises(DataError, match=f"^some.pth .*{words}") as caught:
        check_format(path)
    assert str(caught.value).endswith(".")


def test_duplicate_entries_are_refused(tmp_path):
    """Two programs may read two different ones."""
    path = tmp_path / "two.pth"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a/data.pkl", b"\x80\x02}.")
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr("a/data.pkl", pickle.dumps({}, 2))
    with pytest.raises(DataError, match="packed by another program"):
        check_format(path)


def test_right_files_pass(tmp_path):
    path = tmp_path / "good"
    path.write_bytes(safetensors())
    assert check_format(path) == "safetensors"
    path.write_bytes(archive({"a/data.pkl": pickle.dumps(OrderedDict(x=1), 2)}))
    assert check_format(path) == "torch"


def test_calls_of_a_pickle_are_named():
    assert foreign_call(pickle.dumps(OrderedDict(a=1), 2)) is None
    assert foreign_call(pickle.dumps(Path("x"), 2)) is not None
    assert foreign_call(b"cos\nsystem\n(S'echo'\ntR.") == "os.system"
    assert foreign_call(b"(ios\nsystem\nS'echo'\n.") == "os.system"


def test_offline_is_said(tmp_path, entry, server):
    store = WeightsStore(tmp_path, known={"tiny": entry}, offline=True)
    with pytest.raises(DownloadError, match=r"switched offline.*aleatoric weights import FILE"):
        store.download("tiny")
    assert server.asked == []
