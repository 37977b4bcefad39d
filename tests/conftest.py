"""Fixtures that every test may use."""

from __future__ import annotations

import faulthandler
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pytest

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

# two threads at most: test machines are small and shared
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "2")

_LAST_WORDS = pytest.StashKey[TextIO]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep what is known of a crash in a file: what is printed then is lost with the captured output."""
    folder = config.rootpath / ".pytest_cache"
    folder.mkdir(exist_ok=True)
    words = (folder / "crash.txt").open("w", buffering=1, encoding="utf-8")
    config.stash[_LAST_WORDS] = words
    from pytestqt.logging import _QtMessageCapture

    handle = _QtMessageCapture._handle_with_context

    def kept(self: object, kind: object, context: object, message: str) -> None:
        if getattr(kind, "name", "") == "QtFatalMsg":
            words.write(f"Qt: {message}\n")
        handle(self, kind, context, message)

    _QtMessageCapture._handle_with_context = kept
    logging.getLogger("vispy").addHandler(logging.StreamHandler(words))  # where it took Qt's messages over


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Name the test that runs; Qt's last message and the stacks follow if it is its last."""
    words = item.config.stash[_LAST_WORDS]
    words.seek(0)
    words.truncate()
    words.write(f"{item.nodeid}\n")
    faulthandler.enable(words)
    return (yield)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of its own; skips where none is installed."""
    from tests.postgres_server import postgres_server

    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the public medical images that `tests/real/README.md` names; skips where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ALEATORIC_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip("the folder of public test images is absent (set ALEATORIC_TEST_DATA)")
    return folder
