"""Every action as a command of napari's palette."""

from __future__ import annotations

from napari.viewer import Viewer

from ._habit_commands import (
    delete_measurement,
    first_slice,
    last_slice,
    measure_distance,
    measure_ellipse,
    measure_outline,
    measure_rectangle,
    page_back,
    page_on,
    show_measure,
    toggle_sides,
    toggle_wheel,
    window_1,
    window_2,
    window_3,
    window_4,
    window_5,
    window_6,
    window_7,
    window_8,
    window_9,
    window_reset,
)
from ._hub import hub_of
from ._plane_commands import enlarge_plane, toggle_crosshair, toggle_planes

__all__ = [
    "accept",
    "accept_region",
    "answer_reading",
    "cancel_job",
    "correct",
    "delete_measurement",
    "edit_copy_after",
    "edit_copy_before",
    "edit_fill_holes",
    "edit_grow",
    "edit_interpolate",
    "edit_keep_largest",
    "edit_lock",
    "edit_next_brush",
    "edit_remove_small",
    "edit_shrink",
    "edit_smooth",
    "edit_take_region",
    "enlarge_plane",
    "exclude",
    "exclude_region",
    "finish_regions",
    "first_slice",
    "jump_back",
    "jump_hottest",
    "last_slice",
    "measure_distance",
    "measure_ellipse",
    "measure_outline",
    "measure_rectangle",
    "next_hot_region",
    "next_item",
    "next_pending",
    "next_question",
    "open_folder",
    "page_back",
    "page_on",
    "paint_barred",
    "previous_hot_region",
    "previous_item",
    "reject",
    "repaint_region",
    "report_case",
    "report_review",
    "save_label",
    "score",
    "segment_box",
    "segment_points",
    "segment_words",
    "show_edit",
    "show_explore",
    "show_keys",
    "show_measure",
    "show_models",
    "show_readers",
    "show_regions",
    "show_training",
    "skip",
    "toggle_crosshair",
    "toggle_heatmap",
    "toggle_label",
    "toggle_original",
    "toggle_outline",
    "toggle_planes",
    "toggle_sides",
    "toggle_wheel",
    "undo_decision",
    "undo_region",
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
    "write_comment",
]


def _perform(viewer: Viewer, name: str) -> None:
    hub_of(viewer).performers()[name]()


def accept(viewer: Viewer) -> None:
    """Accept this label."""
    _perform(viewer, "accept")


def answer_reading(viewer: Viewer) -> None:
    """Answer my reading."""
    _perform(viewer, "answer_reading")


def cancel_job(viewer: Viewer) -> None:
    """Cancel the background job."""
    _perform(viewer, "cancel_job")


def correct(viewer: Viewer) -> None:
    """Save and record as corrected."""
    _perform(viewer, "correct")


def show_edit(viewer: Viewer) -> None:
    """Correct the label: all tools."""
    _perform(viewer, "show_edit")


def edit_copy_after(viewer: Viewer) -> None:
    """Copy the class from the slice after."""
    _perform(viewer, "edit_copy_after")


def edit_copy_before(viewer: Viewer) -> None:
    """Copy the class from the slice before."""
    _perform(viewer, "edit_copy_before")


def edit_fill_holes(viewer: Viewer) -> None:
    """Fill holes of the class."""
    _perform(viewer, "edit_fill_holes")


def edit_grow(viewer: Viewer) -> None:
    """Grow the class."""
    _perform(viewer, "edit_grow")


def edit_interpolate(viewer: Viewer) -> None:
    """Draw the class between painted slices."""
    _perform(viewer, "edit_interpolate")


def edit_keep_largest(viewer: Viewer) -> None:
    """Keep the largest part of the class only."""
    _perform(viewer, "edit_keep_largest")


def edit_lock(viewer: Viewer) -> None:
    """Lock the class, or unlock it."""
    _perform(viewer, "edit_lock")


def edit_next_brush(viewer: Viewer) -> None:
    """Next kind of brush."""
    _perform(viewer, "edit_next_brush")


def edit_remove_small(viewer: Viewer) -> None:
    """Remove small parts of the class."""
    _perform(viewer, "edit_remove_small")


def edit_shrink(viewer: Viewer) -> None:
    """Shrink the class."""
    _perform(viewer, "edit_shrink")


def edit_smooth(viewer: Viewer) -> None:
    """Smooth the border of the class."""
    _perform(viewer, "edit_smooth")


def edit_take_region(viewer: Viewer) -> None:
    """Take over the region of the other label under the mouse."""
    _perform(viewer, "edit_take_region")


