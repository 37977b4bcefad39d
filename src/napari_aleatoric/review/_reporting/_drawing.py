"""Pictures of cuts: grey image, outlines, heat, sides of the patient, a scale bar."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import HEAT_COLOURS, class_colour

from ._section import Cut

__all__ = ["Drawn", "colour_bar", "draw", "grey", "with_heat", "with_outlines"]

Rgb = NDArray[np.uint8]

_BORDER = 28  # pixels round the image, for the letters
_FOOT = 24  # more of them below it, for the scale bar
_LETTER = 10  # pixels from the edge of the canvas to the middle of a letter
_INK = (235, 235, 235)
_MARK = (255, 214, 90)
_HEAT_OPACITY = 0.75
_BAR_PART = 0.4  # of the picture's width that a scale bar takes at most
_QUALITY = 92


@dataclass(frozen=True)
class Drawn:
    """A picture, encoded.

    Parameters
    ----------
    jpeg : bytes
        The file.
    width, height : int
        Pixels.
    """

    jpeg: bytes
    width: int
    height: int


def grey(values: NDArray[Any], shown: tuple[float, float]) -> Rgb:
    """Turn intensities into a picture, shape (H, W, 3): the lower end black, the upper white; colours stay."""
    low, high = shown
    level = np.clip((np.nan_to_num(values, nan=low) - low) / (high - low), 0, 1) * 255
    found = np.rint(level).astype(np.uint8)
    return np.repeat(found[..., None], 3, axis=2) if found.ndim == 2 else found


def with_outlines(picture: Rgb, classes: NDArray[np.integer[Any]], width: int = 2) -> Rgb:
    """Draw the inner border of every class.

    Parameters
    ----------
    picture : numpy.ndarray of uint8, shape (H, W, 3)
        What it is drawn on; not changed.
    classes : numpy.ndarray of integer, shape (H, W)
        Class indices; 0 is nothing.
    width : int
        Pixels.
    """
    from scipy.ndimage import binary_erosion

    result = picture.copy()
    for index in np.unique(classes[classes > 0]).tolist():
        mask = classes == index
        edge = mask & ~binary_erosion(mask, iterations=width, border_value=1)
        result[edge] = _rgb(class_colour(int(index)))
    return result


def with_heat(picture: Rgb, heat: NDArray[Any]) -> Rgb:
    """Lay a voxel map, 0..255 for 0..1, shape (H, W), over a picture in the colours of the window's heatmap."""
    colours = _heat_table()[np.clip(np.rint(heat), 0, 255).astype(np.uint8)]
    part = colours[..., 3:] * _HEAT_OPACITY
    return np.asarray(np.rint(picture * (1 - part) + colours[..., :3] * 255 * part), dtype=np.uint8)


def _heat_table() -> NDArray[np.float64]:
    """Colours (red, green, blue, opacity) of 0..255, shape (256, 4)."""
    stops = np.array([stop for stop, _ in HEAT_COLOURS])
    colours = np.array([colour for _, colour in HEAT_COLOURS])
    at = np.linspace(0, 1, 256)
    return np.stack([np.interp(at, stops, colours[:, k]) for k in range(4)], axis=1)


def colour_bar(width: int = 240, height: int = 14) -> Drawn:
    """Draw the colours of heat from 0 to 1 over the middle grey of an image."""
    level = np.repeat(np.linspace(0, 255, width)[None], height, axis=0)
    return _encoded(with_heat(np.full((height, width, 3), 70, dtype=np.uint8), level))


def draw(picture: Rgb, cut: Cut, *, with_bar: bool) -> Drawn:
    """Frame a picture of a cut: letters at its sides, marks that point at the place, a scale bar below.

    Parameters
    ----------
    picture : numpy.ndarray of uint8, shape (H, W, 3)
        Of the cut's shape.
    cut : Cut
        Which sides, which place, how large a pixel is.
    with_bar : bool
        Whether the size of a voxel is known, so that there may be a scale bar.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = picture.shape[:2]
    foot = _FOOT if with_bar else 0
    canvas = Image.new("RGB", (width + 2 * _BORDER, height + 2 * _BORDER + foot), "black")
    canvas.paste(Image.fromarray(np.ascontiguousarray(picture)), (_BORDER, _BORDER))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    middle = (_BORDER + width / 2, _BORDER + height / 2)
    right, below = _BORDER + width, _BORDER + height
    beyond = _BORDER - _LETTER
    spots = ((_LETTER, middle[1]), (right + beyond, middle[1]), (middle[0], _LETTER), (middle[0], below + beyond))
    for letter, spot in zip(cut.plane.letters, spots, strict=False):
        pen.text(spot, letter, fill=_INK, font=font, anchor="mm")
    row, column = (_BORDER + 0.5 + float(np.clip(p, 0, n - 1)) for p, n in zip(cut.place, cut.shape, strict=True))
    for tip, base, across in (
        ((_BORDER - 2, row), (_BORDER - 8, row), (0, 4)),
        ((right + 1, row), (right + 7, row), (0, 4)),
        ((column, _BORDER - 2), (column, _BORDER - 8), (4, 0)),
        ((column, below + 1), (column, below + 7), (4, 0)),
    ):
        (x, y), (dx, dy) = base, across
        pen.polygon([tip, (x - dx, y - dy), (x + dx, y + dy)], fill=_MARK)
    if with_bar:
        _draw_bar(pen, font, cut.pixel_mm, (_BORDER, below + _BORDER + 4), width)
    return _encoded(np.asarray(canvas))


def _draw_bar(pen: Any, font: Any, pixel_mm: float, corner: tuple[int, int], width: int) -> None:
    length_mm = bar_mm(width * pixel_mm * _BAR_PART)
    x, y = corner
    end = x + length_mm / pixel_mm
    pen.line([(x, y + 8), (end, y + 8)], fill=_INK, width=2)
    for tick in (x, end):
        pen.line([(tick, y + 4), (tick, y + 12)], fill=_INK, width=1)
    pen.text((end + 6, y + 8), f"{length_mm:g} mm", fill=_INK, font=font, anchor="lm")


def bar_mm(most_mm: float) -> float:
    """Choose the length of a scale bar: 1, 2 or 5 times a power of ten, as long as it may be."""
    power = 10.0 ** np.floor(np.log10(most_mm))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= most_mm * (1 + 1e-9)))


def _rgb(colour: str) -> tuple[int, int, int]:
    return (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))


def _encoded(picture: Rgb) -> Drawn:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return Drawn(stream.getvalue(), picture.shape[1], picture.shape[0])
