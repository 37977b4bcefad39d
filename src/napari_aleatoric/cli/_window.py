"""``open``: napari with the docks; and the same window driven by itself, for screenshots."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_aleatoric.errors import AleatoricError, WorkspaceError

from ._screen import PACKAGES, ScreenError, has_screen
from ._terminal import note

__all__ = ["SCREENSHOTS", "open_window", "show_and_wait", "tour"]

_PLUGIN = "napari-aleatoric"

SCREENSHOTS = (
    ("overlay.png", "The worst label, slice by slice: image, given label, and where it contradicts the others"),
    ("volume.png", "The same case in three dimensions"),
    ("queue.png", "The whole window: queue, reasons, verdicts, heatmap controls"),
)
"""File names and captions of what `tour` leaves behind."""


def open_window(
    folder: Annotated[Path, typer.Argument(help="A workspace or a data set.", metavar="WORKSPACE")],
) -> None:
    """Open napari with the Review and Uncertainty docks on a workspace (or a data set)."""
    if not folder.is_dir():
        raise WorkspaceError(f"Expected a folder with a workspace or a data set; '{folder.name}' is none.")
    if not has_screen():
        raise ScreenError(
            "There is no screen to open a window on (DISPLAY is not set). Work on a desktop, through ssh -X, or "
            f"with a virtual screen (packages: {PACKAGES})."
        )
    show_and_wait(folder)


def show_and_wait(folder: Path) -> None:
    """Open the window and return when the person has closed it."""
    import napari

    viewer, review = _start(folder, show=True)
    del viewer, review
    napari.run()


def _start(folder: Path, *, show: bool) -> tuple[Any, Any]:
    """Open the viewer with both docks and hand the folder to the Review dock."""
    import napari
    from npe2 import PluginManager

    viewer = napari.Viewer(title="Aleatoric Review", show=show)
    review, _ = PluginManager.instance().commands.execute(f"{_PLUGIN}.show_docks", (viewer,))
    review.hub.open(folder.resolve())
    return viewer, review


def tour(
    workspace: Annotated[Path, typer.Argument(help="A scored workspace.")],
    out: Annotated[Path, typer.Argument(help="Folder for the screenshots.")],
    timeout: Annotated[float, typer.Option(help="Patience for each step, seconds.")] = 60.0,
) -> None:
    """Drive the window through one case and write screenshots."""
    out.mkdir(parents=True, exist_ok=True)
    viewer, review = _start(workspace, show=True)
    window = viewer.window._qt_window
    window.resize(1366, 768)
    session, stage = review.hub.session, review.hub.stage
    try:
        _until(lambda: session.item is not None, timeout, "the first case of the queue")
        _until(lambda: len(viewer.layers) > 0, timeout, "its layers")
        session.options.heatmap_on = True
        place = session.next_place(+1)
        if place is not None:
            stage.jump_to(place.index_zyx)
        _settle()
        _close_notifications(window)
        viewer.screenshot(str(out / "overlay.png"), canvas_only=True, flash=False)
        viewer.window.screenshot(str(out / "queue.png"), flash=False)
        viewer.dims.ndisplay = 3
        viewer.reset_view()
        viewer.camera.set_view_direction((-0.25, 1.0, 0.3), up_direction=(1.0, 0.0, 0.0))  # from the front
        if stage.label_layer is not None:
            stage.label_layer.opacity = 0.8
        _settle()
        viewer.screenshot(str(out / "volume.png"), canvas_only=True, flash=False)
        viewer.dims.ndisplay = 2
    finally:
        review.hub.close()
        viewer.close()
        _settle(0.2)
    note(f"Screenshots are in {out}")


def _application() -> Any:
    from napari._qt.qt_event_loop import get_qapp

    return get_qapp()


def _settle(seconds: float = 1.0) -> None:
    """Let the window draw."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        _application().processEvents()
        time.sleep(0.01)


def _close_notifications(window: Any) -> None:
    """Take napari's own messages off the picture."""
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    for message in window.findChildren(NapariQtNotification):
        message.close()
    _settle(0.3)


def _until(ready: Callable[[], bool], timeout: float, what: str) -> None:
    until = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > until:
            raise AleatoricError(f"The window did not show {what} within {timeout:g} s.")
        _application().processEvents()
        time.sleep(0.01)
