"""Segment Anything through our door against segment-anything's own classes, with small random networks."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
segment_anything = pytest.importorskip("segment_anything")

from napari_aleatoric.errors import DataError  # noqa: E402
from napari_aleatoric.foundation import Embedding, Prediction, Prompt, PromptSegmenter  # noqa: E402
from napari_aleatoric.foundation._torch import _sam as sam_module  # noqa: E402
from napari_aleatoric.foundation._torch._device import autocast, best_device  # noqa: E402
from napari_aleatoric.foundation._torch._sam import SamSegmenter  # noqa: E402
from napari_aleatoric.foundation._torch._sam_net import (  # noqa: E402
    ARCHITECTURES,
    SamArchitecture,
    build_sam,
    decode,
    dense_positions,
    encode,
    prompt_tokens,
)

SIDE = 128
WINDOWED = SamArchitecture(
    SIDE, 48, 2, 4, (1,), 4, 32, True, 64
)  # as the published ones: windows, relative positions
PLAIN = SamArchitecture(SIDE, 32, 2, 4, (), 0, 32, False, 64)  # as the small one


@pytest.fixture(autouse=True, scope="module")
def two_threads() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def network(architecture: SamArchitecture, seed: int = 0) -> Any:
    """A random network in which everything matters: positions start as zeros otherwise."""
    torch.manual_seed(seed)
    sam = build_sam(architecture)
    with torch.no_grad():
        for name, parameter in sam.named_parameters():
            if "pos_embed" in name or "rel_pos" in name:
                parameter.normal_(0, 0.3)
    return sam.requires_grad_(False)


@pytest.fixture(scope="module")
def sam() -> Any:
    return network(WINDOWED)


@pytest.fixture(scope="module")
def plain() -> Any:
    return network(PLAIN, 1)


def ours(sam: Any, **options: Any) -> SamSegmenter:
    return SamSegmenter(sam, "net", **{"device": "cpu", "precision": "float32", "focus": 1.8, **options})


def picture(height: int, width: int, seed: int = 0, colours: int = 3) -> NDArray[np.uint8]:
    """A slice without any symmetry: a ramp that differs between axes, a bright corner, noise; channels differ."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = (
        90 * y / height + 40 * x / width + 60 * ((y < height / 3) & (x > width / 2)) + rng.uniform(0, 50, y.shape)
    )
    stack = np.stack([np.roll(base, 5 * c, axis=1) * (1 - 0.2 * c) for c in range(colours)], axis=-1)
    return (stack if colours > 1 else stack[..., 0]).astype(np.uint8)


def predictor_of(sam: Any, image: NDArray[np.uint8]) -> Any:
    predictor = segment_anything.SamPredictor(sam)
    predictor.set_image(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2))
    predictor.features = predictor.features.half().float()  # as embeddings are kept
    return predictor


