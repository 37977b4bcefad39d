"""Everything the window needs to show one label, read from disk in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.io import Reading, Workspace, read_map, reading_of
from napari_aleatoric.model import Flag, Geometry, HotSpot, ItemKey, Volume, display_range
from napari_aleatoric.uncertainty import LABEL_RISK_MAP

from ._barred import BarredVoxels, load_barred
from ._heat import HeatMaps
from ._intensities import Intensities, intensities_of
from ._recovery import find_recovered

if TYPE_CHECKING:
    from napari_aleatoric.review import Correction, PendingStrokes, PromptUse, ReviewStore

__all__ = ["DEFAULT_MAP", "ItemData", "display_range", "load_item", "with_version"]

DEFAULT_MAP = LABEL_RISK_MAP


@dataclass(frozen=True, eq=False)
class ItemData:
    """One label with its image and maps, upright, ready to be put into layers.

    Parameters
    ----------
    key : ItemKey
        Which label.
    image : Volume
        Upright.
    stored_geometry : Geometry
        The grid of the files, for writing back.
    label : numpy.ndarray, shape (Z, Y, X)
        Label values of the present version, upright, own copy: may be painted on. uint8 or uint16.
    label_version : str
        "" for the original, else the id of the correction that is shown.
    original : numpy.ndarray or None
        The dataset's own label where ``label`` is a correction.
    display_range : tuple of float
        Intensities to show as black and white.
    heat : HeatMaps or None
        The voxel maps, where the item has been scored.
    map_name : str
        Which voxel map ``heat`` is, or would be.
    map_on_its_way : bool
        Whether it is still being read.
    flags, hot_spots
        As stored.
    pending : tuple of PendingStrokes
        Strokes of an earlier session that were never saved.
    pending_voxels : int
        How many voxels they would change.
    pending_remark : str
        A sentence if they were made on another version of the label; "" else.
    prompts : tuple of PromptUse
        Which promptable segmenters drew in the version on the screen.
    unknown_values : mapping of int to int
        Label values that were in no class when it was read, with the number of their voxels.
    barred : BarredVoxels or None
        What of it is not to be learned from; an item that was read from the disk has it.
    reading : str
        For a label that its reader makes in this program: "open", "answered", or "changed" since; "" for others.
    blinded : bool
        Whether its reader must not see others or the machine yet: nothing of them is in here.
    no_models : str
        Why models must not be prompted in it, in a sentence; "" where they may.
    intensities : Intensities or None
        How the image's intensities are spread; an item that was read from the disk has it.
    """

    key: ItemKey
    image: Volume
    stored_geometry: Geometry
    label: NDArray[Any]
    label_version: str
    original: NDArray[Any] | None
    display_range: tuple[float, float]
    heat: HeatMaps | None = None
    map_name: str = DEFAULT_MAP
    map_on_its_way: bool = False
    flags: tuple[Flag, ...] = ()
    hot_spots: tuple[HotSpot, ...] = ()
    pending: tuple[PendingStrokes, ...] = ()
    pending_voxels: int = 0
    pending_remark: str = ""
    prompts: tuple[PromptUse, ...] = ()
    unknown_values: Mapping[int, int] = field(default_factory=dict)
    barred: BarredVoxels | None = None
    reading: str = ""
    blinded: bool = False
    no_models: str = ""
    intensities: Intensities | None = None


def load_item(workspace: Workspace, store: ReviewStore, key: ItemKey, map_name: str = DEFAULT_MAP) -> ItemData:
    """Read one item whole: image, present label, map, findings. Runs in any thread.

    Raises
    ------
    DataError
        If the image or the label cannot be read.
    """
    from napari_aleatoric.review import current_label, models_forbidden

    stored = workspace.load_image(key.case_id)
    history = store.corrections(key)
    latest = history[-1] if history else None
    image = stored.upright()
    corrected = "" if latest is None or latest.is_original else latest.correction_id
    label_map = current_label(workspace, store, key, warn=False).upright()
    reading, blinded = reading_of(workspace, key), workspace.hides(key.case_id)
    state = _reading_state(reading, corrected)
    has_original = bool(corrected) and state not in ("open", "answered")
    original = workspace.load_label(*key, warn=False).upright().data if has_original else None
    heat = load_heat(workspace, key, map_name)
    label = _paintable(label_map.data)
    recovered = find_recovered(workspace, key, label, history)
    return ItemData(
        key=key,
        image=image,
        stored_geometry=stored.geometry,
        label=label,
        label_version=corrected,
        original=None if original is None else _paintable(original),
        display_range=display_range(image),
        heat=heat,
        map_name=map_name,
        flags=store.flags(key),
        hot_spots=store.hot_spots(key),
        pending=recovered.strokes,
        pending_voxels=recovered.voxels,
        pending_remark=recovered.remark,
        prompts=() if latest is None else latest.prompts,
        unknown_values=workspace.dataset.classes.unknown_values(label_map.data),
        barred=load_barred(workspace, key, image.geometry),
        reading=state,
        blinded=blinded,
        no_models=models_forbidden(store, key) if blinded else "",
        intensities=intensities_of(image),
    )


def load_heat(workspace: Workspace, key: ItemKey, map_name: str) -> HeatMaps | None:
    """Read one voxel map of an item; None where it has none of that name. Runs in any thread."""
    try:
        return HeatMaps(read_map(workspace, key, map_name))
    except NotFoundError:
        return None


def with_version(item: ItemData, workspace: Workspace, saved: Correction) -> ItemData:
    """Return the item after its label was saved as a version: the same arrays, and the original to compare with."""
    original = item.original
    if original is None and item.reading != "open":
        original = _paintable(workspace.load_label(*item.key, warn=False).upright().data)
    return replace(
        item,
        label_version=saved.correction_id,
        original=original,
        pending=(),
        pending_voxels=0,
        pending_remark="",
        prompts=saved.prompts,
        reading="changed" if item.reading == "answered" else item.reading,
    )


def _reading_state(reading: Reading | None, version: str) -> str:
    if reading is None or reading.state == "withdrawn":
        return ""
    return (
        "changed" if reading.state == "answered" and version not in ("", reading.correction_id) else reading.state
    )


def _paintable(data: NDArray[Any]) -> NDArray[Any]:
    """Return an own, contiguous copy of the smallest type that holds all values and leaves room to paint new ones.

    Unsigned, where no value is negative.
    """
    low, top = int(data.min(initial=0)), int(data.max(initial=0))
    if low < 0 or top >= np.iinfo(np.int32).max:
        return np.array(data, dtype=np.int32 if _fits_int32(low, top) else np.int64, order="C")
    dtype = np.uint8 if top < 255 else np.uint16 if top < 65535 else np.int32
    return np.array(data, dtype=dtype, order="C")


def _fits_int32(low: int, top: int) -> bool:
    limits = np.iinfo(np.int32)
    return limits.min <= low and top < limits.max
