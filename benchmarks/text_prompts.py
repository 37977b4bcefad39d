"""Measure how well a sentence outlines what it names, and which stage brings how much.

    python benchmarks/text_prompts.py DATASET --model FOLDER                    # every class by its name
    python benchmarks/text_prompts.py DATASET --model FOLDER --slices           # 2-D only, as in the paper
    python benchmarks/text_prompts.py --samples --paraphrases --wrong prostate thyroid brain
    python benchmarks/text_prompts.py DATASET --model FOLDER --words "liver=hepatic tissue" --out table.json

The ablation follows MedCLIP-SAMv2 (arXiv 2409.19483): on the slice that shows most of a class, Dice and surface
Dice (tolerance 2 pixels, unit spacing, by MONAI; both empty = 1, only the reference empty = 0) of the saliency map
above 0.5, of the map above its threshold, of the kept components, and of the segmenter's mask. Beside it, the whole
volume (Dice in 3-D), and how often words are found. A table for the names of the classes, for other words and
sentences (``--paraphrases``: those that the shipped model has never learnt from), and for words of what is not
there; a row for each word, then their mean.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "2")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from napari_aleatoric.foundation import PromptSegmenter, TextImageModel  # noqa: E402
from napari_aleatoric.io import load_image, load_label, scan  # noqa: E402
from napari_aleatoric.model import Volume  # noqa: E402
from napari_aleatoric.samples import SampleSpec, write_samples  # noqa: E402
from napari_aleatoric.segmentation import (  # noqa: E402
    PromptLibrary,
    SliceSegmentation,
    SliceStack,
    VolumeSpec,
    open_segmenter,
    open_text_model,
    segment_slice,
    segment_volume,
)
from napari_aleatoric.segmentation._captions import held_out_words  # noqa: E402

STAGES = ("saliency", "threshold", "components", "mask")
KINDS = {"name": "Names", "paraphrase": "Other words and sentences", "absent": "Words of what is not there"}
_TOLERANCE_PIXELS = 2.0


@dataclass
class Row:
    """What one word gave in one case."""

    case: str
    kind: str
    name: str
    words: str
    dice: dict[str, float]
    nsd: dict[str, float]
    found_in_slice: bool
    volume_dice: float | None
    found_in_volume: bool | None
    seconds: float


def dice_of(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Dice; both empty = 1, only the reference empty = 0."""
    total = np.count_nonzero(found) + np.count_nonzero(truth)
    return 2 * np.count_nonzero(found & truth) / total if total else 1.0


