"""Which models answer prompts and words: changing them, keeping the choice for the next start. No Qt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from platformdirs import user_config_path
from psygnal import Signal

from napari_aleatoric.foundation import TEXT_IMAGE_WEIGHTS
from napari_aleatoric.io import write_whole
from napari_aleatoric.session import Kind, Models, Notice, SegmenterChoice, text_model_choices

from ._segmenting import Segmenting

__all__ = ["PromptModel"]


class PromptModel:
    """The models that answer prompts and words in one window.

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
        self._own_folder = ""
        self._recall()
        segmenting.model_changed.connect(self._chosen)
        segmenting.mode_changed.connect(self._tell_late)
        segmenting.words.model_changed.connect(self._words_chosen)

    @property
    def name(self) -> str:
        """The model that answers."""
        return self._segmenting.prompting.model

    def use(self, name: str) -> None:
        """Take another model; one that cannot be used leaves the present one, and says why.

        A text-image model becomes the one that words are looked for with.
        """
        if name in TEXT_IMAGE_WEIGHTS:
            self.use_words(name)
            return
        row = self._models.row(name)
        why = f"There is no model '{name}'." if row is None else row.why_not
        if why:
            text = f"{name} cannot be used, so the prompts go on with {self.name}. {why}"
            self.refused.emit(Notice(text, Kind.WARNING))
            self.changed.emit(self.name)
            return
        self._segmenting.use(name)

    # -- words --------------------------------------------------------------------------------------------

    @property
    def words(self) -> str:
        """The text-image model that words are looked for with; "" where there is none."""
        return self._segmenting.words.text.model

    def words_choices(self) -> list[SegmenterChoice]:
        """Return all text-image models, usable or not; where none was chosen, the first usable one is taken."""
        if not self._own_folder:
            self._own_folder = self._folder_of(self._read("words"))
        choices = text_model_choices(self._own_folder)
        if not self.words:
            ready = [choice.name for choice in choices if choice.ready]
            wished = self._read("words")
            if ready:
                self._segmenting.words.text.choose(wished if wished in ready else ready[0])
        return choices

    def use_words(self, source: str) -> None:
        """Take another text-image model, by its name or folder."""
        self._own_folder = self._folder_of(source) or self._own_folder
        choice = next((each for each in text_model_choices(self._own_folder) if each.name == source), None)
        if choice is None or not choice.ready:
            why = f"There is no text-image model '{source}'." if choice is None else choice.sentence
            self.refused.emit(Notice(why, Kind.WARNING))
            self.changed.emit(self.name)
            return
        self._segmenting.words.use(source)

    def _folder_of(self, source: str) -> str:
        return source if source and Path(source).is_dir() else ""

    def _words_chosen(self, source: str) -> None:
        self._write(words=source)
        self.changed.emit(self.name)

    # -- keeping --------------------------------------------------------------------------------------------

    def _recall(self) -> None:
        name = self._read("prompts")
        other = name and name != self.name and name not in TEXT_IMAGE_WEIGHTS
        row = self._models.row(name) if other else None
        if row is None:
            return
        if row.why_not:
            text = f"{name}, which you chose last time, cannot be used; {self.name} is taken instead. {row.why_not}"
            self._late = Notice(text, Kind.WARNING)
            return
        self._segmenting.use(name)

    def _chosen(self, name: str) -> None:
        self._write(prompts=name)
        self.changed.emit(name)

    def _tell_late(self, mode: str) -> None:
        if mode and self._late is not None:
            late, self._late = self._late, None
            self.refused.emit(late)

    def _write(self, **choice: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps({**self._kept(), **choice}).encode())

    def _read(self, what: str) -> str:
        name = self._kept().get(what)
        return name if isinstance(name, str) else ""

    def _kept(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
