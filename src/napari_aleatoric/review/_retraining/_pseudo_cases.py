"""Proposals of a model as cases to learn from: a data set of their own, never the images that are judged by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import Workspace, load_image, load_label, scan
from napari_aleatoric.model import CaseFiles, Volume

__all__ = ["PseudoCases"]


class PseudoCases:
    """A folder of images with proposals, as 'aleatoric segment' and 'aleatoric predict' leave it.

    Images of the workspace itself, and of its patients, are left out: their labels count, or they are held back.

    Parameters
    ----------
    ws : Workspace
        Whose network learns from them.
    folder : Path
        With a manifest, or any other layout that `scan` knows.

    Raises
    ------
    DataError
        If no data set is recognised there.
    NotFoundError
        If its classes are others, or all its images are the workspace's own.
    """

    def __init__(self, ws: Workspace, folder: Path) -> None:
        self._dataset = scan(folder)
        classes = {c.class_name.casefold(): c.class_index for c in ws.dataset.classes}
        self._index = {c.label_value: classes.get(c.class_name.casefold(), 0) for c in self._dataset.classes}
        if unknown := [c.class_name for c in self._dataset.classes if c.class_name.casefold() not in classes]:
            known = ", ".join(c.class_name for c in ws.dataset.classes)
            raise NotFoundError(
                f"The proposals in {folder.name} name classes that the data set does not have: "
                f"{', '.join(unknown)}. Its classes: {known}."
            )
        own_images = {case.image.resolve() for case in ws.dataset.cases}
        patients = {case.patient for case in ws.dataset.cases} - {""}
        self._cases = {
            case.case_id: case
            for case in self._dataset.cases
            if case.labels and case.image.resolve() not in own_images and case.patient not in patients
        }
        if not self._cases:
            raise NotFoundError(
                f"Expected proposals for images that are not in the data set, found none in {folder.name}. Its own "
                "images are learned from by their own labels."
            )

    @property
    def case_ids(self) -> list[str]:
        """Ids in that folder, in alphabetical order."""
        return sorted(self._cases)

    def files(self, case_id: str) -> CaseFiles:
        """Return the files of a proposal."""
        return self._cases[case_id]

    def read(self, case_id: str) -> tuple[Volume, NDArray[np.uint16]]:
        """Read image (upright) and proposals by class index of the workspace, shape (R, Z, Y, X)."""
        case = self._cases[case_id]
        image = load_image(case)
        found: list[NDArray[Any]] = []
        for label in case.labels:
            drawn = load_label(self._dataset, case, label.reader, like=image.geometry).upright()
            index = np.zeros(drawn.data.shape, dtype=np.uint16)
            for value, class_index in self._index.items():
                index[drawn.data == value] = class_index
            found.append(index)
        volume = image.upright()
        if any(index.shape != volume.geometry.shape_zyx for index in found):
            raise DataError(f"The proposal of {case_id} lies on another grid than its image.")
        return volume, np.stack(found)
