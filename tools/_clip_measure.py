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

from napari_aleatoric.segmentation import SliceStack, VolumeSpec, open_segmenter
from napari_aleatoric.segmentation._captions import held_out_words
from napari_aleatoric.segmentation._query import best_three, presence, query_vectors
from napari_aleatoric.training._clip_retrieval import RETRIEVAL_RANKS, retrieval

__all__ = ["calibrate", "retrieval_table", "words_table"]

_PER_SOURCE = 60  # slices
_LEAST_VOXELS = 50
_ABSENT = ("prostate", "breast lesion", "thyroid", "brain tumour", "uterus", "femur")
_QUANTILES = np.linspace(0.0, 1.0, 101)


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


def calibrate(model: Any, cases: Iterable[LabelledCase]) -> dict[str, float]:
    """Choose the least presence and the least score that part right words from absent ones best.

    Of volumes that were neither learnt from nor are held out, as the program looks at a volume; each limit by
    itself has the greatest mean of "right words found" and "absent words not found" (Youden's index).
    """
    right: list[tuple[float, float]] = []
    wrong: list[tuple[float, float]] = []
    for case in cases:
        stack = SliceStack.of(case.volume)
        images = model.embed_images([stack.image(number) for number in range(len(stack))])
        there = {bare_name(name) for name in structures_of(case)}
        for word in LIBRARY.names:
            if word not in there and may_be_unlabelled(word, case.source):
                continue
            vectors = query_vectors(model, LIBRARY.query(word, modality=case.volume.modality))
            own = images @ vectors.wanted
            seen = (presence(own, images @ vectors.others.T), float(best_three(own[:, np.newaxis])[0]))
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


def words_table(model: Any, data: Path, most: int, limits: dict[str, float]) -> str:
    """Return Dice of held-out volumes by stage, for names, held-out words and sentences, and absent words."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
    import text_prompts as bench

    segmenter, spec = open_segmenter("sam-small"), VolumeSpec(**limits)
    parts = []
    for source in ("samples", "hippocampus", "bodies"):
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
                figures = bench.measure(case.volume, truth, words, model, segmenter, spec, LIBRARY, True)
                rows.append(bench.Row(case.case_id, kind, name, words, *figures, 0.0))
        parts.append(f"### {source}: {len(cases)} held-out cases\n\n{bench.tables(rows)}")
    return "\n\n".join(parts)
