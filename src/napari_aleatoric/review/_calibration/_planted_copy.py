"""A private copy of labels with planted errors: a throw-away workspace that reads the images in place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.io import Workspace, write_label_map, write_whole
from napari_aleatoric.model import CaseFiles, ItemKey, LabelFiles, LabelMap, Reporter
from napari_aleatoric.review._labels._corrections import current_label
from napari_aleatoric.review._scoring._case import UNREADABLE
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.samples import ErrorKind, ErrorRecord, Severity

from ._aside import aside
from ._planted_errors import Planted, order_of_cases, plant_one, turn_of
from ._spec import CalibrateSpec

__all__ = ["PlantedCopy", "PlantedLabels", "plantable_kinds"]

_SUFFIX = ".nrrd"  # keeps grids exactly


@dataclass(frozen=True, eq=False)
class PlantedLabels:
    """What was planted in one seed.

    Parameters
    ----------
    files : mapping of ItemKey to str
        Name of the wrong label's file in the copy.
    errors : mapping of ItemKey to ErrorRecord
        What was done to it.
    failed : mapping of str to int
        How many labels did not take a kind of error.
    """

    files: Mapping[ItemKey, str]
    errors: Mapping[ItemKey, ErrorRecord]
    failed: Mapping[str, int]


def plantable_kinds(spec: CalibrateSpec, ws: Workspace) -> tuple[ErrorKind, ...]:
    """Return the kinds that a data set can have at all: classes are swapped only where there are two."""
    kinds = tuple(kind for kind in spec.kinds if kind is not ErrorKind.SWAP or len(ws.dataset.classes) > 1)
    if not kinds:
        raise DataError(
            "Classes can only be swapped where there are two; this data set has one. Choose other kinds."
        )
    return kinds


class PlantedCopy:
    """The copy of one data set, for one seed after the other. Nothing is written to the data set.

    Images and labels without an error are read where they are; only labels with an error, and labels whose present
    version is a saved correction, are written, into the copy. Features of images stay with the copy for all seeds.

    Parameters
    ----------
    ws : Workspace
        The user's.
    store : ReviewStore
        Its store: the present version of a label counts.
    spec : CalibrateSpec
        What is planted.
    folder : Path
        The copy's own.
    """

    def __init__(self, ws: Workspace, store: ReviewStore, spec: CalibrateSpec, folder: Path) -> None:
        self._ws, self._store, self._spec = ws, store, spec
        self._folder = folder
        self._labels = folder / "labels"
        self._kinds = plantable_kinds(spec, ws)
        found = store.correction_counts()
        self._corrected = {key: known for key, (known, _) in found.items() if known is not None}

    def before(self, key: ItemKey) -> LabelMap:
        """Return the label as it is without an error, in any axis order."""
        if key in self._corrected:
            return current_label(self._ws, self._store, key)
        return self._ws.load_label(*key, warn=False)

    def n_errors(self) -> int:
        """How many cases get an error in a seed."""
        return max(1, round(self._spec.fraction * len(self._cases())))

    def plant(self, seed: int, reporter: Reporter) -> PlantedLabels:
        """Choose the cases of a seed and plant an error into one label of each; what is done already is kept.

        Raises
        ------
        DataError
            If no label takes an error.
        Cancelled
            If the reporter asked to stop.
        """
        known = self._read(seed)
        if known is not None:
            return known
        cases, n_errors = self._cases(), self.n_errors()
        files: dict[ItemKey, str] = {}
        errors: dict[ItemKey, ErrorRecord] = {}
        failed: dict[str, int] = {}
        for tried, index in enumerate(order_of_cases(len(cases), n_errors, seed).tolist()):
            if len(errors) == n_errors:
                break
            go_on = partial(reporter.step, len(errors), n_errors, "Planting errors")
            kinds, severity = turn_of(seed * n_errors + len(errors), self._kinds, self._spec.severities)
            rng = np.random.default_rng([seed, index])
            for key in self._keys(cases[index], rng):
                try:
                    planted = aside(partial(self._planted, key, kinds, severity, rng), go_on)
                except Cancelled:
                    raise
                except UNREADABLE:
                    continue
                if planted is None:
                    continue
                for kind in planted.failed:
                    failed[kind] = failed.get(kind, 0) + 1
                files[key] = f"seed{seed}-{tried}{_SUFFIX}"
                write_label_map(self._labels / files[key], planted.label)
                errors[key] = planted.record
                break
        if not errors:
            raise DataError(
                "No error could be planted into any label: they are empty, cannot be read, or take none of the "
                f"kinds ({', '.join(kind.words for kind in self._kinds)})."
            )
        done = PlantedLabels(files, errors, failed)
        self._write(seed, done)
        return done

    def _planted(
        self, key: ItemKey, kinds: Sequence[ErrorKind], severity: Severity, rng: np.random.Generator
    ) -> Planted | None:
        return plant_one(self.before(key), self._ws.dataset.classes, kinds, severity, rng)

    def workspace(self, planted: PlantedLabels, go_on: Callable[[], object] | None = None) -> Workspace:
        """Make the throw-away workspace of a seed's labels; scores of that seed are still in it after a stop.

        ``go_on`` is called for every case, and while a saved correction is read; it may raise `Cancelled`.
        """
        asked = go_on or (lambda: None)
        cases = tuple(self._with(case, planted, asked) for case in self._ws.dataset.cases)
        private = replace(self._ws.dataset, root=self._labels, cases=cases, problems=(), options={})
        self._labels.mkdir(parents=True, exist_ok=True)
        root = self._folder / "workspace"
        (root / "workspace.json").unlink(missing_ok=True)  # that of the seed before; its features stay
        return Workspace.create(root, private)

    def _with(self, case: CaseFiles, planted: PlantedLabels, go_on: Callable[[], object]) -> CaseFiles:
        labels = []
        go_on()
        for number, label in enumerate(case.labels):
            key = ItemKey(case.case_id, label.reader)
            if key in planted.files:
                labels.append(LabelFiles(label.reader, (self._labels / planted.files[key],)))
            elif key in self._corrected:
                path = self._labels / f"{case.case_id}-{number}-{self._corrected[key]}{_SUFFIX}"
                if not path.exists():
                    write_label_map(path, aside(partial(self.before, key), go_on))
                labels.append(LabelFiles(label.reader, (path,)))
            else:
                labels.append(label)
        return replace(case, labels=tuple(labels))

    def _cases(self) -> list[CaseFiles]:
        return [case for case in self._ws.dataset.cases if self._readers(case)]

    def _readers(self, case: CaseFiles) -> list[str]:
        wanted = self._spec.reader
        return [label.reader for label in case.labels if not wanted or label.reader == wanted]

    def _keys(self, case: CaseFiles, rng: np.random.Generator) -> list[ItemKey]:
        readers = self._readers(case)
        return [ItemKey(case.case_id, readers[i]) for i in rng.permutation(len(readers))]

    def _write(self, seed: int, planted: PlantedLabels) -> None:
        content: list[dict[str, Any]] = [
            {"key": list(key), "file": planted.files[key], "error": error.to_json()}
            for key, error in planted.errors.items()
        ]
        text = json.dumps({"planted": content, "failed": dict(planted.failed)})
        write_whole(self._folder / f"planted-{seed}.json", text.encode())

    def _read(self, seed: int) -> PlantedLabels | None:
        """Read what a stopped run planted; None if it did not come to an end."""
        try:
            content = json.loads((self._folder / f"planted-{seed}.json").read_text("utf-8"))
            entries = [(ItemKey(*entry["key"]), entry) for entry in content["planted"]]
            files = {key: str(entry["file"]) for key, entry in entries}
            errors = {key: ErrorRecord.from_json(entry["error"]) for key, entry in entries}
            if all((self._labels / name).is_file() for name in files.values()):
                return PlantedLabels(files, errors, content["failed"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None
