"""Which way the patient's left and right are drawn."""

from __future__ import annotations

from napari.components import ViewerModel

from napari_aleatoric.session import facing

__all__ = ["face", "signs_on_canvas"]


def face(viewer: ViewerModel, *, neurological: bool, head_up: bool = False) -> None:
    """Draw the slices of an upright volume as one convention has it; voxels stay as they are.

    In 3-D nothing is mirrored: the camera walks round the patient there, and left would no longer be left.

    Parameters
    ----------
    viewer : ViewerModel
        Whose camera.
    neurological : bool
        The patient's left is drawn at the left; else at the right, as radiologists have it.
    head_up : bool
        Where the slice has a z axis, the head is drawn at the top.
    """
    dims, camera = viewer.dims, viewer.scene.camera
    ways = ("down", "right")
    if dims.ndisplay == 2 and dims.ndim == 3:
        down, right = dims.displayed
        ways = facing(down, right, neurological=neurological, head_up=head_up)
    wanted = ("away", *ways)
    if tuple(str(way) for way in camera.orientation) != wanted:
        camera.orientation = wanted


def signs_on_canvas(viewer: ViewerModel) -> tuple[int, int]:
    """Return 1 where an axis (down, right) of the world runs down or right on the canvas, -1 where it runs back."""
    _, vertical, horizontal = (str(way) for way in viewer.scene.camera.orientation)
    return (1 if vertical == "down" else -1), (1 if horizontal == "right" else -1)
