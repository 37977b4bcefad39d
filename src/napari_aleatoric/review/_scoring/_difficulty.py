"""The part of scoring that asks a frozen segmenter: how hard is each image, and how much do its answers move."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.foundation import (
    Box,
    EmbeddedVolume,
    EmbeddingCache,
    PromptSegmenter,
    WeightsStore,
    class_groups,
    decode_classes,
    embed_volume,
    intensity_range,
    jittered_prompts,
    segmenter,
    slice_axis,
)
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ClassTable, Volume
from napari_aleatoric.uncertainty import (
    DifficultyScorer,
    DifficultyScores,
    ScoreSpec,
    classes_in,
    mask_limits,
    scale_spectrum,
)

from ._threads import usable_cores

__all__ = ["FILTER_BANK", "DifficultyWork", "frozen_model"]

FILTER_BANK = "filter-bank"
"""The frozen model without weights: the perception scale is then read from the light classifier."""

_DEFAULT = "sam-small"
_MARGIN = 0.25  # of the labelled part's extent, on every side within a slice
_LEAST_MARGIN = 8  # voxels


def frozen_model(spec: ScoreSpec) -> str:
    """Return the name of the frozen model that a spec means: its own, or the best that is here.

    'auto' never fails: it is the small Segment Anything network where torch and segment-anything are installed and
    its weights are whole, else the filter bank.
    """
    if spec.encoder != "auto":
        return spec.encoder
    if find_spec("torch") is None or find_spec("segment_anything") is None:
        return FILTER_BANK
    try:
        there = WeightsStore().status(_DEFAULT).state in ("present", "verified")
    except (AleatoricError, OSError):
        there = False
    return _DEFAULT if there else FILTER_BANK


class DifficultyWork:
    """Asks one frozen segmenter about one case after the other.

    Parameters
    ----------
    ws : Workspace
        Whose embeddings folder keeps what was embedded.
    spec : ScoreSpec
        Settings.
    model : str
        Name of the segmenter.
    """

    def __init__(self, ws: Workspace, spec: ScoreSpec, model: str) -> None:
        self._spec = spec
        self._classes: ClassTable = ws.dataset.classes
        self._segmenter: PromptSegmenter = segmenter(model, device=spec.device, threads=max(1, usable_cores() // 2))
        self._cache = EmbeddingCache(ws.embeddings_dir / "slices")
        self._lock = threading.Lock()  # one case at a time; the other cores judge labels meanwhile

    @property
    def name(self) -> str:
        """Identifier of model, weights and settings."""
        return self._segmenter.name

    def measure(self, volume: Volume, labels: Mapping[str, NDArray[Any]]) -> dict[str, DifficultyScores]:
        """Measure every label of a case.

        Parameters
        ----------
        volume : Volume
            The image, upright.
        labels : mapping of str to numpy.ndarray of integer, shape (Z, Y, X)
            Class indices by reader.

        Returns
        -------
        dict of str to DifficultyScores
            By reader; nothing for a label without any class.
        """
        with self._lock:
            looked_at = self._each_label(volume, labels)
            return {reader: self._score(embedded, label, here) for reader, embedded, label, here in looked_at}

    def spectra(
        self, volume: Volume, labels: Mapping[str, NDArray[Any]]
    ) -> dict[str, dict[int, NDArray[np.float64]]]:
        """Return the singular values behind the perception scale of every label, by reader and class; `measure`."""
        with self._lock:
            found: dict[str, dict[int, NDArray[np.float64]]] = {}
            for reader, embedded, label, present in self._each_label(volume, labels):
                for group in class_groups(embedded, present):
                    decoded = decode_classes(self._segmenter, embedded, label, group)
                    for c, logits in zip(decoded.class_indices, decoded.logits, strict=True):
                        found.setdefault(reader, {})[c] = scale_spectrum(logits)
            return found

    def _each_label(
        self, volume: Volume, labels: Mapping[str, NDArray[Any]]
    ) -> Iterator[tuple[str, EmbeddedVolume, NDArray[Any], list[int]]]:
        """Give every label that has any class: reader, embedded image, class indices by voxel, classes."""
        shared: dict[tuple[Box, tuple[float, float]], EmbeddedVolume] = {}
        axis = slice_axis(volume.geometry)
        labelled = np.zeros(volume.geometry.shape_zyx, dtype=bool)
        for label in labels.values():
            labelled |= label > 0
        box = self._box(labelled, axis)
        if box is None:
            return
        for reader, label in labels.items():
            here = set(classes_in(label))
            present = [c.class_index for c in self._classes if c.class_index in here]
            if not present:
                continue
            limits = self._limits(volume, label > 0)
            place = (box, limits)
            if place not in shared:
                shared[place] = self._embed(volume, box, axis, limits)
            yield reader, shared[place], label, present

    def _score(self, embedded: EmbeddedVolume, label: NDArray[Any], class_indices: list[int]) -> DifficultyScores:
        """Ask for a few classes at a time: memory does not grow with their number, nor with that of the boxes."""
        scorer = DifficultyScorer(embedded, label, len(class_indices), maps=self._spec.maps)
        movements = np.random.default_rng(self._spec.seed)
        for group in class_groups(embedded, class_indices):
            decoded = decode_classes(self._segmenter, embedded, label, group)
            jittered = None
            if self._spec.jitters >= 2:
                jittered = jittered_prompts(
                    self._segmenter,
                    embedded,
                    label,
                    group,
                    n=self._spec.jitters,
                    voxels=self._spec.jitter_voxels,
                    seed=movements,
                )
            scorer.add(decoded, jittered)
            del decoded, jittered  # before the next group is asked for
        return scorer.result()

    def _box(self, labelled: NDArray[np.bool_], axis: int) -> Box | None:
        """Return what is looked at, with the slice axis in front: the labelled slices, and a margin within them."""
        stack = np.moveaxis(labelled, axis, 0)
        around = Box.around(stack)
        if around is None:
            return None
        shape = (int(stack.shape[0]), int(stack.shape[1]), int(stack.shape[2]))
        if self._spec.decode == "image":
            return Box((around.start_zyx[0], 0, 0), (around.stop_zyx[0], shape[1], shape[2]))
        margins = [max(_LEAST_MARGIN, round(_MARGIN * n)) for n in around.shape_zyx]
        return around.grown((1, margins[1], margins[2]), shape)

    def _limits(self, volume: Volume, foreground: NDArray[np.bool_]) -> tuple[float, float]:
        if self._spec.normalise == "mask":
            found = mask_limits(volume.data, foreground)
            if found is not None:
                return found
        return intensity_range(volume.data)

    def _embed(self, volume: Volume, box: Box, axis: int, limits: tuple[float, float]) -> EmbeddedVolume:
        settings = f"{box.start_zyx}-{box.stop_zyx}-{limits[0]!r}-{limits[1]!r}"
        key = self._cache.key(volume.content_hash, self._segmenter.name, axis=axis, settings=settings)
        return embed_volume(self._segmenter, volume, box, axis=axis, limits=limits, keeper=self._cache, key=key)
