"""The one table of keys: defaults, the user's changes, and what napari already uses. No Qt in here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import write_whole

from ._action import Action
from ._habit_keys import HABIT_ACTIONS
from ._presets import PRESETS
from ._region_keys import REGION_ACTIONS

__all__ = ["ACTIONS", "Action", "Binding", "KeyTable", "normalised"]


_FORMAT = "keys of napari-aleatoric"

ACTIONS: tuple[Action, ...] = (
    Action("next_item", "Next case", "Walk", "N"),
    Action("previous_item", "Previous case", "Walk", "Shift+N"),
    Action("next_pending", "Next case that is still pending", "Walk", "Ctrl+Shift+N"),
    Action("jump_hottest", "Jump to the hottest place, then the next", "Walk", "J"),
    Action("jump_back", "Back to the place before", "Walk", "Shift+J"),
    Action("accept", "Accept this label", "Verdict", "A"),
    Action("correct", "Save and record as corrected", "Verdict", "D"),
    Action("reject", "Reject this label", "Verdict", "R"),
    Action("exclude", "Exclude this case from learning", "Verdict", "Q"),
    Action("skip", "Skip for now", "Verdict", "K"),
    Action("undo_decision", "Take back my last decision", "Verdict", "U"),
    Action("write_comment", "Write a comment", "Verdict", "I"),
    Action("save_label", "Save the label as a new version", "Label", "S"),
    Action("answer_reading", "Answer my reading", "Label", "Shift+A"),
    Action("paint_barred", "Paint what is not to be learned from, on or off", "Label", "Shift+D"),
    Action("segment_box", "Segment by boxes, on or off", "Label", "Shift+B"),
    Action("segment_points", "Segment by points, on or off", "Label", "Shift+P"),
    Action("segment_words", "Segment by words", "Label", "Shift+W"),
    Action("show_models", "Get and choose frozen models", "Label", "Shift+M"),
    Action("show_edit", "Correct the label: all tools", "Edit", "Ctrl+Shift+E"),
    Action("edit_interpolate", "Draw the class between painted slices", "Edit", "Shift+I"),
    Action("edit_fill_holes", "Fill holes of the class", "Edit", ""),
    Action("edit_remove_small", "Remove small parts of the class", "Edit", ""),
    Action("edit_keep_largest", "Keep the largest part of the class only", "Edit", ""),
    Action("edit_smooth", "Smooth the border of the class", "Edit", ""),
    Action("edit_grow", "Grow the class", "Edit", ""),
    Action("edit_shrink", "Shrink the class", "Edit", ""),
    Action("edit_copy_before", "Copy the class from the slice before", "Edit", ""),
    Action("edit_copy_after", "Copy the class from the slice after", "Edit", ""),
    Action("edit_take_region", "Take over the region of the other label under the mouse", "Edit", "Ctrl+Shift+K"),
    Action("edit_next_brush", "Next kind of brush", "Edit", ""),
    Action("edit_lock", "Lock the class, or unlock it", "Edit", "Ctrl+Shift+L"),
    Action("next_question", "Next of the four questions", "View", "Shift+Q"),
    Action("toggle_heatmap", "Heatmap on or off", "View", "H"),
    Action("toggle_label", "Label on or off", "View", "W"),
    Action("toggle_outline", "Label as outline or filled", "View", "T"),
    Action("toggle_original", "Original label on or off", "View", "G"),
    Action("toggle_planes", "Axial, coronal, sagittal and 3-D, or one view", "View", "F12"),
    Action("toggle_crosshair", "Crosshair of the planes on or off", "View", "Shift+H"),
    Action("enlarge_plane", "Give the room to the next plane, then to all", "View", "Shift+Z"),
    Action("show_explore", "Plot the scores, filter, export", "View", "Shift+X"),
    Action("show_readers", "Compare readers, settle where they differ", "View", "Shift+R"),
    Action("show_training", "Train on the reviewed labels", "Job", "Shift+T"),
    Action("report_case", "Report of this case", "Job", ""),
    Action("report_review", "Report of the review", "Job", ""),
    Action("open_folder", "Open a data set or a workspace", "Job", ""),
    Action("score", "Score the labels in the background", "Job", ""),
    Action("cancel_job", "Cancel the background job", "Job", ""),
    *REGION_ACTIONS,
    *HABIT_ACTIONS,
    Action("show_keys", "Show this table of keys", "Help", "?"),
)


@dataclass(frozen=True)
class Binding:
    """An action with its present key and what stands in its way.

    Parameters
    ----------
    action : Action
        What it does.
    key : str
        Present key; "" for none.
    conflict : str
        "" if the key works, else who else uses it, in words; the key is then not bound.
    """

    action: Action
    key: str
    conflict: str = ""


def normalised(key: str) -> str:
    """Bring a key name into one spelling: modifiers in Qt's order, single letters upper case."""
    if not key:
        return ""
    parts = ["+"] if key == "+" else [p.strip() for p in key.split("+") if p.strip()]
    order = {"ctrl": "Ctrl", "control": "Ctrl", "meta": "Meta", "alt": "Alt", "shift": "Shift"}
    modifiers = {order[p.lower()] for p in parts if p.lower() in order}
    main = [p for p in parts if p.lower() not in order]
    if len(main) != 1:
        raise DataError(f"Expected one key with optional Ctrl, Alt, Shift or Meta, got '{key}'.")
    name = main[0].upper() if len(main[0]) == 1 else main[0][0].upper() + main[0][1:]
    return "+".join([m for m in ("Ctrl", "Meta", "Alt", "Shift") if m in modifiers] + [name])


