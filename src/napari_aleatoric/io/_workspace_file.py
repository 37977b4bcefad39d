"""The file by which a folder is known as a workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import WorkspaceError

__all__ = ["FORMAT_VERSION", "WORKSPACE_FILE", "read_workspace_file"]

FORMAT_VERSION = 1
WORKSPACE_FILE = "workspace.json"


def read_workspace_file(root: Path) -> dict[str, Any]:
    """Read what a workspace knows of itself.

    Raises
    ------
    WorkspaceError
        If there is none, it is damaged, or was made by a newer version.
    """
    path = root / WORKSPACE_FILE
    if not path.is_file():
        raise WorkspaceError(
            f"{root.name} is not a workspace: it holds no {WORKSPACE_FILE}. Open a workspace folder, or make "
            "one from a data set."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = int(content["format_version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(
            f"{WORKSPACE_FILE} of the workspace {root.name} is damaged ({type(error).__name__}). Make a new "
            "workspace from the data set and move review.db and corrections/ into it."
        ) from error
    if version > FORMAT_VERSION:
        raise WorkspaceError(
            f"The workspace {root.name} has format {version}; this version knows up to {FORMAT_VERSION}. "
            "Update napari-aleatoric."
        )
    return dict(content)