def exclude(viewer: Viewer) -> None:
    """Exclude this case from learning."""
    _perform(viewer, "exclude")


def jump_back(viewer: Viewer) -> None:
    """Back to the place before."""
    _perform(viewer, "jump_back")


def jump_hottest(viewer: Viewer) -> None:
    """Jump to the hottest place, then the next."""
    _perform(viewer, "jump_hottest")


def next_item(viewer: Viewer) -> None:
    """Next case."""
    _perform(viewer, "next_item")


def next_pending(viewer: Viewer) -> None:
    """Next case that is still pending."""
    _perform(viewer, "next_pending")


def open_folder(viewer: Viewer) -> None:
    """Open a data set or a workspace."""
    _perform(viewer, "open_folder")


def paint_barred(viewer: Viewer) -> None:
    """Paint what is not to be learned from, on or off."""
    _perform(viewer, "paint_barred")


def previous_item(viewer: Viewer) -> None:
    """Previous case."""
    _perform(viewer, "previous_item")


def reject(viewer: Viewer) -> None:
    """Reject this label."""
    _perform(viewer, "reject")


def report_case(viewer: Viewer) -> None:
    """Report of this case."""
    _perform(viewer, "report_case")


def report_review(viewer: Viewer) -> None:
    """Report of the review."""
    _perform(viewer, "report_review")


def save_label(viewer: Viewer) -> None:
    """Save the label as a new version."""
    _perform(viewer, "save_label")


def score(viewer: Viewer) -> None:
    """Score the labels in the background."""
    _perform(viewer, "score")


def segment_box(viewer: Viewer) -> None:
    """Segment by boxes, on or off."""
    _perform(viewer, "segment_box")


def segment_points(viewer: Viewer) -> None:
    """Segment by points, on or off."""
    _perform(viewer, "segment_points")


def segment_words(viewer: Viewer) -> None:
    """Segment by words."""
    _perform(viewer, "segment_words")


def show_explore(viewer: Viewer) -> None:
    """Plot the scores, filter, export."""
    _perform(viewer, "show_explore")


def show_keys(viewer: Viewer) -> None:
    """Show this table of keys."""
    _perform(viewer, "show_keys")


def show_models(viewer: Viewer) -> None:
    """Get and choose frozen models."""
    _perform(viewer, "show_models")


def show_readers(viewer: Viewer) -> None:
    """Compare readers, settle where they differ."""
    _perform(viewer, "show_readers")


def show_training(viewer: Viewer) -> None:
    """Train on the reviewed labels."""
    _perform(viewer, "show_training")


def skip(viewer: Viewer) -> None:
    """Skip for now."""
    _perform(viewer, "skip")


def next_question(viewer: Viewer) -> None:
    """Next of the four questions."""
    _perform(viewer, "next_question")


def toggle_heatmap(viewer: Viewer) -> None:
    """Heatmap on or off."""
    _perform(viewer, "toggle_heatmap")


def toggle_label(viewer: Viewer) -> None:
    """Label on or off."""
    _perform(viewer, "toggle_label")


def toggle_original(viewer: Viewer) -> None:
    """Original label on or off."""
    _perform(viewer, "toggle_original")


def toggle_outline(viewer: Viewer) -> None:
    """Label as outline or filled."""
    _perform(viewer, "toggle_outline")


def undo_decision(viewer: Viewer) -> None:
    """Take back my last decision."""
    _perform(viewer, "undo_decision")


def write_comment(viewer: Viewer) -> None:
    """Write a comment."""
    _perform(viewer, "write_comment")


def next_hot_region(viewer: Viewer) -> None:
    """Go to the next hot region."""
    _perform(viewer, "next_hot_region")


def previous_hot_region(viewer: Viewer) -> None:
    """Go to the hot region before."""
    _perform(viewer, "previous_hot_region")


def accept_region(viewer: Viewer) -> None:
    """Say that the label is right in this region."""
    _perform(viewer, "accept_region")


def repaint_region(viewer: Viewer) -> None:
    """Say that this region was repainted."""
    _perform(viewer, "repaint_region")


def exclude_region(viewer: Viewer) -> None:
    """Do not learn from this region."""
    _perform(viewer, "exclude_region")


def undo_region(viewer: Viewer) -> None:
    """Take back what I said of this region."""
    _perform(viewer, "undo_region")


def finish_regions(viewer: Viewer) -> None:
    """Record the case, once all regions are settled."""
    _perform(viewer, "finish_regions")


def show_regions(viewer: Viewer) -> None:
    """List the hot regions."""
    _perform(viewer, "show_regions")
