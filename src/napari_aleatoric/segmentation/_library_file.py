"""The prompt library as files: what may stand in them, read strictly, written whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import write_whole
from napari_aleatoric.model import Spec

__all__ = ["LibraryFile", "Structure", "Worked", "read_library_file", "read_worked", "remember"]

OWN_FILE = "prompts.yaml"
WORKED_FILE = "prompts_worked.yaml"
_MOST_WORKED = 500

Preferred = Literal["noun", "generic", "specific"]
S = TypeVar("S", bound=Spec)


class Structure(Spec):
    """One thing that can be looked for."""

    words: tuple[str, ...] = Field(default=(), description="Other names of the same thing.")
    region: str = Field(default="body", description="Part of the body.")
    paired: bool = Field(default=False, description="Whether there is one on the left and one on the right.")
    pieces: int = Field(default=1, ge=1, description="Parts that it may consist of.")
    prefers: Preferred = Field(default="generic", description="The kind of sentence that is asked.")
    looks: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="How it looks, by modality or 'any'."
    )


class LibraryFile(Spec):
    """Content of ``words.yaml`` and of a workspace's ``prompts.yaml``."""

    modalities: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="Words by modality.")
    templates: dict[Preferred, tuple[str, ...]] = Field(default_factory=dict, description="Sentences by kind.")
    structures: dict[str, Structure] = Field(default_factory=dict, description="Things by name.")

    def over(self, below: LibraryFile) -> LibraryFile:
        """Return both together; what stands here goes before what stands below."""
        templates = {
            kind: tuple(dict.fromkeys((*self.templates.get(kind, ()), *below.templates.get(kind, ()))))
            for kind in {**below.templates, **self.templates}
        }
        return LibraryFile(
            modalities={**below.modalities, **self.modalities},
            templates=templates,
            structures={**below.structures, **self.structures},
        )


class Worked(Spec):
    """Sentences with which something was found and accepted."""

    text: str = Field(min_length=1, description="What was typed.")
    sentences: tuple[str, ...] = Field(min_length=1, description="What the model was asked.")
    modality: str = Field(default="", description="CT, MR, …")
    model: str = Field(default="", description="Name of the text-image model.")
    score: float | None = Field(default=None, description="Similarity of the best slices.")
    times: int = Field(default=1, ge=1, description="How often it was accepted.")
    last: str = Field(default="", description="When last, ISO 8601, UTC.")


def read_library_file(path: Path) -> LibraryFile:
    """Read a file of words.

    Raises
    ------
    DataError
        If it is no YAML, or holds what is not understood; says what and where.
    """
    return _validated(LibraryFile, _yaml(path) or {}, path.name)


def read_worked(folder: Path) -> tuple[Worked, ...]:
    """Read what worked in a project, the latest first; nothing where there is no such file.

    Raises
    ------
    DataError
        If the file cannot be understood.
    """
    path = folder / WORKED_FILE
    if not path.is_file():
        return ()
    content = _yaml(path) or []
    if not isinstance(content, list):
        raise DataError(f"Expected a list of prompts in {path.name}. Mend it, or delete it to forget what worked.")
    rows = [_validated(Worked, each, path.name) for each in content]
    return tuple(sorted(rows, key=lambda each: each.last, reverse=True))


def remember(folder: Path, worked: Worked, *, now: datetime | None = None) -> Worked:
    """Note that sentences led to a mask that a person accepted; counted where they did before.

    Parameters
    ----------
    folder : Path
        The workspace.
    worked : Worked
        What was asked; its count and date are set here.
    now : datetime, optional
        For tests.
    """
    import yaml

    stamp = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    rows = list(read_worked(folder))
    same = [r for r in rows if (r.text, r.sentences, r.modality, r.model) == _key(worked)]
    times = 1 + sum(r.times for r in same)
    noted = worked.model_copy(update={"times": times, "last": stamp})
    kept = [noted, *(r for r in rows if r not in same)][:_MOST_WORKED]
    content = [each.model_dump(mode="json", exclude_none=True) for each in kept]
    head = "# Sentences that led to accepted masks in this project; may be edited.\n"
    text = head + yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=1000)
    write_whole(folder / WORKED_FILE, text.encode())
    return noted


def _key(worked: Worked) -> tuple[str, tuple[str, ...], str, str]:
    return (worked.text, worked.sentences, worked.modality, worked.model)


def _yaml(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where is not None else ""
        raise DataError(f"{path.name} cannot be read as YAML{line}. Mend it, or take it away.") from error


def _validated(kind: type[S], content: Any, name: str) -> S:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(f"{name} is not understood at {where}: {first['msg']}.") from error
