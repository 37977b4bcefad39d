"""A folder that nnU-Net works in: it looks for its three places in the environment, and keeps what it found."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

__all__ = ["nnunet_home", "quiet"]

_PLACES = {"nnUNet_raw": "raw", "nnUNet_preprocessed": "preprocessed", "nnUNet_results": "results"}
_PROCESSES = "nnUNet_n_proc_DA"
_HABITS = {"nnUNet_compile": "f", _PROCESSES: "0"}


@contextmanager
def nnunet_home(folder: Path, *, planning: bool = False) -> Iterator[None]:
    """Let nnU-Net read and write below a folder until the block ends.

    It neither compiles networks nor starts processes of its own, unless the environment asks for it
    (``nnUNet_compile``, ``nnUNet_n_proc_DA``): a job of this program may run in a process that must have none.

    Parameters
    ----------
    folder : Path
        With ``raw``, ``preprocessed`` and ``results``.
    planning : bool
        Whether nnU-Net plans: it then sets as many threads as it would have processes, and 0 is no number of
        threads.
    """
    wanted = {name: str(folder / place) for name, place in _PLACES.items()}
    wanted |= {name: value for name, value in _HABITS.items() if name not in os.environ}
    if planning and wanted.get(_PROCESSES, os.environ.get(_PROCESSES)) == "0":
        wanted[_PROCESSES] = "1"
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        import nnunetv2.paths  # noqa: F401

        _point()
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _point()


def _point() -> None:
    """Give the places of the environment to every module of nnU-Net that keeps them."""
    for name, module in list(sys.modules.items()):
        if name.startswith("nnunetv2"):
            for place in _PLACES:
                if hasattr(module, place):
                    setattr(module, place, os.environ.get(place))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what nnU-Net prints off the standard output, where results are said."""
    with redirect_stdout(io.StringIO()):
        yield
