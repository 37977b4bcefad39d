"""How hard an image is for a frozen segmenter: the paper's measure on its decoded maps, and variants of it.

Source of the measure: arXiv 2604.10963. Cropping to the object, the mean over present classes, the other
unfoldings beside the paper's, the energy of features inside the mask and the local map are options of the released
code or our own proposals; each says so. None of them tells whether a label is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import DecodedMaps, EmbeddedVolume, JitteredMaps, put_bytes
from napari_aleatoric.model import WHOLE_CASE, ScoreValue

from ._local_scale import local_difficulty
from ._measures import DIFFICULTY_MAP, PROMPT_SPREAD_MAP
from ._scale import gram, scale_from_singular_values, spectrum
from ._variants import SCALE_VARIANTS, Field

__all__ = ["DifficultyScores", "effective_rank", "feature_spectrum", "mask_limits", "score_difficulty"]

_TOKEN = 16  # pixels of the input that a channel of the embedding stands for, on either axis
_MARGIN = 2  # cells of the mask grid round an object
_NNUNET_PERCENTILES = (0.5, 99.5)
_MAP_BYTES = 1 << 29  # of one voxel map of a label; classes that say least have none of their own beyond


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
    found: dict[str, dict[int, float]] = {}
    for row, c in enumerate(decoded.class_indices):
        for name, value in _scales_of(decoded.logits[row]):
            found.setdefault(name, {})[c] = value
        label = np.moveaxis(label_index, embedded.axis, 0)[embedded.box.slices] == c
        sigma = feature_spectrum(embedded, label)
        if sigma is not None:
            found.setdefault("feature_scale", {})[c] = scale_from_singular_values(sigma)
            found.setdefault("effective_rank", {})[c] = effective_rank(sigma)
    if jittered is not None:
        for c, overlap in zip(jittered.class_indices, jittered.overlap, strict=True):
            if np.isfinite(overlap):
                found.setdefault("prompt_spread", {})[c] = 1.0 - overlap
    values = []
    for name, by_class in found.items():
        whole = float(np.mean(list(by_class.values())))
        values += [ScoreValue(name, c, v) for c, v in sorted({WHOLE_CASE: whole, **by_class}.items())]
    if not maps or not decoded.class_indices:
        return DifficultyScores(tuple(values), {}, ())
    classes = _worth_a_map(decoded, jittered, label_index.size)
    return DifficultyScores(tuple(values), _maps(decoded, jittered, label_index, classes), (WHOLE_CASE, *classes))


def _scales_of(logits: NDArray[np.float32]) -> Iterator[tuple[str, float]]:
    """All variants of the perception scale of one map (D, h, w), from six spectra."""
    fields: dict[Field, NDArray[np.float32]] = {"full": logits, "crop": _object_of(logits)}
    spectra = {(f, axis): spectrum(part, axis) for f, part in fields.items() for axis in range(3)}
    for name, variant in SCALE_VARIANTS.items():
        axis = variant.unfold
        if logits.shape[0] == 1 and axis == 0:  # a single slice has no slice axis: rows of the picture
            axis = 1
        yield name, scale_from_singular_values(spectra[(variant.field, axis)], variant.energy)


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


def feature_spectrum(embedded: EmbeddedVolume, label: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Return the singular values of the image features inside a mask, largest first; our own proposal.

    Every token of the embedding counts with the part of it that lies in the mask.

    Parameters
    ----------
    embedded : EmbeddedVolume
        D embedded slices of E channels.
    label : numpy.ndarray of bool, shape (D, Y, X)
        The mask on the embedded part of the image.

    Returns
    -------
    numpy.ndarray of float64, shape (min(E, n),), or None
        Of the E × n matrix of the n tokens inside; None where the mask is empty.
    """
    blocks = []
    for embedding, mask in zip(embedded.slices, label, strict=True):
        if not mask.any():
            continue
        channels, height, width = embedding.values.shape
        covered = _covered(mask, embedding.input_yx, (height, width))
        chosen = covered > 0
        tokens = embedding.values[:, chosen].astype(np.float64) * np.sqrt(covered[chosen])
        blocks.append(tokens.reshape(channels, -1))
    if not blocks:
        return None
    n_tokens = sum(block.shape[1] for block in blocks)
    matrix = gram(blocks, blocks[0].shape[0])
    values = np.sqrt(np.clip(np.linalg.eigvalsh(matrix), 0.0, None))[::-1]
    return np.asarray(values[: min(len(values), n_tokens)])


