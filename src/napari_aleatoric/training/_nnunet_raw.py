"""A data set as nnU-Net reads it: upright images and labels by class index, cases to judge by kept apart."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import (
    is_plain_image,
    suffix_of,
    volumes_in,
    write_label_map,
    write_volume,
    write_whole,
)
from napari_aleatoric.model import LabelMap, Volume

from ._nnunet_plan import NnUNetPlan, nnunet_channels, nnunet_spacing

__all__ = ["NNUNET_DATASET", "NnUNetRaw"]

NNUNET_DATASET = "Dataset001_Reviewed"
_ENDING = ".nii.gz"


class NnUNetRaw:
    """Writes a raw data set of nnU-Net v2.

    All images lie upright (z to the head, y to the back, x to the left), so that axes mean the same in every case;
    labels are class indices, 0 = background, without gaps. A case is there when its label is.

    Parameters
    ----------
    folder : Path
        The data set's own, whose name begins with ``Dataset`` and three digits.
    plan : NnUNetPlan
        Classes and channels.
    """

    def __init__(self, folder: Path, plan: NnUNetPlan) -> None:
        self.folder, self._plan = folder, plan
        self.n_linked = 0

    def has(self, name: str, *, held_out: bool = False) -> bool:
        """Whether a case is there, whole."""
        return self._label(name, held_out).is_file()

    def put(
        self,
        name: str,
        volume: Volume,
        class_index: NDArray[np.integer[Any]],
        *,
        ignored: NDArray[np.bool_] | None = None,
        held_out: bool = False,
        source: Path | None = None,
    ) -> None:
        """Add a case.

        Parameters
        ----------
        name : str
            Of its files.
        volume : Volume
            Upright.
        class_index : numpy.ndarray of integer, shape (Z, Y, X)
            Upright; 0 is background.
        ignored : numpy.ndarray of bool, shape (Z, Y, X), optional
            Where nothing is learned.
        held_out : bool
            Whether it goes beside the cases that are learned from (``imagesTs``, ``labelsTs``).
        source : Path, optional
            File of the image: it is linked where it is already what nnU-Net wants to read.

        Raises
        ------
        DataError
            If a class does not exist, or a file cannot hold the voxels.
        """
        values = np.asarray(class_index)
        if values.max(initial=0) > len(self._plan.class_names):
            raise DataError(f"Expected class indices up to {len(self._plan.class_names)}, got {values.max()}.")
        if ignored is not None and not held_out:
            values = np.where(ignored, self._plan.n_rows, values)
        dz, dy, dx = nnunet_spacing(volume)
        geometry = replace(volume.geometry, spacing_zyx_mm=(dz, dy, dx), spacing_known=True)
        if source is None or not self._link(source, volume, self._image(name, 0, held_out)):
            for number, channel in enumerate(nnunet_channels(volume, self._plan.n_channels)):
                kind = volume.data.dtype if volume.data.dtype.kind in "iu" and not volume.is_rgb else channel.dtype
                write_volume(self._image(name, number, held_out), Volume(channel.astype(kind), geometry))
        kind = np.min_scalar_type(self._plan.n_rows)
        write_label_map(self._label(name, held_out), LabelMap(values.astype(kind), geometry))

    def finish(self, names: list[str], *, any_ignored: bool) -> None:
        """Write ``dataset.json``, which says that the data set is complete.

        Parameters
        ----------
        names : list of str
            All cases that are learned from or looked at while learning.
        any_ignored : bool
            Whether voxels are ignored anywhere.
        """
        labels: dict[str, int] = {"background": 0}
        for index, name in enumerate(self._plan.class_names, start=1):
            taken = name.casefold() in {known.casefold() for known in (*labels, "ignore")}
            labels[f"{name} ({index})" if taken else name] = index
        if any_ignored:
            labels["ignore"] = self._plan.n_rows
        grey = {"0": "CT" if self._plan.is_ct else "image"}
        colour = {str(i): f"channel {i}" for i in range(self._plan.n_channels)}
        content = {
            "channel_names": grey if self._plan.n_channels == 1 else colour,
            "labels": labels,
            "numTraining": len(names),
            "file_ending": _ENDING,
            "overwrite_image_reader_writer": "SimpleITKIO",
            # nnU-Net would else look for the files in twelve processes of its own
            "dataset": {name: self._files(name) for name in sorted(names)},
        }
        write_whole(self.folder / "dataset.json", (json.dumps(content, indent=1) + "\n").encode())

    def _files(self, name: str) -> dict[str, Any]:
        images = [self._image(name, number, False) for number in range(self._plan.n_channels)]
        label = self._label(name, False)
        return {
            "images": [path.relative_to(self.folder).as_posix() for path in images],
            "label": label.relative_to(self.folder).as_posix(),
        }

    def _image(self, name: str, channel: int, held_out: bool) -> Path:
        return self.folder / ("imagesTs" if held_out else "imagesTr") / f"{name}_{channel:04d}{_ENDING}"

    def _label(self, name: str, held_out: bool) -> Path:
        return self.folder / ("labelsTs" if held_out else "labelsTr") / f"{name}{_ENDING}"

    def _link(self, source: Path, volume: Volume, target: Path) -> bool:
        """Link an image that already lies upright in a file that nnU-Net reads as we do; whether that was so."""
        plain = (
            self._plan.n_channels == 1
            and not volume.is_rgb
            and not volume.geometry.is_flat
            and volume.geometry.spacing_known
            and suffix_of(source) == _ENDING
            and is_plain_image(source, volume.geometry)
            and volumes_in(source) == 1
            and bool(np.isfinite(volume.data).all())
        )
        if not plain:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            target.symlink_to(os.path.relpath(source.resolve(), target.parent.resolve()))
        except (OSError, ValueError):  # not on this drive, or not with these rights
            return False
        self.n_linked += 1
        return True
