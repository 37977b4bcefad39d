"""``weights list``, ``import``, ``download`` and ``verify``."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import random
import signal
import socketserver
import subprocess
import sys
import threading
import time

import pytest

from napari_aleatoric import foundation
from napari_aleatoric.foundation import TEXT_IMAGE_WEIGHTS, WEIGHTS, KnownWeights, WeightsStore

CONTENT = b"PK\x03\x04" + random.Random(1).randbytes(200_000)


class Handler(http.server.BaseHTTPRequestHandler):
    """Has ``/tiny.pth``; starts to send ViT-B, and stops in its middle."""

    protocol_version = "HTTP/1.1"
    stopped = threading.Event()

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        held = self.path.endswith(WEIGHTS["sam-vit-b"].file_name)
        if not held and self.path != "/tiny.pth":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(WEIGHTS["sam-vit-b"].size_bytes if held else len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)
        if held:
            self.wfile.flush()
            self.stopped.wait(60)
            self.close_connection = True


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(Handler, "stopped", threading.Event())
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        Handler.stopped.set()
        server.shutdown()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A weights folder of its own."""
    for name in ("ALEATORIC_OFFLINE", "ALEATORIC_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALEATORIC_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def tiny(address, monkeypatch):
    """Small weights in place of the published ones."""
    entry = KnownWeights(
        name="tiny",
        architecture="small",
        file_name="tiny.pth",
        urls=(f"{address}/tiny.pth",),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        licence="CC0-1.0",
        good_for="Tests.",
    )
    monkeypatch.setattr(foundation, "all_weights_store", functools.partial(WeightsStore, known={"tiny": entry}))
    return entry


def test_help_names_the_verbs(call):
    assert "weights" in call("--help")[1]
    status, out, _ = call("weights", "--help")
    assert status == 0
    assert all(verb in out for verb in ("list", "import", "download", "verify"))


def test_list_names_everything_that_is_known(call, call_json, folder):
    answer = call_json("weights", "list")
    assert answer["folder"] == str(folder)
    assert not answer["offline"]
    found = {entry["name"]: entry for entry in answer["weights"]}
    assert list(found) == [*WEIGHTS, *TEXT_IMAGE_WEIGHTS]
    assert found["sam-vit-b"]["state"] == "absent"
    assert found["sam-vit-b"]["sha256"] == WEIGHTS["sam-vit-b"].sha256
    assert found["medsam-vit-b"]["scaling"] == "unit"
    status, out, err = call("weights", "list")
    assert (status, err) == (0, "")
    assert "Apache-2.0" in out
    assert "2,565" in out
    assert str(folder) in out
    assert not folder.exists()  # looking makes nothing


def test_download_verify_and_list(tiny, call, call_json, folder):
    status, out, _ = call("weights", "download", "tiny")
    assert status == 0
    assert str(folder / "tiny.pth") in out
    assert "CC0-1.0" in out
    assert (folder / "tiny.pth").read_bytes() == CONTENT
    assert call_json("weights", "list")["weights"][0]["state"] == "verified"
    assert call_json("weights", "verify") == {
        "good": True,
        "weights": [{"name": "tiny", "good": True, "sentence": "tiny.pth"}],
    }
    (folder / "tiny.pth").write_bytes(CONTENT[:-1] + b"\x00")
    status, out, err = call("weights", "verify", "tiny")
    assert status == 1
    assert "BAD" in out
    assert "damaged" in out
    assert err == "aleatoric: 1 of 1 weights cannot be used; see above.\n"
    status, out, _ = call("weights", "verify", "--json")
    assert status == 1
    assert not json.loads(out)["good"]
    (folder / "tiny.pth").write_bytes(CONTENT[:-1])
    assert "Run: aleatoric weights download tiny" in call("weights", "list")[1]


def test_import_says_what_it_took(tiny, call, call_json, tmp_path, folder):
    given = tmp_path / "given"
    given.mkdir()
    (given / "download.pth").write_bytes(CONTENT)
    answer = call_json("weights", "import", given)
    assert (answer["name"], answer["state"], answer["path"]) == ("tiny", "verified", str(folder / "tiny.pth"))
    (given / "download.pth").write_bytes(CONTENT[:100])
    status, out, err = call("weights", "import", given / "download.pth", "--name", "tiny")
    assert (status, out) == (1, "")
    assert err.startswith("aleatoric: download.pth is truncated, or not tiny: ")
    assert call("weights", "verify")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["download"], 2, "NAME"),
        (["import"], 2, "FILE"),
        (["fetch"], 2, "No such command 'fetch'"),
        (["download", "large"], 1, "Known are: tiny"),
        (["download", "tiny", "--mirror", "nowhere"], 1, "begins with https://"),
        (["import", "absent.pth"], 1, "Check the path"),
        (["import", "absent.pth", "--name", "My Own"], 1, "small letters"),
        (["import", "absent.pth", "--name", "mine", "--scaling", "bytes"], 1, "'imagenet' or 'unit'"),
    ],
)
def test_failures_are_one_sentence(tiny, call, tmp_path, monkeypatch, arguments, status, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = call("weights", *arguments)
    assert (code, out) == (status, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_a_missing_mirror_file_and_offline(tiny, address, call, monkeypatch):
    status, _, err = call("weights", "download", "tiny", "--mirror", f"{address}/elsewhere")
    assert status == 1
    assert "127.0.0.1 does not give tiny.pth: it answered 404" in err
    monkeypatch.setenv("ALEATORIC_OFFLINE", "1")
    status, _, err = call("weights", "download", "tiny")
    assert status == 1
    assert "switched offline" in err
    assert "offline" in call("weights", "list")[1]


def test_nothing_to_verify_is_no_failure(tiny, call):
    status, out, _ = call("weights", "verify")
    assert status == 0
    assert "weights list" in out
    assert call("weights", "verify", "tiny")[0] == 1


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_an_interrupted_download_stops_and_keeps_what_came(address, folder):
    """The real registry, with a mirror that falls silent."""
    command = [
        sys.executable,
        "-m",
        "napari_aleatoric.cli",
        "weights",
        "download",
        "sam-vit-b",
        "--mirror",
        address,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    part = folder / "sam_vit_b_01ec64.pth.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= 190_000):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - asked < 20
    assert (process.returncode, out) == (130, "")
    assert err.strip().splitlines()[-1].startswith("aleatoric: Stopped. What was finished is kept")
    assert part.read_bytes() == CONTENT
