"""Every ending is an exit status and at most one sentence on standard error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from napari_aleatoric import __version__
from napari_aleatoric.cli import _main
from napari_aleatoric.errors import Cancelled, DataError


def real(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "napari_aleatoric.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **kwargs,
    )


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["frobnicate"], 2, "No such command 'frobnicate'"),
        (["queue"], 2, "WORKSPACE"),
        (["queue", "there", "--top", "many"], 2, "--top"),
        (["samples", "x", "--cases", "0"], 2, "--cases': expected at least 1. See: aleatoric --help"),
        (["decide", "w", "c", "--verdict", "fine"], 2, "accepted"),
        (["score", "no-such-folder"], 1, "workspace"),
        (["queue", "no-such-folder"], 1, "workspace"),
        (["export", "no-such-folder", "out"], 1, "workspace"),
        (["open", "no-such-folder"], 1, "workspace or a data set"),
        (["init", "no-such-folder"], 1, "no-such-folder"),
    ],
)
def test_wrong_use_and_failure_are_one_sentence(call, tmp_path, monkeypatch, arguments, status, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*arguments)
    assert code == status
    assert out == ""
    assert words in err
    assert err.startswith("aleatoric: ")
    assert len(err.strip().splitlines()) == 1


def test_real_processes_end_with_the_status(tmp_path):
    good = real("--version")
    assert (good.returncode, good.stdout.strip(), good.stderr) == (0, __version__, "")
    bad = real("queue", tmp_path)
    assert bad.returncode == 1
    assert bad.stdout == ""
    assert "Traceback" not in bad.stderr
    assert len(bad.stderr.strip().splitlines()) == 1
    wrong = real("queue", tmp_path, "--nonsense")
    assert wrong.returncode == 2
    assert len(wrong.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_anywhere_shows_the_traceback(tmp_path, place):
    arguments = ["queue", str(tmp_path)]
    arguments.insert(place, "--debug")
    done = real(*arguments)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "WorkspaceError" in done.stderr


def test_unexpected_errors_name_their_kind(call, monkeypatch):
    def explode(**_):
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(_main, "app", explode)
    status, _, err = call("queue")
    assert status == 1
    assert err == "aleatoric: Unexpected ZeroDivisionError: two lines (run again with --debug for the traceback)\n"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "Stopped"),
        (Cancelled("x"), 130, "Stopped"),
        (DataError("This is wrong."), 1, "This is wrong."),
        (PermissionError(13, "Permission denied", "/somewhere"), 1, "'/somewhere': Permission denied"),
    ],
)
def test_other_endings(call, monkeypatch, error, status, words):
    def end(**_):
        raise error

    monkeypatch.setattr(_main, "app", end)
    code, _, err = call("queue")
    assert code == status
    assert words in err


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("score", "goes on from there"),
        ("calibrate", "goes on from there"),
        ("export", "Nothing of it was kept; the same command begins anew"),
        ("filter", "Nothing of it was kept; the same command begins anew"),
        ("init", "Nothing of it was kept; the same command begins anew"),
        ("open", "Stopped."),
        ("samples", "The set is not complete; the same command draws it anew"),
    ],
)
@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Cancelled("x")])
def test_a_stopped_verb_says_what_the_same_command_does(call, monkeypatch, verb, words, stop):
    def end(**_):
        raise stop

    monkeypatch.setattr(_main, "app", end)
    code, _, err = call(verb, "w")
    assert code == 130
    assert words in err
    assert ("goes on" in err) == ("goes on" in words)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_interrupt_stops_at_the_next_step(tmp_path):
    command = [sys.executable, "-m", "napari_aleatoric.cli", "samples", str(tmp_path / "set"), "--cases", "500"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not list((tmp_path / "set" / "imagesTr").glob("abdomen_*")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("aleatoric: Stopped.")


def test_help_names_every_verb_and_no_hidden_one(call):
    status, out, _ = call("--help")
    assert status == 0
    for verb in ("demo", "samples", "init", "score", "queue", "decide", "export", "open", "doctor"):
        assert verb in out
    assert "tour" not in out


def test_starting_is_light():
    code = (
        "import sys, napari_aleatoric.cli\n"
        "heavy = {'napari', 'qtpy', 'torch', 'sklearn', 'SimpleITK', 'distributed', 'scipy', 'sqlalchemy'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
