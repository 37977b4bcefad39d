"""Opening the plugin stays light, and every folder offers what it says it offers."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import napari_aleatoric

HEAVY = ("torch", "monai", "open_clip", "segment_anything", "distributed", "pyqtgraph")
FOLDERS = sorted(
    info.name for info in pkgutil.iter_modules(napari_aleatoric.__path__, "napari_aleatoric.") if info.ispkg
)
MANIFEST = Path(napari_aleatoric.__file__).with_name("napari.yaml")


def modules_after(code: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has loaded after running some code."""
    program = f"{code}\nimport json, sys; print('\\n' + json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert out.returncode == 0, out.stderr
    return set(json.loads(out.stdout.splitlines()[-1]))


def commands() -> list[str]:
    from npe2 import PluginManifest

    contributions = PluginManifest.from_file(MANIFEST).contributions
    return sorted({c.python_name for c in contributions.commands or () if c.python_name})


def test_opening_the_plugin_loads_nothing_heavy() -> None:
    names = sorted({str(name).partition(":")[0] for name in commands()})
    assert names, "the manifest names no command"
    lines = ["import importlib, napari_aleatoric, napari_aleatoric.jobs, napari_aleatoric.widgets"]
    lines += [f"importlib.import_module({name!r})" for name in names]
    loaded = modules_after("\n".join(lines))
    assert set(names) <= loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("python_name", commands())
def test_every_command_of_the_manifest_exists(python_name: str) -> None:
    module, _, attribute = str(python_name).partition(":")
    assert callable(getattr(importlib.import_module(module), attribute))


@pytest.mark.parametrize(
    "folder", ["model", "io", "samples", "foundation", "uncertainty", "segmentation", "review", "jobs", "session"]
)
def test_below_the_viewer_there_is_no_window(folder: str) -> None:
    loaded = modules_after(f"import napari_aleatoric.{folder}")
    assert not {"napari", "qtpy", "PyQt6", "PySide6", *HEAVY} & loaded


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_offers_what_it_names(folder: str) -> None:
    module = importlib.import_module(folder)
    names = getattr(module, "__all__", [])
    assert len(set(names)) == len(names)
    for name in names:
        assert getattr(module, name) is not None
