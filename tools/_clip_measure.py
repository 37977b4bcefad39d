"""What is measured of the small text-image network on cases that it has not seen, as markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _clip_views import LIBRARY, LabelledSlice, View, bare_name, may_be_true, surely_absent, view_of
from _sources import labelled_cases

from napari_aleatoric.segmentation import VolumeSpec, open_segmenter
from napari_aleatoric.segmentation._query import presence, query_vectors
from napari_aleatoric.training._clip_retrieval import RETRIEVAL_RANKS, retrieval

__all__ = ["calibrate", "retrieval_table", "words_table"]

_PER_SOURCE = 60  # slices
_QUANTILES = np.linspace(0.0, 1.0, 101)


def some_slices(slices: Sequence[LabelledSlice], seed: int) -> list[LabelledSlice]:
    """Draw as many slices of every source, at most."""
    rng, found = np.random.default_rng(seed), []
    for source in dict.fromkeys(s.source for s in slices):
        pool = [s for s in slices if s.source == source]
        found += [pool[int(i)] for i in rng.permutation(len(pool))[:_PER_SOURCE]]
    return found


def whole_views(slices: Sequence[LabelledSlice], held_out: bool) -> list[tuple[LabelledSlice, View]]:
    """Look at whole, undisturbed slices, with a caption each."""
    rng = np.random.default_rng(5)
    looked = [(s, view_of(s, rng, strength=0.0, held_out=held_out)) for s in slices]
    return [(s, v) for s, v in looked if v is not None]


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
        views = [v for _, v in pairs]
        images, texts = (
            model.embed_images([s.image for s, _ in pairs]),
            model.embed_texts([v.caption for v in views]),
        )
        found = retrieval(images, texts, [v.caption for v in views])
        true = np.array([[may_be_true(other.claim, view) for other in views] for view in views])
        first = true[np.arange(len(views)), (images @ texts.T).argmax(axis=1)].mean()
        figures = [*found.image_to_text[:2], *found.text_to_image[:2], first, true.mean()]
        lines.append(f"| {title} | {found.n} | {found.n_captions} | {' | '.join(f'{v:.3f}' for v in figures)} |")
    return "\n".join(lines)


def calibrate(model: Any, slices: Sequence[LabelledSlice]) -> dict[str, float]:
    """Choose the least presence and the least score that part right words from absent ones best.

    Of slices that were learnt from; each limit by itself has the greatest mean of "right words found" and "absent
    words not found" (Youden's index).
    """
    right: list[tuple[float, float]] = []
    wrong: list[tuple[float, float]] = []
    vectors: dict[tuple[str, str], Any] = {}
    rng = np.random.default_rng(9)
    for item, view in whole_views(some_slices(slices, 4), held_out=False):
        image = model.embed_images([item.image])[0]
        present = sorted({bare_name(f.name) for f in view.facts} & set(LIBRARY.names))
        absent = surely_absent(view)
        for words, into in ((present, right), ([absent[int(i)] for i in rng.permutation(len(absent))[:3]], wrong)):
            for word in words:
                key = (word, view.modality)
                if key not in vectors:
                    vectors[key] = query_vectors(model, LIBRARY.query(word, modality=view.modality))
                score = float(image @ vectors[key].wanted)
                into.append((presence([score], (vectors[key].others @ image)[np.newaxis]), score))
    limits = {}
    for column, name in enumerate(("least_presence", "least_score")):
        yes, no = (np.array([row[column] for row in rows]) for rows in (right, wrong))
        levels = np.quantile(np.concatenate([yes, no]), _QUANTILES)
        gain = [(yes >= level).mean() + (no < level).mean() for level in levels]
        best = float(levels[int(np.argmax(gain))])
        limits[name] = round(best, 4)
    return limits


def words_table(model: Any, data: Path, most: int, limits: dict[str, float]) -> str:
    """Return Dice of held-out volumes by stage, by learnt and held-out words; absent words beside them."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
    import text_prompts as bench

    segmenter, spec = open_segmenter("sam-small"), VolumeSpec(**limits)
    parts = []
    for source in ("samples", "hippocampus", "bodies"):
        cases = [c for c in labelled_cases(data, 2 * most, sources=(source,)) if c.held_out][:most]
        rows: list[Any] = []
        for case in cases:
            asked: list[tuple[str, str, Any]] = []
            for value, name in case.names.items():
                truth = case.label == value
                known = LIBRARY.find(name)
                if truth.sum() < 50 or known is None:
                    continue
                asked.append((name, name, truth))
                side = f"{known[2]} " if known[2] else ""
                if len(known[1].words) > 1:
                    asked.append((name, f"{side}{known[1].words[-1]}", truth))
            empty = np.zeros(case.label.shape, dtype=bool)
            asked += [("", word, empty) for word in ("prostate", "breast lesion", "thyroid", "brain tumour")]
            for name, words, truth in asked:
                figures = bench.measure(case.volume, truth, words, model, segmenter, spec, LIBRARY, True)
                rows.append(bench.Row(case.case_id, name, words, *figures, 0.0))
        parts.append(f"**{source}** ({len(cases)} held-out cases)\n\n{bench.table(rows)}")
    return "\n\n".join(parts)
