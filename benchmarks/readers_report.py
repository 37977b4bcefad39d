"""The figures of `several_readers.py`: what probabilities say against several readers, and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from napari_aleatoric.uncertainty import consensus, size_removed

__all__ = ["case_figures", "table"]

_LEVELS = 16

Mask = NDArray[np.bool_]


def case_figures(p: NDArray[np.float32], readers: Mask) -> dict[str, float]:
    """Hold the probabilities of one nodule (Z, Y, X) against its readers (R, Z, Y, X)."""
    vote = consensus(readers.astype(np.uint8)).label > 0
    levels = np.stack([p > (k + 0.5) / _LEVELS for k in range(_LEVELS)])
    overlap, overlaps, of_readers = (
        _iou(a, b) for a, b in ((levels, readers), (levels, levels), (readers, readers))
    )
    pairs = list(combinations(range(len(readers)), 2))
    return {
        "dice": float(_dice_of(_iou((p > 0.5)[np.newaxis], vote[np.newaxis]))[0, 0]),
        "ged": float(2 * (1 - overlap).mean() - (1 - overlaps).mean() - (1 - of_readers).mean()),
        "uncertainty": float(1 - _dice_of(overlaps)[~np.eye(_LEVELS, dtype=bool)].mean()),
        "disagreement": float(1 - np.mean([_dice_of(of_readers)[a, b] for a, b in pairs])),
        "size": float(vote.sum()),
    }


def _iou(a: Mask, b: Mask) -> NDArray[np.float64]:
    """Intersection over union of every mask with every other; 1 where both are empty."""
    x, y = (v.reshape(len(v), -1).astype(np.float32) for v in (a, b))
    both = (x @ y.T).astype(np.float64)
    either = x.sum(1)[:, None] + y.sum(1)[None] - both
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def _dice_of(iou: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2 * iou / (1 + iou)


def figures_of(rows: dict[str, list[float]]) -> list[float]:
    """Mean Dice and distance, and both rank correlations, of nodules."""
    at = {name: np.array(values) for name, values in rows.items()}
    plain = spearmanr(at["uncertainty"], at["disagreement"]).statistic
    known = at["size"] > 0
    adjusted = [size_removed(at[name][known], at["size"][known]) for name in ("uncertainty", "disagreement")]
    return [at["dice"].mean(), at["ged"].mean(), float(plain), float(spearmanr(*adjusted).statistic)]


def table(found: dict[str, dict[str, list[dict[str, Any]]]], draws: int) -> str:
    """All figures with their intervals, and what the spoilt masks cost."""
    lines: list[str] = []
    dice: dict[str, dict[str, NDArray[np.float64]]] = {}
    for condition, arms in found.items():
        some = next(iter(arms.values()))
        names = sorted(some[0]["cases"])
        takes = np.random.default_rng(0).integers(0, len(names), (draws, len(names)))
        lines += [f"\n{condition}: {len(names)} nodules, {len(some)} seeds\n"]
        lines += ["| arm | Dice with the vote | energy distance | Spearman | size removed | minus vote (Dice) |"]
        lines += ["|---|---|---|---|---|---|"]
        for arm, seeds in arms.items():
            columns = [
                {key: [one["cases"][name][key] for name in names] for key in one["cases"][names[0]]}
                for one in seeds
            ]
            dice.setdefault(condition, {})[arm] = np.mean([c["dice"] for c in columns], axis=0)
            drawn = np.array([_mean_of([_taken(c, take) for c in columns]) for take in takes])
            low, high = np.nanpercentile(drawn, (2.5, 97.5), axis=0)
            middle = _mean_of(columns)
            words = [f"{m:.3f} [{a:.3f}, {b:.3f}]" for m, a, b in zip(middle, low, high, strict=True)]
            words.append(_gain(dice[condition][arm], dice[condition].get("vote"), takes))
            lines.append(f"| {arm} | {' | '.join(words)} |")
    if len(dice) == 2:
        lines += [
            "\nDice lost by the spoilt reader\n",
            "| arm | lost | less than the vote loses by |",
            "|---|---|---|",
        ]
        lost = {
            arm: dice["clean"][arm] - dice["corrupted"][arm] for arm in dice["clean"] if arm in dice["corrupted"]
        }
        for arm, values in lost.items():
            less = None if "vote" not in lost else _gain(lost["vote"], values, takes)
            lines.append(f"| {arm} | {_gain(values, np.zeros_like(values), takes)} | {less or ''} |")
    return "\n".join(lines)


def _taken(columns: dict[str, list[float]], take: NDArray[np.int64]) -> dict[str, list[float]]:
    return {key: [values[i] for i in take] for key, values in columns.items()}


def _mean_of(columns: Sequence[dict[str, list[float]]]) -> NDArray[np.float64]:
    return np.asarray(np.mean([figures_of(one) for one in columns], axis=0))


def _gain(values: NDArray[np.float64], base: NDArray[np.float64] | None, takes: NDArray[np.int64]) -> str:
    if base is None:
        return ""
    low, high = np.percentile((values - base)[takes].mean(axis=1), (2.5, 97.5))
    return f"{(values - base).mean():+.4f} [{low:+.4f}, {high:+.4f}]"
