"""What reading needs, as commands of napari's palette: windows, slices, measurements."""

from __future__ import annotations

from napari.viewer import Viewer

from ._hub import hub_of

__all__ = [
    "delete_measurement",
    "first_slice",
    "last_slice",
    "measure_distance",
    "measure_ellipse",
    "measure_outline",
    "measure_rectangle",
    "page_back",
    "page_on",
    "show_measure",
    "toggle_sides",
    "toggle_wheel",
    "window_1",
    "window_2",
    "window_3",
    "window_4",
    "window_5",
    "window_6",
    "window_7",
    "window_8",
    "window_9",
    "window_reset",
]


def _perform(viewer: Viewer, name: str) -> None:
    hub_of(viewer).performers()[name]()


def delete_measurement(viewer: Viewer) -> None:
    """Delete the last measurement."""
    _perform(viewer, "delete_measurement")


def first_slice(viewer: Viewer) -> None:
    """First slice."""
    _perform(viewer, "first_slice")


def last_slice(viewer: Viewer) -> None:
    """Last slice."""
    _perform(viewer, "last_slice")


def measure_distance(viewer: Viewer) -> None:
    """Measure a distance."""
    _perform(viewer, "measure_distance")


def measure_ellipse(viewer: Viewer) -> None:
    """Measure in an ellipse."""
    _perform(viewer, "measure_ellipse")


def measure_outline(viewer: Viewer) -> None:
    """Measure in an outline."""
    _perform(viewer, "measure_outline")


def measure_rectangle(viewer: Viewer) -> None:
    """Measure in a rectangle."""
    _perform(viewer, "measure_rectangle")


def page_back(viewer: Viewer) -> None:
    """Ten slices back."""
    _perform(viewer, "page_back")


def page_on(viewer: Viewer) -> None:
    """Ten slices on."""
    _perform(viewer, "page_on")


def toggle_sides(viewer: Viewer) -> None:
    """Patient's left at the right, or at the left (neurological)."""
    _perform(viewer, "toggle_sides")


def show_measure(viewer: Viewer) -> None:
    """Measurements and figures of the label."""
    _perform(viewer, "show_measure")


def toggle_wheel(viewer: Viewer) -> None:
    """Wheel: slices (Ctrl zooms) or as napari has it."""
    _perform(viewer, "toggle_wheel")


def window_1(viewer: Viewer) -> None:
    """Window 1: CT brain, else 0.5 – 99.5 %."""
    _perform(viewer, "window_1")


def window_2(viewer: Viewer) -> None:
    """Window 2: CT subdural, else 1 – 99 %."""
    _perform(viewer, "window_2")


def window_3(viewer: Viewer) -> None:
    """Window 3: CT stroke, else 2 – 98 %."""
    _perform(viewer, "window_3")


def window_4(viewer: Viewer) -> None:
    """Window 4: CT lung, else full range."""
    _perform(viewer, "window_4")


def window_5(viewer: Viewer) -> None:
    """Window 5: CT bone."""
    _perform(viewer, "window_5")


def window_6(viewer: Viewer) -> None:
    """Window 6: CT soft tissue."""
    _perform(viewer, "window_6")


def window_7(viewer: Viewer) -> None:
    """Window 7: CT liver."""
    _perform(viewer, "window_7")


def window_8(viewer: Viewer) -> None:
    """Window 8: CT mediastinum."""
    _perform(viewer, "window_8")


def window_9(viewer: Viewer) -> None:
    """Window 9: CT full range."""
    _perform(viewer, "window_9")


def window_reset(viewer: Viewer) -> None:
    """Each case in its own window again."""
    _perform(viewer, "window_reset")
