"""One training of a workspace at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.io import try_lock

__all__ = ["alone"]


@contextmanager
def alone(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder for this process until the block ends or the process dies.

    Parameters
    ----------
    folder : Path
        Made where it is absent.
    doing : str
        As it follows "This workspace is being": "retrained".

    Raises
    ------
    DataError
        If another process has it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("ab", buffering=0)
    except OSError as error:
        raise WorkspaceError(
            f"The folder {folder.name} of the workspace cannot be written "
            f"({error.strerror or type(error).__name__}). Check free space and permissions."
        ) from error
    with stream:
        if not try_lock(stream):
            raise DataError(f"This workspace is being {doing} already; wait for the end of it, or stop it.")
        yield
