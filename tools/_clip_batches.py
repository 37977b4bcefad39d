"""Batches for the small text-image network: views that the frozen layers have seen, with sentences drawn anew."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _clip_start import below
from _clip_views import (
    GRID,
    LABEL_SIDE,
    LabelledSlice,
    Said,
    View,
    absent_words,
    bare_name,
    may_be_true,
    may_be_unlabelled,
    say,
    sentence_about,
    shows_none,
    view_of,
)
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["SHARE", "Batch", "Batches", "draw_views", "shards_of"]

SHARE = {"samples": 0.5, "hippocampus": 0.1, "nodules": 0.07, "sarcomas": 0.08, "bodies": 0.25}
_PER_SHARD = 200
_AT_ONCE = 10
_N_TRUE, _N_ABSENT = 1, 1  # sentences for each view, at most
_SEEN = 0.5  # of the patches are looked at in a step


@dataclass(frozen=True, eq=False)
class Batch:
    """Views and sentences.

    Parameters
    ----------
    hidden : torch.Tensor of float32, shape (B, T, C)
        What the frozen layers answer, of a part of the patches, the same for all views; the first is no patch.
    words : torch.Tensor of int64, shape (S, L)
        The sentences, without what is padding in all of them: those that are true, those that are not, and last one
        about each of the C structures.
    whose : torch.Tensor of int64, shape (P,)
        The view that each of the P true sentences is about; the first of every view is its pair.
    firsts : torch.Tensor of int64, shape (B,)
        Row of each view's pair.
    places : torch.Tensor of float32, shape (P, T - 1)
        Part of each patch that it speaks of.
    negatives : torch.Tensor of bool, shape (B, S)
        Which sentences are surely not true of which views.
    absent : torch.Tensor of bool, shape (B, S)
        Which sentences name only what a view surely does not show.
    n_structures : int
        C, the structures that are labelled anywhere.
    structures : torch.Tensor of float32, shape (B, C, T - 1)
        Part of each patch that shows them.
    judged : torch.Tensor of bool, shape (B, C)
        Of which structures it is known whether the view shows them.
    """

    hidden: Tensor
    words: Tensor
    whose: Tensor
    firsts: Tensor
    places: Tensor
    negatives: Tensor
    absent: Tensor
    n_structures: int
    structures: Tensor
    judged: Tensor


def draw_views(visual: Any, slices: Sequence[LabelledSlice], run: Path, n_shards: int, strength: float) -> None:
    """Write so many shards of views; those that are there already are left."""
    pools = [[s for s in slices if s.source == name] for name in SHARE]
    share = np.array([part if pool else 0 for part, pool in zip(SHARE.values(), pools, strict=True)])
    share = share / share.sum()
    for shard in range(n_shards):
        file = run / f"views-{shard:03d}.pt"
        if file.exists():
            continue
        rng, found = np.random.default_rng([23, shard]), []
        while len(found) < _PER_SHARD:
            pool = pools[int(rng.choice(len(pools), p=share))]
            view = view_of(pool[int(rng.integers(len(pool)))], rng, strength=strength)
            if view is not None:
                found.append(view)
        hidden = []
        for start in range(0, _PER_SHARD, _AT_ONCE):
            pixels = torch.stack([v.pixels for v in found[start : start + _AT_ONCE]])
            hidden.append(below(visual, pixels).half())
        rows = [vars(replace(v, pixels=torch.zeros(0))) for v in found]
        torch.save({"hidden": torch.cat(hidden), "views": rows}, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)
        print(file.name, flush=True)


def shards_of(run: Path, seen: int = 0) -> list[dict[str, Any]]:
    """Read shards of this script's own making, from a number on."""
    return [torch.load(file, weights_only=False) for file in sorted(run.glob("views-*.pt"))[seen:]]


class Batches:
    """Batch number n is the same for the same shards."""

    def __init__(
        self,
        shards: list[dict[str, Any]],
        names: tuple[str, ...],
        words: Callable[[list[str]], Tensor],
        size: int,
    ) -> None:
        self._size, self._n_shards = size, 0
        self._hidden: list[Tensor] = []
        self._views: list[View] = []
        self._words = functools.cache(lambda text: words([text])[0])
        self.names: tuple[str, ...] = names
        self._seen: list[tuple[NDArray[np.float16], NDArray[np.bool_]]] = []
        self._add(shards)

    def _add(self, shards: list[dict[str, Any]]) -> None:
        self._n_shards += len(shards)
        for shard in shards:
            self._hidden += list(shard["hidden"])
            views = [View(**row) for row in shard["views"]]
            self._views += views
            self._seen += [structures_in(view, self.names) for view in views]

    def look_again(self, run: Path) -> None:
        """Add shards that were written in the meantime."""
        self._add(shards_of(run, self._n_shards))

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng([29, number])
        rows = rng.choice(len(self._views), self._size, replace=False)
        views = [self._views[int(row)] for row in rows]
        said: list[Said] = []
        whose: list[int] = []
        firsts = []
        for number_of_view, view in enumerate(views):
            firsts.append(len(said))
            some = say(view, rng, _N_TRUE)
            said += some
            whose += [number_of_view] * len(some)
        said += [each for view in views for each in absent_words(view, rng, _N_ABSENT)]
        asked = [sentence_about(name, rng) for name in self.names]
        claims = [each.claim for each in said]
        false = torch.tensor([[not may_be_true(claim, view) for claim in claims] for view in views])
        not_there = torch.tensor([[shows_none(claim, view) for claim in claims] for view in views])
        tokens = torch.stack([self._words(text) for text in (*(each.text for each in said), *asked)])
        n_patches = self._hidden[0].shape[0] - 1
        patches = np.sort(rng.choice(n_patches, max(1, round(_SEEN * n_patches)), replace=False))
        kept = torch.from_numpy(np.concatenate([[0], patches + 1]))
        longest = int((tokens != 0).sum(dim=1).max())
        return Batch(
            torch.stack([self._hidden[int(row)][kept] for row in rows]).float(),
            tokens[:, :longest],
            torch.tensor(whose),
            torch.tensor(firsts),
            torch.from_numpy(np.stack([each.place.ravel()[patches] for each in said[: len(whose)]])),
            false,
            not_there,
            len(self.names),
            torch.from_numpy(np.stack([self._seen[int(row)][0] for row in rows])[:, :, patches]).float(),
            torch.from_numpy(np.stack([self._seen[int(row)][1] for row in rows])),
        )


def structures_in(view: View, names: tuple[str, ...]) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """Return the part of each patch that shows each structure (C, GRID²), and of which that is known (C,)."""
    found = np.zeros((len(names), GRID * GRID), dtype=np.float16)
    block = LABEL_SIDE // GRID
    for value, name in view.names.items():
        if (bare := bare_name(name)) in names:
            mask = (view.label == value).reshape(GRID, block, GRID, block)
            found[names.index(bare)] += mask.mean(axis=(1, 3), dtype=np.float16).ravel()
    known = [name in view.touched or not may_be_unlabelled(name, view.source) for name in names]
    return found, np.array(known)
