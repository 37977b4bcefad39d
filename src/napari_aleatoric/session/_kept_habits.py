"""How a person reads images: windows, the wheel. Kept for the next start."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_config_path
from psygnal import Signal
from pydantic import BaseModel, ConfigDict, ValidationError

from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.io import write_whole

__all__ = ["Habits", "WindowWish"]


class WindowWish(BaseModel):
    """How images of one kind are wished to be shown: a preset by its name, or limits made by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str = ""
    limits: tuple[float, float] | None = None


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")

    windows: dict[str, WindowWish] = {}
    wheel_scrolls: bool = True
    neurological: bool = False


class Habits:
    """Wishes about reading, as one file in the user's configuration folder.

    Parameters
    ----------
    path : Path, optional
        The file. One that is not understood counts as none; one that cannot be written keeps nothing.
    """

    wheel_changed = Signal(bool)
    sides_changed = Signal(bool)

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or user_config_path("napari-aleatoric") / "habits.json"
        try:
            self._kept = _Kept.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            self._kept = _Kept()
        self._is_kept = True

    @property
    def windows(self) -> dict[str, WindowWish]:
        """The wished window by kind of intensities ("CT", "MR", …, "" for unknown)."""
        return self._kept.windows

    def keep_window(self, kind: str, wish: WindowWish | None) -> None:
        """Wish a window for a kind of intensities; None for none."""
        windows = {k: v for k, v in self._kept.windows.items() if k != kind}
        self._kept.windows = windows if wish is None else {**windows, kind: wish}
        self._is_kept = False

    @property
    def wheel_scrolls(self) -> bool:
        """Whether the wheel scrolls through slices, and zooms with Ctrl; else as napari has it."""
        return self._kept.wheel_scrolls

    @wheel_scrolls.setter
    def wheel_scrolls(self, on: bool) -> None:
        if on != self._kept.wheel_scrolls:
            self._kept.wheel_scrolls = on
            self._is_kept = False
            self.wheel_changed.emit(on)

    @property
    def neurological(self) -> bool:
        """Whether the patient's left is drawn at the left; else at the right, as radiologists have it."""
        return self._kept.neurological

    @neurological.setter
    def neurological(self, on: bool) -> None:
        if on != self._kept.neurological:
            self._kept.neurological = on
            self._is_kept = False
            self.sides_changed.emit(on)

    def save(self) -> None:
        """Write what has changed; not at every move of a mouse."""
        if self._is_kept:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, self._kept.model_dump_json(indent=1).encode())
        except (OSError, WorkspaceError):  # a habit that is not kept must not stop anybody from reading
            return
        self._is_kept = True
