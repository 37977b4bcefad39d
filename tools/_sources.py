"""The labelled images that the networks shipped with the project learn from, and which of them are held out."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.io import read_label_map, read_volume
from napari_aleatoric.model import Volume
from napari_aleatoric.samples import SAMPLE_CLASSES, SampleSpec, make_case

__all__ = [
    "SOURCES",
    "LabelledCase",
    "hippocampi",
    "is_held_out",
    "labelled_cases",
    "nodules",
    "samples",
    "sarcomas",
    "validation_cases",
]

SOURCES = ("samples", "hippocampus", "nodules", "sarcomas", "bodies")
HELD_OUT_SARCOMAS = ("STS_024", "STS_025")
HELD_OUT_BODIES = ("example_ct_dicom",)  # the only other patient in CT: never trained on
SEEDS = ((7001, 70), (7002, 20))  # of the synthetic abdomens, and how many; the demo's are others
VALIDATION = (7003, 6)  # neither learnt from nor held out: limits are chosen on them
_BODIES = (  # TotalSegmentator's test files, Apache-2.0; the labels are a network's
    ("example_ct", "example_ct.nii.gz", "example_seg_fast_force_split.nii.gz", "CT"),
    ("example_mr_sm", "example_mr_sm.nii.gz", "example_seg_mr.nii.gz", "MR"),
    ("example_ct_dicom", "example_ct_dicom", "example_seg_dicom.nii.gz", "CT"),
)
_NAMED = re.compile(rb'Key="(\d+)"[^>]*>(?:<!\[CDATA\[)?([\w ]+)')
_TABLE = 200_000  # bytes of a NIfTI file that hold its table of labels
_PLAIN = (  # what the structures of whole-body labels are called in sentences; the first that fits
    (r"rib (left|right) .*", r"\1 rib"),
    (r"lung .*lobe (left|right)", r"\1 lung"),
    (r"vertebrae.*|sacrum", "spine"),
    (r"autochthon (left|right)|iliopsoas (left|right)", "muscle"),
    (r"gluteus .*", "muscle"),
    (r"small bowel|colon|duodenum", "bowel"),
    (r"inferior vena cava", "vena cava"),
    (r"urinary bladder", "bladder"),
    (r"(.*) vena (left|right)", r"\2 \1 vein"),
    (r"hip (left|right)", r"\1 hip bone"),
    (r"(.*) (left|right)", r"\2 \1"),
)


@dataclass(frozen=True, eq=False)
class LabelledCase:
    """An image with its labels, both upright.

    Parameters
    ----------
    source, case_id : str
        Where it comes from.
    volume : Volume
        The image, with its modality.
    label : numpy.ndarray of integer, shape (Z, Y, X)
        On the same points.
    names : dict of int to str
        What the values of the label mean, in words.
    all_planes : bool
        Whether slices across all three axes are of use.
    knows_sides : bool
        Whether the middle of the image is the middle of the patient, so that left and right can be told.
    """

    source: str
    case_id: str
    volume: Volume
    label: NDArray[Any]
    names: dict[int, str]
    all_planes: bool = True
    knows_sides: bool = False

    @property
    def held_out(self) -> bool:
        """Whether it is never trained on."""
        return is_held_out(self.source, self.case_id)


def is_held_out(source: str, case_id: str) -> bool:
    """Tell whether a case is never trained on: a fifth of them, by a checksum of their name."""
    if source == "sarcomas":
        return case_id.split("/")[0] in HELD_OUT_SARCOMAS
    if source == "bodies":
        return case_id in HELD_OUT_BODIES
    return zlib.crc32(f"{source}/{case_id}".encode()) % 5 == 0


def labelled_cases(
    folder: Path, most: int | None = None, sources: tuple[str, ...] = SOURCES
) -> Iterator[LabelledCase]:
    """Yield the cases of all sources; at most so many of each, half of them held out, if a number is given."""
    makers = (samples(), hippocampi(folder), nodules(folder), sarcomas(folder), bodies(folder))
    for name, found in zip(SOURCES, makers, strict=True):
        if name not in sources:
            continue
        counts = {True: 0, False: 0}
        for case in found:
            counts[case.held_out] += 1
            if most is None or counts[case.held_out] <= max(1, most // 2):
                yield case
            elif min(counts.values()) >= max(1, most // 2):
                break


def validation_cases(folder: Path, learnt: int, most: int = 6) -> Iterator[LabelledCase]:
    """Yield cases that were neither learnt from nor are held out: abdomens, and hippocampi after those learnt from.

    Parameters
    ----------
    folder : Path
        Of all sources.
    learnt : int
        How many hippocampi were learnt from, which are the first that are not held out.
    most : int
        Hippocampi, at most.
    """
    yield from samples((VALIDATION,))
    yield from islice((c for c in hippocampi(folder) if not c.held_out), learnt, learnt + most)


def samples(seeds: tuple[tuple[int, int], ...] = SEEDS) -> Iterator[LabelledCase]:
    """Synthetic abdomens of the project itself."""
    for seed, n in seeds:
        spec = SampleSpec(n_cases=n, seed=seed, oblique=False, error_fraction=0.0)
        for index in range(n):
            case = make_case(spec, index)
            label, names = case.truth.upright().data, SAMPLE_CLASSES.names
            image = replace(case.image.upright(), modality="CT")
            name = f"{seed}/{case.case_id}"
            yield LabelledCase("samples", name, image, label, names, all_planes=False, knows_sides=True)


def hippocampi(folder: Path) -> Iterator[LabelledCase]:
    """One hippocampus each, cut out of a brain."""
    names = {1: "anterior hippocampus", 2: "posterior hippocampus"}
    for path in sorted((folder / "msd_hippocampus" / "imagesTr").glob("*.nii.gz")):
        label = read_label_map(folder / "msd_hippocampus" / "labelsTr" / path.name).upright().data
        yield LabelledCase("hippocampus", path.name.split(".")[0], _image(path, "MR"), label, names)


def nodules(folder: Path) -> Iterator[LabelledCase]:
    """Nodules of the lung, as at least half of four readers drew them."""
    for case in sorted(p for p in (folder / "lidc_4rater").iterdir() if p.is_dir()):
        votes = [read_label_map(case / f"rater{r}.nii.gz").upright().data > 0 for r in range(1, 5)]
        label = (np.mean(votes, axis=0) >= 0.5).astype(np.uint8)
        image = _image(case / "image.nii.gz", "CT")
        yield LabelledCase("nodules", case.name, image, label, {1: "lung nodule"}, all_planes=False)


def sarcomas(folder: Path) -> Iterator[LabelledCase]:
    """Tumours of soft tissue, each patient in CT, PET and MR."""
    for case in sorted(p for p in (folder / "ibsi_sts").iterdir() if p.is_dir()):
        for path in sorted(case.glob("*_image.nii.gz")):
            mask = read_label_map(path.with_name(path.name.replace("_image", "_mask"))).upright().data > 0
            name = f"{case.name}/{path.name.removesuffix('_image.nii.gz')}"
            image = _image(path, path.name.split("_")[0])
            yield LabelledCase("sarcomas", name, image, mask.astype(np.uint8), {1: "tumour"})


def bodies(folder: Path) -> Iterator[LabelledCase]:
    """Trunks with many structures, on the points of the image."""
    for case_id, image_name, label_name, modality in _BODIES:
        place = folder / "totalsegmentator"
        if not (place / image_name).exists():
            continue
        image, label = _image(place / image_name, modality), read_label_map(place / label_name).upright()
        if not label.geometry.same_grid(image.geometry):
            print(f"{case_id} is left out: its labels are not on the points of the image")
            continue
        with gzip.open(place / label_name) as stream:
            table = stream.read(_TABLE)
        names = {int(k): in_words(name.decode()) for k, name in _NAMED.findall(table)}
        yield LabelledCase("bodies", case_id, image, label.data, names, knows_sides=True)


def in_words(name: str) -> str:
    """Return what a structure is called in a sentence: "kidney_left" becomes "left kidney"."""
    words = name.replace("_", " ")
    for pattern, plain in _PLAIN:
        if re.fullmatch(pattern, words):
            return re.sub(pattern, plain, words)
    return words


def _image(path: Path, modality: str) -> Volume:
    return replace(read_volume(path).upright(), modality=modality)
