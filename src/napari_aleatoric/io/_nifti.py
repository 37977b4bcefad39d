"""Where a NIfTI volume lies: read from its header, by the rule that nibabel and the NIfTI standard share.

ITK takes the qform where it does not like the sform, without a word; here the sform always wins where it is set.
Voxels are still read by SimpleITK.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry

__all__ = ["NiftiHeader", "check_whole", "nifti_geometry", "read_nifti_header"]

_UNIT_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # metre, millimetre, micrometre; 0 is unknown and taken as millimetre
_MAX_SHEAR_VOXELS = 0.1
_QUATERNION_NOISE = 3 * float(np.finfo(np.float32).eps)  # what rounding leaves of 1 − b² − c² − d² in a half turn
_FIELDS = ("8h", 40, "8f", 76, "B", 123, "2h", 252, "18f", 256, "h", 72, "f", 108)
"""Format and offset of: dim, pixdim, units, form codes, qform and sform, bits per voxel, offset of the voxels."""


@dataclass(frozen=True)
class NiftiHeader:
    """The part of a NIfTI header that says where the voxels are.

    Parameters
    ----------
    shape : tuple of int
        Sizes along i, j, k, then time or channels, as far as the file has them.
    ras_from_index_xyz : numpy.ndarray, shape (4, 4)
        Index to RAS millimetres; may be sheared.
    n_bytes : int
        How long the file must be, unpacked.
    """

    shape: tuple[int, ...]
    ras_from_index_xyz: NDArray[np.float64]
    n_bytes: int


def _quaternion_matrix(b: float, c: float, d: float) -> NDArray[np.float64]:
    rest = 1.0 - (b * b + c * c + d * d)
    a = np.sqrt(rest) if rest > _QUATERNION_NOISE else 0.0
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )


def _read_start(path: Path) -> bytes:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as stream:
            return bytes(stream.read(348))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path.name} cannot be read: it is not a whole NIfTI file ({type(error).__name__}). "
            "Copy it again from where it came."
        ) from error


def read_nifti_header(path: Path) -> NiftiHeader:
    """Read the place of the voxels from a NIfTI-1 file.

    The sform is taken where its code is set, else the qform, else the spacing alone with the volume's middle at
    the origin and x running to the left, as nibabel does.

    Raises
    ------
    DataError
        If the file is absent, cut short, NIfTI-2, or no NIfTI file.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path.name} in the folder {path.parent.name}.")
    raw = _read_start(path)
    for order in "<>":
        size = struct.unpack_from(f"{order}i", raw)[0] if len(raw) >= 4 else 0
        if size == 348 and len(raw) >= 348:
            break
        if size == 540:
            raise DataError(f"{path.name} is a NIfTI-2 file, which is not read. Save it as NIfTI-1 or NRRD.")
    else:
        raise DataError(f"{path.name} is not a NIfTI file, or it is cut short. Check the file.")

    dim, pixdim, (units,), codes, place, (bits,), (offset,) = (
        struct.unpack_from(order + str(_FIELDS[k]), raw, int(_FIELDS[k + 1])) for k in range(0, 14, 2)
    )
    n = int(dim[0])
    if not 1 <= n <= 7 or min(dim[1 : n + 1]) < 1:
        raise DataError(f"{path.name} states impossible sizes {dim[1 : n + 1]}. The file is damaged.")
    shape = tuple(int(v) for v in dim[1 : max(n, 3) + 1])
    shape = tuple(max(v, 1) for v in shape)
    matrix = np.eye(4)
    zooms = np.abs(np.asarray(pixdim[1:4], dtype=np.float64))
    zooms[zooms == 0] = 1.0
    if codes[1] > 0:
        matrix[:3] = np.asarray(place[6:18]).reshape(3, 4)
    elif codes[0] > 0:
        matrix[:3, :3] = _quaternion_matrix(*place[:3]) * zooms
        matrix[:3, 2] *= -1.0 if pixdim[0] < 0 else 1.0
        matrix[:3, 3] = place[3:6]
    else:
        matrix[:3, :3] = np.diag(zooms * [-1, 1, 1])
        matrix[:3, 3] = -matrix[:3, :3] @ ((np.asarray(shape[:3]) - 1) / 2)
    matrix[:3] *= _UNIT_MM.get(int(units) & 7, 1.0)
    n_voxels = int(np.prod([int(v) for v in dim[1 : n + 1]], dtype=object))
    return NiftiHeader(shape, matrix, int(offset) + n_voxels * int(bits) // 8)


def check_whole(path: Path, header: NiftiHeader) -> None:
    """Refuse a file that is shorter than its header says; the NIfTI library would fill the rest with zeros.

    Raises
    ------
    DataError
        If voxels are missing.
    """
    size = path.stat().st_size
    whole = size >= header.n_bytes
    if path.name.lower().endswith(".gz"):
        with path.open("rb") as stream:
            stream.seek(max(size - 4, 0))
            whole = struct.unpack("<I", stream.read(4).rjust(4, b"\0"))[0] == header.n_bytes % 2**32
        if not whole:  # packed in several parts, followed by something, or really cut
            whole = _unpacked_size(path) >= header.n_bytes
    if not whole:
        raise DataError(f"{path.name} is cut short: its header promises {header.n_bytes:,} bytes. Copy it again.")


def _unpacked_size(path: Path) -> int:
    size = 0
    try:
        with gzip.open(path, "rb") as stream:
            while part := stream.read(1 << 22):
                size += len(part)
    except (OSError, EOFError, zlib.error):
        return -1
    return size


def nifti_geometry(path: Path, header: NiftiHeader) -> Geometry:
    """Return the grid; a matrix that is sheared by less than a tenth of a voxel is straightened.

    Raises
    ------
    DataError
        If the axes are further from right angles, or a spacing is zero.
    """
    shape_zyx = header.shape[2::-1]
    matrix = header.ras_from_index_xyz
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.isfinite(matrix).all() or not (spacing > 0).all():
        raise DataError(
            f"{path.name} has no usable position: its matrix holds {matrix[:3].round(4).tolist()}. "
            "Repair its header or convert it again from the original images."
        )
    unit = matrix[:3, :3] / spacing
    if np.allclose(unit.T @ unit, np.eye(3), atol=1e-6):
        return Geometry.from_ras_matrix(shape_zyx, matrix)
    u, _, vt = np.linalg.svd(unit)
    straight = matrix.copy()
    straight[:3, :3] = (u @ vt) * spacing
    middle = (np.asarray(header.shape[:3]) - 1) / 2
    straight[:3, 3] = matrix[:3, :3] @ middle + matrix[:3, 3] - straight[:3, :3] @ middle
    result = Geometry.from_ras_matrix(shape_zyx, straight)
    ends = np.array([[a, b, c, 1] for a in (0, 1) for b in (0, 1) for c in (0, 1)]) * [*(2 * middle), 1]
    shift = np.linalg.norm(ends @ (matrix - straight).T, axis=1).max() / spacing.min()
    if shift > _MAX_SHEAR_VOXELS:
        cosines = np.abs(unit.T @ unit - np.eye(3)).max()
        raise DataError(
            f"The axes of {path.name} are not at right angles ({np.degrees(np.arcsin(min(cosines, 1.0))):.2g} "
            "degrees off), as after an affine registration. Resample image and label to a regular grid first."
        )
    return result
