"""The shapes in which people keep labelled images, one module each, tried in this order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._dataset_json import find_dataset_json
from ._finding import Findings, FoundCase, FoundLabel
from ._folders import find_case_folders
from ._manifest import find_manifest
from ._paired_folders import find_paired_folders

__all__ = ["FINDERS", "Findings", "FoundCase", "FoundLabel"]

Finder = Callable[[Path, Callable[[str], None]], Findings | None]
"""Takes the folder and a function that is told every folder looked into (and may raise to stop)."""

FINDERS: tuple[Finder, ...] = (
    find_manifest,
    find_dataset_json,
    find_paired_folders,
    find_case_folders,
)
