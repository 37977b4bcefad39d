"""The last folders that were opened."""

from __future__ import annotations

import json
from pathlib import Path

from platformdirs import user_config_path

from napari_aleatoric.io import write_whole

__all__ = ["RecentFolders"]


class RecentFolders:
    """The last folders that were opened, kept for the next start.

    Parameters
    ----------
    path : Path, optional
        The file; by default in the user's configuration folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or user_config_path("napari-aleatoric") / "recent.json"

    def __call__(self) -> list[Path]:
        """Return those that still exist, newest first."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return []
        return [Path(p) for p in found if Path(p).is_dir()] if isinstance(found, list) else []

    def add(self, folder: Path) -> None:
        """Put a folder on top."""
        folders = [folder, *(f for f in self() if f != folder)][:8]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps([str(f) for f in folders]).encode())
