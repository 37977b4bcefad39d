"""The encoder without weights: Gaussian derivatives at four scales, and the place in the volume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.model import Volume

from ._box import Box
from ._encoder import Features
from ._filter_rows import TRUNCATE, NearVoxels, one_blas_thread

__all__ = ["ColourFilterBankEncoder", "FilterBankEncoder"]

FloatArray = NDArray[np.float32]

_MAX_SAMPLES = 2_000_000  # voxels looked at for the intensity range of a large image
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_POSITION = ("position_z", "position_y", "position_x", "fraction_z", "fraction_y", "fraction_x")


@dataclass(frozen=True)
class FilterBankEncoder:
    """Multi-scale filter bank: 31 features per voxel with the default scales, no weights, no torch.

    Per voxel: the intensity (clipped to its 0.5 to 99.5 percentiles, then standardised per image); for every
    scale the Gaussian, the gradient magnitude, the Laplacian and the three first derivatives (the derivatives
    are central differences of the smoothed image, times sigma, the Laplacian times sigma²); the position in
    voxels and as a fraction of the volume. A colour image is first turned into its luminance (ITU-R BT.601).
    On an axis with a single slice nothing is smoothed and all derivatives are 0.

    Parameters
    ----------
    sigmas : tuple of float
        Scales in voxels.
    """

    sigmas: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)

    @property
    def name(self) -> str:
        """Identifier of the encoder and its settings."""
        return "filter_bank-1-" + "-".join(f"{s:g}" for s in self.sigmas)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names in the order of the rows."""
        kinds = ("gaussian", "gradient", "laplacian", "derivative_z", "derivative_y", "derivative_x")
        return ("intensity", *(f"{kind}_{s:g}" for s in self.sigmas for kind in kinds), *_POSITION)

    @property
    def n_features(self) -> int:
        """F: the number of features per voxel."""
        return len(self.feature_names)

    @property
    def halo(self) -> int:
        """Voxels beyond a block that its features depend on."""
        return math.ceil(TRUNCATE * max(self.sigmas) + 0.5) + 1

    def prepare(self, volume: Volume) -> _FilterBankSource:
        """Find the intensity range of the image."""
        return _FilterBankSource(self, volume)

    def encode(self, volume: Volume) -> Features:
        """Return the features of the whole image."""
        return self.prepare(volume).read()


