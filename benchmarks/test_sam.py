"""How fast Segment Anything looks at a volume here, beside segment-anything's own predictor; and what spectra cost.

``make bench`` or ``pytest -s benchmarks/test_sam.py``; the figures of one run belong together. ViT-B has random
weights (seed 0): time does not depend on them, but what a trained network makes of a smaller input does. So the
effect of right-sizing on the scores of a trained network is measured by itself, with the one shipped here.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

torch = pytest.importorskip("torch")
segment_anything = pytest.importorskip("segment_anything")

from napari_aleatoric.foundation import Prompt  # noqa: E402
from napari_aleatoric.foundation._intensity import intensity_range, to_uint8  # noqa: E402
from napari_aleatoric.foundation._torch._sam import SamSegmenter, load_sam  # noqa: E402
from napari_aleatoric.foundation._torch._sam_net import ARCHITECTURES, build_sam, encode  # noqa: E402
from napari_aleatoric.samples import SampleSpec, make_case  # noqa: E402
from napari_aleatoric.uncertainty import perception_scale  # noqa: E402

N_SLICES = 3  # the predictor takes many seconds for each
SIDE = 256
PER_AXIS = 5
N_OBJECTS = PER_AXIS**2
Boxes = list[list[tuple[float, float, float, float]]]

AT_LEAST_TIMES_FASTER = 5.0
AT_LEAST_RANK_CORRELATION = 0.95
SPECTRA_AT_LEAST = 10.0

STACKED = (64, 384, 1600)  # 64 rows of 600 × 128 × 128 / 16 features
MEMORY = """
import json, sys, time
from pathlib import Path
import numpy as np
from napari_aleatoric.uncertainty import perception_scale, scale_from_singular_values

def by_svd(features):
    return scale_from_singular_values(np.linalg.svd(features.reshape(len(features), -1), compute_uv=False))

def peak_bytes():  # of this process alone; getrusage would start with its parent's
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))

call = {"svd": by_svd, "gram": perception_scale}[sys.argv[1]]
call(np.ones((3, 4, 5), np.float32))  # libraries are loaded now
features = np.random.default_rng(0).standard_normal(json.loads(sys.argv[2]), dtype=np.float32)
before = peak_bytes()
times = []
for _ in range(int(sys.argv[3])):
    begin = time.perf_counter()
    scale = call(features)
    times.append(time.perf_counter() - begin)
print(json.dumps({"scale": scale, "seconds": min(times), "bytes": peak_bytes() - before}))
"""


def volume_with_boxes() -> tuple[NDArray[np.uint8], Boxes]:
    """Slices with ellipses of many sizes and contrasts, and the box of each in every slice."""
    rng = np.random.default_rng(0)
    data = 90 + 36 * gaussian_filter(rng.standard_normal((N_SLICES, SIDE, SIDE)), (0, 1, 1))
    y, x = np.mgrid[:SIDE, :SIDE]
    boxes: Boxes = []
    for i, size in enumerate(rng.permutation(N_OBJECTS)):
        row, column = divmod(i, PER_AXIS)
        boxes.append([])
        for z, (dy, dx) in enumerate(rng.integers(-3, 4, (N_SLICES, 2))):
            centre = [(k + 0.5) * SIDE / PER_AXIS + d for k, d in ((row, dy), (column, dx))]
            height, width = (4 + 0.7 * size) * (1 + 0.1 * z), (4 + 0.7 * size) * 0.7
            inside = ((y - centre[0]) / height) ** 2 + ((x - centre[1]) / width) ** 2 < 1
            data[z][inside] += 20 + 3 * i
            ys, xs = np.nonzero(inside)
            boxes[-1].append((float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())))
    return data.clip(0, 255).astype(np.uint8), boxes


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    found = call()
    return found, time.perf_counter() - begin


def product_rate() -> float:
    """GFLOP/s of a large single-precision matrix product, the best of five."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    a @ b
    return 2 * 2048**3 / min(timed(lambda: a @ b)[1] for _ in range(5)) / 1e9


def encoder_gflop(sam: Any, side: int) -> float:
    """Work of the image encoder for one input, counted without doing it."""
    from torch.utils.flop_counter import FlopCounterMode

    shadow = copy.deepcopy(sam).to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encode(shadow, torch.empty((1, 3, side, side), device="meta"))
    return counter.get_total_flops() / 1e9


