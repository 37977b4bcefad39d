"""What keys do for reading: windows and slices."""

from __future__ import annotations

from ._action import Action

__all__ = ["HABIT_ACTIONS", "N_WINDOWS"]

N_WINDOWS = 9

HABIT_ACTIONS: tuple[Action, ...] = (
    Action("page_on", "Ten slices on", "Slices", "PgDown"),
    Action("page_back", "Ten slices back", "Slices", "PgUp"),
    Action("first_slice", "First slice", "Slices", "Home"),
    Action("last_slice", "Last slice", "Slices", "End"),
    Action("toggle_wheel", "Wheel: slices (Ctrl zooms) or as napari has it", "Slices", ""),
    Action("toggle_sides", "Patient's left at the right, or at the left (neurological)", "Slices", ""),
    Action("measure_distance", "Measure a distance", "Measure", "Shift+S"),
    Action("measure_ellipse", "Measure in an ellipse", "Measure", "Shift+O"),
    Action("measure_rectangle", "Measure in a rectangle", "Measure", ""),
    Action("measure_outline", "Measure in an outline", "Measure", "Shift+K"),
    Action("delete_measurement", "Delete the last measurement", "Measure", ""),
    Action("show_measure", "Measurements and figures of the label", "Measure", "Ctrl+Shift+M"),
    Action("window_1", "Window 1: CT brain, else 0.5 – 99.5 %", "Window", "F2"),
    Action("window_2", "Window 2: CT subdural, else 1 – 99 %", "Window", "F3"),
    Action("window_3", "Window 3: CT stroke, else 2 – 98 %", "Window", "F4"),
    Action("window_4", "Window 4: CT lung, else full range", "Window", "F5"),
    Action("window_5", "Window 5: CT bone", "Window", "F6"),
    Action("window_6", "Window 6: CT soft tissue", "Window", "F7"),
    Action("window_7", "Window 7: CT liver", "Window", "F8"),
    Action("window_8", "Window 8: CT mediastinum", "Window", "F9"),
    Action("window_9", "Window 9: CT full range", "Window", ""),
    Action("window_reset", "Each case in its own window again", "Window", "0"),
)
