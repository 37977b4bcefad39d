"""One image, one label of an export: written on exactly their grids."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_aleatoric.io import Workspace, write_label_map, write_volume
from napari_aleatoric.model import ItemKey, LabelMap, Volume
from napari_aleatoric.review._labels._corrections import current_label
from napari_aleatoric.review._storage._store import ReviewStore

from ._files import suffix_for

__all__ = ["write_image", "write_label"]


def write_image(workspace: Workspace, case_id: str, stem: Path, suffix: str = "") -> tuple[Path, Volume]:
    """Write the image of a case without any header field of its file.

    Parameters
    ----------
    workspace : Workspace
        Whose case.
    case_id : str
        Which case.
    stem : Path
        Where to, without the suffix.
    suffix : str
        Decides the format; by default PNG for photographs, else compressed NIfTI.

    Returns
    -------
    tuple of Path and Volume
        The file, and what was read.
    """
    image = workspace.load_image(case_id)
    path = stem.with_name(stem.name + (suffix or suffix_for(image.data.dtype, image.geometry)))
    write_volume(path, Volume(image.data, image.geometry))
    return path, image


def write_label(
    workspace: Workspace, store: ReviewStore, key: ItemKey, stem: Path, suffix: str = ""
) -> tuple[Path, LabelMap]:
    """Write a label as it stands now, on the grid of its image, as small integers; see `write_image`."""
    label = current_label(workspace, store, key)
    kind = np.min_scalar_type(int(label.data.max(initial=0)))
    path = stem.with_name(stem.name + (suffix or suffix_for(kind, label.geometry)))
    write_label_map(path, LabelMap(label.data, label.geometry))
    return path, label