def by_predictor(predictor: Any, data: NDArray[np.uint8], boxes: Boxes) -> tuple[NDArray[np.float32], float, float]:
    """Slice by slice, as in its example: logits (object, slice, Y, X), seconds for images, seconds for prompts."""
    logits = np.zeros((len(boxes), *data.shape), np.float32)
    looking = asking = 0.0
    for z, image in enumerate(data):
        looking += timed(lambda image=image: predictor.set_image(np.repeat(image[..., None], 3, axis=2)))[1]
        begin = time.perf_counter()
        for row, object_boxes in enumerate(boxes):
            box = np.array(object_boxes[z])
            logits[row, z] = predictor.predict(box=box, multimask_output=False, return_logits=True)[0][0]
        asking += time.perf_counter() - begin
    return logits, looking, asking


def ask(segmenter: SamSegmenter, embeddings: Any, boxes: Boxes) -> NDArray[np.float32]:
    prompts = [Prompt(box) for object_boxes in boxes for box in object_boxes]
    answers = segmenter.predict(embeddings * len(boxes), prompts)
    on_slices = np.stack([answer.on_slice() for answer in answers])
    return on_slices.reshape(len(boxes), len(embeddings), *on_slices.shape[1:])


def crops(logits: NDArray[np.float32], boxes: Boxes) -> list[NDArray[np.float32]]:
    found = []
    for map_, object_boxes in zip(logits, boxes, strict=True):
        corners = np.array(object_boxes, dtype=int)
        x0, y0, x1, y1 = *corners[:, :2].min(axis=0), *corners[:, 2:].max(axis=0) + 1
        found.append(map_[:, y0:y1, x0:x1])
    return found


def rank_correlation(a: Any, b: Any) -> float:
    return float(spearmanr([perception_scale(m) for m in a], [perception_scale(m) for m in b]).statistic)


def show(capsys: pytest.CaptureFixture[str], benchmark: Any, figures: dict[str, float]) -> None:
    rounded = {name: float(f"{value:.4g}") for name, value in figures.items()}
    benchmark.extra_info |= rounded
    with capsys.disabled():
        print("\n" + "\n".join(f"  {name:<52}{value:>12g}" for name, value in rounded.items()))


@pytest.mark.benchmark(group="Segment Anything ViT-B, one volume")
def test_embed_a_volume_with_vit_b(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    if benchmark.disabled:
        pytest.skip("takes minutes, and says nothing without its times")
    data, boxes = volume_with_boxes()
    torch.manual_seed(0)
    sam = build_sam(ARCHITECTURES["vit_b"]).requires_grad_(False)
    segmenter = SamSegmenter(sam, "random", device="cpu")
    segmenter.embed([data[0, :32, :32]])  # what happens once in a process
    rate = product_rate()

    embeddings = benchmark.pedantic(segmenter.embed, args=(list(data),), rounds=3)
    looking = benchmark.stats.stats.median  # the predictor has one round and no luckiest one
    logits, asking = timed(lambda: ask(segmenter, embeddings, boxes))
    expected, its_looking, its_asking = by_predictor(segment_anything.SamPredictor(sam), data, boxes)

    side, its_side = segmenter.input_size_for(data.shape[1:]), sam.image_encoder.img_size
    work, its_work = encoder_gflop(sam, side), encoder_gflop(sam, its_side)
    figures = {
        "input side, pixels": side,
        "slice embedded, s": looking / N_SLICES,
        "slice embedded by the predictor at 1024, s": its_looking / N_SLICES,
        "embedding, times faster": its_looking / looking,
        f"{N_OBJECTS} boxes on {N_SLICES} slices, s": asking,
        f"{N_OBJECTS} boxes on {N_SLICES} slices by the predictor, s": its_asking,
        "volume with all boxes, times faster": (its_looking + its_asking) / (looking + asking),
        "rank correlation of S, full field": rank_correlation(logits, expected),
        "rank correlation of S, object crop": rank_correlation(crops(logits, boxes), crops(expected, boxes)),
        "work for a slice, GFLOP": work,
        "work for a slice at 1024, GFLOP": its_work,
        "matrix product fp32, GFLOP/s": rate,
        "encoder, GFLOP/s": work * N_SLICES / looking,
        "encoder of the predictor, GFLOP/s": its_work * N_SLICES / its_looking,
        "encoder, share of the matrix product": work * N_SLICES / looking / rate,
    }
    show(capsys, benchmark, figures)
    assert figures["embedding, times faster"] >= AT_LEAST_TIMES_FASTER
    assert figures["volume with all boxes, times faster"] >= AT_LEAST_TIMES_FASTER
    assert figures["rank correlation of S, full field"] >= AT_LEAST_RANK_CORRELATION


def organs(n_cases: int) -> Iterator[tuple[NDArray[np.uint8], Boxes]]:
    """Sample cases: some slices through the middle of each organ, and its box in each."""
    spec = SampleSpec(n_cases=n_cases, seed=11, oblique=False, error_fraction=0.0)
    for index in range(n_cases):
        case = make_case(spec, index)
        image, truth = case.image.upright().data, case.truth.upright().data
        grey = to_uint8(image, intensity_range(image))
        for value in np.unique(truth[truth > 0]):
            areas = (truth == value).sum(axis=(1, 2))
            top = int(areas.argmax())
            chosen = [z for z in range(top - 2, top + 3) if 0 <= z < len(areas) and areas[z]]
            boxes = []
            for z in chosen:
                ys, xs = np.nonzero(truth[z] == value)
                boxes.append((float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())))
            yield grey[chosen], [boxes]


