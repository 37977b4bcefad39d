"""Downloads from servers that are slow, forgetful, lying, broken or somebody else."""

from __future__ import annotations

import dataclasses
import time

import pytest

from napari_aleatoric.errors import AleatoricError, Cancelled, DataError, DownloadError
from napari_aleatoric.foundation import WeightsStore
from napari_aleatoric.foundation._weights import _fetch, _line
from napari_aleatoric.model import RecordingReporter


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(_fetch, "_PAUSES_S", (0.0, 0.0, 0.0))


@pytest.fixture
def store(tmp_path, entry):
    return WeightsStore(tmp_path / "weights", known={"tiny": entry})


@pytest.fixture
def part(store):
    return store.folder / "tiny.pth.part"


class StopWhen:
    """Asks to stop at the first step after a condition holds; remembers when it held first."""

    def __init__(self, condition):
        self.condition, self.since = condition, None

    def step(self, done, total, message=""):
        if self.condition():
            self.since = self.since or time.monotonic()
            raise Cancelled("Stopped as asked.")

    def metric(self, name, value, step=0):
        pass


def test_a_download_arrives_whole_and_is_recorded(store, server, content, part):
    reporter = RecordingReporter()
    status = store.download("tiny", reporter)
    assert status.state == "verified"
    assert status.path.read_bytes() == content
    done = [step[0] for step in reporter.steps]
    assert done == sorted(done)
    assert reporter.steps[-1][:2] == (3.0, 3.0)
    assert "127.0.0.1" in reporter.steps[0][2]
    assert not part.exists()
    assert '"source": "127.0.0.1"' in (store.folder / "tiny.pth.json").read_text()
    store.download("tiny")
    assert server.asked == [("/tiny.pth", None)]  # here already: nobody was asked again


def test_a_damaged_file_is_replaced(store, content):
    store.folder.mkdir()
    (store.folder / "tiny.pth").write_bytes(content[:-1] + b"\x00")
    assert store.download("tiny").path.read_bytes() == content


@pytest.mark.parametrize("closing", ["cut_after", "reset_after"])
def test_a_connection_that_breaks_off_is_gone_on_with(store, server, content, closing, monkeypatch):
    monkeypatch.setattr(_fetch, "_PAUSES_S", (0.0,) * 50)  # a reset may swallow all that was on its way
    setattr(server, closing, 1_000_000)
    assert store.download("tiny").path.read_bytes() == content
    starts = [int(wanted[6:-1]) for _, wanted in server.asked if wanted]
    assert len(starts) >= 3
    assert starts == sorted(starts)
    if closing == "cut_after":
        assert starts == [1_000_000, 2_000_000, 3_000_000]


@pytest.mark.parametrize("grows", [0.0, 0.2])
@pytest.mark.parametrize("closing", ["cut_after", "reset_after"])
def test_a_server_without_ranges_that_breaks_off_is_given_up(store, server, part, closing, grows):
    server.ranges, server.reset_grows = False, grows
    setattr(server, closing, 1_000_000)
    with pytest.raises(
        DownloadError, match=r"127.0.0.1 did not send all of tiny: .* of 3.0 MB came, then the connection"
    ):
        store.download("tiny")
    assert len(server.asked) == 4
    assert part.exists()
    setattr(server, closing, None)
    assert store.download("tiny").state == "verified"  # from its start


def test_nothing_at_all_is_given_up(store, server):
    server.reset_after = 0
    with pytest.raises(DownloadError, match=r"0 bytes of 3\.0 MB came"):
        store.download("tiny")


def test_stopping_keeps_what_came_for_the_next_time(store, server, content, part):
    server.hold_after = 1_200_000
    reporter = StopWhen(lambda: part.exists() and part.stat().st_size >= 1_100_000)
    with pytest.raises(Cancelled):
        store.download("tiny", reporter)
    assert time.monotonic() - reporter.since < 20
    came = part.stat().st_size
    assert 1_100_000 <= came <= 1_200_000
    assert store.status("tiny").state == "absent"
    server.hold_after = None
    assert store.download("tiny").path.read_bytes() == content
    assert server.asked[-1] == ("/tiny.pth", f"bytes={came}-")


def test_stopping_does_not_wait_for_a_server_that_says_nothing(store, server):
    server.silent = True
    begun = time.monotonic()
    reporter = StopWhen(lambda: time.monotonic() - begun > 0.3)
    with pytest.raises(Cancelled):
        store.download("tiny", reporter)
    assert time.monotonic() - reporter.since < 20


def test_a_server_that_falls_silent_is_asked_again(store, server, content, monkeypatch):
    monkeypatch.setattr(_line, "_SILENCE_S", 0.4)
    server.hold_after = 2_000_000
    assert store.download("tiny").path.read_bytes() == content
    assert server.asked[1][1] is not None


