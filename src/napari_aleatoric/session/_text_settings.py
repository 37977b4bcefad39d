"""How words are looked for in one project: the settings a person chose, kept in the workspace."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import write_whole
from napari_aleatoric.segmentation import VolumeSpec

__all__ = ["SETTINGS_FILE", "keep_text_settings", "kept_text_settings"]

SETTINGS_FILE = "prompts_settings.json"


def kept_text_settings(folder: Path) -> VolumeSpec:
    """Return the settings that are kept in a workspace; the usual ones where there are none.

    Raises
    ------
    DataError
        If the file is not understood.
    """
    try:
        content = (folder / SETTINGS_FILE).read_bytes()
    except FileNotFoundError:
        return VolumeSpec()
    except OSError as error:
        raise DataError(
            f"{SETTINGS_FILE} cannot be read ({error.strerror}); the usual settings are taken."
        ) from error
    try:
        return VolumeSpec.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(
            f"{SETTINGS_FILE} is not understood at {where}: {first['msg']}. The usual settings are taken."
        ) from error


def keep_text_settings(folder: Path, spec: VolumeSpec) -> None:
    """Keep what differs from the usual settings; the file is one of ``aleatoric segment --spec``.

    Raises
    ------
    WorkspaceError
        If it cannot be written.
    """
    write_whole(folder / SETTINGS_FILE, (json.dumps(spec.changed(), indent=1) + "\n").encode())
