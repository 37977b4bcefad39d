"""Folders of cases, at any depth: what lies in a folder tells what kind of case it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from napari_aleatoric.io._dicom import find_series
from napari_aleatoric.io._formats import safe_name, stem_of
from napari_aleatoric.io._rtstruct import is_rtstruct
from napari_aleatoric.model import Problem

from ._finding import (
    IMAGE_WORDS,
    LABEL_WORDS,
    Findings,
    FoundCase,
    FoundLabel,
    has_dicom,
    holds_dicom,
    image_files,
    is_reader_name,
    label_word,
    subfolders,
)

__all__ = ["find_case_folders"]

_MAX_DEPTH = 7
_SENTENCES = {
    "paired_files": "Images and labels side by side with names such as {example}",
    "rater_files": "One folder for each case with an image and one file per reader",
    "label_files": "One folder for each case with an image and its label",
    "structure_files": "One folder for each case with an image and one file per structure",
    "dicom_folders": "DICOM series with their structure sets or label maps",
}
_STRUCTURE_FOLDERS = ("segmentations", "segmentation", "structures", "masks", "mask", "labels", "label")
_IMAGE_FOLDERS = ("image", "images", "dicom", "ct", "mr", "mri", "pet", "scan")
_IMAGE_STEM = re.compile(r"(ct|mri?|t1w?|t2w?|t2s|flair|pet|scan|volume|norm|anatomical)(?![a-z])", re.IGNORECASE)

_Case = tuple[str, str, FoundCase]  # kind, example of its names, case (its id without the folder's part)


def find_case_folders(root: Path, tick: Callable[[str], None]) -> Findings | None:
    """Recognise folders of cases; the commonest kind names the layout."""
    kinds: Counter[str] = Counter()
    examples: dict[str, str] = {}
    findings = Findings("", "")
    for folder in _walk(root):
        tick(folder.name)
        cases, problems = _analyse(folder)
        for kind, example, case in cases:
            kinds[kind] += 1
            examples.setdefault(kind, example)
            parts = folder.relative_to(root).parts
            case_id = "_".join([*parts, case.case_id]).strip("_") or root.name
            patient = parts[0] if parts else ""
            findings.cases.append(
                FoundCase(safe_name(case_id), case.image, case.labels, case.patient or patient, case.series_uid)
            )
        name = safe_name("_".join(folder.relative_to(root).parts) or root.name)
        findings.problems += [Problem(name, sentence) for sentence in problems]
    if not kinds:
        return None
    findings.layout = kinds.most_common(1)[0][0]
    findings.sentence = (
        "; also: ".join(_SENTENCES[k].format(example=examples[k]) for k, _ in kinds.most_common()) + "."
    )
    return findings


def _walk(root: Path) -> Iterator[Path]:
    """Folders from the top down, by name; below a folder that is a case itself nothing is searched."""
    stack = [(root, 0)]
    while stack:
        folder, depth = stack.pop()
        yield folder
        if depth < _MAX_DEPTH and not _takes_subfolders(folder):
            stack += [(p, depth + 1) for p in reversed(subfolders(folder))]


def _takes_subfolders(folder: Path) -> bool:
    return _dicom_parts(folder) is not None or _structures_beside(folder) is not None


def _analyse(folder: Path) -> tuple[list[_Case], list[str]]:
    parts = _dicom_parts(folder)
    if parts is not None:
        return _dicom_case(*parts)
    if has_dicom(folder):
        return _dicom_case(folder, folder)
    files = image_files(folder)
    if not files:
        return [], []
    cases = _by_image_word(files) or _by_prefix(files) or _by_image_name(folder, files)
    if cases:
        return cases, []
    names = ", ".join(p.name for p in files[:3]) + (", ..." if len(files) > 3 else "")
    return [], [
        f"Which of the {len(files)} files in {folder.name} ({names}) is the image and which the label cannot be "
        "told from their names. Name them image and label, or list them in a manifest (columns case, image, label)."
    ]


# --- volume files -------------------------------------------------------------------------------------------


def _label_after(prefix: str, stem: str) -> str | None:
    """Return what follows the image's prefix in a label's name, e.g. "mask"; None if it is not such a label."""
    if not stem.casefold().startswith(prefix.casefold()):
        return None
    rest = stem[len(prefix) :]
    if not rest or (prefix and not re.match(r"[ _.\-]", rest)):
        return None
    rest = rest.lstrip(" _.-")
    return rest if label_word(rest) else None


def _labels_for(prefix: str, files: list[Path], image: Path) -> tuple[FoundLabel, ...]:
    found = [(rest, p) for p in files if p != image and (rest := _label_after(prefix, stem_of(p))) is not None]
    plain = [p for rest, p in found if rest.casefold() in LABEL_WORDS]
    if len(found) == 1 or len(plain) == 1:
        return (FoundLabel("", (plain[0] if len(plain) == 1 else found[0][1],)),)
    return tuple(FoundLabel(rest, (p,)) for rest, p in found)


def _by_image_word(files: list[Path]) -> list[_Case]:
    """``CT_image`` + ``CT_mask`` (several per folder), or ``image`` + whatever else lies there."""
    cases: list[_Case] = []
    words = "|".join(IMAGE_WORDS)
    for image in files:
        match = re.fullmatch(rf"(?:(.+?)[ _.\-])?(?:{words})", stem_of(image), re.IGNORECASE)
        if match is None:
            continue
        prefix = match.group(1) or ""
        if prefix:
            labels = _labels_for(prefix, files, image)
            if labels:
                example = f"{image.name} and {labels[0].paths[0].name}"
                cases.append(("paired_files", example, FoundCase(prefix, image, labels)))
        else:
            return [_image_and_others("", image, [p for p in files if p != image])]
    return cases


def _by_prefix(files: list[Path]) -> list[_Case]:
    """``t2`` + ``t2_seg`` + ``t2_seg-manual``: the image's name begins the label's."""
    cases: list[_Case] = []
    taken: set[Path] = set()
    for image in sorted(files, key=lambda p: len(stem_of(p))):
        if image in taken or label_word(stem_of(image)):
            continue
        labels = _labels_for(stem_of(image), [p for p in files if p not in taken], image)
        if labels:
            taken.update(path for label in labels for path in label.paths)
            case_id = stem_of(image)
            cases.append(
                ("paired_files", f"{image.name} and {labels[0].paths[0].name}", FoundCase(case_id, image, labels))
            )
    return cases


def _by_image_name(folder: Path, files: list[Path]) -> list[_Case]:
    """One file with a name such as ``ct`` or ``t1``, and structures beside it or in ``segmentations/``."""
    structures = _structures_beside(folder)
    if structures is not None:
        image, others = structures
        return [_image_and_others("", image, others)]
    candidates = [p for p in files if _IMAGE_STEM.match(stem_of(p)) and not label_word(stem_of(p))]
    others = [p for p in files if p not in candidates]
    if len(candidates) != 1 or not others:
        return []
    return [_image_and_others("", candidates[0], others)]


def _structures_beside(folder: Path) -> tuple[Path, list[Path]] | None:
    """Image and structure files of a folder with one image and a folder ``segmentations/``."""
    inner = next((p for p in subfolders(folder) if p.name.casefold() in _STRUCTURE_FOLDERS), None)
    if inner is None or not (structures := image_files(inner)):
        return None
    images = [p for p in image_files(folder) if not label_word(stem_of(p))]
    return (images[0], structures) if len(images) == 1 else None


def _image_and_others(case_id: str, image: Path, others: list[Path]) -> _Case:
    """One image with: readers' files, one label, or one file per structure."""
    readers = [p for p in others if is_reader_name(stem_of(p))]
    if readers:
        labels = tuple(FoundLabel(stem_of(p), (p,)) for p in readers)
        return "rater_files", image.name, FoundCase(case_id, image, labels)
    plain = [p for p in others if stem_of(p).casefold() in LABEL_WORDS]
    if len(others) == 1 or len(plain) == 1:
        one = plain[0] if len(plain) == 1 else others[0]
        return "label_files", image.name, FoundCase(case_id, image, (FoundLabel("", (one,)),))
    if not others:
        return "label_files", image.name, FoundCase(case_id, image)
    structures = tuple(stem_of(p) for p in others)
    return "structure_files", image.name, FoundCase(case_id, image, (FoundLabel("", tuple(others), structures),))


