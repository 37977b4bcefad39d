"""Which files are images, by their names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from napari_aleatoric.model import ItemKey

__all__ = [
    "PICTURE_SUFFIXES",
    "VOLUME_SUFFIXES",
    "is_image_file",
    "is_nifti",
    "is_picture",
    "item_folder_name",
    "safe_name",
    "stem_of",
    "suffix_of",
]

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # no file's name on Windows


def suffix_of(path: Path) -> str:
    """Return the suffix that decides the format, in small letters; "" for none that is known."""
    name = path.name.lower()
    return next((s for s in (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES) if name.endswith(s)), "")


def stem_of(path: Path) -> str:
    """Return the name without its format's suffix (both parts of ``.nii.gz``)."""
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix else path.stem


def is_image_file(path: Path) -> bool:
    """Whether the name is that of a volume or a picture; hidden files (``._x.nii.gz``) are not."""
    return not path.name.startswith(".") and suffix_of(path) != ""


def is_picture(path: Path) -> bool:
    """Whether the name is that of a 2-D format without a physical spacing."""
    return suffix_of(path) in PICTURE_SUFFIXES


def is_nifti(path: Path) -> bool:
    """Whether the name is that of a NIfTI file."""
    return suffix_of(path) in (".nii", ".nii.gz")


def safe_name(text: str) -> str:
    """Return the text with everything that a folder name may not hold on some system replaced by "_"."""
    cleaned = re.sub(r"[^\w.\-+=@ ]+", "_", text).strip(" .")
    return cleaned or "_"


def item_folder_name(key: ItemKey) -> str:
    """Return a folder name for one label of one case: its reader, made safe and unmistakable; "label" for ""."""
    if not key.label_reader:
        return "label"
    name = safe_name(key.label_reader)
    if name == key.label_reader and name.casefold() == name and name != "label" and not _RESERVED.fullmatch(name):
        return name
    start = f"reader {name}" if _RESERVED.fullmatch(name) else name
    return f"{start}-{hashlib.blake2b(key.label_reader.encode(), digest_size=4).hexdigest()}"
