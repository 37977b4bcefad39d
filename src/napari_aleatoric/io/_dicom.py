"""DICOM image series: found by what the headers say, not by file names."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry, Volume

from ._formats import is_image_file
from ._itk import array_of, geometry_of, reader_for, reason_of, sitk

__all__ = ["DicomSeries", "dicom_kind", "find_series", "is_dicom", "read_series", "series_geometry"]

_KINDS = {
    b"1.2.840.10008.5.1.4.1.1.481.3": "rtstruct",
    b"1.2.840.10008.5.1.4.1.1.66.4": "seg",
    b"1.2.840.10008.5.1.4.1.1.66.7": "seg",
    b"1.2.840.10008.1.3.10": "directory",
    b"1.2.840.10008.5.1.4.1.1.88": "document",
    b"1.2.840.10008.5.1.4.1.1.11": "document",
    b"1.2.840.10008.5.1.4.1.1.481.2": "dose",
    b"1.2.840.10008.5.1.4.1.1.481.5": "document",
}
_IMAGE_CLASSES = rb"5\.1\.4\.1\.1\.(?:1|2|3|4|6|7|12|20|77|128|130|481\.1)(?:\.[0-9.]+)?\Z"
_MODALITY = {"PT": "PET"}
_MAX_GAP_DIFFERENCE = 0.02  # of the slice distance
_MAX_TILT = 1e-3


@dataclass(frozen=True)
class DicomSeries:
    """The slices of one image volume, in order along the slice axis.

    Parameters
    ----------
    uid : str
        SeriesInstanceUID ("" where the files have none), with "#2", "#3", ... added where one series
        holds several volumes.
    files : tuple of Path
        Slices from the first to the last position, or one multi-frame file.
    modality : str
        As the files say, e.g. "CT".
    geometry : Geometry
        The grid.
    """

    uid: str
    files: tuple[Path, ...]
    modality: str
    geometry: Geometry


@dataclass(frozen=True)
class _Slice:
    path: Path
    uid: str
    modality: str
    size: tuple[int, ...]
    spacing: tuple[float, ...]
    position: np.ndarray[Any, Any] | None
    direction: np.ndarray[Any, Any]
    split: tuple[str, ...]
    thickness: float
    reader_geometry: Geometry


def dicom_kind(path: Path) -> str:
    """Say what a file is from its first kilobyte.

    Returns
    -------
    str
        "image", "rtstruct", "seg", "directory", "dose" or "document" for a DICOM file; "" for any other.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(1024)
    except OSError:
        return ""
    if start[128:132] != b"DICM":
        return "image" if path.suffix.lower() in (".dcm", ".ima") else ""
    found = re.search(rb"\x02\x00\x02\x00UI..([0-9.]+)", start, re.DOTALL)
    uid = found.group(1) if found else b""
    return next(
        (kind for prefix, kind in _KINDS.items() if uid == prefix or uid.startswith(prefix + b".")), "image"
    )


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its first bytes; files with the suffix of another format are not opened."""
    return path.is_file() and not is_image_file(path) and not path.name.startswith(".") and dicom_kind(path) != ""


def _numbers(text: str) -> np.ndarray[Any, Any] | None:
    try:
        return np.array([float(part) for part in text.split("\\")], dtype=np.float64)
    except ValueError:
        return None


def _read_slice(path: Path) -> _Slice:
    reader = reader_for(path)
    keys = set(reader.GetMetaDataKeys())

    def tag(name: str) -> str:
        return str(reader.GetMetaData(name)).strip(" \0") if name in keys else ""

    position = _numbers(tag("0020|0032"))
    cosines = _numbers(tag("0020|0037"))
    direction = np.eye(3)
    if cosines is not None and len(cosines) == 6:
        direction = np.column_stack([cosines[:3], cosines[3:], np.cross(cosines[:3], cosines[3:])])
    thickness = _numbers(tag("0018|0088")) if tag("0018|0088") else _numbers(tag("0018|0050"))
    return _Slice(
        path=path,
        uid=tag("0020|000e"),
        modality=_MODALITY.get(tag("0008|0060"), tag("0008|0060")),
        size=tuple(reader.GetSize()),
        spacing=tuple(reader.GetSpacing()),
        position=position if position is not None and len(position) == 3 else None,
        direction=direction,
        split=(tag("0018|0081"), tag("0020|0012"), tag("0020|0100")),
        thickness=float(abs(thickness[0])) if thickness is not None and len(thickness) else 0.0,
        reader_geometry=geometry_of(reader),
    )


def _stack_geometry(slices: list[_Slice], positions: np.ndarray[Any, Any], label: str) -> Geometry:
    """Grid of slices already in order; uneven gaps and tilted stacks are refused."""
    first, last = slices[0], slices[-1]
    if first.position is None or last.position is None:
        raise DataError(f"The slices of {label} do not say where they lie in the patient.")
    direction = first.direction.copy()
    step = first.thickness or 1.0
    if len(slices) > 1:
        gaps = np.diff(positions)
        step = float(np.median(gaps))
        if gaps.max() - gaps.min() > max(_MAX_GAP_DIFFERENCE * step, 0.01):
            raise DataError(
                f"The slices of {label} are not evenly spaced: distances run from {gaps.min():.4g} to "
                f"{gaps.max():.4g} mm. Slices are probably missing; fetch the whole series again."
            )
        step = round(float((positions[-1] - positions[0]) / (len(slices) - 1)), 9)
        run = (last.position - first.position) / np.linalg.norm(last.position - first.position)
        if np.linalg.norm(run - direction[:, 2]) > _MAX_TILT * 10:
            raise DataError(
                f"The slices of {label} are shifted against each other, as with a tilted gantry. "
                "Resample the series to a regular grid first."
            )
    return Geometry(
        shape_zyx=(len(slices), first.size[1], first.size[0]),
        spacing_zyx_mm=(step, first.spacing[1], first.spacing[0]),
        origin_lps=tuple(first.position.tolist()),
        direction_lps=tuple(map(tuple, direction.tolist())),
    )


def _order(slices: list[_Slice]) -> tuple[list[_Slice], np.ndarray[Any, Any]]:
    normal = slices[0].direction[:, 2]
    positions = np.array([s.position @ normal if s.position is not None else 0.0 for s in slices])
    order = np.argsort(positions, kind="stable")
    return [slices[i] for i in order], positions[order]


def _volumes_of(slices: list[_Slice]) -> list[list[_Slice]]:
    """Split slices that share a place (echoes, phases) into volumes of their own."""

    def overlapping(group: list[_Slice]) -> bool:
        _, positions = _order(group)
        return len(group) > 1 and bool((np.diff(positions) < 1e-3).any())

    if not overlapping(slices):
        return [slices]
    for part in range(3):
        groups: dict[str, list[_Slice]] = defaultdict(list)
        for item in slices:
            groups[item.split[part]].append(item)
        if len(groups) > 1 and not any(overlapping(g) for g in groups.values()):
            return [groups[key] for key in sorted(groups, key=lambda k: (len(k), k))]
    raise DataError(
        f"Several of the {len(slices)} DICOM slices lie at the same place and nothing in their headers tells them "
        "apart. Separate the volumes into folders of their own."
    )


def find_series(folder: Path) -> tuple[tuple[DicomSeries, ...], tuple[str, ...]]:
    """Find the image series in one folder (its subfolders are not searched).

    Files without a series number are one series for each grid. Files that are no image (structure sets, reports,
    DICOMDIR) are passed over. A damaged file spoils its own series only, or all if it does not say which.

    Returns
    -------
    series : tuple of DicomSeries
        In the order of the file names.
    problems : tuple of str
        One sentence for every series that cannot be used.
    """
    slices: list[_Slice] = []
    damaged: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        if not path.is_file() or is_image_file(path) or path.name.startswith(".") or dicom_kind(path) != "image":
            continue
        try:
            slices.append(_read_slice(path))
        except DataError:
            uid = _unreadable_slice(path)
            if uid is not None:
                damaged[uid].append(path.name)
    problems = [_damage_sentence(names, folder.name) for names in damaged.values()]
    if "" in damaged:  # it may belong to any of the series
        return (), tuple(problems)
    slices = [item for item in slices if item.uid not in damaged]

    groups: dict[tuple[Any, ...], list[_Slice]] = defaultdict(list)
    for item in slices:
        cosines = tuple(np.round(item.direction[:, :2], 3).ravel().tolist())
        groups[(item.uid, item.size, tuple(np.round(item.spacing[:2], 4)), cosines)].append(item)
    found: list[DicomSeries] = []
    counts: dict[str, int] = defaultdict(int)
    for group in groups.values():
        try:
            volumes = _split(group)
        except DataError as error:
            problems.append(str(error))
            continue
        for files, modality, geometry in volumes:
            uid = group[0].uid
            counts[uid] += 1
            name = uid if counts[uid] == 1 else f"{uid}#{counts[uid]}"
            found.append(DicomSeries(name, files, modality, geometry))
    return tuple(found), tuple(problems)


def _unreadable_slice(path: Path) -> str | None:
    """Series of a file that is damaged ("" if it does not say); None if it is DICOM without an image."""
    with path.open("rb") as stream:
        start = stream.read(16384)
    kind = re.search(rb"\x08\x00\x16\x00(?:UI..|....)1\.2\.840\.10008\.([0-9.]+)", start, re.DOTALL)
    if kind is not None and re.match(_IMAGE_CLASSES, kind.group(1)) is None:
        return None
    series = re.search(rb"\x20\x00\x0e\x00(?:UI..|....)([0-9.]+)", start, re.DOTALL)
    return series.group(1).decode() if series else ""


def _damage_sentence(names: list[str], folder: str) -> str:
    which = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return (
        f"{len(names)} DICOM {'file' if len(names) == 1 else 'files'} of a series in {folder} ({which}) cannot be "
        "read: damaged or cut short. Fetch the series again, or move the files away."
    )


def _split(group: list[_Slice]) -> list[tuple[tuple[Path, ...], str, Geometry]]:
    frames = [s for s in group if (len(s.size) > 2 and s.size[2] > 1) or s.position is None]
    # multi-frame files and secondary captures are volumes of their own
    result: list[tuple[tuple[Path, ...], str, Geometry]] = [
        ((item.path,), item.modality, item.reader_geometry) for item in frames
    ]
    single = [s for s in group if s not in frames]
    if single:
        for volume in _volumes_of(single):
            ordered, positions = _order(volume)
            geometry = _stack_geometry(ordered, positions, f"the series in {ordered[0].path.parent.name}")
            result.append((tuple(s.path for s in ordered), ordered[0].modality, geometry))
    return result


def _one_series(path: Path, series_uid: str) -> DicomSeries:
    found, problems = find_series(path)
    if series_uid:
        found = tuple(s for s in found if s.uid == series_uid)
    if len(found) == 1:
        return found[0]
    if problems:
        raise DataError(problems[0])
    if not found:
        raise DataError(
            f"There is no DICOM image series in {path.name}"
            + (" with the series number asked for." if series_uid else ". Expected a folder of DICOM slices.")
        )
    sizes = "; ".join(f"{s.modality or 'image'} of {len(s.files)} slices" for s in found)
    raise DataError(f"{path.name} holds {len(found)} DICOM series ({sizes}). Say which by its series_uid.")


def series_geometry(path: Path, series_uid: str = "") -> Geometry:
    """Return the grid of a series from its headers alone; see `read_series`."""
    return _one_series(path, series_uid).geometry


def read_series(path: Path, series_uid: str = "") -> Volume:
    """Read one DICOM image series (plain or compressed), rescaled to its units (HU for CT).

    Parameters
    ----------
    path : Path
        Folder of slices, or one file.
    series_uid : str
        Which series, if the folder holds several.

    Raises
    ------
    DataError
        If there is no such series, several and none named, files are damaged, or slices are missing.
    """
    series = _one_series(path, series_uid)
    module = sitk()
    try:
        if len(series.files) == 1:
            image = module.ReadImage(str(series.files[0]))
        else:
            reader = module.ImageSeriesReader()
            reader.SetFileNames([str(p) for p in series.files])
            if series.modality == "PET":  # every slice has its own scale, so the first one's type may be too small
                reader.SetOutputPixelType(module.sitkFloat32)
            image = reader.Execute()
    except RuntimeError as error:
        raise DataError(
            f"The voxels of the DICOM series in {path.name} cannot be read: a file is damaged, cut short or "
            f"compressed in an unknown way ({reason_of(error)}). Fetch the series again."
        ) from error
    data = array_of(image)
    if data.ndim == 4:
        data = np.ascontiguousarray(data[..., :3])
    if data.shape[:3] != series.geometry.shape_zyx:
        raise DataError(
            f"The DICOM series in {path.name} states {series.geometry.shape_zyx} voxels (Z, Y, X) but holds "
            f"{data.shape[:3]}; slices differ in size. Fetch the series again."
        )
    return Volume(data, series.geometry, "RGB" if data.ndim == 4 else series.modality)
