"""What all Segment Anything networks have in common: batches of slices in, batches of answers out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation._segmenter import Embedding, Prediction, Prompt, grey_or_colour

from ._closely import FLIPS, box_round, flipped, moved_into, window_round
from ._device import at_most_threads, autocast, best_device, precision_on
from ._prompt_tensors import PromptTensors, prompt_tensors

__all__ = ["PATCH", "NetworkSegmenter"]

PATCH = 16  # input pixels per cell of the image embedding, on either axis
_OVERSIZE = 1.5  # input pixels per pixel of the slice, at least, where the network can see so many
_SMALLEST = 96  # input side in pixels
_PIXELS_AT_ONCE = 8 * 256 * 256  # of input, in one batch of the encoder
_PROMPTS_AT_ONCE = 32
_WINDOW_INPUT = 192  # pixels of the input for a window round a prompt, at least: fine borders of small objects


class NetworkSegmenter(ABC):
    """A promptable network with a square input; see `PromptSegmenter` for what it promises.

    Parameters
    ----------
    label : str
        Identifies network, weights and scaling.
    trained_size : int
        Side of the input that it was trained for, in pixels.
    step : int
        The input's side is a multiple of it.
    input_size : int, optional
        Side of the input in pixels; None = right-sized for each slice: the smallest that gives each pixel of the
        slice one and a half, at most ``trained_size``.
    device, precision : str
        As of `best_device` and `precision_on`; the precision is that of the image encoder.
    focus : float, optional
        `segment` looks at a window of so many times the prompt's extent; None = always at the whole slice.
    threads : int, optional
        Of the processor, at most; for programs that do other work at the same time.
    """

    def __init__(
        self,
        label: str,
        *,
        trained_size: int,
        step: int,
        input_size: int | None,
        device: str,
        precision: str,
        focus: float | None,
        mirrored: bool,
        threads: int | None,
    ) -> None:
        if focus is not None and focus < 1:
            raise DataError(f"Expected a window of at least the prompt's extent (focus ≥ 1), got {focus}.")
        self._device = best_device(device)
        self._label = label
        self._input_size = input_size
        self._precision = precision_on(self._device, precision)
        self._focus = focus
        self._mirrored = mirrored
        self._threads = threads
        self._trained_size = trained_size
        self._step = step
        self._window_size = min(trained_size, step * math.ceil(_WINDOW_INPUT / step))

    @property
    def name(self) -> str:
        """Identifier of network, weights and settings."""
        size = "auto" if self._input_size is None else str(self._input_size)
        half = "" if self._precision == "float32" else f"-{self._precision}"
        return f"{self._label}-{size}{half}"

    @property
    def device(self) -> str:
        """Where the network runs."""
        return str(self._device)

    # -- what a network is asked for ----------------------------------------------------------------

    @abstractmethod
    def _input(self, image: NDArray[np.uint8], size: int) -> tuple[Tensor, tuple[int, int]]:
        """Scale one slice, (3, size, size); and how much of it the slice fills, in pixels (y, x)."""

    @abstractmethod
    def _encode(self, pixels: Tensor) -> list[Tensor]:
        """Look at inputs (N, 3, size, size): the image embedding (N, E, h, w), then finer maps if there are any."""

    @abstractmethod
    def _decode(self, maps: list[Tensor], size_yx: tuple[int, int], given: PromptTensors) -> tuple[Tensor, Tensor]:
        """Answer one prompt on each of B: logits (B, Y/4, X/4) and estimated overlap (B,)."""

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
        found: dict[int, Embedding] = {}
        for rows in _batches(sizes, lambda size: max(1, _PIXELS_AT_ONCE // size**2)):
            inputs, fills = zip(*(self._input(images[row], sizes[row]) for row in rows), strict=True)
            with torch.inference_mode(), at_most_threads(self._threads), autocast(self._device, self._precision):
                maps = self._encode(torch.stack(inputs))
            halves = [each.to(torch.float16).cpu().numpy() for each in maps]
            for number, (row, fill) in enumerate(zip(rows, fills, strict=True)):
                shape = (images[row].shape[0], images[row].shape[1])
                finer = tuple(each[number] for each in halves[1:])
                found[row] = Embedding(halves[0][number], shape, fill, self.name, finer)
        return [found[row] for row in range(len(images))]

    def input_size_for(self, shape_yx: tuple[int, ...]) -> int:
        """Return the side of the network's input for a slice of that size, in pixels."""
        if self._input_size is not None:
            return self._input_size
        wanted = max(_SMALLEST, _OVERSIZE * max(shape_yx))
        return min(self._trained_size, self._step * math.ceil(wanted / self._step))

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
            self._check_own(embedding)
        kinds = [
            (e.values.shape, len(p.points_xy), p.box_xyxy is not None, p.mask_logits is not None)
            for e, p in zip(embeddings, prompts, strict=True)
        ]
        found: dict[int, Prediction] = {}
        for rows in _batches(kinds, lambda kind: _PROMPTS_AT_ONCE):
            chosen = [prompts[row] for row in rows]
            found.update(zip(rows, self._answer([embeddings[row] for row in rows], chosen), strict=True))
        return [found[row] for row in range(len(prompts))]

    def _check_own(self, embedding: Embedding) -> None:
        if embedding.segmenter != self.name:
            raise DataError(
                f"Expected an embedding of '{self.name}', got one of '{embedding.segmenter}'. Embed the slice anew."
            )

    def _answer(self, embeddings: list[Embedding], prompts: list[Prompt]) -> Iterator[Prediction]:
        height, width = (PATCH * n for n in embeddings[0].values.shape[1:])
        given = prompt_tensors(embeddings, prompts, (height, width), self._device)
        with torch.inference_mode(), at_most_threads(self._threads):
            logits, iou = self._decode(self._maps(embeddings), (height, width), given)
            answers, estimates = logits.float().cpu().numpy(), iou.float().cpu().numpy()
        for embedding, answer, estimate in zip(embeddings, answers, estimates, strict=True):
            y, x = embedding.mask_yx
            yield Prediction(np.ascontiguousarray(answer[:y, :x]), float(estimate), embedding.shape_yx)

    def _maps(self, embeddings: Sequence[Embedding]) -> list[Tensor]:
        """Put what was kept of B slices back onto the device: the embedding, then finer maps."""
        kept = [(e.values, *e.finer) for e in embeddings]
        return [torch.from_numpy(np.stack(each)).to(self._device).float() for each in zip(*kept, strict=True)]

    # -- as well as it can --------------------------------------------------------------------------

    def segment(self, image: NDArray[np.uint8], prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        """Answer one prompt on one slice, looking at the prompted place in a window of its own.

        A small object covers only a few patches of a whole slice. Therefore the window round the box is cut out
        and looked at by itself; after points alone, the window round what the whole slice gave. Where the window
        would be most of the slice, the slice is the window, unless it was looked at as finely already. This is our
        own proposal; with ``focus=None`` the whole slice is used as it is. Where the segmenter was made for it
        (``mirrored``), a box is answered by the mean over the window and its three mirror images.

        Parameters
        ----------
        image : numpy.ndarray of uint8, shape (Y, X) or (Y, X, 3)
            The slice.
        prompt : Prompt
            Box or points; an earlier answer, and points outside the window, are used only where there is no window.
        whole : Prediction, optional
            What the whole slice gave to this prompt, if that is known already.

        Returns
        -------
        Prediction
        """
        height, width = image.shape[:2]
        window = self.window_of((height, width), prompt.box_xyxy)
        if prompt.box_xyxy is None and self._focus is not None:
            whole = whole or self.predict(self.embed([image]), [prompt])[0]
            around = box_round(whole.on_slice() > 0, prompt)
            if around is None:
                return whole
            window = self.window_of((height, width), around)
        coarse = self.input_size_for((height, width)) < self._window_size
        if window is None and self._focus is not None and coarse and prompt.mask_logits is None:
            window = (0, 0, width, height)
        inside = None if window is None else moved_into(prompt, window)
        if window is None or inside is None:
            return whole or self.predict(self.embed([image]), [prompt])[0]
        return self._in_window(image, inside, window)

    def window_of(
        self, shape_yx: tuple[int, ...], box_xyxy: tuple[float, float, float, float] | None
    ) -> tuple[int, int, int, int] | None:
        """Return what `segment` looks at for a box, (x0, y0, x1, y1) ends excluded; None = the whole slice."""
        if self._focus is None or box_xyxy is None:
            return None
        return window_round(shape_yx, box_xyxy, self._focus)

    def _in_window(self, image: NDArray[np.uint8], inside: Prompt, window: tuple[int, int, int, int]) -> Prediction:
        x0, y0, x1, y1 = window
        part = image[y0:y1, x0:x1]
        size = self._input_size or self._window_size
        flips = FLIPS if self._mirrored and inside.box_xyxy is not None else FLIPS[:1]
        views = [np.ascontiguousarray(np.flip(part, axes)) for axes in flips]
        prompts = [flipped(inside, part.shape[:2], axes) for axes in flips]
        found = self.predict(self._embed(views, [size] * len(views)), prompts)
        logits = np.mean([np.flip(f.logits, axes) for f, axes in zip(found, flips, strict=True)], axis=0)
        iou = float(np.mean([f.iou for f in found]))
        return Prediction(logits, iou, (image.shape[0], image.shape[1]), window)


def _batches(kinds: Sequence[Any], most: Callable[[Any], int]) -> Iterator[list[int]]:
    """Rows of equal kind, at most ``most(kind)`` at a time."""
    by_kind: dict[Any, list[int]] = {}
    for row, kind in enumerate(kinds):
        by_kind.setdefault(kind, []).append(row)
    for kind, rows in by_kind.items():
        n = most(kind)
        for start in range(0, len(rows), n):
            yield rows[start : start + n]
