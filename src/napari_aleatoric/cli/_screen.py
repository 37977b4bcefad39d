"""A virtual screen for machines without one."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator

from napari_aleatoric.errors import AleatoricError

__all__ = ["ScreenError", "child_environment", "has_screen", "virtual_screen"]

PACKAGES = "xvfb libgl1 libegl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
_START_S = 20.0


class ScreenError(AleatoricError, RuntimeError):
    """There is no screen, and none can be made."""


def has_screen() -> bool:
    """Whether windows can be shown to somebody."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextlib.contextmanager
def virtual_screen(*, only_if_needed: bool = False, size: str = "1366x768x24") -> Iterator[str | None]:
    """Start Xvfb and give its display, e.g. ``":1"``; it ends with the block.

    Gives None where the present screen is to be used: outside Linux, where ``only_if_needed`` and there is one,
    or where there is one and Xvfb is not installed.

    Raises
    ------
    ScreenError
        If there is no screen at all, with the packages to install.
    """
    program = shutil.which("Xvfb")
    if sys.platform != "linux" or (has_screen() and (only_if_needed or program is None)):
        yield None
        return
    if program is None:
        raise ScreenError(
            f"There is no screen (DISPLAY is not set) and no virtual one. Install it with: "
            f"apt-get install {PACKAGES}"
        )
    read_end, write_end = os.pipe()
    command = [program, "-displayfd", str(write_end), "-screen", "0", size, "-nolisten", "tcp"]
    server = subprocess.Popen(
        command,
        pass_fds=[write_end],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    try:
        yield f":{_read_number(read_end)}"
    finally:
        os.close(read_end)
        server.terminate()
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _read_number(pipe: int) -> str:
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], _START_S)
        piece = os.read(pipe, 64) if ready else b""
        if not piece:
            raise ScreenError("The virtual screen (Xvfb) did not start; try it by hand: Xvfb :99")
        text += piece
    return text.decode().strip()


def child_environment(display: str | None) -> dict[str, str]:
    """Environment for a process that is to open its window there; software OpenGL on a virtual screen."""
    environment = dict(os.environ)
    if display is not None:
        environment.update(DISPLAY=display, LIBGL_ALWAYS_SOFTWARE="1")
        environment.pop("WAYLAND_DISPLAY", None)
        environment["QT_QPA_PLATFORM"] = "xcb"
    return environment