def nsd_of(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Normalised surface Dice, tolerance 2 pixels; both empty = 1, one of them empty = 0."""
    import torch
    from monai.metrics import compute_surface_dice

    if not found.any() or not truth.any():
        return float(found.any() == truth.any())
    masks = (torch.from_numpy(each[np.newaxis, np.newaxis].astype(np.float32)) for each in (found, truth))
    found_t, truth_t = masks
    return float(compute_surface_dice(found_t, truth_t, [_TOLERANCE_PIXELS], include_background=True)[0, 0])


def stages_of(found: SliceSegmentation) -> dict[str, NDArray[np.bool_]]:
    """Return the mask that every stage would give if it were the last."""
    return {
        "saliency": found.saliency.map_yx > 0.5,
        "threshold": found.coarse.mask,
        "components": found.components.mask,
        "mask": found.mask,
    }


def cases_of(dataset: Path, most: int) -> Iterator[tuple[str, Volume, NDArray[np.uint16], dict[int, str]]]:
    """Images and class indices, upright."""
    found = scan(dataset)
    names = {info.class_index: info.class_name for info in found.classes}
    for case in found.cases[:most]:
        volume = load_image(case)
        label = load_label(found, case, found.readers[0], like=volume.geometry)
        yield case.case_id, volume, found.classes.index_map(label.data), names


def measure(
    volume: Volume,
    truth: NDArray[np.bool_],
    words: str,
    model: TextImageModel,
    segmenter: PromptSegmenter,
    spec: VolumeSpec,
    library: PromptLibrary,
    whole: bool,
) -> tuple[dict[str, float], dict[str, float], bool, float | None, bool | None]:
    """Measure one word in one case: stages on the slice with most of the truth, then the volume."""
    query = library.query(words, modality=volume.modality, kind=spec.sentence)
    stack = SliceStack.of(volume, spec.plane, spec.window)
    upright = np.ascontiguousarray(stack.turn.apply(truth))
    areas = np.moveaxis(upright, stack.axis, 0).sum(axis=(1, 2))
    number = int(areas.argmax())
    mask = stack.take(number, upright)
    allowed = None
    if query.side and spec.side == "strict" and stack.knows_sides:
        allowed = stack.on_side(number, query.side, stack.middle_lps_x())
    found = segment_slice(stack.image(number), query, model, segmenter, spec, allowed=allowed)
    stages = stages_of(found)
    dice = {name: dice_of(stages[name], mask) for name in STAGES}
    nsd = {name: nsd_of(stages[name], mask) for name in STAGES}
    if not whole:
        return dice, nsd, found.found, None, None
    result = segment_volume(volume, query, model, segmenter, spec)
    return dice, nsd, found.found, dice_of(result.label.data > 0, truth), result.found


def tables(rows: list[Row]) -> str:
    """Markdown: a table for each kind of words that was asked."""
    parts = []
    for kind, title in KINDS.items():
        some = [row for row in rows if row.kind == kind]
        if some:
            parts.append(f"**{title}**\n\n{_absent_table(some) if kind == 'absent' else _table(some)}")
    return "\n\n".join(parts)


def _table(rows: list[Row]) -> str:
    """One row for each word, the last their mean."""
    stages = [f"{stage} Dice" for stage in STAGES]
    heads = ["word", "cases", *stages, "mask NSD", "found", "volume Dice", "found in 3-D"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    by_word = _by_word(rows)
    means = [_means(some) for some in by_word.values()]
    for word, some, values in zip(by_word, by_word.values(), means, strict=True):
        lines.append(_line(word, len(some), values))
    if len(means) > 1:
        lines.append(_line("**mean**", len(rows), [_mean([m[i] for m in means]) for i in range(len(means[0]))]))
    return "\n".join(lines)


def _absent_table(rows: list[Row]) -> str:
    """How often each word is answered "not found", the last line all of them."""
    lines = ["| word | cases | not found in the slice | not found in 3-D |", "|---|---|---|---|"]
    for word, some in {**_by_word(rows), "**all**": rows}.items():
        values = [
            _mean([float(not row.found_in_slice) for row in some]),
            _mean([None if row.found_in_volume is None else float(not row.found_in_volume) for row in some]),
        ]
        lines.append(_line(word, len(some), values))
    return "\n".join(lines)


def _by_word(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.words, []).append(row)
    return found


def _means(rows: list[Row]) -> list[float | None]:
    stages = [_mean([row.dice[stage] for row in rows]) for stage in STAGES]
    found = [_mean([float(row.found_in_slice) for row in rows])]
    volume = [_mean([row.volume_dice for row in rows])]
    found_3d = [_mean([None if row.found_in_volume is None else float(row.found_in_volume) for row in rows])]
    return [*stages, _mean([row.nsd["mask"] for row in rows]), *found, *volume, *found_3d]


def _mean(values: list[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _line(word: str, n: int, values: list[float | None]) -> str:
    return "| " + " | ".join([word, str(n), *("–" if v is None else f"{v:.3f}" for v in values)]) + " |"


def run(arguments: argparse.Namespace, dataset: Path) -> list[Row]:
    """Measure every class of every case, then the wrong words."""
    model = open_text_model(arguments.model, weights=arguments.weights, device=arguments.device)
    segmenter = open_segmenter(arguments.segmenter, device=arguments.device)
    spec = VolumeSpec.model_validate(json.loads(arguments.spec))
    library = PromptLibrary.load()
    rows = []
    for case_id, volume, index, names in cases_of(dataset, arguments.cases):
        for kind, name, words, truth in _asked(volume.modality, index, names, library, arguments):
            begun = time.monotonic()
            whole = not arguments.slices
            figures = measure(volume, truth, words, model, segmenter, spec, library, whole)
            row = Row(case_id, kind, name, words, *figures, time.monotonic() - begun)
            rows.append(row)
            print(
                f"{case_id} {words}: mask {row.dice['mask']:.3f}, volume {row.volume_dice}, {row.seconds:.1f} s",
                flush=True,
            )
    return rows


def _asked(
    modality: str,
    index: NDArray[np.uint16],
    names: dict[int, str],
    library: PromptLibrary,
    arguments: argparse.Namespace,
) -> Iterator[tuple[str, str, str, NDArray[np.bool_]]]:
    """Yield kind, class, words and truth of everything that is asked of a case."""
    said = dict(pair.split("=", 1) for pair in arguments.words)
    for class_index, name in names.items():
        truth = index == class_index
        if not truth.any():
            continue
        yield "paraphrase" if name in said else "name", name, said.get(name, name), truth
        if arguments.paraphrases:
            for words in held_out_words(name, modality, library):
                yield "paraphrase", name, words, truth
    for word in arguments.wrong:
        yield "absent", "", word, np.zeros(index.shape, dtype=bool)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, help="a labelled folder of any layout")
    parser.add_argument("--samples", action="store_true", help="synthetic abdomens instead")
    parser.add_argument("--seed", type=int, default=4242, help="of the samples")
    parser.add_argument("--model", default="", help="text-image model: a folder, or a name; none = the shipped one")
    parser.add_argument("--weights", default="", help="file of weights for an architecture of open_clip")
    parser.add_argument("--segmenter", default="sam-small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--cases", type=int, default=10, help="at most")
    parser.add_argument("--words", nargs="*", default=[], help="class=words to ask for it, where not its name")
    parser.add_argument("--paraphrases", action="store_true", help="also words that were never learnt from")
    parser.add_argument("--wrong", nargs="*", default=[], help="words of what no case shows")
    parser.add_argument("--slices", action="store_true", help="2-D only")
    parser.add_argument("--spec", default="{}", help="settings of the stages as JSON")
    parser.add_argument("--out", type=Path, help="all rows as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = arguments.dataset
        if arguments.samples:
            dataset = Path(scratch) / "samples"
            write_samples(dataset, SampleSpec(n_cases=arguments.cases, seed=arguments.seed, error_fraction=0.0))
        if dataset is None:
            parser.error("name a labelled folder, or --samples")
        rows = run(arguments, dataset)
    print(tables(rows))
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
