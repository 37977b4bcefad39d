"""A text-image model of open_clip as a `TextImageModel`: numpy outside, torch inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit
from torch import Tensor

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation._advice import Advice, advice_in
from napari_aleatoric.foundation._saliency import Saliency, SaliencyMethod, SaliencySpec
from napari_aleatoric.foundation._segmenter import grey_or_colour
from napari_aleatoric.foundation._text_image_files import TextImageFiles
from napari_aleatoric.model import Reporter, SilentReporter

from ._device import at_most_threads, autocast, best_device, precision_on
from ._gradcam import grad_cam
from ._m2ib import bottleneck
from ._text_image_layers import VisionLayers, vision_layers
from ._text_image_maps import SlicesTold, best_patches, in_parts, on_slice
from ._text_image_net import build_tokenizer, write_model

__all__ = ["OpenClipModel"]

_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's pictures
_STD = (0.26862954, 0.26130258, 0.27577711)
_RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_TEXTS_AT_ONCE = 32
_PIXELS_AT_ONCE = 16 * 224 * 224
_NUMBERS_AT_ONCE = 1 << 22  # of hidden states in one pass of saliency on a processor: 16 MB in every layer
_DEVICE_FACTOR = 16  # a graphics card takes so many times more


class OpenClipModel:
    """A text-image model; see `TextImageModel` for what it promises.

    Parameters
    ----------
    files : TextImageFiles
        What it was made from.
    network : torch.nn.Module
        `open_clip.CLIP` or `open_clip.CustomTextCLIP`, with its numbers.
    label : str
        Identifies network and weights.
    device, precision, threads
        As of the segmenters.
    """

    def __init__(
        self,
        files: TextImageFiles,
        network: Any,
        label: str,
        *,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._device = best_device(device)
        self._precision = precision_on(self._device, precision)
        self._files, self._label, self._threads = files, label, threads
        self._network: Any = network.to(self._device).eval().requires_grad_(False)
        self._words = build_tokenizer(files)
        about: Mapping[str, Any] = files.config.get("preprocess_cfg") or {}
        self._mean = torch.tensor(about.get("mean") or _MEAN, device=self._device).view(3, 1, 1)
        self._deviation = torch.tensor(about.get("std") or _STD, device=self._device).view(3, 1, 1)
        self._resampling = _RESAMPLING.get(str(about.get("interpolation")), Image.Resampling.BICUBIC)
        size: Any = self._network.visual.image_size
        self._input_yx = (int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1]))
        self._cut: VisionLayers | None = None
        self._advice = advice_in(files.config, files.name)

    @property
    def name(self) -> str:
        """Identifier of model, weights and settings."""
        half = "" if self._precision == "float32" else f"-{self._precision}"
        advised = f"-{self._advice.digest[:6]}" if self._advice.changed() else ""
        return f"{self._label}{advised}{half}"

    @property
    def device(self) -> str:
        """Where the network runs."""
        return str(self._device)

    @property
    def advice(self) -> Advice:
        """What those who trained it advise; empty where they say nothing."""
        return self._advice

    @property
    def network(self) -> Any:
        """The network itself, for those who train it: ``encode_image(pixels)``, ``encode_text(words)``."""
        return self._network

    @property
    def n_layers(self) -> int:
        """How many layers the image network has."""
        return self.layers.n_layers

    @property
    def layers(self) -> VisionLayers:
        """The image network, cut into layers.

        Raises
        ------
        DataError
            If it is no vision transformer.
        """
        if self._cut is None:
            self._cut = vision_layers(self._network.visual)
        return self._cut

    # -- into one space --------------------------------------------------------------------------

    def words(self, texts: Sequence[str]) -> Tensor:
        """Turn sentences into numbers, (N, L) of int64 on the device; what is too long is cut off.

        Raises
        ------
        DataError
            If one of them is empty.
        """
        if not all(str(text).strip() for text in texts):
            raise DataError("Expected sentences, got one without words. Type what you want to see.")
        return self._words(list(texts)).to(self._device)

    def pixels(self, images: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Stretch slices to the network's input and scale them as in its training, (N, 3, Y, X) on the device.

        open_clip cuts the middle out of what is not square; here all of a slice is seen, its proportions changed.
        """
        size = (self._input_yx[1], self._input_yx[0])
        ready = [np.array(Image.fromarray(grey_or_colour(i)).resize(size, self._resampling)) for i in images]
        values = torch.from_numpy(np.stack(ready)).to(self._device).permute(0, 3, 1, 2).float() / 255
        return (values - self._mean) / self._deviation

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector of length 1 for each sentence, shape (N, D).

        Raises
        ------
        DataError
            If one of them is empty.
        """
        found = []
        for part in in_parts(texts, _TEXTS_AT_ONCE):
            words = self.words(part)
            with torch.inference_mode(), at_most_threads(self._threads), autocast(self._device, self._precision):
                found.append(self._network.encode_text(words).float())
        return self._unit(found)

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return one vector of length 1 for each slice, shape (N, D).

        Parameters
        ----------
        images : sequence of numpy.ndarray of uint8
            Each (Y, X) grey or (Y, X, 3) colour; sizes may differ.

        Raises
        ------
        DataError
            If a slice has another shape or type.
        """
        found = []
        for part in in_parts(images, max(1, _PIXELS_AT_ONCE // (self._input_yx[0] * self._input_yx[1]))):
            pixels = self.pixels(part)
            with torch.inference_mode(), at_most_threads(self._threads), autocast(self._device, self._precision):
                found.append(self._network.encode_image(pixels).float())
        return self._unit(found)

    def likeness(
        self, images: Sequence[NDArray[np.uint8]], text_vectors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Say how well slices suit sentences: (N, M), −1 … 1.

        By the cosine similarity of their vectors; where the model advises to look for words patch by patch, by the
        mean similarity of the three patches that suit a sentence best, so that small things count as well (our
        proposal).
        """
        vectors = np.asarray(text_vectors, dtype=np.float32)
        if self._advice.saliency_method != "patches":
            found: NDArray[np.float32] = self.embed_images(images) @ vectors.T
            return found
        return best_patches(self.patch_likeness(images, vectors))

    def patch_likeness(
        self, images: Sequence[NDArray[np.uint8]], text_vectors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Compare each patch of the last layer with sentences: cosine similarities (N, M, P), P row by row.

        Raises
        ------
        DataError
            As of `VisionLayers.patches`.
        """
        vectors = torch.from_numpy(np.asarray(text_vectors, dtype=np.float32)).to(self._device)
        y, x = self.layers.grid_yx
        rows = [torch.zeros((0, len(vectors), y * x))]
        for part in in_parts(images, max(1, _PIXELS_AT_ONCE // (self._input_yx[0] * self._input_yx[1]))):
            with torch.no_grad(), at_most_threads(self._threads):
                hidden = self.layers.below(self.pixels(part), self.layers.n_layers - 1)
                rows.append(self._similar(hidden, vectors).cpu())
        found: NDArray[np.float32] = torch.cat(rows).numpy()
        return found

    def _similar(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Compare each patch (N, T, C) of the last layer with sentences (M, D): (N, M, P)."""
        return torch.einsum("npd,md->nmp", F.normalize(self.layers.patches(hidden), dim=-1), targets)

    def _shown(self, similar: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn similarities into the probability that it is shown there, if the model advises how."""
        scale, offset = self._advice.patch_scale, self._advice.patch_offset
        if scale is None or offset is None:
            return similar
        found: NDArray[np.float32] = expit(scale * similar + offset)
        return found

    def _unit(self, found: list[Tensor]) -> NDArray[np.float32]:
        if not found:
            return np.zeros((0, int(self._files.config["model_cfg"]["embed_dim"])), dtype=np.float32)
        values: NDArray[np.float32] = F.normalize(torch.cat(found), dim=-1).cpu().numpy()
        return values

    # -- where ------------------------------------------------------------------------------------

    def saliency(
        self,
        image_yx: NDArray[np.uint8],
        text_vector: NDArray[np.float32],
        *,
        method: SaliencyMethod | None = None,
        spec: SaliencySpec | None = None,
    ) -> Saliency:
        """Say where in a slice a sentence is seen; see `saliencies`."""
        return self.saliencies([image_yx], np.asarray(text_vector)[np.newaxis], method=method, spec=spec)[0]

    def saliencies(
        self,
        images: Sequence[NDArray[np.uint8]],
        text_vectors: NDArray[np.float32],
        *,
        method: SaliencyMethod | None = None,
        spec: SaliencySpec | None = None,
        reporter: Reporter | None = None,
    ) -> list[Saliency]:
        """Say where in slices sentences are seen, several slices at a time.

        The layers below the one that is looked at are run once for each slice. Patches of the map are brought to
        the slice's pixels bilinearly (similarities become probabilities there, not before, which keeps borders
        sharp), then scaled from the least to the greatest to 0 … 1.

        Parameters
        ----------
        images : sequence of numpy.ndarray of uint8
            Each (Y, X) grey or (Y, X, 3) colour; sizes may differ.
        text_vectors : numpy.ndarray of float32, shape (N, D)
            One for each of them, as of `embed_texts` or a mean of some.
        method : {"m2ib", "gradcam", "patches"}, optional
            The information bottleneck, the cheaper gradient map, or each patch's own similarity with the sentence
            (`VisionLayers.patches`); None = as the model advises, else the first.
        spec : SaliencySpec, optional
            Settings.
        reporter : Reporter, optional
            Hears of every pass and may stop there.

        Raises
        ------
        DataError
            If numbers or shapes do not fit, or the network has no such layer.
        """
        spec, told = spec or SaliencySpec(), reporter or SilentReporter()
        targets = self._targets(text_vectors, len(images))
        layer = self.layers.layer(self._advice.layer if spec.layer is None else spec.layer)
        method = method or self._advice.saliency_method or "m2ib"
        if method not in get_args(SaliencyMethod):
            raise DataError(f"Expected the saliency method {', '.join(get_args(SaliencyMethod))}, got '{method}'.")
        if method == "patches":
            layer = self.layers.n_layers - 1
        room = max(1, self._room // (self.layers.n_numbers * (spec.draws if method == "m2ib" else 1)))
        found: list[Saliency] = []
        for start in range(0, len(images), room):
            part = images[start : start + room]
            with at_most_threads(self._threads):
                maps, scores = self._looked(
                    part,
                    targets[start : start + room],
                    layer,
                    method,
                    spec,
                    SlicesTold(told, start, len(images), part),
                )
            for image, values, score in zip(part, maps, scores, strict=True):
                seen = on_slice(values, image.shape[:2], self._shown if method == "patches" else None)
                found.append(Saliency(seen, min(1.0, max(-1.0, score)), method))
        return found

    @property
    def _room(self) -> int:
        return _NUMBERS_AT_ONCE * (1 if self._device.type == "cpu" else _DEVICE_FACTOR)

    def _targets(self, vectors: NDArray[np.float32], n: int) -> Tensor:
        given = np.asarray(vectors, dtype=np.float32)
        wanted = (n, int(self._files.config["model_cfg"]["embed_dim"]))
        if given.shape != wanted or not np.isfinite(given).all():
            raise DataError(f"Expected finite vectors of sentences of shape {wanted}, got {given.shape}.")
        return F.normalize(torch.from_numpy(given).to(self._device), dim=-1)

    def _looked(
        self,
        images: Sequence[NDArray[np.uint8]],
        targets: Tensor,
        layer: int,
        method: SaliencyMethod,
        spec: SaliencySpec,
        told: SlicesTold,
    ) -> tuple[NDArray[np.float32], list[float]]:
        """Return maps of patches (N, y, x), and how well the slices suit the sentences."""
        with torch.no_grad():
            hidden = self.layers.below(self.pixels(images), layer)
            vectors = F.normalize(self.layers.above(hidden, layer), dim=-1)
            scores = [float(value) for value in (vectors * targets).sum(dim=-1)]
        if self._advice.saliency_method == "patches":
            scores = self.likeness(images, targets.cpu().numpy()).diagonal().tolist()

        def above(tokens: Tensor) -> Tensor:
            return self.layers.above(tokens, layer)

        if method == "patches":
            with torch.no_grad():
                own = torch.arange(len(images))
                patches = self._similar(hidden, targets)[own, own]
            told(spec.draws * spec.steps, spec)
        elif method == "gradcam":
            patches = grad_cam(above, hidden, targets, self.layers.n_prefix)
            told(spec.draws * spec.steps, spec)
        else:
            numbers = hidden.numel()
            at_once = max(1, self._room // numbers)
            found = bottleneck(
                above, hidden, targets, spec, draws_at_once=at_once, go_on=lambda done: told(done, spec)
            )
            patches = found[:, self.layers.n_prefix :]
        y, x = self.layers.grid_yx
        return patches.view(len(images), y, x).float().cpu().numpy(), scores

    # -- onto a disk --------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the model as a folder that `load_text_image` reads; each file whole, the description last."""
        write_model(folder, self._files, self._network)
