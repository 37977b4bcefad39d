"""``doctor``: what is installed here and whether a window can be opened."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from napari_aleatoric import __version__

from ._terminal import print_json, print_line, print_table

__all__ = ["Finding", "doctor", "examine"]

_PACKAGES = ("napari", "numpy", "scipy", "scikit-learn", "SimpleITK", "sqlalchemy", "zarr", "distributed", "qtpy")
_BINDINGS = ("PyQt6", "PySide6", "PyQt5")
_TORCH = "import torch; print(torch.__version__, 'CUDA', torch.version.cuda or 'none', torch.cuda.is_available())"
_GL = """
from napari._qt.qt_event_loop import get_qapp
from napari.utils.info import sys_info
get_qapp()
lines = [line.strip(" -") for line in sys_info().splitlines()]
print(*[line for line in lines if line.startswith("GL")], sep="; ")
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Parameters
    ----------
    what : str
        What was looked at.
    found : str
        What was found.
    good : bool
        False where something has to be done.
    advice : str
        What to do.
    """

    what: str
    found: str
    good: bool = True
    advice: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Say what is installed, whether a window can open, and what to do where not."""
    findings = examine()
    good = all(finding.good for finding in findings)
    if as_json:
        print_json({"good": good, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [("ok" if f.good else "MISSING", f.what, f"{f.found} {f.advice}".strip()) for f in findings]
        print_table(["", "what", "found"], rows)
        print_line("Everything that is needed is here." if good else "Something is missing; see above.")
    if not good:
        raise typer.Exit(1)


def examine() -> list[Finding]:
    """Look at everything; takes some seconds, because a window system is tried in a process of its own."""
    findings = [
        Finding("napari-aleatoric", __version__),
        Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        Finding("processor cores", str(os.cpu_count() or "unknown")),
    ]
    findings += [_package(name) for name in _PACKAGES]
    findings += [_binding(), _screen(), _gl(), _torch(), _dicom(), *_folders()]
    return findings


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _package(name: str) -> Finding:
    version = _version(name)
    if version:
        return Finding(name, version)
    return Finding(name, "not installed", False, f"Install it with: pip install {name}")


def _binding() -> Finding:
    have = [f"{name} {_version(name)}" for name in _BINDINGS if importlib.util.find_spec(name) is not None]
    if have:
        return Finding("Qt binding", ", ".join(have))
    return Finding("Qt binding", "none", False, "Install one with: pip install 'napari-aleatoric[qt]'")


def _screen() -> Finding:
    if sys.platform != "linux":
        return Finding("screen", "the desktop's")
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    virtual = shutil.which("Xvfb")
    if display:
        return Finding("screen", f"{display}, virtual screen {'available' if virtual else 'not installed'}")
    if virtual:
        return Finding("screen", "none, but a virtual screen (Xvfb) is installed")
    return Finding("screen", "none, and no virtual screen", False, "Install the package xvfb.")


def _gl() -> Finding:
    from ._screen import child_environment, virtual_screen

    try:
        with virtual_screen(only_if_needed=True) as display:
            done = subprocess.run(
                [sys.executable, "-c", _GL],
                env=child_environment(display),
                capture_output=True,
                text=True,
                timeout=90,
                check=False,
            )
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        return Finding("OpenGL", f"no window could be opened ({error})", False, "See the line on the screen.")
    text = done.stdout.strip().splitlines()[-1:] or [""]
    if done.returncode == 0 and text[0]:
        return Finding("OpenGL", text[0])
    last = done.stderr.strip().splitlines()[-1:] or ["no message"]
    return Finding("OpenGL", last[0], False, "Install libgl1, libegl1 and libxcb-cursor0, or update the driver.")


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", "not installed (not needed for reviewing)")
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TORCH], capture_output=True, text=True, timeout=120, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("torch", f"cannot be tried ({error})", False)
    if done.returncode == 0:
        return Finding("torch", done.stdout.strip())
    last = done.stderr.strip().splitlines()[-1:] or ["no message"]
    return Finding("torch", f"{_version('torch')} does not load: {last[0]}", False, "Install it anew.")


def _dicom() -> Finding:
    version = _version("pydicom")
    found = f"pydicom {version}" if version else "not installed (pip install 'napari-aleatoric[dicom]')"
    return Finding("DICOM extra", found)


def _folders() -> list[Finding]:
    import platformdirs

    places = {
        "data folder": platformdirs.user_data_path("napari-aleatoric"),
        "cache folder": platformdirs.user_cache_path("napari-aleatoric"),
        "settings folder": platformdirs.user_config_path("napari-aleatoric"),
    }
    findings = []
    for name, path in places.items():
        parent = next(p for p in (path, *path.parents) if p.exists())
        writable = os.access(parent, os.W_OK)
        advice = "" if writable else "Make it writable, or set XDG_DATA_HOME, XDG_CACHE_HOME or XDG_CONFIG_HOME."
        findings.append(Finding(name, str(path), writable, advice))
    return findings
