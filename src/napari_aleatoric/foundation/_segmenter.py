"""What a promptable segmenter is, and which there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, MissingExtraError, NotFoundError

__all__ = [
    "SEGMENTERS",
    "Embedding",
    "Prediction",
    "Prompt",
    "PromptSegmenter",
    "SliceTracker",
    "bilinear",
    "grey_or_colour",
    "segmenter",
]

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Prompt:
    """What a person or a program points at in one slice.

    Frame: pixels of the slice, x to the right along the last axis, y along the one before; the centre of the
    first pixel is (0, 0).

    Parameters
    ----------
    box_xyxy : tuple of float, optional
        (x0, y0, x1, y1): the first and the last pixel of the object on either axis.
    points_xy : tuple of tuple of float
        Points.
    point_labels : tuple of int
        As many: 1 = in the object, 0 = not in it.
    mask_logits : numpy.ndarray of float32, shape (h, w), optional
        An earlier answer about this slice, `Prediction.logits`.
    """

    box_xyxy: Box | None = None
    points_xy: tuple[tuple[float, float], ...] = ()
    point_labels: tuple[int, ...] = ()
    mask_logits: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if len(self.points_xy) != len(self.point_labels):
            raise DataError(
                f"Expected as many point labels as points ({len(self.points_xy)}), got {len(self.point_labels)}."
            )
        if not set(self.point_labels) <= {0, 1}:
            raise DataError(f"Expected point labels 0 (outside) or 1 (inside), got {self.point_labels}.")
        if self.box_xyxy is None and not self.points_xy and self.mask_logits is None:
            raise DataError("Expected a box, points or an earlier answer to go on from, got none of them.")
        if self.box_xyxy is not None:
            x0, y0, x1, y1 = self.box_xyxy
            if not (x0 <= x1 and y0 <= y1):
                raise DataError(f"Expected a box (x0, y0, x1, y1) with x0 ≤ x1 and y0 ≤ y1, got {self.box_xyxy}.")


@dataclass(frozen=True, eq=False)
class Embedding:
    """What a segmenter keeps of one slice; everything a prompt needs, and no torch.

    Parameters
    ----------
    values : numpy.ndarray of float16, shape (E, h, w)
        The image embedding.
    shape_yx : tuple of int
        Of the slice, in pixels.
    input_yx : tuple of int
        The part of the network's square input that the slice fills, from its upper left corner, in input pixels.
    segmenter : str
        `PromptSegmenter.name` of the maker.
    finer : tuple of numpy.ndarray of float16, each of shape (C, n·h, n·w)
        Further maps that the network's decoder reads, from the finest; most networks have none.
    """

    values: NDArray[np.float16]
    shape_yx: tuple[int, int]
    input_yx: tuple[int, int]
    segmenter: str
    finer: tuple[NDArray[np.float16], ...] = ()

    @property
    def n_bytes(self) -> int:
        """What it takes in memory."""
        return int(self.values.nbytes) + sum(int(each.nbytes) for each in self.finer)

    @property
    def mask_yx(self) -> tuple[int, int]:
        """Shape of an answer about this slice: the mask grid has a cell for every 4 × 4 pixels of the input."""
        return (self.input_yx[0] // 4, self.input_yx[1] // 4)


@dataclass(frozen=True, eq=False)
class Prediction:
    """A segmenter's answer to one prompt.

    Parameters
    ----------
    logits : numpy.ndarray of float32, shape (h, w)
        On the mask grid, which covers the whole slice (or ``window_xyxy``) evenly; above 0 = in the object.
    iou : float
        Intersection over union with the object, as the network estimates it.
    shape_yx : tuple of int
        Of the slice, in pixels.
    window_xyxy : tuple of int, optional
        The part of the slice that was looked at, (x0, y0, x1, y1), ends excluded; None = all of it.
    """

    logits: NDArray[np.float32]
    iou: float
    shape_yx: tuple[int, int]
    window_xyxy: tuple[int, int, int, int] | None = None

    OUTSIDE = -12.0  # of what was not looked at

    def on_slice(self) -> NDArray[np.float32]:
        """Return the logits at every pixel of the slice (bilinear), shape (Y, X); −12 outside the window."""
        x0, y0, x1, y1 = self.window_xyxy or (0, 0, self.shape_yx[1], self.shape_yx[0])
        inside = bilinear(self.logits, (y1 - y0, x1 - x0))
        if self.window_xyxy is None:
            return inside
        found = np.full(self.shape_yx, self.OUTSIDE, dtype=np.float32)
        found[y0:y1, x0:x1] = inside
        return found


def bilinear(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resample a map to another number of pixels of the same field of view; edges continue outwards."""
    for axis, size in enumerate(shape):
        n = values.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * (n / size) - 0.5, 0, n - 1)
        low = np.minimum(at.astype(np.int64), max(n - 2, 0))
        weight = (at - low).astype(np.float32)
        weight = weight[:, np.newaxis] if axis == 0 else weight
        values = values.take(low, axis) * (1 - weight) + values.take(np.minimum(low + 1, n - 1), axis) * weight
    return values


