"""Under which name a person reads: kept for the next start."""

from __future__ import annotations

import json
from pathlib import Path

from platformdirs import user_config_path

from napari_aleatoric.io import check_reader_name, write_whole

__all__ = ["keep_reader_name", "kept_reader_name"]


def _file() -> Path:
    return user_config_path("napari-aleatoric") / "reader.json"


def kept_reader_name() -> str:
    """Return the name that was kept; "" for none."""
    try:
        found = json.loads(_file().read_text("utf-8"))
        return check_reader_name(str(found["reader"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def keep_reader_name(name: str) -> None:
    """Keep a name for the next start."""
    path = _file()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"reader": name}, ensure_ascii=False).encode())