def _read_keys(path: Path) -> dict[str, str]:
    """Read what `KeyTable.export` wrote."""
    try:
        found = json.loads(path.read_text("utf-8"))
        keys = found["keys"] if found[_FORMAT] == 1 else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        keys = None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise DataError(f"Expected a table of keys that was saved here, got '{path.name}'. Choose another file.")
    return {str(name): normalised(key) for name, key in keys.items()}


class KeyTable:
    """Keys of the program, as the user has them.

    Parameters
    ----------
    path : Path, optional
        File with the user's changes; by default in the user's configuration folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or user_config_path("napari-aleatoric") / "keys.json"
        self._changes = self._read()

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        known = {a.name for a in ACTIONS}
        if not isinstance(found, dict):
            return {}
        return {str(k): str(v) for k, v in found.items() if k in known}

    def bindings(self, taken: Mapping[str, str] | None = None) -> tuple[Binding, ...]:
        """Return every action with its key and conflict.

        Parameters
        ----------
        taken : mapping of str to str, optional
            Keys that napari uses (normalised) and for what.
        """
        taken = taken or {}
        result: list[Binding] = []
        used: dict[str, str] = {}
        for action in ACTIONS:
            key = self._changes.get(action.name, action.key)
            conflict = ""
            if key in taken:
                conflict = f"napari uses it: {taken[key]}"
            elif key and key in used:
                conflict = f"already used: {used[key]}"
            elif key:
                used[key] = action.title
            result.append(Binding(action, key, conflict))
        return tuple(result)

    def change(self, name: str, key: str, taken: Mapping[str, str] | None = None) -> None:
        """Give an action another key ("" for none) and keep that for the next start.

        Raises
        ------
        DataError
            If the key is no key, or something else uses it.
        """
        key = normalised(key)
        before = dict(self._changes)
        self._changes[name] = key
        mine = next(b for b in self.bindings(taken) if b.action.name == name)
        clash = [b for b in self.bindings(taken) if b.key == key and b.action.name != name]
        if key and (mine.conflict or clash):
            self._changes = before
            reason = mine.conflict or f"already used: {clash[0].action.title}"
            raise DataError(f"'{key}' cannot be used for '{mine.action.title}' ({reason}). Choose another key.")
        if key == mine.action.key:
            del self._changes[name]
        self._write()

    def reset(self, preset: str = "napari-like") -> None:
        """Go back to the defaults, or to another preset's keys."""
        self._changes = dict(PRESETS[preset])
        self._write()

    @property
    def preset(self) -> str:
        """Name of the preset that the keys are; "" where some were changed since."""
        return next((name for name, changes in PRESETS.items() if changes == self._changes), "")

    def export(self, path: Path) -> None:
        """Write all actions with their keys into a file that `take` reads, here or on another computer."""
        keys = {binding.action.name: binding.key for binding in self.bindings()}
        write_whole(path, json.dumps({_FORMAT: 1, "keys": keys}, indent=2, ensure_ascii=False).encode())

    def take(self, path: Path, taken: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Take the keys of a file that `export` wrote; of actions that it does not name, the defaults.

        Returns
        -------
        tuple of str
            What was left out, in sentences: actions that this program does not have.

        Raises
        ------
        DataError
            If it is no such file, or two actions, or one and napari, would have the same key; nothing is changed.
        """
        wanted = _read_keys(path)
        defaults = {action.name: action.key for action in ACTIONS}
        before = self._changes
        self._changes = {n: k for n, k in wanted.items() if n in defaults and k != defaults[n]}
        if clash := next((b for b in self.bindings(taken) if b.conflict), None):
            self._changes = before
            raise DataError(
                f"'{clash.key}' in '{path.name}' cannot be used for '{clash.action.title}' ({clash.conflict}). "
                "Change it there and load the file again."
            )
        self._write()
        return tuple(f"There is no action '{name}' here." for name in wanted if name not in defaults)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps(self._changes, indent=2, sort_keys=True).encode())