@runtime_checkable
class PromptSegmenter(Protocol):
    """A frozen model that outlines what it is pointed at. It knows no classes.

    Contract
    --------
    * ``name`` identifies model, weights and settings; it enters every cache key.
    * ``embed`` is the expensive part, and looks only at the image; ``predict`` is cheap and may be asked often.
    * The same slice and prompt give the same answer, alone or among others, up to rounding.
    * Slices are uint8, one of (Y, X) or (Y, X, 3); bring them there with `to_uint8`.
    """

    @property
    def name(self) -> str:
        """Identifier of model, weights and settings."""

    def embed(self, slices: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Look at slices; in batches where their sizes allow."""

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        """Answer one prompt on each embedding."""

    def segment(self, image: NDArray[np.uint8], prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        """Answer one prompt on one slice as well as the model can: looks at the prompted place by itself.

        ``whole`` is what the whole slice gave to this prompt, if that is known already.
        """


@runtime_checkable
class SliceTracker(Protocol):
    """A segmenter that remembers: it follows one object through slices that were cut one after the other.

    Contract
    --------
    * ``track`` answers the key slice first and every slice once, in an order of its own.
    * It asks for one slice at a time, in that order, and keeps few: ``slices`` may bring them from a disk.
    * Where it sees no object, the logits say so; it does not stop there, as the object may come back.
    """

    def track(
        self, slices: Sequence[Embedding], key_slice: int, prompt: Prompt
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the number of a slice and its logits (h, w) on the mask grid.

        Parameters
        ----------
        slices : sequence of Embedding
            Neighbours in their order, of one size, embedded by this segmenter.
        key_slice : int
            The one that is prompted.
        prompt : Prompt
            Box and points, or an earlier answer alone.
        """


def grey_or_colour(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a slice as (Y, X, 3) uint8.

    Raises
    ------
    DataError
        If it is neither (Y, X) nor (Y, X, 3) of uint8.
    """
    flat = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if image.dtype != np.uint8 or not flat or image.size == 0:
        raise DataError(
            f"Expected a slice of uint8, (Y, X) grey or (Y, X, 3) colour, got {image.dtype} {image.shape}."
        )
    return np.repeat(image[..., np.newaxis], 3, axis=2) if image.ndim == 2 else image


SEGMENTERS: tuple[str, ...] = (
    "sam-small",
    "sam-vit-b",
    "sam-vit-l",
    "sam-vit-h",
    "medsam-vit-b",
    "sam2.1-hiera-tiny",
    "medsam2",
)
"""Segmenters by name; all are Segment Anything networks. The first is shipped with the project, the last two are of
the second generation and are `SliceTracker` besides."""


def segmenter(
    name: str = "sam-small", *, device: str = "auto", input_size: int | None = None, threads: int | None = None
) -> PromptSegmenter:
    """Make the segmenter of that name; its weights are verified and loaded.

    Parameters
    ----------
    name : str
        One of `SEGMENTERS`, or the name under which a checkpoint was imported.
    device : str
        'cpu', 'cuda', 'mps', or 'auto' = the best there is.
    input_size : int, optional
        Side of the network's input in pixels, a multiple of 16 (SAM 2: 32); None = right-sized for each slice.
    threads : int, optional
        Of the processor, at most; None = as many as torch is set to.

    Raises
    ------
    NotFoundError
        If there is no such segmenter, or its weights are not on this machine.
    MissingExtraError
        If torch, or segment-anything or for SAM 2 transformers, is not installed.
    """
    from ._weights import WeightsStore

    if not name:
        raise NotFoundError(f"There is no segmenter without a name. Known segmenters: {', '.join(SEGMENTERS)}.")
    store = WeightsStore()
    options: dict[str, Any] = {"device": device, "input_size": input_size, "threads": threads, "store": store}
    second = store.info(name).architecture.startswith("sam2")
    try:
        module = import_module(f"{__package__}._torch.{'_load_sam2' if second else '_sam'}")
    except ImportError as error:
        raise MissingExtraError.for_extra("ai", f"Segment Anything ({name})") from error
    made: PromptSegmenter = getattr(module, "load_sam2" if second else "load_sam")(name, **options)
    return made
