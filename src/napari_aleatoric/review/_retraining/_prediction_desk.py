"""Asking a model about a case and keeping what it says, unless it said it already."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.io import (
    Workspace,
    has_map,
    on_image_grid,
    read_label_map,
    read_map,
    safe_name,
    write_label_map,
    write_map,
    write_whole,
)
from napari_aleatoric.model import CaseFiles, ItemKey, ItemScores, ScoreValue, Volume
from napari_aleatoric.review._scoring._case import CaseReader
from napari_aleatoric.review._storage._store import ReviewStore

from ._case_answer import MODEL_MEASURES, Values, entropy_maps, image_values, label_values_of
from ._case_desk import CaseDesk, file_stamp, label_values
from ._reader_maps import ReaderMaps
from ._registry import ModelRecord, model_folder
from ._run import NETWORK_FOLDER
from ._spec import PredictSpec

if TYPE_CHECKING:
    from napari_aleatoric.training import Prediction, SegmentationModel

__all__ = ["PredictionDesk"]

_FORMAT = 2
_MADE_BY = "predict"


class PredictionDesk:
    """Keeps what one model says of the cases of a workspace.

    Parameters
    ----------
    ws, store : Workspace, ReviewStore
        Where things are.
    model, record : SegmentationModel, ModelRecord
        Who is asked.
    folder : Path
        Where the answers are kept.
    spec : PredictSpec
        What is kept.

    Attributes
    ----------
    n_measured : int
        Labels whose scores got the model's measures so far.
    """

    def __init__(
        self,
        ws: Workspace,
        store: ReviewStore,
        model: SegmentationModel,
        record: ModelRecord,
        folder: Path,
        spec: PredictSpec,
    ) -> None:
        self._ws, self._store, self._model, self._record = ws, store, model, record
        self._folder, self._spec = folder, spec
        self._corrections = {k: found for k, (found, _) in store.correction_counts().items() if found is not None}
        self._reader = CaseReader(ws, store, self._corrections)
        self._desk = CaseDesk(ws, store, voxel_weights=False)
        mine = store.scored_fingerprints(_MADE_BY)
        scored, _ = store.overview().of_scored()
        self._scored_any = any(key not in mine for key in scored)
        self._unscored = self._foreign_maps = 0
        self._reader_maps = self._maps_of_readers() if spec.maps else None
        self.n_measured = 0

    def answer(self, case: CaseFiles, go_on: Callable[[], None]) -> bool:
        """Predict a case if that was not done, and add what the model says to the scores of its labels.

        Returns
        -------
        bool
            Whether it had to be predicted.
        """
        path = self._folder / f"{safe_name(case.case_id)}.json"
        about = self._kept(path, case)
        fresh = about is None
        if about is None:
            about = self._predicted(case, go_on)
        if case.labels and self._spec.measures:
            about["labels"] = self._label_values(case, about.get("labels", {}))
            self._measure(case, about)
        if case.labels and self._reader_maps is not None:
            about["readers"] = self._reader_maps.keep(case, about.get("readers", {}), self._versions(case), go_on)
        write_whole(path, json.dumps(about, indent=1).encode())
        return fresh

    def notes(self) -> tuple[str, ...]:
        """Say what to know about what was kept."""
        notes = []
        if self._unscored:
            notes.append(
                f"{self._unscored} labels have no scores yet, so the model's measures could not be put beside "
                "them. Score the data set, then predict again: answers are kept."
            )
        if self._foreign_maps:
            notes.append(
                f"{self._foreign_maps} labels kept the entropy maps of the networks that they were scored with."
            )
        if self.n_measured and self._record.learned:
            notes.append(
                f"The model has learned from {len(self._record.learned)} of the cases: with their labels it agrees "
                "more than it would unseen, so their disagreement is a lower end."
            )
        return tuple(notes)

    def _label_path(self, case: CaseFiles) -> Path:
        return self._folder / f"{safe_name(case.case_id)}.nii.gz"

    def _probability_path(self, case: CaseFiles) -> Path:
        return self._folder / f"{safe_name(case.case_id)}.npz"

    def _identity(self, case: CaseFiles) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "case_id": case.case_id,
            "model": self._record.model_id,
            "weights": self._record.weights_digest,
            "mirroring": self._spec.mirroring,
            "image": file_stamp(case.image),
        }

    def _kept(self, path: Path, case: CaseFiles) -> dict[str, Any] | None:
        """Return what the model said of a case if it still holds and nothing that is wanted is missing."""
        try:
            about = dict(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        same = all(about.get(name) == value for name, value in self._identity(case).items())
        files = self._label_path(case).is_file()
        if self._spec.probabilities:
            files = files and self._probability_path(case).is_file()
        if self._spec.maps:
            files = files and all(has_map(self._ws, k, n) for k in _map_keys(case) for n in about.get("maps", [""]))
        return about if same and files else None

    def _predicted(self, case: CaseFiles, go_on: Callable[[], None]) -> dict[str, Any]:
        seen, volume = self._desk.image_case(case.case_id, self._model.plan)
        shape = volume.geometry.shape_zyx
        prediction = self._model.predict(seen, shape, go_on, mirroring=self._spec.mirroring)
        label = label_values(self._ws, prediction.class_index, volume, case.case_id)
        write_label_map(self._label_path(case), label)
        if self._spec.probabilities:
            self._write_probabilities(case, prediction, volume)
        indices = [c.class_index for c in self._ws.dataset.classes]
        names = self._write_maps(case, prediction, volume, indices) if self._spec.maps else []
        values = image_values(prediction, indices)
        return {**self._identity(case), "maps": names, "values": values, "labels": {}}

    def _write_probabilities(self, case: CaseFiles, prediction: Prediction, volume: Volume) -> None:
        """As nnU-Net keeps them: an array ``probabilities`` on the image's own grid."""
        stored = self._ws.grid(case.case_id)
        turn = volume.geometry.reorientation_to(stored)
        if turn is None:
            raise NotFoundError(f"The image of case {case.case_id} was replaced while it was predicted. Try again.")
        rows = np.stack([turn.apply(row) for row in prediction.probabilities]).astype(np.float16)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, probabilities=rows)
        write_whole(self._probability_path(case), buffer.getvalue())

    def _write_maps(self, case: CaseFiles, prediction: Prediction, volume: Volume, indices: list[int]) -> list[str]:
        rows, maps = entropy_maps(prediction, indices)
        about = {"door": _MADE_BY, "model": self._record.model_id, "weights": self._record.weights_digest}
        for key in _map_keys(case):
            foreign = [name for name in maps if has_map(self._ws, key, name) and not self._is_mine(key, name)]
            self._foreign_maps += bool(foreign)
            for name, values in maps.items():
                if name not in foreign:
                    write_map(self._ws, key, name, values, rows, volume.geometry, about)
        return sorted(maps)

    def _is_mine(self, key: ItemKey, name: str) -> bool:
        return read_map(self._ws, key, name).spec.get("door") == _MADE_BY

    def _label_values(self, case: CaseFiles, known: dict[str, Any]) -> dict[str, Any]:
        """Return what the model says of each label of a case, by reader; kept as long as the label is the same."""
        versions = self._versions(case)
        old = {r: about for r, about in known.items() if r in versions and about["version"] == versions[r]}
        missing = tuple(label for label in case.labels if label.reader not in old)
        if not missing:
            return old
        loaded = self._reader.read(replace(case, labels=missing))
        drawn = on_image_grid(read_label_map(self._label_path(case)), self._ws.grid(case.case_id)).upright()
        predicted = self._ws.dataset.classes.index_map(drawn.data)
        indices = [c.class_index for c in self._ws.dataset.classes]
        for reader, label in zip(loaded.readers, loaded.labels, strict=True):
            values = label_values_of(label, predicted, indices)
            old[reader] = {"version": versions[reader], "values": values}
        return old

    def _maps_of_readers(self) -> ReaderMaps | None:
        folder = model_folder(self._ws, self._record.model_id) / NETWORK_FOLDER
        if not ReaderMaps.can(folder):
            return None
        about = {"door": _MADE_BY, "model": self._record.model_id, "weights": self._record.weights_digest}
        return ReaderMaps(self._ws, self._reader, self._model, folder, about, self._spec.device)

    def _versions(self, case: CaseFiles) -> dict[str, list[str]]:
        return {
            label.reader: [self._ws.fingerprint(case.case_id, label.reader), self._version(case, label.reader)]
            for label in case.labels
        }

    def _version(self, case: CaseFiles, reader: str) -> str:
        return self._corrections.get(ItemKey(case.case_id, reader), "")

    def _measure(self, case: CaseFiles, about: dict[str, Any]) -> None:
        """Put the model's measures beside the other scores of a label, in the place of those of another model."""
        for reader, said in about["labels"].items():
            key = ItemKey(case.case_id, reader)
            mine = _score_values([*about["values"], *said["values"]])
            info = self._store.score_info(key)
            if info is not None and info.spec_digest != _MADE_BY:
                scores = self._store.item_scores(key)
                others = tuple(v for v in scores.values if v.measure not in MODEL_MEASURES)
                self._store.put_item_scores(
                    replace(scores, values=(*others, *mine)),
                    fingerprint=info.fingerprint,
                    spec_digest=info.spec_digest,
                    correction_id=info.correction_id,
                )
            elif self._scored_any:
                self._unscored += 1
                continue
            else:  # nothing was ever scored: what the model says is all there is
                self._store.put_item_scores(
                    ItemScores(key, mine),
                    fingerprint=said["version"][0],
                    spec_digest=_MADE_BY,
                    correction_id=said["version"][1] or None,
                )
            self.n_measured += 1


def _map_keys(case: CaseFiles) -> list[ItemKey]:
    return [ItemKey(case.case_id, label.reader) for label in case.labels] or [ItemKey(case.case_id)]


def _score_values(values: Values) -> tuple[ScoreValue, ...]:
    return tuple(ScoreValue(str(name), int(c), float(value)) for name, c, value in values)
