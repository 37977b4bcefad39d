"""The image and label files of a kept set: linked, copied, named where they are, or written."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import (
    Workspace,
    channel_files,
    guess_modality,
    is_plain_image,
    is_plain_label,
    safe_name,
    stem_of,
    suffix_of,
    volumes_in,
)
from napari_aleatoric.model import CaseFiles, ItemKey, Reporter
from napari_aleatoric.review._exporting._files import hand_on
from napari_aleatoric.review._exporting._items import write_image, write_label
from napari_aleatoric.review._storage._store import ReviewStore

from ._layouts import ExportedCase
from ._spec import FilterExportSpec

__all__ = ["CaseFilesWriter"]

_NNUNET_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".png")
_KNOWN_MODALITIES = ("CT", "MR", "PET")


class CaseFilesWriter:
    """Puts the files of cases into an unfinished export.

    Attributes
    ----------
    files : Counter of str
        How many files became a "link" or a "copy", were "written", or are "named" where they are.
    remarks : list of str
        What the user should know.
    source : dict
        The ``dataset.json`` of the data set; empty where it has none.
    modality : str
        What the images say they are; "" where they do not, or differ.
    n_channels : int
        Files for each image.
    file_ending : str
        Of all files, in nnU-Net's layout.

    Parameters
    ----------
    workspace, store
        Where images and labels come from.
    folder : Path
        The unfinished export.
    dest : Path
        What it will be called; beside ``folder``.
    spec : FilterExportSpec
        Layout, and links or copies.
    corrected : collection of ItemKey
        Labels whose present version is not the original.
    report : Reporter
        Told about every label; may raise to stop.
    """

    def __init__(
        self,
        workspace: Workspace,
        store: ReviewStore,
        folder: Path,
        dest: Path,
        spec: FilterExportSpec,
        corrected: Collection[ItemKey],
        report: Reporter,
    ) -> None:
        self._workspace, self._store = workspace, store
        self._folder, self._dest = folder, dest
        self._spec, self._corrected, self._report = spec, corrected, report
        self._in_place = spec.layout == "monai"
        self._image_dir, self._label_dir = ("images", "labels") if self._in_place else ("imagesTr", "labelsTr")
        self._modalities: set[str] = set()
        self.files: Counter[str] = Counter()
        self.remarks: list[str] = []
        self.source = _source_json(workspace)
        self.n_channels = 1
        self.file_ending = ""

    @property
    def modality(self) -> str:
        """What the images say they are; "" where they do not, or differ."""
        return next(iter(self._modalities)) if len(self._modalities) == 1 else ""

    def write(self, keys: Sequence[ItemKey]) -> list[ExportedCase]:
        """Put image and label of every case in place, and return what they are called."""
        if self._spec.layout == "nnunet":
            self.file_ending = self._common_ending(keys)
        if not self._in_place:
            for name in (self._image_dir, self._label_dir):
                (self._folder / name).mkdir()
        cases = []
        channels: Counter[int] = Counter()
        for done, key in enumerate(keys):
            step = self._stepper(done, len(keys), f"Exporting {key}")
            step()
            images = self._images(self._workspace.dataset.case(key.case_id), step)
            step()
            cases.append(ExportedCase(key, images, self._label(key, step)))
            channels[len(images)] += 1
        if len(channels) > 1:
            raise DataError(
                f"The cases have different numbers of channels ({', '.join(map(str, sorted(channels)))}), which no "
                "network takes. Filter cases of one kind, or complete the files."
            )
        self.n_channels = next(iter(channels))
        return cases

    def _stepper(self, done: int, total: int, message: str) -> Callable[[], None]:
        return lambda: self._report.step(done, total, message)

    def _common_ending(self, keys: Sequence[ItemKey]) -> str:
        """File ending of all images where they share one that nnU-Net reads; else that of what is written."""
        images = [self._workspace.dataset.case(key.case_id).image for key in keys]
        endings = {suffix_of(path) if path.is_file() else "" for path in images}
        if len(endings) == 1 and (ending := next(iter(endings))) in _NNUNET_ENDINGS:
            return ending
        flat = [self._workspace.grid(key.case_id) for key in keys]
        pictures = [grid.is_flat and not grid.spacing_known for grid in flat]
        if any(pictures) != all(pictures):
            raise DataError(
                "nnU-Net wants files of one kind, and these are photographs and volumes. Filter one kind."
            )
        return ".png" if all(pictures) else ".nii.gz"

    # -- images ---------------------------------------------------------------------------------------

    def _images(self, case: CaseFiles, step: Callable[[], None]) -> tuple[str, ...]:
        is_numbered = case.image.is_file() and safe_name(stem_of(case.image)) == f"{case.case_id}_0000"
        files = channel_files(case.image) if is_numbered else (case.image,)
        n_volumes = volumes_in(case.image)
        if n_volumes > 1 and self._spec.layout == "nnunet":
            raise DataError(
                f"The image of case {case.case_id} holds {n_volumes} channels in one file, and nnU-Net wants a "
                "file for each. Export for MONAI or as msd, and convert that with nnU-Net's own program."
            )
        self._modalities.add(guess_modality(stem_of(case.image)) or guess_modality(case.image.parent.name))
        grid = self._workspace.grid(case.case_id)
        if all(is_plain_image(path, grid) for path in files):
            if self._in_place:
                self.files["named"] += len(files)
                return tuple(self._pointer(path) for path in files)
            if self.file_ending in ("", suffix_of(case.image)):
                return self._images_handed_on(case, files, step)
        if len(files) > 1 or n_volumes > 1:
            raise DataError(
                f"The image of case {case.case_id} has several channels in a form that cannot be handed on as it "
                f"is ({case.image.name}). Convert the data set to NIfTI first."
            )
        return (self._image_written(case),)

    def _images_handed_on(
        self, case: CaseFiles, files: Sequence[Path], step: Callable[[], None]
    ) -> tuple[str, ...]:
        names = [f"{safe_name(case.case_id)}_{i:04d}" for i in range(len(files))]
        if self._spec.layout != "nnunet" and len(files) == 1:
            names = [safe_name(case.case_id)]
        ending = suffix_of(case.image)
        return tuple(
            self._handed_on(path, f"{self._image_dir}/{name}{ending}", step)
            for path, name in zip(files, names, strict=True)
        )

    def _image_written(self, case: CaseFiles) -> str:
        name = safe_name(case.case_id) + ("_0000" if self._spec.layout == "nnunet" else "")
        stem = self._stem(self._image_dir, name)
        path, image = write_image(self._workspace, case.case_id, stem, self.file_ending)
        if image.modality in _KNOWN_MODALITIES:
            self._modalities.discard("")
            self._modalities.add(image.modality)
        self.files["written"] += 1
        return path.relative_to(self._folder).as_posix()

    # -- labels ---------------------------------------------------------------------------------------

    def _label(self, key: ItemKey, step: Callable[[], None]) -> str:
        files = self._workspace.dataset.case(key.case_id).label_of(key.label_reader)
        path = files.paths[0]
        alone = len(files.paths) == 1 and not files.label_values and key not in self._corrected
        fits = self.file_ending in ("", suffix_of(path))
        if alone and fits and is_plain_label(path, self._workspace.grid(key.case_id)):
            if self._in_place:
                self.files["named"] += 1
                return self._pointer(path)
            return self._handed_on(path, f"{self._label_dir}/{safe_name(key.case_id)}{suffix_of(path)}", step)
        stem = self._stem(self._label_dir, safe_name(key.case_id))
        written, _ = write_label(self._workspace, self._store, key, stem, self.file_ending)
        self.files["written"] += 1
        return written.relative_to(self._folder).as_posix()

    # -- places ---------------------------------------------------------------------------------------

    def _stem(self, folder: str, name: str) -> Path:
        (self._folder / folder).mkdir(exist_ok=True)
        return self._folder / folder / name

    def _handed_on(self, source: Path, target: str, step: Callable[[], None]) -> str:
        self.files[hand_on(source, self._folder / target, self._spec.files, step)] += 1
        return target

    def _pointer(self, path: Path) -> str:
        """Name a file of the data set from the export: relative, so that both can move together."""
        try:
            return Path(os.path.relpath(path, self._dest)).as_posix()
        except ValueError:  # another drive
            return path.as_posix()


def _source_json(workspace: Workspace) -> dict[str, Any]:
    if workspace.dataset.layout not in ("nnunet", "decathlon"):
        return {}
    try:
        content = json.loads((workspace.dataset_root / "dataset.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