@dataclass(frozen=True)
class ColourFilterBankEncoder(FilterBankEncoder):
    """The filter bank on the luminance, plus two colour differences at every scale and unsmoothed.

    The differences are red − green and (red + green)/2 − blue, each divided by the range of the luminance;
    they are 0 for a grey image, so grey and colour images can be mixed.
    """

    @property
    def name(self) -> str:
        """Identifier of the encoder and its settings."""
        return super().name.replace("filter_bank", "filter_bank_colour", 1)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names in the order of the rows."""
        kinds = ("red_green", "yellow_blue")
        scales = ("0", *(f"{s:g}" for s in self.sigmas))
        return (*super().feature_names, *(f"{kind}_{s}" for s in scales for kind in kinds))


class _FilterBankSource:
    """One image with its intensity range; see `FeatureSource`."""

    def __init__(self, bank: FilterBankEncoder, volume: Volume) -> None:
        self._bank = bank
        self._volume = volume
        step = max(1, math.ceil(math.prod(volume.geometry.shape_zyx) / _MAX_SAMPLES))
        n_channels = volume.data.shape[3] if volume.is_rgb else 1
        flat = volume.data.reshape(-1, n_channels)[::step]
        seen = _grey(flat if volume.is_rgb else flat[:, 0], volume.is_rgb)
        seen = seen[np.isfinite(seen)]
        self._low, self._high, self._mean, self._scale = 0.0, 0.0, 0.0, 0.0
        if seen.size:
            low, high = np.percentile(seen.astype(np.float64), [0.5, 99.5])
            clipped = np.clip(seen.astype(np.float64), low, high)
            spread = float(clipped.std())
            self._low, self._high, self._mean = float(low), float(high), float(clipped.mean())
            # rounding alone must not be blown up to a picture
            self._scale = 1.0 / spread if spread > 1e-9 * max(1.0, abs(low), abs(high)) else 0.0

    def read(self, box: Box | None = None) -> Features:
        """Return the features of the block, or of the whole image."""
        bank, geometry = self._bank, self._volume.geometry
        inner = Box.whole(geometry.shape_zyx) if box is None else box
        outer = inner.grown(bank.halo, geometry.shape_zyx)
        cut = inner.within(outer).slices
        raw = self._volume.data[outer.slices]
        image = self._standardised(raw)
        values = np.empty((bank.n_features, *inner.shape_zyx), dtype=np.float32)
        values[0] = image[cut]
        row = 1
        for sigma in bank.sigmas:
            _write_scale(values[row : row + 6], _smooth(image, sigma), sigma, cut)
            row += 6
        _write_position(values[row : row + 6], inner, geometry.shape_zyx)
        row += 6
        if row < bank.n_features:
            self._write_colour(values[row:], raw, cut)
        return Features(values, inner.geometry(geometry), bank.feature_names)

    def at(self, box: Box, wanted: NDArray[np.bool_]) -> FloatArray:
        """Return the features of some voxels of a block as rows (n, F).

        The numbers of `read` up to rounding, in far less memory and time: no map is made of a feature, and one axis
        after the other is smoothed only where it is needed, so that a slab costs little more than its own slices.
        """
        bank, geometry = self._bank, self._volume.geometry
        outer = box.grown(bank.halo, geometry.shape_zyx)
        raw = self._volume.data[outer.slices]
        image = self._standardised(raw)
        places = np.nonzero(wanted)
        rows = np.empty((places[0].size, bank.n_features), dtype=np.float32)
        near = NearVoxels(box, outer, geometry.shape_zyx, places)
        rows[:, 0] = near.unsmoothed(image)
        column = 1
        with one_blas_thread():
            for sigma in bank.sigmas:
                near.write_scale(rows[:, column : column + 6], image, sigma)
                column += 6
        for axis, index in enumerate(places):
            at = (index + box.start_zyx[axis]).astype(np.float32)
            rows[:, column + axis] = at
            rows[:, column + 3 + axis] = (at + np.float32(0.5)) / np.float32(geometry.shape_zyx[axis])
        column += 6
        if column < bank.n_features:
            for number, colour in enumerate(self._colours(raw)):
                rows[:, column + number] = near.unsmoothed(colour)
                with one_blas_thread():
                    for step, sigma in enumerate(bank.sigmas, start=1):
                        rows[:, column + 2 * step + number] = near.smoothed(colour, sigma)
        return rows

    def _standardised(self, raw: NDArray[Any]) -> FloatArray:
        grey = _grey(raw, self._volume.is_rgb).astype(np.float32)
        grey = np.nan_to_num(grey, copy=False, nan=self._low, posinf=self._high, neginf=self._low)
        np.clip(grey, self._low, self._high, out=grey)
        grey -= np.float32(self._mean)
        grey *= np.float32(self._scale)
        return grey

    def _write_colour(self, out: FloatArray, raw: NDArray[Any], cut: tuple[slice, slice, slice]) -> None:
        for row, colour in enumerate(self._colours(raw)):
            out[row] = colour[cut]
            for number, sigma in enumerate(self._bank.sigmas, start=1):
                out[2 * number + row] = _smooth(colour, sigma)[cut]

    def _colours(self, raw: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        if not self._volume.is_rgb or self._high <= self._low:
            nothing = np.zeros(raw.shape[:3], dtype=np.float32)
            return nothing, nothing
        scale = np.float32(1.0 / (self._high - self._low))
        red, green, blue = (np.nan_to_num(raw[..., c].astype(np.float32)) * scale for c in range(3))
        return red - green, (red + green) / 2 - blue


def _grey(raw: NDArray[Any], colour: bool) -> NDArray[Any]:
    if not colour:
        return raw
    if raw.shape[-1] < 3:
        return raw[..., 0]
    return np.asarray(raw[..., :3].astype(np.float32) @ _LUMINANCE)


def _smooth(image: FloatArray, sigma: float) -> FloatArray:
    for axis in range(3):
        if image.shape[axis] > 1:
            image = ndimage.gaussian_filter1d(image, sigma, axis=axis, mode="nearest", truncate=TRUNCATE)
    return image


def _write_scale(out: FloatArray, smooth: FloatArray, sigma: float, cut: tuple[slice, slice, slice]) -> None:
    """Fill Gaussian, gradient magnitude, Laplacian and the derivatives along z, y, x."""
    out[0] = smooth[cut]
    out[2] = 0.0
    squared = np.zeros(out.shape[1:], dtype=np.float32)
    for axis in range(3):
        if smooth.shape[axis] == 1:
            out[3 + axis] = 0.0
            continue
        ahead, behind = _shifted(smooth, axis, 1)[cut], _shifted(smooth, axis, -1)[cut]
        derivative = (ahead - behind) * np.float32(0.5 * sigma)
        out[3 + axis] = derivative
        squared += derivative * derivative
        out[2] += (ahead + behind - 2 * out[0]) * np.float32(sigma * sigma)
    np.sqrt(squared, out=out[1])


def _shifted(image: FloatArray, axis: int, by: int) -> FloatArray:
    """Return the neighbour along an axis; the outermost slice is its own neighbour."""
    n = image.shape[axis]
    return np.take(image, np.clip(np.arange(n) + by, 0, n - 1), axis=axis)


def _write_position(out: FloatArray, box: Box, shape_zyx: tuple[int, int, int]) -> None:
    for axis in range(3):
        index = np.arange(box.start_zyx[axis], box.stop_zyx[axis], dtype=np.float32)
        view = index.reshape([-1 if a == axis else 1 for a in range(3)])
        out[axis] = view
        out[3 + axis] = (view + np.float32(0.5)) / np.float32(shape_zyx[axis])
