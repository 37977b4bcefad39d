"""Label versions as files: written whole on the original grid, checked, compared, brought back."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from napari_aleatoric.errors import DataError, NotFoundError, StoreError
from napari_aleatoric.io import (
    Workspace,
    item_folder_name,
    on_image_grid,
    read_label_map,
    safe_name,
    warn_of_unknown_values,
    write_label_map,
)
from napari_aleatoric.model import ItemKey, LabelMap
from napari_aleatoric.review._storage._correction_log import Correction
from napari_aleatoric.review._storage._prompt_use import PromptUse, prompt_uses
from napari_aleatoric.review._storage._store import ReviewStore

from ._journal import PendingStrokes
from ._sweep import put_back

__all__ = [
    "corrections",
    "current_label",
    "label_hash",
    "load_correction",
    "recover",
    "restore",
    "save_correction",
]


def label_hash(label_map: LabelMap) -> str:
    """Return 32 hexadecimal digits of the labels themselves.

    They change with any voxel, and are the same whatever the integer type and the stored axis order.
    """
    data = label_map.upright().data
    digest = hashlib.blake2b(str(data.shape).encode(), digest_size=16)
    for plane in data:
        digest.update(plane.astype("<i4").tobytes())
    return digest.hexdigest()


def save_correction(
    workspace: Workspace,
    store: ReviewStore,
    key: ItemKey,
    label_map: LabelMap,
    *,
    reader: str,
    comment: str = "",
    machine: str = "",
    prompts: Sequence[PromptUse] = (),
    allowed_by: str | None = None,
) -> Correction:
    """Save a version of a label; the original file and all earlier versions stay as they are.

    When this returns, the file and its entry are on the disk.

    Parameters
    ----------
    workspace : Workspace
        Where it is kept.
    store : ReviewStore
        The store of that workspace.
    key : ItemKey
        Which label.
    label_map : LabelMap
        On the grid of the image, in any axis order (upright or stored). It is written in the stored order.
    reader : str
        Who saves it.
    comment : str
        Words for the history.
    machine : str
        Name of the model that drew it; "" for a person.
    prompts : sequence of PromptUse
        What a model drew in it because a person pointed at something; the label is the person's all the same.
    allowed_by : str, optional
        For a machine's label over a person's: id of the decision, made since, that says so.

    Raises
    ------
    GeometryMismatchError
        If the label does not lie on the image's grid.
    StoreError
        If a machine's label would take the place of a person's, or the entry could not be written.
    WorkspaceError
        If the file could not be written.
    """
    stored = replace(on_image_grid(label_map, workspace.grid(key.case_id)), reader=key.label_reader)
    before = store.latest_correction(key)
    correction_id, now = uuid.uuid4().hex, datetime.now(UTC)
    file = "/".join(
        (
            safe_name(key.case_id),
            item_folder_name(key),
            f"{now:%Y%m%dT%H%M%S}-{safe_name(reader)[:32]}-{correction_id[:12]}.nii.gz",
        )
    )
    path = workspace.corrections_dir / file
    write_label_map(path, stored)
    correction = Correction(
        key=key,
        reader=reader,
        file=file,
        sha256=_sha256(path),
        label_hash=label_hash(stored),
        geometry=stored.geometry,
        machine=machine,
        comment=comment,
        follows=None if before is None else before.correction_id,
        correction_id=correction_id,
        created=now,
        prompts=prompt_uses(prompts),
    )
    try:
        store.add_correction(correction, allowed_by=allowed_by)
    except Exception:
        path.unlink(missing_ok=True)
        raise
    put_back(workspace, file)  # another window may have taken it for a leftover, if this took a day
    return correction


def corrections(store: ReviewStore, key: ItemKey) -> list[Correction]:
    """All saved versions of one label, oldest first."""
    return store.corrections(key)


def load_correction(workspace: Workspace, correction: Correction) -> LabelMap:
    """Read a saved version, in the stored order, and check that it is what was saved.

    Raises
    ------
    DataError
        If its file is missing or was changed since.
    """
    key = correction.key
    if correction.is_original:
        return workspace.load_label(key.case_id, key.label_reader)
    path = workspace.corrections_dir / correction.file
    if not path.is_file():
        raise DataError(
            f"The saved label version {path.name} of {key} is not in the workspace any more. Put the file back, or "
            "restore another version."
        )
    if _sha256(path) != correction.sha256:
        raise DataError(
            f"The saved label version {path.name} of {key} was changed or damaged after it was saved. Put the "
            "right file back, or restore another version."
        )
    found = read_label_map(path, reader=key.label_reader)
    return LabelMap(found.data, correction.geometry, key.label_reader)  # exact; files round the grid to 32 bits


def current_label(workspace: Workspace, store: ReviewStore, key: ItemKey, *, warn: bool = True) -> LabelMap:
    """Read the version of a label that counts now, on the grid of the image, in the stored order.

    With ``warn``, values that are in no class are warned of, as in `io.load_label`.

    Raises
    ------
    DataError
        If it cannot be read; a `GeometryMismatchError` if the image was replaced by one on another grid.
    """
    latest = store.latest_correction(key)
    if latest is None or latest.is_original:
        return workspace.load_label(key.case_id, key.label_reader, warn=warn)
    name = f"The saved label version of {key}"
    found = on_image_grid(load_correction(workspace, latest), workspace.grid(key.case_id), name=name)
    if warn:
        warn_of_unknown_values(workspace.dataset.classes, key, found)
    return found


def restore(
    workspace: Workspace, store: ReviewStore, key: ItemKey, correction_id: str | None, reader: str
) -> Correction:
    """Make an earlier version count again, as a new entry: nothing is taken out of the history.

    Parameters
    ----------
    workspace, store, key
        Which label.
    correction_id : str or None
        The version to bring back; None = the original label.
    reader : str
        Who says so.

    Raises
    ------
    NotFoundError
        If the label has no such version.
    DataError
        If its file is missing or damaged.
    """
    history = store.corrections(key)
    follows = history[-1].correction_id if history else None
    if correction_id is None:
        label = workspace.load_label(key.case_id, key.label_reader, warn=False)
        original = Correction(key, reader, "", "", label_hash(label), label.geometry, follows=follows)
        return store.add_correction(original)
    old = next((c for c in history if c.correction_id == correction_id), None)
    if old is None:
        raise NotFoundError(f"The label {key} has no saved version with the id '{correction_id}'.")
    load_correction(workspace, old)
    again = replace(
        old,
        reader=reader,
        machine="",  # a person chose it
        comment="",
        follows=follows,
        restores=old.correction_id,
        correction_id=uuid.uuid4().hex,
        created=datetime.now(UTC),
    )
    return store.add_correction(again)


def recover(workspace: Workspace, store: ReviewStore, pending: PendingStrokes) -> LabelMap | None:
    """Rebuild the label of a session that ended before it was saved.

    The strokes are painted on the very version that they were made on, be it the present one or not.

    Returns
    -------
    LabelMap or None
        Upright. None if the present version holds all strokes already.

    Raises
    ------
    NotFoundError
        If that version is not known any more; `PendingStrokes.apply` still paints on any other.
    """
    base = _base_of(workspace, store, pending).upright()
    largest = max((int(s.new.max()) for s in pending.strokes()), default=0)
    kind = np.promote_types(base.data.dtype, np.min_scalar_type(largest))
    painted = replace(base, data=pending.apply(np.array(base.data, dtype=kind, order="C")))
    present = current_label(workspace, store, pending.key, warn=False)
    return None if label_hash(painted) == label_hash(present) else painted


def _base_of(workspace: Workspace, store: ReviewStore, pending: PendingStrokes) -> LabelMap:
    key = pending.key
    for correction in reversed(store.corrections(key)):
        if pending.base in (correction.correction_id, correction.label_hash):
            return load_correction(workspace, correction)
    original = workspace.load_label(key.case_id, key.label_reader, warn=False)
    if pending.base not in ("", label_hash(original)):
        raise NotFoundError(
            f"The kept strokes on {key} were made on a label version that is not in the history. Apply them to the "
            "present label, or discard them."
        )
    return original


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read ({error.strerror or type(error).__name__}).") from error
