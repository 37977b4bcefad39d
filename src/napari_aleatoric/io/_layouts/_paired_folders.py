"""A folder of images beside a folder of labels, paired by name: never by the order of the files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from napari_aleatoric.io._formats import is_image_file, stem_of
from napari_aleatoric.model import Problem

from ._finding import Findings, FoundCase, FoundLabel, bare_name, has_dicom, is_reader_name, subfolders

__all__ = ["find_paired_folders", "pair_by_name"]

_IMAGE_FOLDERS = ("images", "image", "imgs", "img", "imagestr", "volumes", "scans")
_LABEL_FOLDERS = (
    *("labels", "label", "masks", "mask", "segmentations", "segmentation", "segs", "seg", "gt"),
    *("groundtruth", "annotations", "labelstr"),
)
_CHANNEL = re.compile(r"^(.+)_([0-9]{4})$")


def _entries(folder: Path) -> dict[str, Path]:
    """Images of a folder by their stem: files, or folders of DICOM slices."""
    found = {stem_of(p): p for p in sorted(folder.iterdir()) if p.is_file() and is_image_file(p)}
    found |= {p.name: p for p in subfolders(folder) if has_dicom(p)}
    return found


def first_channels(stems: dict[str, Path]) -> dict[str, Path]:
    """Keep the first channel of names such as ``case_0000``, ``case_0001`` if all names end so."""
    matches = {stem: _CHANNEL.match(stem) for stem in stems}
    if not stems or not all(matches.values()):
        return stems
    result: dict[str, Path] = {}
    for stem in sorted(stems):
        match = matches[stem]
        if match is not None:
            result.setdefault(match.group(1), stems[stem])
    return result


def pair_by_name(images: dict[str, Path], labels: dict[str, Path]) -> tuple[dict[str, Path], list[str]]:
    """Pair images with labels: same name first, then the same name without suffixes such as ``_seg``.

    Returns
    -------
    pairs : dict
        The label of each image stem that has one.
    orphans : list of str
        Label stems without an image, or with more than one candidate.
    """
    pairs = {stem: labels[stem] for stem in images if stem in labels}
    rest = {stem: path for stem, path in labels.items() if stem not in pairs}
    open_images: dict[str, list[str]] = {}
    for stem in images:
        if stem not in pairs:
            open_images.setdefault(bare_name(stem).casefold(), []).append(stem)
    orphans: list[str] = []
    claimed: dict[str, str] = {}
    for stem, path in rest.items():
        candidates = open_images.get(bare_name(stem).casefold(), [])
        if len(candidates) == 1 and candidates[0] not in claimed:
            claimed[candidates[0]] = stem
            pairs[candidates[0]] = path
        else:
            orphans.append(stem)
    return pairs, orphans


def find_paired_folders(root: Path, tick: Callable[[str], None]) -> Findings | None:
    """Recognise ``images/`` beside ``labels/`` (or ``masks/``, ...), or beside one folder per reader."""
    tick(root.name)
    folders = {p.name.casefold(): p for p in subfolders(root)}
    image_folder = next((folders[name] for name in _IMAGE_FOLDERS if name in folders), None)
    if image_folder is None:
        return None
    images = first_channels(_entries(image_folder))
    if not images:
        return None
    label_folder = next((folders[name] for name in _LABEL_FOLDERS if name in folders), None)
    readers = {p.name: p for p in subfolders(root) if is_reader_name(p.name)}
    if label_folder is not None and not readers:
        inner = {p.name: p for p in subfolders(label_folder) if not has_dicom(p)}
        readers = inner if inner and not _entries(label_folder) else {"": label_folder}
    if not readers:
        return None

    labels: dict[str, list[FoundLabel]] = {stem: [] for stem in images}
    problems: list[Problem] = []
    for reader, folder in sorted(readers.items()):
        pairs, orphans = pair_by_name(images, _entries(folder))
        for stem, path in pairs.items():
            labels[stem].append(FoundLabel(reader, (path,)))
        problems += [
            Problem(stem, f"The label {stem} in {folder.name} has no image of that name in {image_folder.name}.")
            for stem in orphans
        ]
    cases = []
    for stem, path in sorted(images.items()):
        if labels[stem]:
            cases.append(FoundCase(stem, path, tuple(labels[stem])))
        else:
            where = " or ".join(folder.name for folder in readers.values())
            problems.append(Problem(stem, f"The image {path.name} has no label of that name in {where}."))
    names = ", ".join(f"{folder.name}/" for folder in readers.values())
    what = f"{len(readers)} readers' labels in {names}" if "" not in readers else f"labels in {names}"
    sentence = f"Images in {image_folder.name}/ and {what}, paired by name."
    return Findings("paired_folders", sentence, cases, problems)
