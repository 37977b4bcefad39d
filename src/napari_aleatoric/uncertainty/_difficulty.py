"""How hard an image is for a frozen segmenter: the paper's measure on its decoded maps, and variants of it.

Source of the measure: arXiv 2604.10963. Cropping to the object, the mean over present classes, the other
unfoldings beside the paper's, the energy of features inside the mask and the local map are options of the released
code or our own proposals; each says so. None of them tells whether a label is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import DecodedMaps, EmbeddedVolume, JitteredMaps
from napari_aleatoric.model import WHOLE_CASE, ScoreValue

from ._class_maps import ClassMaps
from ._feature_spectrum import effective_rank, feature_spectrum
from ._local_scale import local_difficulty
from ._measures import DIFFICULTY_MAP, PROMPT_SPREAD_MAP
from ._scale import scale_from_singular_values, spectrum
from ._variants import SCALE_VARIANTS, Field

__all__ = ["DifficultyScorer", "DifficultyScores", "mask_limits", "scale_spectrum", "score_difficulty"]

_MARGIN = 2  # cells of the mask grid round an object
_NNUNET_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, eq=False)
class DifficultyScores:
    """Result of `score_difficulty`.

    Parameters
    ----------
    values : tuple of ScoreValue
        Raw values by class, and their mean over the classes that are there as that of the whole case.
    maps : mapping of str to numpy.ndarray of uint8, shape (n, Z, Y, X)
        Voxel maps by name, 0..255 for 0..1, on the upright grid; the first row is the largest of all classes.
    map_classes : tuple of int
        The class of every row; the first is the whole case.
    """

    values: tuple[ScoreValue, ...]
    maps: Mapping[str, NDArray[np.uint8]]
    map_classes: tuple[int, ...]


def score_difficulty(
    decoded: DecodedMaps,
    embedded: EmbeddedVolume,
    label_index: NDArray[np.integer],
    jittered: JitteredMaps | None = None,
    *,
    maps: bool = True,
) -> DifficultyScores:
    """Measure how hard one case is for the segmenter that decoded it.

    Parameters
    ----------
    decoded : DecodedMaps
        One map per class that is there.
    embedded : EmbeddedVolume
        The image embedding, for what is read inside the mask.
    label_index : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices on the upright grid.
    jittered : JitteredMaps, optional
        Answers to moved prompts.
    maps : bool
        Whether to make voxel maps.

    Returns
    -------
    DifficultyScores
        Empty where no class is there: nothing was pointed at, so nothing can be said.
    """
    scorer = DifficultyScorer(embedded, label_index, len(decoded.class_indices), maps=maps)
    scorer.add(decoded, jittered)
    return scorer.result()


class DifficultyScorer:
    """Measures one case from decoded maps that come a few classes at a time: they are never held together.

    Parameters
    ----------
    embedded, label_index, maps
        As of `score_difficulty`.
    n_classes : int
        How many classes will come, at most.
    """

    def __init__(
        self, embedded: EmbeddedVolume, label_index: NDArray[np.integer], n_classes: int, *, maps: bool = True
    ) -> None:
        self._embedded = embedded
        self._label = np.moveaxis(label_index, embedded.axis, 0)[embedded.box.slices]
        self._found: dict[str, dict[int, float]] = {}
        shape = (int(label_index.shape[0]), int(label_index.shape[1]), int(label_index.shape[2]))
        names = (DIFFICULTY_MAP, PROMPT_SPREAD_MAP) if maps and n_classes else ()
        self._maps = {name: ClassMaps(shape, embedded.axis, embedded.box, n_classes) for name in names}

    def add(self, decoded: DecodedMaps, jittered: JitteredMaps | None = None) -> None:
        """Take in some classes; each must come once, in the order of the classes."""
        overlaps: dict[int, float | None] = {}
        if jittered is not None:
            known = (overlap if np.isfinite(overlap) else None for overlap in jittered.overlap)
            overlaps = dict(zip(jittered.class_indices, known, strict=True))
        for row, c in enumerate(decoded.class_indices):
            for name, value in _scales_of(decoded.logits[row]):
                self._put(name, c, value)
            sigma = feature_spectrum(self._embedded, self._label == c)
            if sigma is not None:
                self._put("feature_scale", c, scale_from_singular_values(sigma))
                self._put("effective_rank", c, effective_rank(sigma))
            if self._maps:
                local = local_difficulty(decoded.logits[row])
                self._maps[DIFFICULTY_MAP].add(c, local, overlaps.get(c))
        for row, (c, overlap) in enumerate(overlaps.items()):
            if overlap is not None:
                self._put("prompt_spread", c, 1.0 - overlap)
            if self._maps and jittered is not None:
                self._maps[PROMPT_SPREAD_MAP].add(c, jittered.spread[row], overlap)

    def _put(self, measure: str, class_index: int, value: float) -> None:
        self._found.setdefault(measure, {})[class_index] = value

    def result(self) -> DifficultyScores:
        """Package what was measured, when all classes are in."""
        values: list[ScoreValue] = []
        for name, by_class in self._found.items():
            whole = float(np.mean(list(by_class.values())))
            values += [ScoreValue(name, c, v) for c, v in sorted({WHOLE_CASE: whole, **by_class}.items())]
        maps: dict[str, NDArray[np.uint8]] = {}
        classes: tuple[int, ...] = ()
        for name in list(self._maps):
            stack = self._maps.pop(name)
            if not stack.empty:
                maps[name], classes = stack.result(), (WHOLE_CASE, *stack.classes)
        return DifficultyScores(tuple(values), maps, classes)


def _scales_of(logits: NDArray[np.float32]) -> Iterator[tuple[str, float]]:
    """All variants of the perception scale of one map (D, h, w), from six spectra."""
    fields: dict[Field, NDArray[np.float32]] = {"full": logits, "crop": _object_of(logits)}
    spectra = {(f, axis): spectrum(part, axis) for f, part in fields.items() for axis in range(3)}
    for name, variant in SCALE_VARIANTS.items():
        sigma = spectra[(variant.field, _unfolded_axis(logits, variant.unfold))]
        yield name, scale_from_singular_values(sigma, variant.energy)


def scale_spectrum(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the singular values whose entropy is the perception scale of a decoded map, largest first.

    Parameters
    ----------
    logits : numpy.ndarray of float32, shape (D, h, w)
        Decoded map of one class.

    Returns
    -------
    numpy.ndarray of float64, shape (r,)
        Of the default variant of the measure: `scale_from_singular_values` of them is the stored
        ``perception_scale``.
    """
    variant = SCALE_VARIANTS["perception_scale"]
    part = _object_of(logits) if variant.field == "crop" else logits
    return spectrum(part, _unfolded_axis(logits, variant.unfold))


def _unfolded_axis(logits: NDArray[np.float32], axis: int) -> int:
    """Take the rows of the picture where there is a single slice, and so no slice axis."""
    return 1 if logits.shape[0] == 1 and axis == 0 else axis


def _object_of(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut the map to what was answered as the object, and a margin; all of it where nothing was."""
    hit = logits > 0
    if not hit.any():
        return logits
    slices = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        where = np.flatnonzero(hit.any(axis=others))
        slices.append(slice(max(0, int(where[0]) - _MARGIN), int(where[-1]) + 1 + _MARGIN))
    return logits[tuple(slices)]


def mask_limits(image: NDArray[np.generic], foreground: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Return the intensity range under the labels, 0.5 to 99.5 percentile; None where nothing is labelled.

    The mask-normalised input of arXiv 2604.10963 leans the measure towards the label; how the paper normalises
    could not be recovered, nnU-Net's rule for CT is our proposal.
    """
    inside = np.asarray(image[foreground], dtype=np.float64)
    inside = inside[np.isfinite(inside)]
    if not inside.size:
        return None
    low, high = np.percentile(inside, _NNUNET_PERCENTILES)
    return (float(low), float(high)) if high > low else None
