"""Voxel maps of how unsure each reader's label is, by a model that learned from all readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_aleatoric.foundation import Box
from napari_aleatoric.io import Workspace, has_map, read_map, write_map
from napari_aleatoric.model import CaseFiles, ItemKey
from napari_aleatoric.review._scoring._case import CaseReader
from napari_aleatoric.training import READERS_FILE, SegmentationModel, model_case, reader_uncertainty
from napari_aleatoric.uncertainty import READER_UNCERTAINTY_MAP

__all__ = ["ReaderMaps"]


class ReaderMaps:
    """Asks a model about the readers' labels of cases, and keeps what it says as voxel maps of the labels.

    Parameters
    ----------
    ws : Workspace
        Of the cases.
    reader : CaseReader
        Reads them as their labels stand now.
    model : SegmentationModel
        From `load_model`.
    folder : Path
        Where it was left.
    about : mapping
        What is kept beside the maps.
    device : str
        Where it runs.
    """

    def __init__(
        self,
        ws: Workspace,
        reader: CaseReader,
        model: SegmentationModel,
        folder: Path,
        about: Mapping[str, Any],
        device: str,
    ) -> None:
        self._ws, self._reader, self._model, self._folder = ws, reader, model, folder
        self._about, self._device = dict(about), device

    @staticmethod
    def can(folder: Path) -> bool:
        """Whether the model of a folder learned how far readers can be relied on."""
        return (folder / READERS_FILE).is_file()

    def keep(
        self, case: CaseFiles, known: Mapping[str, Any], versions: Mapping[str, Any], go_on: Callable[[], None]
    ) -> dict[str, Any]:
        """Write the maps of a case's labels, unless they are there for these versions of the labels.

        Returns
        -------
        dict
            Versions, and the quality 0 to 1 of every reader's label.
        """
        if known.get("versions") == dict(versions) and all(self._is_mine(case, reader) for reader in versions):
            return dict(known)
        loaded = self._reader.read(case)
        volume = loaded.volume
        shape = volume.geometry.shape_zyx
        net_case = model_case(volume, loaded.labels, Box.whole(shape), self._model.plan)
        found = reader_uncertainty(self._folder, net_case, shape, device=self._device, go_on=go_on)
        for reader, values in zip(loaded.readers, found.maps, strict=True):
            key = ItemKey(case.case_id, reader)
            rows = values.astype(np.float32)[np.newaxis]
            write_map(self._ws, key, READER_UNCERTAINTY_MAP, rows, (0,), volume.geometry, self._about)
        return {
            "versions": dict(versions),
            "quality": dict(zip(loaded.readers, found.quality_by_reader, strict=True)),
        }

    def _is_mine(self, case: CaseFiles, reader: str) -> bool:
        key = ItemKey(case.case_id, reader)
        return (
            has_map(self._ws, key, READER_UNCERTAINTY_MAP)
            and read_map(self._ws, key, READER_UNCERTAINTY_MAP).spec == self._about
        )
