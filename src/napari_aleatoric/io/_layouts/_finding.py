"""What a layout finder hands back, and the words that tell images from labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from napari_aleatoric.io._dicom import dicom_kind
from napari_aleatoric.io._formats import is_image_file
from napari_aleatoric.model import Problem

__all__ = [
    "IMAGE_WORDS",
    "LABEL_WORDS",
    "Findings",
    "FoundCase",
    "FoundLabel",
    "bare_name",
    "has_dicom",
    "holds_dicom",
    "image_files",
    "is_reader_name",
    "label_word",
    "subfolders",
]

IMAGE_WORDS = ("image", "img")
LABEL_WORDS = (
    *("label", "labels", "mask", "masks", "seg", "segs", "segmentation", "segmentations", "gt", "groundtruth"),
    *("annotation", "annotations", "contour", "roi"),
)
_LABEL = "|".join(LABEL_WORDS)
_READER = re.compile(
    r"(?:rater|reader|annotator|observer|expert|grader|radiologist)(?:[ _-]?[0-9]{1,3}|[ _-]\w+|[a-z])?"
    r"|r[0-9]{1,2}",
    re.IGNORECASE,
)
_SUFFIX = re.compile(
    rf"[ _.\-](?:{_LABEL}|image|img|manual|[0-9]+(?:st|nd|rd|th)(?:ho|_?manual|_?reader|_?observer)?"
    r"|(?:rater|reader|annotator|observer|expert)[0-9a-z]{0,2})$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class FoundLabel:
    """One reader's label: files, and a class name for each if every file is one structure."""

    reader: str
    paths: tuple[Path, ...]
    structures: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundCase:
    """A case as found, before any file was opened."""

    case_id: str
    image: Path
    labels: tuple[FoundLabel, ...] = ()
    patient: str = ""
    series_uid: str = ""


@dataclass
class Findings:
    """Cases of one layout.

    ``class_names`` is ``{label value: name}`` where the layout states it; empty where labels must be read.
    """

    layout: str
    sentence: str
    cases: list[FoundCase] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    class_names: dict[int, str] = field(default_factory=dict)


def image_files(folder: Path) -> list[Path]:
    """Volume and picture files of a folder, by name."""
    return sorted(p for p in folder.iterdir() if is_image_file(p) and p.is_file())


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, by name; hidden ones left out."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _dicom_files(folder: Path, kind: str) -> Iterator[Path]:
    for path in folder.iterdir():
        if (
            not path.name.startswith(".")
            and not is_image_file(path)
            and path.is_file()
            and dicom_kind(path) == kind
        ):
            yield path


def has_dicom(folder: Path, kind: str = "image") -> bool:
    """Whether a DICOM file of one kind lies directly in a folder."""
    return any(True for _ in _dicom_files(folder, kind))


def holds_dicom(folder: Path, kind: str = "image") -> list[Path]:
    """DICOM files of one kind that lie directly in a folder, by name."""
    return sorted(_dicom_files(folder, kind))


def label_word(text: str) -> bool:
    """Whether the text contains a word for a label, such as "seg" or "mask"."""
    return re.search(rf"(?:^|[^A-Za-z])(?:{_LABEL})(?:[^A-Za-z]|ed\b|$)", text, re.IGNORECASE) is not None


def is_reader_name(stem: str) -> bool:
    """Whether a file or folder name stands for a reader: "rater1", "reader_A", "observer2"."""
    return _READER.fullmatch(bare_name(stem) if label_word(stem) else stem) is not None


def bare_name(stem: str) -> str:
    """Return a name without what marks it as image or label: ``x_seg``, ``x_1stHO`` and ``x`` are ``x``."""
    while True:
        shorter = _SUFFIX.sub("", stem)
        if shorter in ("", stem):
            return stem
        stem = shorter
