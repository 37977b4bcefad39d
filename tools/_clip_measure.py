"""What is measured of the small text-image network on cases that it has not seen, as markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _clip_views import LIBRARY, LabelledSlice, Said, View, bare_name, may_be_true, may_be_unlabelled, say, view_of
from _sources import LabelledCase, labelled_cases
from numpy.typing import NDArray
from skimage.transform import resize

from napari_aleatoric.segmentation import SliceStack, VolumeSpec, open_segmenter
from napari_aleatoric.segmentation._captions import held_out_words
from napari_aleatoric.segmentation._query import best_three, presence, query_vectors
from napari_aleatoric.training._clip_retrieval import RETRIEVAL_RANKS, retrieval

__all__ = ["Remembering", "calibrate", "retrieval_table", "sharpen", "words_table"]

_PER_SOURCE = 60  # slices
_LEAST_VOXELS = 50
_ABSENT = ("prostate", "breast lesion", "thyroid", "brain tumour", "uterus", "femur")
_QUANTILES = np.linspace(0.0, 1.0, 101)
_LEVELS = np.linspace(0.0, 0.8, 41)  # of similarity
_SHARPER = 3.0  # than the judge of the training


class Remembering:
    """A model that embeds each sentence once."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._known: dict[str, NDArray[np.float32]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector for each sentence."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._model.embed_texts(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def some_slices(slices: Sequence[LabelledSlice], seed: int) -> list[LabelledSlice]:
    """Draw as many slices of every source, at most."""
    rng, found = np.random.default_rng(seed), []
    for source in dict.fromkeys(s.source for s in slices):
        pool = [s for s in slices if s.source == source]
        found += [pool[int(i)] for i in rng.permutation(len(pool))[:_PER_SOURCE]]
    return found


def whole_views(slices: Sequence[LabelledSlice], held_out: bool) -> list[tuple[LabelledSlice, View, Said]]:
    """Look at whole, undisturbed slices, with a caption each."""
    rng = np.random.default_rng(5)
    looked = [(s, view_of(s, rng, strength=0.0)) for s in slices]
    return [(s, v, say(v, rng, held_out=held_out)[0]) for s, v in looked if v is not None]


def retrieval_table(model: Any, slices: Sequence[LabelledSlice]) -> str:
    """Return how often slices find their caption, and captions their slice.

    Many captions suit many slices: "first caption is true" counts every first answer that may be true of the slice;
    chance is the part of all pairs of which that holds.
    """
    heads = [f"{way}, top {k}" for way in ("image to text", "text to image") for k in RETRIEVAL_RANKS[:2]]
    lines = [f"| wordings | pairs | captions | {' | '.join(heads)} | first caption is true | by chance |"]
    lines.append("|" + "---|" * 9)
    for title, held_out in (("learnt", False), ("held out", True)):
        pairs = whole_views(some_slices(slices, 3), held_out)
        images, texts = model.embed_images([s.image for s, _, _ in pairs]), [said.text for _, _, said in pairs]
        vectors = model.embed_texts(texts)
        found = retrieval(images, vectors, texts)
        true = np.array([[may_be_true(said.claim, view) for _, _, said in pairs] for _, view, _ in pairs])
        first = true[np.arange(len(pairs)), (images @ vectors.T).argmax(axis=1)].mean()
        figures = [*found.image_to_text[:2], *found.text_to_image[:2], first, true.mean()]
        lines.append(f"| {title} | {found.n} | {found.n_captions} | {' | '.join(f'{v:.3f}' for v in figures)} |")
    return "\n".join(lines)


def sharpen(model: Any, cases: Iterable[LabelledCase]) -> dict[str, float]:
    """Choose which similarity of a patch becomes a probability of one half: the one that outlines best.

    Of the slices of volumes that were neither learnt from nor are held out that show at least half as much of a
    structure as any: mean Dice, over slices, then structures, of the patches above a similarity and those that the
    structure covers by half or more.
    """
    scale = _SHARPER * float(model.advice.patch_scale)
    dice: dict[str, list[NDArray[np.float64]]] = {}
    grid = model.layers.grid_yx
    for case in cases:
        stack = SliceStack.of(case.volume)
        for name, mask in structures_of(case).items():
            upright = np.ascontiguousarray(stack.turn.apply(mask))
            areas = np.moveaxis(upright, stack.axis, 0).sum(axis=(1, 2))
            numbers = np.flatnonzero(areas >= areas.max() / 2)
            numbers = numbers[np.linspace(0, len(numbers) - 1, min(4, len(numbers))).round().astype(int)]
            vector = query_vectors(model, LIBRARY.query(bare_name(name), modality=case.volume.modality)).wanted
            similar = model.patch_likeness([stack.image(int(n)) for n in numbers], vector[np.newaxis])[:, 0]
            if bare_name(name) != name:  # the other one of a pair would count as wrong
                both = [m for other, m in structures_of(case).items() if bare_name(other) == bare_name(name)]
                upright = np.ascontiguousarray(stack.turn.apply(np.logical_or.reduce(both)))
            for number, values in zip(numbers, similar, strict=True):
                plane = stack.take(int(number), upright).astype(np.float32)
                covered = resize(plane, grid, order=1, anti_aliasing=True).ravel() >= 0.5
                seen = values[:, np.newaxis] > _LEVELS
                both_n = (seen & covered[:, np.newaxis]).sum(axis=0)
                dice.setdefault(bare_name(name), []).append(2 * both_n / (seen.sum(axis=0) + covered.sum() + 1e-9))
    means = np.mean([np.mean(rows, axis=0) for rows in dice.values()], axis=0)
    level = float(_LEVELS[int(means.argmax())])
    print(f"patches above {level:.2f} outline best: mean Dice {means.max():.3f}", flush=True)
    return {"patch_scale": round(scale, 3), "patch_offset": round(-scale * level, 3)}


def calibrate(model: Any, cases: Iterable[LabelledCase]) -> dict[str, float]:
    """Choose the least presence and the least score that part right words from absent ones best.

    Of volumes that were neither learnt from nor are held out, as the program looks at a volume; each limit by
    itself has the greatest mean of "right words found" and "absent words not found" (Youden's index).
    """
    right: list[tuple[float, float]] = []
    wrong: list[tuple[float, float]] = []
    for case in cases:
        stack = SliceStack.of(case.volume)
        images = [stack.image(number) for number in range(len(stack))]
        there = {bare_name(name) for name in structures_of(case)}
        words = [w for w in LIBRARY.names if w in there or not may_be_unlabelled(w, case.source)]
        asked = [query_vectors(model, LIBRARY.query(w, modality=case.volume.modality)) for w in words]
        rows = [np.concatenate([vectors.wanted[np.newaxis], vectors.others]) for vectors in asked]
        ends = np.cumsum([len(row) for row in rows])[:-1]
        suiting = np.split(model.likeness(images, np.concatenate(rows)).astype(np.float64), ends, axis=1)
        for word, suits in zip(words, suiting, strict=True):
            seen = (presence(suits[:, 0], suits[:, 1:]), float(best_three(suits[:, :1])[0]))
            (right if word in there else wrong).append(seen)
    limits = {}
    for column, name in enumerate(("least_presence", "least_score")):
        yes, no = (np.array([row[column] for row in rows]) for rows in (right, wrong))
        levels = np.quantile(np.concatenate([yes, no]), _QUANTILES)
        gain = [(yes >= level).mean() + (no < level).mean() for level in levels]
        level = float(np.median(levels[np.isclose(gain, max(gain))]))  # the middle of those that are as good
        limits[name] = round(level, 4)
        print(f"{name} {limits[name]}: {(yes >= level).mean():.3f} of {len(yes)} right words found,", end=" ")
        print(f"{(no < level).mean():.3f} of {len(no)} absent ones not found", flush=True)
    return limits


def structures_of(case: LabelledCase) -> dict[str, NDArray[np.bool_]]:
    """Return what the library knows of a case's labels: parts of one thing are one, left and right are two."""
    found: dict[str, NDArray[np.bool_]] = {}
    for value, name in case.names.items():
        whole = " ".join(word for word in name.split() if word not in ("anterior", "posterior"))
        if LIBRARY.find(whole) is not None:
            found[whole] = found.get(whole, False) | (case.label == value)
    return {name: mask for name, mask in found.items() if mask.sum() >= _LEAST_VOXELS}


def words_table(
    model: Any, data: Path, most: int, limits: dict[str, float], sources: Sequence[str], in_3d: bool = True
) -> str:
    """Return Dice of held-out volumes by stage, for names, held-out words and sentences, and absent words."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
    import text_prompts as bench

    segmenter, spec = open_segmenter("sam-small"), VolumeSpec(**limits)
    parts = []
    for source in sources:
        cases = [c for c in labelled_cases(data, 2 * most, sources=(source,)) if c.held_out][:most]
        rows: list[Any] = []
        for case in cases:
            asked: list[tuple[str, str, str, Any]] = []
            for name, truth in structures_of(case).items():
                asked.append(("name", name, name, truth))
                others = held_out_words(name, case.volume.modality, LIBRARY)
                asked += [("paraphrase", name, words, truth) for words in others]
            empty = np.zeros(case.label.shape, dtype=bool)
            absent = [word for word in _ABSENT if not may_be_unlabelled(word, source)]
            asked += [("absent", "", word, empty) for word in absent]
            for kind, name, words, truth in asked:
                whole = in_3d and kind != "paraphrase"  # which differs from the name in the words alone
                figures = bench.measure(case.volume, truth, words, model, segmenter, spec, LIBRARY, whole)
                rows.append(bench.Row(case.case_id, kind, name, words, *figures, 0.0))
        parts.append(f"### {source}: {len(cases)} held-out cases\n\n{bench.tables(rows)}")
    return "\n\n".join(parts)
