"""Images and their captions: reading a table or a folder, and holding some out."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.foundation import intensity_range, to_uint8
from napari_aleatoric.io import read_volume, suffix_of

__all__ = ["CaptionedImage", "caption_pairs", "caption_slice", "split_pairs"]

_IMAGE = ("image", "image_path", "path", "file", "filename")
_CAPTION = ("caption", "text", "description")
_GROUP = ("patient", "case", "group", "subject")
_SLICE = ("slice", "slice_index", "z")


@dataclass(frozen=True)
class CaptionedImage:
    """One slice and what is to be seen in it.

    Parameters
    ----------
    image : Path
        A picture or a volume.
    caption : str
        A sentence.
    group : str
        Pairs of one patient have the same; they are held out together. Where no patient is named, the image as the
        table or the folder names it, so that a set which was moved is split in the same way.
    slice_index : int, optional
        Along the first axis of a volume; None = its middle.
    """

    image: Path
    caption: str
    group: str
    slice_index: int | None = None


def caption_pairs(source: Path, least_characters: int = 1) -> list[CaptionedImage]:
    """Read which image has which caption.

    Parameters
    ----------
    source : Path
        A CSV file with the columns ``image`` (relative to the file, or a whole path) and ``caption``, and
        optionally ``patient`` and ``slice``; or a folder in which every image has a text file beside it.
    least_characters : int
        Shorter captions are left out.

    Raises
    ------
    NotFoundError
        If the source or one of the images is not there.
    DataError
        If it has no such columns, or fewer than four pairs.
    """
    if source.is_dir():
        found = _of_folder(source)
    elif source.is_file():
        found = _of_table(source)
    else:
        raise NotFoundError(f"There is no table or folder '{source}' of images and captions. Check the path.")
    kept = [pair for pair in found if len(pair.caption) >= least_characters]
    if len(kept) < 4:
        short = len(found) - len(kept)
        raise DataError(
            f"Expected at least 4 images with captions in '{source.name}', got {len(kept)} ({short} captions have "
            f"fewer than {least_characters} characters). Add some, or let shorter captions count."
        )
    return kept


def _of_table(path: Path) -> list[CaptionedImage]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        try:
            rows = list(csv.DictReader(stream))
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"'{path.name}' cannot be read as a CSV file in UTF-8 ({error}).") from error
    names = {(name or "").strip().lower(): name for name in (rows[0] if rows else {})}
    image, caption = _column(names, _IMAGE), _column(names, _CAPTION)
    if image is None or caption is None:
        raise DataError(
            f"Expected the columns 'image' and 'caption' in '{path.name}', got {', '.join(names) or 'no rows'}."
        )
    group, number = _column(names, _GROUP), _column(names, _SLICE)
    found = []
    for line, row in enumerate(rows, start=2):
        where = path.parent / (row[image] or "").strip()
        if not where.is_file():
            raise NotFoundError(f"Line {line} of '{path.name}' names the image '{row[image]}', which is not there.")
        text = " ".join((row[caption] or "").split())
        key = (row[group] or "").strip() if group else ""
        found.append(
            CaptionedImage(
                where, text, key or row[image].strip(), _number(row[number], path, line) if number else None
            )
        )
    return found


def _column(names: dict[str, str], wanted: Sequence[str]) -> str | None:
    return next((names[name] for name in wanted if name in names), None)


def _number(text: str | None, path: Path, line: int) -> int | None:
    text = (text or "").strip()
    if not text:
        return None
    if not text.isdecimal():
        raise DataError(f"Expected the number of a slice in line {line} of '{path.name}', got '{text}'.")
    return int(text)


def _of_folder(folder: Path) -> list[CaptionedImage]:
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or not suffix_of(path):
            continue
        texts = [path.with_suffix(".txt"), path.with_name(f"{path.name.partition('.')[0]}.txt")]
        text = next((t for t in texts if t.is_file()), None)
        if text is not None:
            words = " ".join(text.read_text(encoding="utf-8", errors="replace").split())
            found.append(CaptionedImage(path, words, path.relative_to(folder).as_posix()))
    return found


def split_pairs(
    pairs: Sequence[CaptionedImage], held_out: float, seed: int
) -> tuple[list[CaptionedImage], list[CaptionedImage]]:
    """Hold some groups out, by their names and the seed alone.

    Returns
    -------
    learned, held : list of CaptionedImage
        Each has at least two.

    Raises
    ------
    DataError
        If there are too few groups for that.
    """
    groups = sorted({p.group for p in pairs}, key=lambda g: hashlib.blake2b(f"{seed} {g}".encode()).digest())
    sizes = {group: sum(p.group == group for p in pairs) for group in groups}
    chosen: set[str] = set()
    wanted = max(2, round(held_out * len(pairs)))
    for group in groups:
        if sum(sizes[g] for g in chosen) >= wanted:
            break
        chosen.add(group)
    learned = [p for p in pairs if p.group not in chosen]
    held = [p for p in pairs if p.group in chosen]
    if len(learned) < 2 or len(held) < 2:
        raise DataError(
            f"Expected enough patients to learn from some and hold others out, got {len(pairs)} pairs of "
            f"{len(groups)}. Add images, or hold fewer out."
        )
    return learned, held


def caption_slice(pair: CaptionedImage) -> NDArray[np.uint8]:
    """Read the slice of a pair, (Y, X) or (Y, X, 3), in 8 bits.

    Deeper images are scaled from the 0.5 to the 99.5 percentile of the whole image.

    Raises
    ------
    DataError
        If it cannot be read, or has no such slice.
    """
    volume = read_volume(pair.image)
    data = volume.data
    number = data.shape[0] // 2 if pair.slice_index is None else pair.slice_index
    if number >= data.shape[0]:
        raise DataError(f"'{pair.image.name}' has {data.shape[0]} slices, and the table asks for number {number}.")
    plane = np.asarray(data[number])
    return plane if plane.dtype == np.uint8 else to_uint8(plane, intensity_range(data))