def test_a_whole_part_needs_no_connection(store, server, content, part):
    """Killed after the last byte, before the file got its name."""
    store.folder.mkdir()
    part.write_bytes(content)
    assert store.download("tiny").state == "verified"
    assert server.asked == []


@pytest.mark.parametrize("beginning", [b"another file" * 1000, bytes(4_000_000), bytes(3_000_004)])
def test_a_part_of_something_else_is_started_over(store, content, part, beginning):
    store.folder.mkdir()
    part.write_bytes(beginning)
    assert store.download("tiny").path.read_bytes() == content


def test_a_server_that_resumes_elsewhere_is_started_over(store, server, content, part):
    store.folder.mkdir()
    part.write_bytes(content[:1_000_000])
    server.wrong_range = True
    assert store.download("tiny").path.read_bytes() == content
    assert [wanted for _, wanted in server.asked] == ["bytes=1000000-", None]


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"status": 404}, DownloadError, "does not give tiny.pth: it answered 404"),
        ({"status": 403}, DownloadError, "does not give tiny.pth: it answered 403"),
        ({"status": 503}, DownloadError, "then it answered 503"),
        ({"status": 416}, DownloadError, "cannot send tiny from where it stopped, nor from its start"),
        ({"content_type": "text/html"}, DataError, "answered with a web page instead of tiny"),
        (
            {"lie": 7},
            DataError,
            r"another file under this address: tiny has 3,000,004 bytes, and it offers 3,000,011",
        ),
        ({"lie": -7}, DataError, "offers 2,999,997"),
    ],
)
def test_every_refusal_has_its_sentence(store, server, part, changes, kind, words):
    for name, value in changes.items():
        setattr(server, name, value)
    with pytest.raises(kind, match=words) as caught:
        store.download("tiny")
    assert store.status("tiny").state == "absent"
    assert str(caught.value).endswith(".")
    for name in changes:
        setattr(server, name, {"status": 200, "content_type": "application/octet-stream"}.get(name, 0))
    assert store.download("tiny").state == "verified"  # the next start is clean


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda good: good[:-1] + b"\x00", "is not tiny: its SHA-256 begins with"),
        (lambda good: b"<html>" + bytes(len(good) - 6), "web page instead of tiny"),
    ],
)
def test_wrong_content_is_deleted(store, server, content, part, make, words):
    server.files["tiny.pth"] = make(content)
    with pytest.raises(DataError, match=words):
        store.download("tiny")
    assert not part.exists() or part.stat().st_size == 0
    assert store.status("tiny").state == "absent"
    assert len(server.asked) == 1


def test_a_server_that_tells_no_length(store, server, content, part):
    server.tell_length = False
    assert store.download("tiny").path.read_bytes() == content
    store.path("tiny").unlink()
    server.files["tiny.pth"] = content + bytes(50_000_000)
    with pytest.raises(DataError, match="longer than 3,000,004 bytes"):
        store.download("tiny")
    assert not part.exists()


def test_mirrors_are_asked_instead(tmp_path, entry, server, content, monkeypatch):
    far = dataclasses.replace(entry, urls=("http://far.invalid/tiny.pth",))
    server.files["sam/tiny.pth"] = server.files.pop("tiny.pth")
    for place in ("argument", "class", "environment"):
        store = WeightsStore(tmp_path / place, known={"tiny": far})
        address = f"{server.address}/sam/"
        if place == "class":
            store = WeightsStore(tmp_path / place, known={"tiny": far}, mirror=address)
        if place == "environment":
            monkeypatch.setenv("ALEATORIC_WEIGHTS_MIRROR", address)
            store = WeightsStore(tmp_path / place, known={"tiny": far})
        store.download("tiny", mirror=address if place == "argument" else None)
        assert store.path("tiny").read_bytes() == content
    assert [path for path, _ in server.asked] == ["/sam/tiny.pth"] * 3


def test_sources_are_tried_in_order(tmp_path, entry, server, content):
    urls = (f"{server.address}/gone.pth", f"{server.address}/tiny.pth")
    store = WeightsStore(tmp_path / "w", known={"tiny": dataclasses.replace(entry, urls=urls)})
    assert store.download("tiny").path.read_bytes() == content
    assert [path for path, _ in server.asked] == ["/gone.pth", "/tiny.pth"]


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("ftp://host/x", DataError, "https:// or http://"),
        ("file:///etc", DataError, "https:// or http://"),
        ("http://nobody.invalid/x", DownloadError, "nobody.invalid was not found"),
        ("http://127.0.0.1:1/x", DownloadError, "it refused the connection"),
        ("http://127.0.0.1:nan/x", AleatoricError, "127.0.0.1"),
    ],
)
def test_wrong_addresses_have_their_sentence(store, address, kind, words):
    with pytest.raises(kind, match=words):
        store.download("tiny", mirror=address)
