"""Which files are images, by their names."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = [
    "PICTURE_SUFFIXES",
    "VOLUME_SUFFIXES",
    "is_image_file",
    "is_nifti",
    "is_picture",
    "safe_name",
    "stem_of",
    "suffix_of",
]

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


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
