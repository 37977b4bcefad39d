"""Which files of a folder hold the probabilities of which case, by their names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import ClassTable

from ._formats import VOLUME_SUFFIXES

__all__ = ["ProbabilityFiles", "ProbabilityFolder"]

_SUFFIXES = (".npz", ".npy", *VOLUME_SUFFIXES)  # the first that is there counts
_EXTRA = ("", "_probabilities", "_probability", "_probs", "_prob", "_softmax")  # behind the name of a case
_BACKGROUND = ("0", "background", "bg")
_NO_PART = ("prob", "probs", "probability", "probabilities", "softmax", "u8")  # words that name no class


@dataclass(frozen=True)
class ProbabilityFiles:
    """The files of one case.

    Parameters
    ----------
    case_id : str
        The case.
    paths : tuple of Path
        One with all classes, or one for each of several classes.
    class_indices : tuple of int
        Class of each file; empty where one file holds all.
    """

    case_id: str
    paths: tuple[Path, ...]
    class_indices: tuple[int, ...] = ()


class ProbabilityFolder:
    """A folder, with its subfolders, that another program has written probabilities into.

    A case ``a`` is one file ``a.npz`` (as nnU-Net's ``--save_probabilities`` writes it), ``a.npy`` or a volume with
    several channels such as ``a.nii.gz``; or one volume per class, in a folder ``a`` or with names that begin with
    ``a_``, named by the class or its label value, such as ``a/liver.nii.gz``, ``a_prob_2.nii.gz``.

    Parameters
    ----------
    root : Path
        The folder.
    classes : ClassTable
        Of the data set.

    Raises
    ------
    NotFoundError
        If there is no such folder.
    """

    def __init__(self, root: Path, classes: ClassTable) -> None:
        if not root.is_dir():
            raise NotFoundError(f"There is no folder '{root.name}' with probabilities. Check its path.")
        self._root = root
        self._class_of = {_key(name): 0 for name in _BACKGROUND}
        for info in classes:
            self._class_of[_key(str(info.label_value))] = info.class_index
            self._class_of[_key(info.class_name)] = info.class_index

    @cached_property
    def _files(self) -> Mapping[str, list[tuple[Path, str]]]:
        """Files by stem, each with its suffix."""
        found: dict[str, list[tuple[Path, str]]] = {}
        for folder, folders, names in os.walk(self._root, followlinks=True):
            folders.sort()
            for name in sorted(names):
                suffix = next((s for s in _SUFFIXES if name.lower().endswith(s)), "")
                if suffix and not name.startswith("."):
                    found.setdefault(name[: -len(suffix)], []).append((Path(folder, name), suffix))
        return found

    @cached_property
    def _parts(self) -> Mapping[str, list[tuple[str, Path]]]:
        """Rest of the name and path by everything that may be a case: a folder's name, or the start of a stem."""
        found: dict[str, list[tuple[str, Path]]] = {}
        for stem, files in self._files.items():
            for path, _ in files:
                found.setdefault(path.parent.name, []).append((stem, path))
                for cut in (match.start() for match in re.finditer("_", stem)):
                    found.setdefault(stem[:cut], []).append((stem[cut + 1 :], path))
        return found

    def find(self, case_id: str) -> ProbabilityFiles:
        """Return the files of a case.

        Raises
        ------
        NotFoundError
            If there are none.
        DataError
            If there are several.
        """
        for extra in _EXTRA:
            whole = self._files.get(f"{case_id}{extra}", [])
            for suffix in _SUFFIXES:
                paths = [path for path, s in whole if s == suffix]
                if len(paths) > 1:
                    raise self._twice(paths[0], paths[1])
                if paths:
                    return ProbabilityFiles(case_id, (paths[0],))
        by_class: dict[int, Path] = {}
        for class_index, path in self._of_classes(case_id):
            if class_index in by_class:
                raise self._twice(by_class[class_index], path)
            by_class[class_index] = path
        if any(by_class):
            indices = tuple(sorted(by_class))
            return ProbabilityFiles(case_id, tuple(by_class[c] for c in indices), indices)
        raise NotFoundError(
            f"There are no probabilities of case '{case_id}' in the folder '{self._root.name}': expected "
            f"{case_id}.npz, a volume {case_id}.nii.gz with a channel for each class, or a folder {case_id} with a "
            "volume for each."
        )

    def digest(self, files: Collection[ProbabilityFiles]) -> str:
        """Return 16 hexadecimal digits that change when any of the files gets another size or date."""
        digest = hashlib.blake2b(digest_size=8)
        for path in sorted(path for found in files for path in found.paths):
            status = path.stat()
            told = (path.relative_to(self._root).as_posix(), status.st_size, status.st_mtime_ns)
            digest.update(repr(told).encode())
        return digest.hexdigest()

    def _of_classes(self, case_id: str) -> list[tuple[int, Path]]:
        named = ((self._class_of.get(_key(name)), path) for name, path in self._parts.get(case_id, []))
        return [(class_index, path) for class_index, path in named if class_index is not None]

    def _twice(self, one: Path, other: Path) -> DataError:
        names = " and ".join(path.relative_to(self._root).as_posix() for path in (one, other))
        return DataError(
            f"The folder '{self._root.name}' has the same probabilities twice: {names}. Name the folder that holds "
            "the right ones, or take the others out."
        )


def _key(name: str) -> str:
    """Return the words of a name without case, signs and words such as "prob"."""
    words = [word for word in re.split(r"[\W_]+", name.casefold()) if word and word not in _NO_PART]
    return " ".join(words)