def far(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Whether two answers are not the same, beyond any rounding."""
    return a.shape != b.shape or float(np.abs(a - b).max()) > 0.05 * float(np.std(b))


# -- the same numbers as segment-anything -------------------------------------------------------------

PROMPTS = {
    "box": Prompt((10, 50, 70, 80)),
    "point": Prompt(points_xy=((70, 20),), point_labels=(1,)),
    "outside point": Prompt(points_xy=((70, 20),), point_labels=(0,)),
    "points": Prompt(points_xy=((70, 20), (13.5, 61), (40, 7)), point_labels=(1, 0, 1)),
    "box and points": Prompt((10, 50, 70, 80), ((40, 60), (12, 52)), (1, 0)),
    "earlier answer": Prompt(mask_logits=np.zeros(0, np.float32)),  # filled in by the test
    "box and earlier answer": Prompt((10, 50, 70, 80), mask_logits=np.zeros(0, np.float32)),
    "all": Prompt((10, 50, 70, 80), ((40, 60),), (1,), mask_logits=np.zeros(0, np.float32)),
}


def swapped(prompt: Prompt) -> Prompt:
    box = prompt.box_xyxy
    return Prompt(
        None if box is None else (box[1], box[0], box[3], box[2]),
        tuple((y, x) for x, y in prompt.points_xy),
        prompt.point_labels,
        prompt.mask_logits,
    )


@pytest.mark.parametrize("shape", [(96, 128), (128, 76), (128, 128)])
@pytest.mark.parametrize("kind", PROMPTS)
def test_same_logits_and_estimate_as_its_own_predictor(sam: Any, kind: str, shape: tuple[int, int]) -> None:
    image = picture(*shape)
    prompt = PROMPTS[kind]
    grid = (shape[0] // 4, shape[1] // 4)
    mask = None
    if prompt.mask_logits is not None:
        earlier = np.random.default_rng(2).normal(0, 5, grid).astype(np.float32)
        prompt = Prompt(prompt.box_xyxy, prompt.points_xy, prompt.point_labels, earlier)
        mask = np.full(
            (1, SIDE // 4, SIDE // 4), -10, np.float32
        )  # what lies beyond the slice is not in the object
        mask[0, : grid[0], : grid[1]] = earlier
    predictor = predictor_of(sam, image)
    lone = kind in ("point", "outside point")
    masks, iou, low = predictor.predict(
        np.array(prompt.points_xy) if prompt.points_xy else None,
        np.array(prompt.point_labels) if prompt.points_xy else None,
        None if prompt.box_xyxy is None else np.array(prompt.box_xyxy),
        mask,
        multimask_output=lone,
        return_logits=True,
    )
    best = int(iou.argmax()) if lone else 0

    segmenter = ours(sam, input_size=SIDE)
    embedding = segmenter.embed([image])[0]
    assert embedding.values.dtype == np.float16
    assert (embedding.shape_yx, embedding.input_yx) == (shape, shape)
    np.testing.assert_allclose(embedding.values, predictor.features[0].numpy(), atol=5e-3)
    found = segmenter.predict([embedding], [prompt])[0]
    expected = low[best, : grid[0], : grid[1]]
    scale = float(expected.std())
    np.testing.assert_allclose(found.logits, expected, atol=2e-2 * scale)
    assert found.iou == pytest.approx(float(iou[best]), abs=2e-3)
    inner = found.on_slice()[: shape[0] - 2, : shape[1] - 2]  # at the far edges its padding shines through
    np.testing.assert_allclose(inner, masks[best][: shape[0] - 2, : shape[1] - 2], atol=2e-2 * scale)
    if prompt.box_xyxy is not None or prompt.points_xy:
        other = segmenter.predict([embedding], [swapped(prompt)])[0]
        assert far(other.logits, expected), "this would not see x and y swapped"


def test_the_order_of_colours_is_red_green_blue(sam: Any) -> None:
    image = picture(96, 128)
    found, turned = ours(sam, input_size=SIDE).embed([image, np.ascontiguousarray(image[..., ::-1])])
    expected = predictor_of(sam, image).features[0].numpy()
    assert not far(found.values.astype(np.float32), expected)
    assert far(turned.values.astype(np.float32), expected)


@pytest.mark.parametrize("architecture", [WINDOWED, PLAIN])
def test_the_encoder_is_its_own(architecture: SamArchitecture) -> None:
    net = network(architecture)
    pixels = torch.randn(3, 3, SIDE, SIDE)
    torch.testing.assert_close(encode(net, pixels), net.image_encoder(pixels), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("given_points", [None, 1, 3])
@pytest.mark.parametrize("with_box", [False, True])
@pytest.mark.parametrize("with_mask", [False, True])
def test_prompts_become_the_tokens_of_its_own_encoder(
    sam: Any, given_points: int | None, with_box: bool, with_mask: bool
) -> None:
    if given_points is None and not with_box and not with_mask:
        with pytest.raises(ValueError, match="points, boxes or masks"):
            prompt_tokens(sam, (SIDE, SIDE), None, None, None, None)
        return
    torch.manual_seed(3)
    points = None if given_points is None else torch.rand(4, given_points, 2) * SIDE
    labels = None if given_points is None else torch.randint(-1, 2, (4, given_points))
    boxes = torch.rand(4, 4) * SIDE if with_box else None
    masks = torch.randn(4, 1, SIDE // 4, SIDE // 4) if with_mask else None
    both = None if points is None else (points, labels)
    sparse, dense = sam.prompt_encoder(points=both, boxes=boxes, masks=masks)
    found_sparse, found_dense = prompt_tokens(sam, (SIDE, SIDE), points, labels, boxes, masks)
    torch.testing.assert_close(found_sparse, sparse)
    torch.testing.assert_close(found_dense, dense)


def test_prompts_are_seen_relative_to_an_input_of_another_size(sam: Any) -> None:
    boxes = torch.tensor([[3.0, 10.0, 60.0, 90.0]])
    own, _ = sam.prompt_encoder(points=None, boxes=boxes, masks=None)
    # twice as high, three times as wide: the same place
    wider = (boxes + 0.5) * torch.tensor([3.0, 2.0, 3.0, 2.0]) - 0.5
    found, dense = prompt_tokens(sam, (2 * SIDE, 3 * SIDE), None, None, wider, None)
    torch.testing.assert_close(found, own, atol=1e-5, rtol=1e-5)
    assert dense.shape == (1, 32, 2 * SIDE // 16, 3 * SIDE // 16)


def test_one_prompt_on_each_of_many_embeddings_is_its_own_decoder_on_each(sam: Any) -> None:
    torch.manual_seed(4)
    embeddings = torch.randn(3, 32, 8, 8)
    points, labels = torch.rand(3, 2, 2) * SIDE, torch.tensor([[1, 0], [1, 1], [0, 1]])
    masks = torch.randn(3, 1, 32, 32)
    sparse, dense = prompt_tokens(sam, (SIDE, SIDE), points, labels, None, masks)
    logits, iou = decode(sam, embeddings, sparse, dense)
    assert logits.shape == (3, 4, 32, 32)
    for row in range(3):
        one = slice(row, row + 1)
        expected, estimate = sam.mask_decoder.predict_masks(
            embeddings[one], sam.prompt_encoder.get_dense_pe(), sparse[one], dense[one]
        )
        torch.testing.assert_close(logits[one], expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(iou[one], estimate, atol=1e-4, rtol=1e-4)


def test_the_published_sizes_are_its_own() -> None:
    """Every tensor by name and shape, so that the published files fit; no numbers are made."""
    for name in ("vit_b", "vit_l", "vit_h"):
        with torch.device("meta"):
            own = segment_anything.sam_model_registry[name](checkpoint=None)
            found = build_sam(ARCHITECTURES[name])
        assert {k: v.shape for k, v in found.state_dict().items()} == {
            k: v.shape for k, v in own.state_dict().items()
        }
        blocks, own_blocks = found.image_encoder.blocks, own.image_encoder.blocks
        assert [b.window_size for b in blocks] == [b.window_size for b in own_blocks]
        assert [b.attn.num_heads for b in blocks] == [b.attn.num_heads for b in own_blocks]
        assert [b.attn.use_rel_pos for b in blocks] == [b.attn.use_rel_pos for b in own_blocks]
        assert torch.nn.LayerNorm((3,), eps=1e-6).eps == blocks[0].norm1.eps == own_blocks[0].norm1.eps


# -- inputs of other sizes ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 64), (192, 64), (48, 176), (256, 256)])
def test_positions_are_stretched_over_another_size(sam: Any, size: tuple[int, int]) -> None:
    """Its own encoder with positions of that size: a ramp, which any sensible interpolation continues as one."""
    net = copy.deepcopy(sam)
    ramp = torch.linspace(-1, 1, 8 * 2 + 1)[1::2]  # at the centres of 8 tokens
    maps = torch.zeros(1, 8, 8, 48)
    maps[..., 0] = ramp[None, None, :]
    maps[..., 1] = 2 * ramp[None, :, None]
    net.image_encoder.pos_embed = torch.nn.Parameter(maps, requires_grad=False)
    height, width = size[0] // 16, size[1] // 16
    found = sam_module_positions(net, height, width)
    assert found.shape == (1, height, width, 48)
    xs = torch.linspace(-1, 1, 2 * width + 1)[1::2]
    ys = torch.linspace(-1, 1, 2 * height + 1)[1::2]
    inner_x, inner_y = xs.abs() < 0.55, ys.abs() < 0.55  # at the edges bicubic bends
    torch.testing.assert_close(found[0, :, inner_x, 0], xs[inner_x].expand(height, -1), atol=0.02, rtol=0)
    torch.testing.assert_close(
        found[0, inner_y, :, 1], 2 * ys[inner_y][:, None].expand(-1, width), atol=0.04, rtol=0
    )
    assert float(found[..., 2:].abs().max()) == 0
    pixels = torch.randn(2, 3, *size)
    own = copy.deepcopy(net.image_encoder)
    own.pos_embed = torch.nn.Parameter(found, requires_grad=False)
    torch.testing.assert_close(encode(net, pixels), own(pixels), atol=1e-4, rtol=1e-4)


def sam_module_positions(net: Any, height: int, width: int) -> Any:
    """What `encode` adds to the tokens, seen from outside: the difference a zero position embedding makes."""
    seen = []
    handle = net.image_encoder.blocks[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    bare = copy.deepcopy(net)
    bare.image_encoder.pos_embed = torch.nn.Parameter(torch.zeros_like(net.image_encoder.pos_embed))
    bare.image_encoder.blocks[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    pixels = torch.zeros(1, 3, 16 * height, 16 * width)
    with torch.no_grad():
        encode(net, pixels)
        encode(bare, pixels)
    handle.remove()
    return seen[0] - seen[1]


def test_the_decoders_positions_run_along_the_right_axes(sam: Any) -> None:
    assert torch.equal(dense_positions(sam, 8, 8), sam.prompt_encoder.get_dense_pe())
    own = sam.prompt_encoder.pe_layer((5, 11))[None]
    torch.testing.assert_close(dense_positions(sam, 5, 11), own)


def test_the_input_is_as_large_as_the_slice_deserves(sam: Any, plain: Any) -> None:
    windowed, free = ours(sam), ours(plain)
    assert [free.input_size_for((n, 10)) for n in (1, 64, 65, 70, 86, 500)] == [96, 96, 128, 128, 128, 128]
    assert [windowed.input_size_for((10, n)) for n in (1, 42, 43, 85, 500)] == [128, 128, 128, 128, 128]
    large = ours(network(SamArchitecture(512, 16, 1, 2, (), 0, 32, False, 64)))
    assert [large.input_size_for((7, n)) for n in (64, 100, 128, 200, 256, 340, 342, 2000)] == [
        96,
        160,
        192,
        320,
        384,
        512,
        512,
        512,
    ]
    assert ours(sam, input_size=48).input_size_for((500, 500)) == 48
    vit_b = SamArchitecture(1024, 16, 2, 2, (1,), 14, 32, True, 64)
    assert [ours(network(vit_b)).input_size_for((n, n)) for n in (64, 149, 150, 256, 400, 512, 600, 700)] == [
        224,
        224,
        448,
        448,
        672,
        896,
        1024 if 1.5 * 600 > 896 else 896,
        1024,
    ]


def test_a_box_stays_over_its_pixels_when_the_slice_is_shown_five_times_as_large(sam: Any) -> None:
    values = np.random.default_rng(6).normal(size=(32, 10, 10)).astype(np.float16)
    segmenter = ours(sam, input_size=160)
    small = Embedding(values, (32, 24), (160, 120), segmenter.name)
    large = Embedding(values, (160, 120), (160, 120), segmenter.name)
    pairs = [
        (Prompt((3, 5, 7, 11)), Prompt((15, 25, 39, 59))),  # the first and last of 5 pixels each
        (Prompt((0, 0, 23, 31)), Prompt((0, 0, 119, 159))),
        (Prompt((4, 9, 4, 9)), Prompt((20, 45, 24, 49))),  # one pixel
        (
            Prompt(points_xy=((3, 5), (20, 1)), point_labels=(1, 0)),
            Prompt(points_xy=((17, 27), (102, 7)), point_labels=(1, 0)),
        ),
    ]
    for on_small, on_large in pairs:
        a, b = segmenter.predict([small, large], [on_small, on_large])
        assert a.logits.shape == (40, 30)
        np.testing.assert_allclose(a.logits, b.logits, atol=1e-4)
    shifted = segmenter.predict([large], [Prompt((15, 25, 40, 60))])[0]
    assert float(np.abs(shifted.logits - segmenter.predict([small], [pairs[0][0]])[0].logits).max()) > 1e-3


def test_a_long_slice_keeps_its_proportions_and_fills_its_part(sam: Any) -> None:
    segmenter = ours(sam, input_size=SIDE)
    for shape, fill in (((30, 60), (64, 128)), ((60, 30), (128, 64)), ((11, 128), (12, 128)), ((3, 300), (4, 128))):
        embedding = segmenter.embed([picture(*shape)])[0]
        assert (embedding.shape_yx, embedding.input_yx) == (shape, fill)
        assert embedding.values.shape == (32, 8, 8)
        found = segmenter.predict([embedding], [Prompt((1, 1, 2, 2))])[0]
        assert found.logits.shape == (fill[0] // 4, fill[1] // 4)
        assert found.on_slice().shape == shape


# -- many at once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixed", [None, 64])
def test_many_slices_at_once_are_one_by_one(plain: Any, fixed: int | None) -> None:
    segmenter = ours(plain, input_size=fixed)
    shapes = [(30, 50), (70, 70), (50, 30), (70, 71), (30, 50), (1, 9)] * 3
    images = [picture(*shape, seed=i, colours=1 if i % 2 else 3) for i, shape in enumerate(shapes)]
    together = segmenter.embed(images)
    for image, found in zip(images, together, strict=True):
        alone = segmenter.embed([image])[0]
        np.testing.assert_allclose(found.values, alone.values, atol=4e-3)
        assert (found.shape_yx, found.input_yx, found.segmenter) == (
            image.shape[:2],
            alone.input_yx,
            segmenter.name,
        )
    assert segmenter.embed([]) == []
    assert segmenter.predict([], []) == []


def test_many_prompts_of_all_kinds_at_once_are_one_by_one(sam: Any) -> None:
    segmenter = ours(sam, input_size=SIDE)
    embeddings = segmenter.embed([picture(96, 128, 1), picture(128, 76, 2), picture(40, 41, 3)])
    rng = np.random.default_rng(7)
    asked, prompts = [], []
    for i in range(90):  # more boxes than one batch takes
        embedding = embeddings[i % 3]
        height, width = embedding.shape_yx
        x, y = rng.uniform(0, width / 2), rng.uniform(0, height / 2)
        earlier = rng.normal(0, 5, [n // 4 for n in embedding.input_yx]).astype(np.float32)
        point, box = ((x, y),), (x, y, x + 9, y + 5)
        kinds = [
            Prompt(box),
            Prompt(box),
            Prompt(None, point, (1,)),
            Prompt(box, point, (0,)),
            Prompt(box, (), (), earlier),
        ]
        asked.append(embedding)
        prompts.append(kinds[i % 5])
    together = segmenter.predict(asked, prompts)
    for embedding, prompt, found in list(zip(asked, prompts, together, strict=True))[::4]:
        alone = segmenter.predict([embedding], [prompt])[0]
        np.testing.assert_allclose(found.logits, alone.logits, atol=1e-3 * max(1, float(alone.logits.std())))
        assert found.iou == pytest.approx(alone.iou, abs=1e-4)
        assert found.shape_yx == embedding.shape_yx


# -- odd slices --------------------------------------------------------------------------------------------


def test_grey_is_its_three_equal_channels(sam: Any) -> None:
    grey = picture(60, 80, colours=1)
    one, three = ours(sam).embed([grey, np.repeat(grey[..., None], 3, axis=2)])
    assert np.array_equal(one.values, three.values)


@pytest.mark.parametrize("scaling", ["imagenet", "unit"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 2), (1, 40), (5, 5, 3)])
@pytest.mark.parametrize("value", [None, 0, 255])
def test_tiny_and_constant_slices_have_an_answer(
    plain: Any, scaling: Any, shape: tuple[int, ...], value: int | None
) -> None:
    image = (
        np.random.default_rng(8).integers(0, 255, shape, np.uint8)
        if value is None
        else np.full(shape, value, np.uint8)
    )
    segmenter = ours(plain, scaling=scaling)
    embedding = segmenter.embed([image])[0]
    assert np.isfinite(embedding.values).all()
    for prompt in (Prompt((0, 0, 0, 0)), Prompt(points_xy=((0, 0),), point_labels=(1,))):
        for found in (segmenter.predict([embedding], [prompt])[0], segmenter.segment(image, prompt)):
            assert found.on_slice().shape == shape[:2]
            assert np.isfinite(found.on_slice()).all()
            assert np.isfinite(found.iou)


def test_turned_and_read_only_slices_are_seen_as_they_are(recwarn: pytest.WarningsRecorder, sam: Any) -> None:
    image = picture(60, 80)
    frozen = np.ascontiguousarray(image[::-1, ::-1])
    frozen.flags.writeable = False
    turned, expected, copied = ours(sam).embed([image[::-1, ::-1], frozen, frozen.copy()])
    assert np.array_equal(turned.values, copied.values)
    assert np.array_equal(expected.values, copied.values)
    assert not recwarn.list


# -- MedSAM's convention -----------------------------------------------------------------------------------


def test_unit_scaling_stretches_to_a_square_from_0_to_1(plain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    own = sam_module.encode
    monkeypatch.setattr(sam_module, "encode", lambda net, pixels: (shown.append(pixels), own(net, pixels))[1])
    segmenter = ours(plain, scaling="unit", input_size=SIDE)
    dark = (picture(SIDE, SIDE) // 4 + 20).astype(np.uint8)
    long = picture(40, 100)
    embeddings = segmenter.embed([dark, long])
    square, stretched = torch.cat(shown)
    expected = (dark.astype(np.float64) - dark.min()) / (int(dark.max()) - int(dark.min()))
    np.testing.assert_allclose(square.numpy(), expected.transpose(2, 0, 1), atol=1e-6)
    assert float(stretched.min()) == pytest.approx(0, abs=1e-6)
    assert float(stretched.max()) == pytest.approx(1, abs=1e-6)
    assert float(stretched[:, -1].std()) > 0.01  # nothing is padded
    assert embeddings[1].input_yx == (SIDE, SIDE)
    skimage = pytest.importorskip("skimage.transform")
    resized = skimage.resize(long.astype(float), (SIDE, SIDE), order=1, mode="edge", anti_aliasing=False)
    resized = (resized - resized.min()) / (resized.max() - resized.min())
    np.testing.assert_allclose(stretched.numpy(), resized.transpose(2, 0, 1), atol=0.02)
    # each axis has a scale of its own: pixels 10 and 19 of 40, 50 and 79 of 100, in 128 either way
    native = Embedding(embeddings[1].values, (SIDE, SIDE), (SIDE, SIDE), segmenter.name)
    wide = Prompt((50 * 1.28, 10 * 3.2, 80 * 1.28 - 1, 20 * 3.2 - 1))
    a, b = segmenter.predict([embeddings[1], native], [Prompt((50, 10, 79, 19)), wide])
    assert a.logits.shape == (32, 32)
    np.testing.assert_allclose(a.logits, b.logits, atol=1e-4)
    assert a.on_slice().shape == (40, 100)


def test_the_two_scalings_are_two_segmenters(plain: Any) -> None:
    names = {ours(plain).name, ours(plain, scaling="unit").name, ours(plain, input_size=64).name}
    names.add(SamSegmenter(plain, "another", device="cpu").name)
    assert len(names) == 4
    assert isinstance(ours(plain), PromptSegmenter)


# -- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, -16, 8, 100, 1023])
def test_sizes_without_whole_patches_are_refused(plain: Any, size: int) -> None:
    with pytest.raises(DataError, match=f"multiple of 16, got {size}"):
        ours(plain, input_size=size)


def test_what_does_not_fit_is_refused(plain: Any) -> None:
    segmenter, other = ours(plain), ours(plain, input_size=64)
    embedding = segmenter.embed([picture(30, 40)])[0]
    box = Prompt((1, 1, 5, 5))
    with pytest.raises(
        DataError, match="Expected an embedding of 'net-imagenet-64', got one of 'net-imagenet-auto'"
    ):
        other.predict([embedding], [box])
    with pytest.raises(DataError, match="one prompt for each of 1 embeddings, got 2"):
        segmenter.predict([embedding], [box, box])
    grid = tuple(n // 4 for n in embedding.input_yx)
    with pytest.raises(DataError, match=rf"mask grid \({grid[0]}, {grid[1]}\), got \({grid[1]}, {grid[0]}\)"):
        segmenter.predict([embedding], [Prompt(mask_logits=np.zeros(grid[::-1], np.float32))])
    for image in (np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)):
        with pytest.raises(DataError, match="slice of uint8"):
            segmenter.embed([picture(4, 4), image])
    with pytest.raises(DataError, match="focus"):
        ours(plain, focus=0.5)
    for name in ("tpu", "", "cuda:99", "cpu!"):
        with pytest.raises(DataError, match="device of this machine"):
            best_device(name)
    with pytest.raises(DataError, match="precision of auto, float32"):
        autocast(best_device("cpu"), "int8")


# -- looking at the prompted place ---------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    place=st.tuples(*[st.floats(0, 1)] * 4),
    focus=st.floats(1, 4),
)
def test_a_window_holds_its_box_and_lies_in_the_slice(
    plain_for_windows: SamSegmenter, shape: tuple[int, int], place: tuple[float, ...], focus: float
) -> None:
    plain_for_windows._focus = focus
    xs = sorted(int(v * (shape[1] - 1)) for v in place[:2])
    ys = sorted(int(v * (shape[0] - 1)) for v in place[2:])
    window = plain_for_windows.window_of(shape, (xs[0], ys[0], xs[1], ys[1]))
    extent = max(xs[1] - xs[0], ys[1] - ys[0]) + 1
    if window is None:
        assert max(24, focus * extent) >= 0.8 * max(shape)
        return
    x0, y0, x1, y1 = window
    assert 0 <= x0 <= xs[0]
    assert xs[1] < x1 <= shape[1]
    assert 0 <= y0 <= ys[0]
    assert ys[1] < y1 <= shape[0]
    side = int(np.ceil(max(24, focus * extent)))
    assert (x1 - x0, y1 - y0) == (min(side, shape[1]), min(side, shape[0]))
    if x0 > 0 and x1 < shape[1]:  # away from the borders the box is in the middle
        assert abs((x0 + x1) - (xs[0] + xs[1] + 1)) <= 2


@pytest.fixture(scope="module")
def plain_for_windows(plain: Any) -> SamSegmenter:
    return ours(plain)


@pytest.mark.parametrize(
    ("box", "window"),
    [
        ((60, 40, 69, 45), (53, 31, 77, 55)),
        ((0, 0, 4, 9), (0, 0, 24, 24)),
        ((150, 90, 159, 99), (136, 76, 160, 100)),
        ((150, 2, 157, 21), (124, 0, 160, 36)),
    ],
)
def test_on_a_window_it_answers_as_on_the_slice_cut_out(
    sam: Any, box: tuple[int, int, int, int], window: tuple[int, int, int, int]
) -> None:
    image = picture(100, 160)
    segmenter = ours(sam)
    assert segmenter.window_of(image.shape[:2], box) == window
    x0, y0, x1, y1 = window
    inner = Prompt(
        (box[0] - x0, box[1] - y0, box[2] - x0, box[3] - y0), ((box[0] + 1 - x0, box[1] + 2 - y0),), (1,)
    )
    expected = segmenter.predict(segmenter.embed([image[y0:y1, x0:x1]]), [inner])[0]
    found = segmenter.segment(image, Prompt(box, ((box[0] + 1, box[1] + 2),), (1,)))
    assert found.window_xyxy == window
    assert found.shape_yx == (100, 160)
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
    whole = found.on_slice()
    np.testing.assert_allclose(whole[y0:y1, x0:x1], expected.on_slice(), atol=1e-5)
    assert (np.delete(whole, range(y0, y1), axis=0) == Prediction.OUTSIDE).all()


def test_a_large_object_or_no_focus_is_looked_at_whole(sam: Any) -> None:
    image = picture(100, 160)
    large, small = Prompt((10, 10, 130, 90)), Prompt((60, 40, 69, 45))
    for segmenter, prompt in ((ours(sam), large), (ours(sam, focus=None), small)):
        found = segmenter.segment(image, prompt)
        assert found.window_xyxy is None
        expected = segmenter.predict(segmenter.embed([image]), [prompt])[0]
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)


def test_a_small_slice_is_looked_at_as_finely_as_a_window() -> None:
    net = network(ARCHITECTURES["small"])
    segmenter, image, box = ours(net), picture(60, 50), (5.0, 4.0, 44.0, 55.0)
    assert segmenter.input_size_for(image.shape[:2]) < 192
    found = segmenter.segment(image, Prompt(box))
    assert found.window_xyxy == (0, 0, 50, 60)
    fine = ours(net, input_size=192)
    expected = fine.predict(fine.embed([image]), [Prompt(box)])[0]
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
    earlier = segmenter.predict(segmenter.embed([image]), [Prompt(box)])[0]
    again = segmenter.segment(image, Prompt(box, mask_logits=earlier.logits))
    assert again.window_xyxy is None, "an earlier answer lies on the mask grid of the whole slice"


def test_mirrored_answers_are_the_mean_over_the_window_and_its_mirror_images(sam: Any) -> None:
    """Mirrored beforehand, the slice gives the mirrored answer; and the plain answers of the four make the mean."""
    image, box, inside = picture(100, 160), (60.0, 40.0, 69.0, 45.0), ((62.0, 41.0),)
    both, plain = ours(sam, mirrored=True), ours(sam)
    found = both.segment(image, Prompt(box, inside, (1,)))
    answers = []
    for axes in ((), (0,), (1,), (0, 1)):
        x0, x1, x = (159 - 69, 159 - 60, 159 - 62) if 1 in axes else (60, 69, 62)
        y0, y1, y = (99 - 45, 99 - 40, 99 - 41) if 0 in axes else (40, 45, 41)
        turned = Prompt((x0, y0, x1, y1), ((x, y),), (1,))
        one = plain.segment(np.ascontiguousarray(np.flip(image, axes)), turned)
        assert one.window_xyxy is not None
        answers.append(np.flip(one.logits, axes))
        again = both.segment(np.ascontiguousarray(np.flip(image, axes)), turned)
        np.testing.assert_allclose(np.flip(again.logits, axes), found.logits, atol=1e-4)
    np.testing.assert_allclose(found.logits, np.mean(answers, axis=0), atol=1e-4)
    assert np.abs(answers[0] - found.logits).max() > 0.01, "an equivariant network could not tell"
    clicked = Prompt(points_xy=((62, 41),), point_labels=(1,))
    np.testing.assert_array_equal(both.segment(image, clicked).logits, plain.segment(image, clicked).logits)


class Recorder(SamSegmenter):
    """Finds a square of 11 pixels round (120, 70) in the whole slice, and writes down what it is asked."""

    def predict(self, embeddings: Any, prompts: Any) -> list[Prediction]:
        if not hasattr(self, "asked"):
            self.asked: list[tuple[Any, Prompt]] = []
        self.asked += list(zip(embeddings, prompts, strict=True))
        if embeddings[0].shape_yx != (100, 160):
            return super().predict(embeddings, prompts)
        logits = np.full((100, 160), -5, np.float32)
        logits[65:76, 115:126] = 5
        return [Prediction(logits, 0.9, (100, 160))]


def test_after_points_alone_the_window_lies_round_what_the_whole_slice_gave(sam: Any) -> None:
    segmenter = Recorder(sam, "net", device="cpu", focus=1.8)
    found = segmenter.segment(picture(100, 160), Prompt(points_xy=((120, 70), (117, 66)), point_labels=(1, 0)))
    assert found.window_xyxy == (108, 58, 132, 82)
    embedding, prompt = segmenter.asked[-1]
    assert embedding.shape_yx == (24, 24)
    assert prompt.box_xyxy is None
    assert prompt.points_xy == ((12, 12), (9, 8))
    assert prompt.point_labels == (1, 0)


def test_what_the_whole_slice_gave_is_not_asked_again(sam: Any) -> None:
    segmenter = Recorder(sam, "net", device="cpu", focus=1.8)
    logits = np.full((100, 160), -5, np.float32)
    logits[20:31, 40:51] = 5
    prompt = Prompt(points_xy=((45, 25),), point_labels=(1,))
    found = segmenter.segment(picture(100, 160), prompt, whole=Prediction(logits, 0.9, (100, 160)))
    assert found.window_xyxy == (33, 13, 57, 37)
    assert len(segmenter.asked) == 1


def test_points_that_lie_outside_the_window_are_not_asked_in_it(sam: Any) -> None:
    segmenter = Recorder(sam, "net", device="cpu", focus=1.8)
    image = picture(100, 160)
    points = ((5, 5), (120, 70), (131.4, 70), (131.6, 70))
    segmenter.segment(image, Prompt(points_xy=points, point_labels=(0, 1, 0, 0)))
    assert segmenter.asked[-1][1].points_xy == ((12, 12), (pytest.approx(23.4), 12))
    assert segmenter.asked[-1][1].point_labels == (1, 0)
    segmenter.segment(image, Prompt((60, 40, 69, 45), ((5, 5),), (0,)))
    assert segmenter.asked[-1][1].points_xy == ()
    assert segmenter.asked[-1][1].box_xyxy == (7, 9, 16, 14)
    whole = segmenter.segment(image, Prompt(points_xy=((5, 5),), point_labels=(0,)))
    assert whole.window_xyxy is None  # nothing would be left to ask


def test_where_the_whole_slice_gives_nothing_there_is_no_window(sam: Any) -> None:
    class Nothing(SamSegmenter):
        def predict(self, embeddings: Any, prompts: Any) -> list[Prediction]:
            return [Prediction(np.full((4, 4), -1, np.float32), 0.0, embeddings[0].shape_yx)]

    found = Nothing(sam, "net", device="cpu").segment(
        picture(100, 160), Prompt(points_xy=((5, 5),), point_labels=(1,))
    )
    assert found.window_xyxy is None


# -- the real size ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_vit_b_right_sized_is_its_own_encoder_with_positions_of_that_size() -> None:
    net = network(ARCHITECTURES["vit_b"])
    segmenter = ours(net)
    image = picture(120, 149)
    embedding = segmenter.embed([image])[0]
    assert embedding.values.shape == (256, 14, 14)
    own = copy.deepcopy(net.image_encoder)
    own.pos_embed = torch.nn.Parameter(sam_module_positions(net, 14, 14), requires_grad=False)
    fill = embedding.input_yx
    assert fill == (180, 224)
    pixels = torch.nn.functional.interpolate(
        torch.from_numpy(image).permute(2, 0, 1)[None].float(), fill, mode="bilinear", antialias=True
    )
    pixels = (pixels - net.pixel_mean) / net.pixel_std
    with torch.no_grad():
        expected = own(torch.nn.functional.pad(pixels, (0, 224 - fill[1], 0, 224 - fill[0])))[0].numpy()
    np.testing.assert_allclose(embedding.values, expected, atol=1e-2)
    found = segmenter.predict([embedding], [Prompt((20, 30, 90, 70))])[0]
    assert found.logits.shape == (45, 56)
