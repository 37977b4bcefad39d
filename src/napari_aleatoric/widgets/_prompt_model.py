"""Which model answers the prompts: changing it, and keeping the choice for the next start. No Qt in here."""

from __future__ import annotations

import json
from pathlib import Path

from platformdirs import user_config_path
from psygnal import Signal

from napari_aleatoric.io import write_whole
from napari_aleatoric.session import Kind, Models, Notice

from ._segmenting import Segmenting

__all__ = ["PromptModel"]


class PromptModel:
    """The model that answers prompts in one window.

    Parameters
    ----------
    models : Models
        Which there are.
    segmenting : Segmenting
        What asks them.
    path : Path, optional
        Where the choice is kept; by default in the user's configuration folder.
    """

    changed = Signal(str)  # the model that answers from now on; also told when a choice was refused
    refused = Signal(object)  # Notice

    def __init__(self, models: Models, segmenting: Segmenting, path: Path | None = None) -> None:
        self._models, self._segmenting = models, segmenting
        self._path = path or user_config_path("napari-aleatoric") / "models.json"
        self._late: Notice | None = None  # told with the first prompt: nobody looks for it before
        self._recall()
        segmenting.model_changed.connect(self._chosen)
        segmenting.mode_changed.connect(self._tell_late)

    @property
    def name(self) -> str:
        """The model that answers."""
        return self._segmenting.prompting.model

    def use(self, name: str) -> None:
        """Take another model; one that cannot be used leaves the present one, and says why."""
        row = self._models.row(name)
        why = f"There is no model '{name}'." if row is None else row.why_not
        if why:
            text = f"{name} cannot be used, so the prompts go on with {self.name}. {why}"
            self.refused.emit(Notice(text, Kind.WARNING))
            self.changed.emit(self.name)
            return
        self._segmenting.use(name)

    def _recall(self) -> None:
        name = self._read()
        row = self._models.row(name) if name and name != self.name else None
        if row is None:
            return
        if row.why_not:
            text = f"{name}, which you chose last time, cannot be used; {self.name} is taken instead. {row.why_not}"
            self._late = Notice(text, Kind.WARNING)
            return
        self._segmenting.use(name)

    def _chosen(self, name: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps({"prompts": name}).encode())
        self.changed.emit(name)

    def _tell_late(self, mode: str) -> None:
        if mode and self._late is not None:
            late, self._late = self._late, None
            self.refused.emit(late)

    def _read(self) -> str:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return ""
        name = found.get("prompts") if isinstance(found, dict) else None
        return name if isinstance(name, str) else ""