# --- DICOM --------------------------------------------------------------------------------------------------


def _dicom_parts(folder: Path) -> tuple[Path, Path] | None:
    """``image/`` with DICOM slices beside ``mask/`` with a structure set or label maps."""
    inner = {p.name.casefold(): p for p in subfolders(folder)}
    image = next((inner[name] for name in _IMAGE_FOLDERS if name in inner and has_dicom(inner[name])), None)
    mask = next((inner[name] for name in (*LABEL_WORDS, "rtstruct", "rs") if name in inner), None)
    return (image, mask) if image is not None and mask is not None else None


def _dicom_case(image_folder: Path, label_folder: Path) -> tuple[list[_Case], list[str]]:
    series, found_problems = find_series(image_folder)
    problems = list(found_problems)
    sets = [p for p in sorted(label_folder.iterdir()) if p.is_file() and is_rtstruct(p)]
    volumes = image_files(label_folder)
    others = holds_dicom(label_folder, "seg")
    if others:
        problems.append(f"{others[0].name} is a DICOM segmentation, which is not read yet. Convert it to NIfTI.")
    cases: list[_Case] = []
    for number, one in enumerate(series, start=1):
        uid = one.uid if len(series) > 1 else ""
        name = f"series{number}" if len(series) > 1 else ""
        own = [p for p in sets if len(series) == 1 or _mentions(p, one.uid)]
        labels: tuple[FoundLabel, ...] = ()
        if own:
            single = len(own) == 1
            labels = tuple(FoundLabel("" if single else stem_of(p), (p,)) for p in own)
        elif volumes and len(series) == 1:
            labels = _image_and_others("", image_folder, volumes)[2].labels
        cases.append(("dicom_folders", "", FoundCase(name, image_folder, labels, series_uid=uid)))
    return cases, problems


def _mentions(path: Path, series_uid: str) -> bool:
    """Whether a structure set names that series: its number stands in the file as plain text."""
    return bool(series_uid) and series_uid.split("#")[0].encode() in path.read_bytes()