def _covered(mask: NDArray[np.bool_], input_yx: tuple[int, int], tokens: tuple[int, int]) -> NDArray[np.float64]:
    """Part of every token that a mask covers, by adding up pixels; at least the nearest token counts."""
    total = np.zeros(tokens)
    ys, xs = np.nonzero(mask)
    size = [_TOKEN * n / p for n, p in zip(mask.shape, input_yx, strict=True)]  # of a token, in pixels
    rows = np.minimum(((ys + 0.5) / size[0]).astype(np.int64), tokens[0] - 1)
    columns = np.minimum(((xs + 0.5) / size[1]).astype(np.int64), tokens[1] - 1)
    np.add.at(total, (rows, columns), 1.0)
    return np.asarray(np.minimum(total / max(1.0, size[0] * size[1]), 1.0))


def effective_rank(singular_values: NDArray[np.float64]) -> float:
    """Return exp of the entropy of the normalised singular values (Roy & Vetterli 2007), 1 … r; 0 for none."""
    total = float(singular_values.sum())
    if total <= 0:
        return 0.0
    p = singular_values / total
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


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


def _maps(
    decoded: DecodedMaps, jittered: JitteredMaps | None, label_index: NDArray[np.integer], classes: list[int]
) -> dict[str, NDArray[np.uint8]]:
    """Voxel maps of some classes, after the largest of all classes."""
    shape = (int(label_index.shape[0]), int(label_index.shape[1]), int(label_index.shape[2]))
    of_class = dict(zip(decoded.class_indices, decoded.logits, strict=True))
    local = ((c, local_difficulty(logits)) for c, logits in of_class.items())
    made = {DIFFICULTY_MAP: _as_bytes(local, classes, decoded, shape)}
    if jittered is not None and jittered.class_indices:
        spread = zip(jittered.class_indices, jittered.spread, strict=True)
        made[PROMPT_SPREAD_MAP] = _as_bytes(spread, classes, decoded, shape)
    return made


def _as_bytes(
    maps: Iterable[tuple[int, NDArray[np.float32]]],
    classes: list[int],
    place: DecodedMaps,
    shape: tuple[int, int, int],
) -> NDArray[np.uint8]:
    """Put maps on the voxels as bytes, the largest of all first, shape (1 + n, Z, Y, X); one map at a time."""
    result = np.zeros((len(classes) + 1, *shape), dtype=np.uint8)
    largest: NDArray[np.float32] | None = None
    for c, values in maps:
        largest = values if largest is None else np.maximum(largest, values)
        if c in classes:
            put_bytes(values, place.axis, place.box, result[1 + classes.index(c)])
    if largest is not None:
        put_bytes(largest, place.axis, place.box, result[0])
        np.maximum(result[0], result[1:].max(axis=0, initial=0), out=result[0])  # rounding and resampling
    return result


def _worth_a_map(decoded: DecodedMaps, jittered: JitteredMaps | None, n_voxels: int) -> list[int]:
    """Classes that get a map of their own: all where there is room, else those whose prompts move most."""
    room = max(1, _MAP_BYTES // n_voxels) - 1
    if len(decoded.class_indices) <= room:
        return list(decoded.class_indices)
    overlap = dict(zip(jittered.class_indices, jittered.overlap, strict=True)) if jittered is not None else {}
    return sorted(sorted(decoded.class_indices, key=lambda c: overlap.get(c, 1.0))[:room])
