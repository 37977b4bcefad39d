"""The measures of several readers as numbers: of the case, and of each reader's label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import WHOLE_CASE, ScoreValue

from ._pairs import PairFigures, compare_pairs
from ._standing import Standing

__all__ = ["case_values", "reader_values"]

FloatArray = NDArray[np.float64]
ByClass = Mapping[int, float]

_TOLERANCE_MM = 2.0
_TOLERANCE_VOXELS = 1.0  # where the size of a voxel is not known


def case_values(case: Standing) -> tuple[ScoreValue, ...]:
    """Measure what all readers of a case have in common: how far they differ together.

    Parameters
    ----------
    case : Standing
        Of two readers or more.

    Returns
    -------
    tuple of ScoreValue
        Of every class that any reader drew, after that of the whole case. ``reader_spread``: 1 − mean Dice of all
        pairs (whole case: mean over the classes). ``consensus_entropy``: mean over the band. ``image_quality``: q,
        the mean of the readers' q_r. ``presence_disagreement``: part of the pairs of which one drew the class and
        the other nothing (whole case: the largest). ``n_readers``, and ``n_drew``, how many drew the class (whole
        case: anything). Where nobody drew anything, entropy, spread and presence are 0 and q is 1.
    """
    n, classes = case.apart.n_readers, case.apart.present
    pairs = np.triu_indices(n, 1)
    drew = {c: int((case.apart.sizes[:, c] > 0).sum()) for c in classes}
    spread = {c: 1.0 - float(case.apart.dice(c)[pairs].mean()) for c in classes}
    presence = {c: k * (n - k) / len(pairs[0]) for c, k in drew.items()}
    anything = int((case.apart.sizes[:, 1:].sum(axis=1) > 0).sum())
    entropy = {c: case.over_band(case.entropy(c), c) for c in (WHOLE_CASE, *classes)}
    departures = {
        c: float(np.mean([case.over_band(case.departure(r, c), c) for r in range(n)]))
        for c in (WHOLE_CASE, *classes)
    }
    return (
        *_values("reader_spread", _with_mean(spread) or {WHOLE_CASE: 0.0}),
        *_values("consensus_entropy", entropy),
        *_values("image_quality", {c: 1.0 - u for c, u in departures.items()}),
        *_values("presence_disagreement", {WHOLE_CASE: max(presence.values(), default=0.0), **presence}),
        *_values("n_readers", dict.fromkeys((WHOLE_CASE, *classes), float(n))),
        *_values("n_drew", {WHOLE_CASE: float(anything), **{c: float(k) for c, k in drew.items()}}),
    )


def reader_values(
    case: Standing, spacing_zyx_mm: tuple[float, float, float] | None
) -> tuple[tuple[ScoreValue, ...], ...]:
    """Measure how each reader's label stands to the others'.

    Parameters
    ----------
    case : Standing
        Of two readers or more.
    spacing_zyx_mm : tuple of float or None
        None where the size of a voxel is not known: distances are then in voxels, and in a measure of their own.

    Returns
    -------
    tuple of tuple of ScoreValue
        By reader: ``reader_departure``, the mean of u_r over the band, and ``reader_quality``, 1 minus that;
        ``reader_dice``, ``reader_surface_dice`` and ``reader_hd95_mm`` (``reader_hd95_voxels``), means over the
        pairs with each other reader (the last only over those of which both drew the class); ``reader_volume``,
        |V − V₀| / V₀ against the consensus of the others (where these are even in number, the mean of two, see
        `reader_habits`); ``reader_presence``, the part of the others whose yes or no to the class is another (whole
        case: the largest). The others' whole case is the mean over the classes.
    """
    n, classes = case.apart.n_readers, case.apart.present
    tolerance = _TOLERANCE_VOXELS if spacing_zyx_mm is None else _TOLERANCE_MM
    spacing = spacing_zyx_mm or (1.0, 1.0, 1.0)
    outlines = {c: _pairs(case, c, spacing, tolerance) for c in classes}
    dice = {c: case.apart.dice(c) for c in classes}
    volumes = {c: _relative_volumes(case, c) for c in classes}
    return tuple(
        _of_reader(case, r, dice, {c: _with(outlines[c], r) for c in classes}, volumes, spacing_zyx_mm is not None)
        for r in range(n)
    )


def _of_reader(
    case: Standing,
    r: int,
    dice: Mapping[int, FloatArray],
    pairs: Mapping[int, Sequence[PairFigures]],
    volumes: Mapping[int, Sequence[float | None]],
    in_mm: bool,
) -> tuple[ScoreValue, ...]:
    n, classes = case.apart.n_readers, case.apart.present
    departure = {c: case.over_band(case.departure(r, c), c) for c in (WHOLE_CASE, *classes)}
    drew = {c: case.apart.sizes[:, c] > 0 for c in classes}
    presence = {c: float((drew[c] != drew[c][r]).sum() / (n - 1)) for c in classes}
    overlap = {c: float((dice[c][r].sum() - 1.0) / (n - 1)) for c in classes}
    surface = {c: float(np.mean([p.surface_dice for p in own])) for c, own in pairs.items()}
    far = {c: [p.hd95 for p in own if p.hd95 is not None] for c, own in pairs.items()}
    hd95 = {c: float(np.mean(own)) for c, own in far.items() if own}
    volume = {c: abs(v) for c in classes if (v := volumes[c][r]) is not None}
    return (
        *_values("reader_departure", departure),
        *_values("reader_quality", {c: 1.0 - u for c, u in departure.items()}),
        *_values("reader_dice", _with_mean(overlap) or {WHOLE_CASE: 1.0}),
        *_values("reader_surface_dice", _with_mean(surface) or {WHOLE_CASE: 1.0}),
        *_values("reader_hd95_mm" if in_mm else "reader_hd95_voxels", _with_mean(hd95)),
        *_values("reader_volume", _with_mean(volume)),
        *_values("reader_presence", {WHOLE_CASE: max(presence.values(), default=0.0), **presence}),
    )


def _pairs(
    case: Standing, class_index: int, spacing: tuple[float, float, float], tolerance: float
) -> tuple[PairFigures, ...]:
    box = case.apart.boxes[class_index]
    if box is None:
        return ()
    z, y, x = case.apart.shape_zyx
    around = box.grown((int(z > 1), 1, 1), (z, y, x)).slices  # a border voxel at the edge of the box stays one
    return compare_pairs([label[around] == class_index for label in case.labels], spacing, tolerance)


def _with(pairs: Sequence[PairFigures], reader: int) -> list[PairFigures]:
    return [p for p in pairs if reader in (p.first, p.second)]


def _relative_volumes(case: Standing, class_index: int) -> list[float | None]:
    """(V − V₀) / V₀ by reader, as in `reader_habits`; None where nobody drew the class but perhaps the reader."""
    chosen = case.apart.chosen(class_index)
    agreed, votes = int(case.apart.agreed[class_index]), chosen.sum(axis=0)
    n_others = len(chosen) - 1
    found: list[float | None] = []
    for own, size in zip(chosen, case.apart.sizes[:, class_index].tolist(), strict=True):
        others = 2 * (votes - own)
        counts = [agreed + int((others > n_others).sum())]
        if n_others % 2 == 0:
            counts.append(agreed + int((others >= n_others).sum()))
        known = [size / v - 1.0 for v in counts if v]
        found.append(float(np.mean(known)) if known else None)
    return found


def _with_mean(by_class: ByClass) -> dict[int, float]:
    """Put the mean over the classes in front; empty where there are none."""
    return {WHOLE_CASE: float(np.mean(list(by_class.values()))), **by_class} if by_class else {}


def _values(measure: str, by_class: ByClass) -> list[ScoreValue]:
    return [ScoreValue(measure, c, v) for c, v in sorted(by_class.items())]