@pytest.mark.benchmark(group="sam-small, right-sized input")
def test_right_sizing_of_a_trained_network(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    if benchmark.disabled:
        pytest.skip("says nothing without its times")
    cases = list(organs(8))
    right, whole = load_sam("sam-small", device="cpu"), load_sam("sam-small", device="cpu", input_size=256)

    def answers(segmenter: SamSegmenter) -> list[NDArray[np.float32]]:
        return [ask(segmenter, segmenter.embed(list(slices)), boxes)[0] for slices, boxes in cases]

    answers(right)
    mine = benchmark.pedantic(answers, args=(right,), rounds=1)
    expected, seconds = timed(lambda: answers(whole))
    every_box = [boxes for _, boxes in cases]
    figures = {
        "objects": len(cases),
        "slice, pixels": max(cases[0][0].shape[1:]),
        "input side, pixels": right.input_size_for(cases[0][0].shape[1:]),
        "times faster than at 256": seconds / benchmark.stats.stats.median,
        "rank correlation of S, full field": rank_correlation(mine, expected),
        "rank correlation of S, object crop": rank_correlation(
            *([crops(m[None], b)[0] for m, b in zip(maps, every_box, strict=True)] for maps in (mine, expected))
        ),
    }
    show(capsys, benchmark, figures)


def measured(kind: str, rounds: int) -> dict[str, float]:
    """Run in a process of its own: LAPACK's working memory shows only in what the process takes."""
    command = [sys.executable, "-c", MEMORY, kind, json.dumps(STACKED), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process as Linux counts it")
@pytest.mark.benchmark(group="spectrum of 64 rows of 614,400 features")
def test_spectrum_of_stacked_features(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    if benchmark.disabled:
        pytest.skip("says nothing without its times")
    features = np.random.default_rng(0).standard_normal(STACKED, dtype=np.float32)
    benchmark.pedantic(perception_scale, args=(features,), rounds=3)
    del features
    mine, svd = measured("gram", 3), measured("svd", 2)
    assert mine["scale"] == pytest.approx(svd["scale"], abs=1e-6)
    figures = {
        "spectrum, s": mine["seconds"],
        "numpy.linalg.svd without vectors, s": svd["seconds"],
        "spectrum, times faster": svd["seconds"] / mine["seconds"],
        "features themselves, MB": 4 * np.prod(STACKED) / 1e6,
        "spectrum, memory beside the features, MB": mine["bytes"] / 1e6,
        "numpy.linalg.svd, memory beside the features, MB": svd["bytes"] / 1e6,
        "spectrum, times less memory": svd["bytes"] / max(mine["bytes"], 1),
    }
    show(capsys, benchmark, figures)
    assert figures["spectrum, times faster"] >= SPECTRA_AT_LEAST
    assert figures["spectrum, times less memory"] >= SPECTRA_AT_LEAST
