"""Segment Anything as a `PromptSegmenter`: numpy outside, torch inside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from segment_anything.modeling import Sam
from torch import Tensor

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation._segmenter import Embedding, Prediction, Prompt, grey_or_colour
from napari_aleatoric.foundation._weights._store import WeightsStore

from ._device import at_most_threads, autocast, best_device, precision_on
from ._sam_net import ARCHITECTURES, MASK_STRIDE, PATCH, build_sam, decode, encode, prompt_tokens

__all__ = ["SamSegmenter", "load_sam"]

Scaling = Literal["imagenet", "unit"]

_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)
_OVERSIZE = 1.5  # input pixels per pixel of the slice, at least, where the network can see so many
_SMALLEST = 96  # input side in pixels
_PIXELS_AT_ONCE = 8 * 256 * 256  # of input, in one batch of the encoder
_PROMPTS_AT_ONCE = 32
_WINDOW_INPUT = 192  # pixels of the input for a window round a prompt, at least: fine borders of small objects
_SMALLEST_WINDOW = 24  # pixels of the slice that are looked at round a prompt, at least


class SamSegmenter:
    """A Segment Anything network of any size (Kirillov et al. 2023), or one of the same format such as MedSAM.

    Parameters
    ----------
    sam : Sam
        The network, with its weights.
    name : str
        Identifies network and weights.
    scaling : {"imagenet", "unit"}
        What pixels become before the network: standardised with Segment Anything's mean and deviation, the slice
        keeping its proportions; or, as MedSAM was trained (Ma et al. 2024), stretched to a square and scaled
        from the slice's least to its greatest value to 0 … 1.
    input_size : int, optional
        Side of the network's square input in pixels, a multiple of 16. None = right-sized: the smallest that
        gives each pixel of the slice one and a half, at most what the network was trained for. A network with
        attention windows gets whole windows, or it would pay for padding.
    device : str
        'cpu', 'cuda', 'cuda:1', 'mps' or 'auto'.
    precision : {"auto", "float32", "bfloat16", "float16"}
        Of the image encoder. 'auto' = a half type where the processor is faster with it.
    focus : float, optional
        `segment` looks at a window of so many times the prompt's extent; None = always at the whole slice.
    threads : int, optional
        Of the processor, at most; for programs that do other work at the same time.
    """

    def __init__(
        self,
        sam: Sam,
        name: str,
        *,
        scaling: Scaling = "imagenet",
        input_size: int | None = None,
        device: str = "auto",
        precision: str = "auto",
        focus: float | None = 1.5,
        threads: int | None = None,
    ) -> None:
        if input_size is not None and (input_size < PATCH or input_size % PATCH):
            raise DataError(f"Expected an input size that is a multiple of {PATCH}, got {input_size}.")
        if focus is not None and focus < 1:
            raise DataError(f"Expected a window of at least the prompt's extent (focus ≥ 1), got {focus}.")
        self._device = best_device(device)
        self._sam = sam.to(self._device).eval().requires_grad_(False)
        self._label = name
        self._scaling = scaling
        self._input_size = input_size
        self._precision = precision_on(self._device, precision)
        self._focus = focus
        self._threads = threads
        self._trained_size = int(sam.image_encoder.img_size)
        windows = [int(block.window_size) for block in sam.image_encoder.blocks]
        self._step = PATCH * max([2, *windows])
        self._window_size = min(self._trained_size, self._step * math.ceil(_WINDOW_INPUT / self._step))

    @property
    def name(self) -> str:
        """Identifier of network, weights and settings."""
        size = "auto" if self._input_size is None else str(self._input_size)
        half = "" if self._precision == "float32" else f"-{self._precision}"
        return f"{self._label}-{self._scaling}-{size}{half}"

    @property
    def device(self) -> str:
        """Where the network runs."""
        return str(self._device)

    # -- the expensive part -----------------------------------------------------------------------

    def embed(self, slices: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Look at slices, several at a time.

        Parameters
        ----------
        slices : sequence of numpy.ndarray of uint8
            Each (Y, X) grey or (Y, X, 3) colour; sizes may differ.

        Returns
        -------
        list of Embedding
            In the same order.

        Raises
        ------
        DataError
            If a slice has another shape or type.
        """
        return self._embed(slices, [self.input_size_for(image.shape[:2]) for image in slices])

    def _embed(self, slices: Sequence[NDArray[np.uint8]], sizes: Sequence[int]) -> list[Embedding]:
        """Look at each slice at an input size of its own."""
        images = [grey_or_colour(image) for image in slices]
        found: list[Embedding | None] = [None] * len(images)
        for rows in _batches(sizes, lambda size: max(1, _PIXELS_AT_ONCE // size**2)):
            inputs, fills = zip(*(self._input(images[row], sizes[row]) for row in rows), strict=True)
            with torch.inference_mode(), at_most_threads(self._threads), autocast(self._device, self._precision):
                values = encode(self._sam, torch.stack(inputs))
            halves = values.to(torch.float16).cpu().numpy()
            for row, value, fill in zip(rows, halves, fills, strict=True):
                shape = (images[row].shape[0], images[row].shape[1])
                found[row] = Embedding(value, shape, fill, self.name)
        return [embedding for embedding in found if embedding is not None]

    def input_size_for(self, shape_yx: tuple[int, ...]) -> int:
        """Return the side of the network's input for a slice of that size, in pixels."""
        if self._input_size is not None:
            return self._input_size
        wanted = max(_SMALLEST, _OVERSIZE * max(shape_yx))
        return min(self._trained_size, self._step * math.ceil(wanted / self._step))

    def _input(self, image: NDArray[np.uint8], size: int) -> tuple[Tensor, tuple[int, int]]:
        """Scale one slice, (3, size, size); and how much of it the slice fills, in pixels (y, x)."""
        height, width = image.shape[:2]
        if self._scaling == "unit":
            fill = (size, size)
        else:  # whole pixels of the mask grid, so that the answer can be cut to the slice
            scale = size / max(height, width)
            fill = (_to_grid(height * scale, size), _to_grid(width * scale, size))
        pixels = torch.from_numpy(image.copy()).to(self._device).permute(2, 0, 1)[None].float()
        if fill != (height, width):
            pixels = F.interpolate(pixels, size=fill, mode="bilinear", align_corners=False, antialias=True)
        if self._scaling == "unit":
            low, high = pixels.min(), pixels.max()
            pixels = (pixels - low) / (high - low).clamp(min=1e-8)
        else:
            mean = torch.tensor(_MEAN, device=self._device).view(3, 1, 1)
            deviation = torch.tensor(_STD, device=self._device).view(3, 1, 1)
            pixels = (pixels - mean) / deviation
        return F.pad(pixels[0], (0, size - fill[1], 0, size - fill[0])), fill

    # -- the cheap part -----------------------------------------------------------------------------

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        """Answer one prompt on each embedding.

        Parameters
        ----------
        embeddings : sequence of Embedding
            From this segmenter's `embed`; the same one may occur many times.
        prompts : sequence of Prompt
            As many.

        Returns
        -------
        list of Prediction
            The single answer; after one lone point, which may mean several things, the best of three by the
            network's own estimate.

        Raises
        ------
        DataError
            If the numbers differ, or an embedding is of another segmenter.
        """
        if len(embeddings) != len(prompts):
            raise DataError(f"Expected one prompt for each of {len(embeddings)} embeddings, got {len(prompts)}.")
        for embedding in embeddings:
            if embedding.segmenter != self.name:
                raise DataError(
                    f"Expected an embedding of '{self.name}', got one of '{embedding.segmenter}'. Embed the slice "
                    "anew."
                )
        kinds = [
            (e.values.shape, len(p.points_xy), p.box_xyxy is not None, p.mask_logits is not None)
            for e, p in zip(embeddings, prompts, strict=True)
        ]
        found: dict[int, Prediction] = {}
        for rows in _batches(kinds, lambda kind: _PROMPTS_AT_ONCE):
            chosen = [prompts[row] for row in rows]
            found.update(zip(rows, self._answer([embeddings[row] for row in rows], chosen), strict=True))
        return [found[row] for row in range(len(prompts))]

    def _answer(self, embeddings: list[Embedding], prompts: list[Prompt]) -> Iterator[Prediction]:
        height, width = (PATCH * n for n in embeddings[0].values.shape[1:])
        points, labels, boxes, masks = self._prompts(embeddings, prompts, (height, width))
        with torch.inference_mode(), at_most_threads(self._threads):
            values = torch.from_numpy(np.stack([e.values for e in embeddings])).to(self._device).float()
            sparse, dense = prompt_tokens(self._sam, (height, width), points, labels, boxes, masks)
            logits, iou = decode(self._sam, values, sparse, dense)
            lone = boxes is None and masks is None and points is not None and points.shape[1] == 1
            best = 1 + iou[:, 1:].argmax(dim=1) if lone else torch.zeros(len(prompts), dtype=torch.long)
            row = torch.arange(len(prompts))
            answers = logits.cpu()[row, best.cpu()].float().numpy()
            estimates = iou.cpu()[row, best.cpu()].float().numpy()
        for embedding, answer, estimate in zip(embeddings, answers, estimates, strict=True):
            y, x = (n // MASK_STRIDE for n in embedding.input_yx)
            yield Prediction(np.ascontiguousarray(answer[:y, :x]), float(estimate), embedding.shape_yx)

    def _prompts(
        self, embeddings: list[Embedding], prompts: list[Prompt], size: tuple[int, int]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
        """Points, labels, boxes and masks in pixels of the input; None for kinds that are not used."""
        scales = [
            np.array([e.input_yx[1] / e.shape_yx[1], e.input_yx[0] / e.shape_yx[0]], dtype=np.float32)
            for e in embeddings
        ]
        points = labels = boxes = masks = None
        if prompts[0].points_xy:
            centres = [
                (np.array(p.points_xy, np.float32) + 0.5) * s - 0.5 for p, s in zip(prompts, scales, strict=True)
            ]
            points = torch.from_numpy(np.stack(centres)).to(self._device)
            labels = torch.tensor([p.point_labels for p in prompts], dtype=torch.float32, device=self._device)
        if prompts[0].box_xyxy is not None:
            rows = []
            for prompt, scale in zip(prompts, scales, strict=True):
                corners = np.array(prompt.box_xyxy, dtype=np.float32).reshape(2, 2)
                rows.append(np.concatenate([corners[0] * scale, (corners[1] + 1) * scale - 1]))  # whole pixels
            boxes = torch.from_numpy(np.stack(rows).astype(np.float32)).to(self._device)
        if prompts[0].mask_logits is not None:
            grid = tuple(n // MASK_STRIDE for n in size)
            stack = np.full((len(prompts), 1, *grid), -10.0, dtype=np.float32)
            for into, prompt, embedding in zip(stack, prompts, embeddings, strict=True):
                fill = tuple(n // MASK_STRIDE for n in embedding.input_yx)
                given = np.asarray(prompt.mask_logits)
                if given.shape != fill:
                    raise DataError(f"Expected an earlier answer on the mask grid {fill}, got {given.shape}.")
                into[0, : fill[0], : fill[1]] = given
            masks = torch.from_numpy(stack).to(self._device)
        return points, labels, boxes, masks

    # -- as well as it can --------------------------------------------------------------------------

    def segment(self, image: NDArray[np.uint8], prompt: Prompt) -> Prediction:
        """Answer one prompt on one slice, looking at the prompted place in a window of its own.

        A small object covers only a few patches of a whole slice. Therefore the window round the box is cut out
        and looked at by itself; after points alone, the window round what the whole slice gave. This is our own
        proposal; with ``focus=None``, or where the window would be most of the slice, the whole slice is used.

        Parameters
        ----------
        image : numpy.ndarray of uint8, shape (Y, X) or (Y, X, 3)
            The slice.
        prompt : Prompt
            Box or points; an earlier answer, and points outside the window, are used only where there is no window.

        Returns
        -------
        Prediction
        """
        window = self.window_of(image.shape[:2], prompt.box_xyxy)
        inside = None if window is None else _moved(prompt, window)
        if window is not None and inside is not None:
            return self._in_window(image, inside, window)
        whole = self.predict(self.embed([image]), [prompt])[0]
        if prompt.box_xyxy is not None or self._focus is None:
            return whole
        window = self.window_of(image.shape[:2], _box_of(whole.on_slice() > 0, prompt))
        inside = None if window is None else _moved(prompt, window)
        return whole if window is None or inside is None else self._in_window(image, inside, window)

    def window_of(
        self, shape_yx: tuple[int, ...], box_xyxy: tuple[float, float, float, float] | None
    ) -> tuple[int, int, int, int] | None:
        """Return what `segment` looks at for a box, (x0, y0, x1, y1) ends excluded; None = the whole slice."""
        if self._focus is None or box_xyxy is None:
            return None
        x0, y0, x1, y1 = box_xyxy
        side = max(_SMALLEST_WINDOW, self._focus * (max(x1 - x0, y1 - y0) + 1))
        if side >= 0.8 * max(shape_yx):
            return None
        bounds = []
        for low, high, n in ((x0, x1, shape_yx[1]), (y0, y1, shape_yx[0])):
            extent = min(n, math.ceil(side))
            start = math.floor((low + high + 1) / 2 - side / 2)
            start = min(max(start, 0), n - extent)
            bounds.append((start, start + extent))
        return (bounds[0][0], bounds[1][0], bounds[0][1], bounds[1][1])

    def _in_window(self, image: NDArray[np.uint8], inside: Prompt, window: tuple[int, int, int, int]) -> Prediction:
        x0, y0, x1, y1 = window
        size = self._input_size or self._window_size
        found = self.predict(self._embed([image[y0:y1, x0:x1]], [size]), [inside])[0]
        return Prediction(found.logits, found.iou, (image.shape[0], image.shape[1]), window)


def _moved(prompt: Prompt, window: tuple[int, int, int, int]) -> Prompt | None:
    """Box and points in pixels of a window; points outside it are left out; None if nothing is left."""
    x0, y0, x1, y1 = window
    box = prompt.box_xyxy
    points = [
        ((x - x0, y - y0), label)
        for (x, y), label in zip(prompt.points_xy, prompt.point_labels, strict=True)
        if x0 - 0.5 <= x <= x1 - 0.5 and y0 - 0.5 <= y <= y1 - 0.5
    ]
    if box is None and not points:
        return None
    return Prompt(
        None if box is None else (box[0] - x0, box[1] - y0, box[2] - x0, box[3] - y0),
        tuple(point for point, _ in points),
        tuple(label for _, label in points),
    )


def _to_grid(pixels: float, most: int) -> int:
    """Round to whole pixels of the mask grid."""
    return int(min(most, max(MASK_STRIDE, MASK_STRIDE * round(pixels / MASK_STRIDE))))


def _box_of(mask: NDArray[np.bool_], prompt: Prompt) -> tuple[float, float, float, float] | None:
    """Box round a mask and the points that made it."""
    ys, xs = np.nonzero(mask)
    if not len(ys):
        return None
    inner = [p for p, label in zip(prompt.points_xy, prompt.point_labels, strict=True) if label == 1]
    xs = np.concatenate([xs, [p[0] for p in inner]])
    ys = np.concatenate([ys, [p[1] for p in inner]])
    return (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))


def _batches(kinds: Sequence[Any], most: Any) -> Iterator[list[int]]:
    """Rows of equal kind, at most ``most(kind)`` at a time."""
    by_kind: dict[Any, list[int]] = {}
    for row, kind in enumerate(kinds):
        by_kind.setdefault(kind, []).append(row)
    for kind, rows in by_kind.items():
        n = most(kind)
        for start in range(0, len(rows), n):
            yield rows[start : start + n]


def load_sam(
    name: str,
    *,
    device: str = "auto",
    input_size: int | None = None,
    threads: int | None = None,
    store: WeightsStore | None = None,
) -> SamSegmenter:
    """Read verified weights into their network.

    Parameters
    ----------
    name : str
        Of known or imported weights.
    device, input_size, threads
        As of `SamSegmenter`.
    store : WeightsStore, optional
        Where weights lie; by default the user's.

    Raises
    ------
    NotFoundError, DataError
        If the weights are not here, or not what they should be.
    """
    store = store or WeightsStore()
    weights = store.info(name)
    state = {key: value.float() for key, value in store.load_state(name).items()}
    with torch.device("meta"):
        sam = build_sam(ARCHITECTURES[weights.architecture])
    sam = sam.to_empty(device="cpu")
    sam.load_state_dict(state, strict=True)
    pixel = sam.pixel_mean.shape  # not kept in files, and not used here: scaling is the segmenter's
    sam.pixel_mean, sam.pixel_std = torch.zeros(pixel), torch.ones(pixel)
    label = f"{name}-{(weights.sha256 or '')[:12]}"
    return SamSegmenter(sam, label, scaling=weights.scaling, device=device, input_size=input_size, threads=threads)
