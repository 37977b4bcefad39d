"""SAM 2 through our door against transformers' own processors and forward passes, with small random networks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parent))
from sam2_nets import SIDE, picture, rounded, small_config, video_net  # noqa: E402

from napari_aleatoric.errors import DataError  # noqa: E402
from napari_aleatoric.foundation import Prompt, PromptSegmenter, SliceTracker  # noqa: E402
from napari_aleatoric.foundation._torch._prompt_tensors import PromptTensors  # noqa: E402
from napari_aleatoric.foundation._torch._sam2 import Sam2Segmenter, sam2_segmenter  # noqa: E402
from napari_aleatoric.foundation._torch._sam2_net import (  # noqa: E402
    SAM2_SIZES,
    at_size,
    build_sam2,
    decode,
    encode,
    published_config,
    step_of,
)


@pytest.fixture(autouse=True, scope="module")
def two_threads() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def net() -> Any:
    return video_net()


@pytest.fixture(scope="module")
def image_net(net: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """transformers' own class for images, with the same weights, read by its own loader from a folder."""
    folder = tmp_path_factory.mktemp("net")
    net.save_pretrained(folder)
    own = transformers.Sam2Model.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    return rounded(own.eval())


def ours(net: Any, **options: Any) -> Any:
    return sam2_segmenter(net, "net", **{"device": "cpu", "precision": "float32", "input_size": SIDE, **options})


def close(a: NDArray[np.float32], b: NDArray[np.float32], share: float = 2e-3) -> bool:
    return a.shape == b.shape and float(np.abs(a - b).max()) <= share * float(np.abs(b).max())


# -- single slices ------------------------------------------------------------------------------------

PROMPTS = {
    "box": Prompt((10, 50, 70, 80)),
    "point": Prompt(points_xy=((70, 20),), point_labels=(1,)),
    "outside point": Prompt(points_xy=((70, 20),), point_labels=(0,)),
    "points": Prompt(points_xy=((70, 20), (13.5, 61), (40, 7)), point_labels=(1, 0, 1)),
    "box and points": Prompt((10, 50, 70, 80), ((40, 60), (12, 52)), (1, 0)),
    "earlier answer": Prompt(mask_logits=np.zeros(0, np.float32)),  # filled in by the test
    "all": Prompt((10, 50, 70, 80), ((40, 60),), (1,), mask_logits=np.zeros(0, np.float32)),
}


def with_answer(prompt: Prompt) -> Prompt:
    if prompt.mask_logits is None:
        return prompt
    y, x = np.mgrid[:32, :32].astype(np.float32)
    answer = np.float32(6) - (np.abs(y - 12) + 0.5 * np.abs(x - 20))
    return Prompt(prompt.box_xyxy, prompt.points_xy, prompt.point_labels, answer)


def its_answer(
    own: Any, image: NDArray[np.uint8], prompt: Prompt, pixels: Any
) -> tuple[NDArray[np.float32], float]:
    """What transformers' processor and model make of a slice and a prompt.

    Its processor takes a pixel's number for its place; here, places count from the edge of the first pixel. Both
    are the same place in the input once that is said. It resizes in whole grey values, which a random network makes
    much of: ours have to be its own to one of them, and are what both look at.
    """
    size = {"height": SIDE, "width": SIDE}
    processor = transformers.Sam2Processor(
        image_processor=transformers.Sam2ImageProcessor(size=size), target_size=SIDE
    )
    scale = np.array([SIDE / image.shape[1], SIDE / image.shape[0]])
    given: dict[str, Any] = {}
    if prompt.points_xy:
        given["input_points"] = [[[list(((np.array(p) + 0.5) * scale - 0.5) / scale) for p in prompt.points_xy]]]
        given["input_labels"] = [[list(prompt.point_labels)]]
    if prompt.box_xyxy is not None:
        last = ((np.array(prompt.box_xyxy[2:]) + 1) * scale - 1) / scale
        given["input_boxes"] = [[[*map(float, prompt.box_xyxy[:2]), *last]]]
    inputs = dict(processor(images=image, return_tensors="pt", **given))
    assert (np.abs((inputs["pixel_values"][0] - pixels).numpy()) * 255 * 0.23).max() < 1.2
    inputs["pixel_values"] = pixels[None]
    inputs.pop("original_sizes", None)
    inputs.pop("reshaped_input_sizes", None)
    if prompt.mask_logits is not None:
        inputs["input_masks"] = torch.from_numpy(prompt.mask_logits)[None, None]
    lone = prompt.box_xyxy is None and prompt.mask_logits is None and len(prompt.points_xy) == 1
    with torch.no_grad():
        found = own(**inputs, multimask_output=lone)
    best = int(found.iou_scores[0, 0].argmax())
    return found.pred_masks[0, 0, best].numpy(), float(found.iou_scores[0, 0, best])


@pytest.mark.parametrize("shape", [(128, 128), (96, 120), (128, 84)])
@pytest.mark.parametrize("kind", PROMPTS)
def test_same_logits_and_estimate_as_its_own_processor_and_model(
    net: Any, image_net: Any, kind: str, shape: tuple[int, int]
) -> None:
    image = picture(*shape)
    prompt = with_answer(PROMPTS[kind])
    segmenter = ours(net)
    logits, iou = its_answer(image_net, image, prompt, segmenter._input(image, SIDE)[0])
    (embedding,) = segmenter.embed([image])
    (found,) = segmenter.predict([embedding], [prompt])
    assert close(found.logits, logits)
    assert found.iou == pytest.approx(iou, abs=2e-3)
    assert found.on_slice().shape == shape
    turned = Prompt((50, 10, 80, 70)) if kind == "box" else Prompt(points_xy=((20, 70),), point_labels=(1,))
    assert not close(segmenter.predict([embedding], [turned])[0].logits, logits, 0.02)


@pytest.mark.parametrize("kind", PROMPTS)
def test_without_rounding_the_two_halves_are_its_own_forward_pass(net: Any, kind: str) -> None:
    """To the precision of float32: what is kept of a slice in half precision is the only difference."""
    own = transformers.Sam2Model(
        transformers.Sam2Config(
            **{
                key: getattr(net.config, key)
                for key in ("vision_config", "prompt_encoder_config", "mask_decoder_config")
            }
        )
    )
    own.load_state_dict({k: v for k, v in net.state_dict().items() if k in own.state_dict()})
    own.eval()
    pixels = torch.from_numpy(picture(SIDE, SIDE)).permute(2, 0, 1)[None].float() / 100 - 1
    prompt = with_answer(PROMPTS[kind])
    points = torch.tensor([prompt.points_xy]) if prompt.points_xy else None
    labels = torch.tensor([prompt.point_labels]) if prompt.points_xy else None
    boxes = None if prompt.box_xyxy is None else torch.tensor([prompt.box_xyxy], dtype=torch.float32)
    masks = None if prompt.mask_logits is None else torch.from_numpy(prompt.mask_logits)[None, None]
    given = PromptTensors(points, labels, boxes, masks)
    with torch.no_grad():
        at_size(net, SIDE)
        logits, iou = decode(net, encode(net, pixels), given)
        expected = own(
            pixel_values=pixels,
            input_points=None if points is None else points[None],
            input_labels=None if labels is None else labels[None],
            input_boxes=None if boxes is None else boxes[None],
            input_masks=masks,
            multimask_output=given.lone_point,
        )
    best = expected.iou_scores[0, 0].argmax()
    assert close(logits[0].numpy(), expected.pred_masks[0, 0, best].numpy(), 1e-5)
    assert float(iou[0]) == pytest.approx(float(expected.iou_scores[0, 0, best]), abs=1e-5)


def test_the_class_for_images_and_the_one_with_memory_answer_alike(net: Any, image_net: Any) -> None:
    image = picture(100, 128)
    alone, tracker = ours(image_net), ours(net)
    assert isinstance(tracker, SliceTracker)
    assert not isinstance(alone, SliceTracker)
    assert isinstance(alone, PromptSegmenter)
    prompts = [PROMPTS["box"], PROMPTS["point"]]
    for a, b in zip(
        alone.predict(alone.embed([image]) * 2, prompts),
        tracker.predict(tracker.embed([image]) * 2, prompts),
        strict=True,
    ):
        assert close(a.logits, b.logits)


def test_an_embedding_carries_what_the_decoder_reads(net: Any) -> None:
    (embedding,) = ours(net).embed([picture(64, 128)])
    assert embedding.values.shape == (128, 8, 8)
    assert [each.shape for each in embedding.finer] == [(16, 32, 32), (32, 16, 16)]
    assert {each.dtype for each in (embedding.values, *embedding.finer)} == {np.dtype(np.float16)}
    assert (embedding.input_yx, embedding.mask_yx, embedding.shape_yx) == ((128, 128), (32, 32), (64, 128))


def test_many_slices_and_prompts_at_once_are_one_by_one(net: Any) -> None:
    segmenter = ours(net, input_size=None)
    slices = [picture(60, 60, 1), picture(128, 100, 2), picture(60, 50, 3)]
    prompts = [Prompt((5, 8, 40, 30)), PROMPTS["points"], Prompt(points_xy=((20, 20),), point_labels=(1,))]
    together = segmenter.predict(segmenter.embed(slices), prompts)
    for image, prompt, found in zip(slices, prompts, together, strict=True):
        (alone,) = segmenter.predict(segmenter.embed([image]), [prompt])
        assert close(found.logits, alone.logits, 1e-3)


def test_right_sized_input_is_the_network_made_for_that_input() -> None:
    """Its weights in a network whose configuration says 96 answer as ours set from 128 to 96."""
    net, other = video_net(3), video_net(3, 96)
    other.load_state_dict(net.state_dict())
    segmenter = ours(net, input_size=None)
    assert [segmenter.input_size_for((n, 40)) for n in (20, 64, 65, 85, 86, 500)] == [96, 96, 128, 128, 128, 128]
    image, prompt = picture(50, 60), Prompt((5, 8, 40, 30))
    (found,) = segmenter.predict(segmenter.embed([image]), [prompt])
    expected = ours(other, input_size=96)
    assert close(found.logits, expected.predict(expected.embed([image]), [prompt])[0].logits)
    slices = [picture(50, 60, n) for n in range(4)]
    one = [logits for _, logits in segmenter.track(segmenter.embed(slices), 1, prompt)]
    two = [logits for _, logits in expected.track(expected.embed(slices), 1, prompt)]
    assert all(close(a, b) for a, b in zip(one, two, strict=True))
    large = ours(net, input_size=128)  # and back again
    assert large.predict(large.embed([image]), [prompt])[0].logits.shape == (32, 32)


def test_a_small_object_is_looked_at_in_a_window(net: Any) -> None:
    found = ours(net, input_size=None).segment(picture(128, 128), Prompt((30, 40, 49, 52)))
    assert found.window_xyxy is not None
    x0, y0, x1, y1 = found.window_xyxy
    assert (x0 <= 30, x1 > 49, y0 <= 40, y1 > 52, x1 - x0) == (True, True, True, True, 30)
    assert found.on_slice().shape == (128, 128)


def test_what_does_not_fit_is_refused(net: Any) -> None:
    segmenter = ours(net)
    (embedding,) = segmenter.embed([picture(64, 64)])
    with pytest.raises(DataError, match="multiple of 32, got 48"):
        ours(net, input_size=48)
    with pytest.raises(DataError, match="one of 'net-128'"):
        Sam2Segmenter(net, "other", device="cpu").predict([embedding], [Prompt((1, 1, 9, 9))])
    with pytest.raises(DataError, match="mask grid"):
        segmenter.predict([embedding], [Prompt(mask_logits=np.zeros((8, 8), np.float32))])


@pytest.mark.parametrize("architecture", SAM2_SIZES)
def test_the_published_sizes_have_the_published_numbers_of_parameters(architecture: str) -> None:
    millions = {"tiny": 38.9, "small": 46.0, "base_plus": 80.8, "large": 224.4}  # README of the sam2 repository
    config = published_config(architecture)
    built = build_sam2(config)
    expected = millions[architecture.removeprefix("sam2.1_hiera_").removesuffix("_512")]
    assert sum(p.numel() for p in built.parameters()) / 1e6 == pytest.approx(expected, abs=0.15)
    assert step_of(config) == 32
    assert config.image_size == (512 if architecture.endswith("512") else 1024)


# -- from slice to slice ------------------------------------------------------------------------------


def moving(n: int, height: int = 96, width: int = 120) -> list[NDArray[np.uint8]]:
    """Slices that differ, with a bright disc that wanders."""
    y, x = np.mgrid[:height, :width]
    found = []
    for z in range(n):
        image = picture(height, width, z).astype(np.float64)
        image[(y - 30 - 3 * z) ** 2 + (x - 40 - 4 * z) ** 2 < 200] += 90
        found.append(np.clip(image, 0, 255).astype(np.uint8))
    return found


def its_track(
    own: Any, slices: list[NDArray[np.uint8]], key: int, prompt: Prompt, video: Any
) -> dict[int, NDArray[np.float32]]:
    """transformers' own session, as MedSAM2's program uses one: forwards, a new session, backwards."""
    size = {"height": SIDE, "width": SIDE}
    processor = transformers.Sam2VideoProcessor(
        image_processor=transformers.Sam2ImageProcessor(size=size),
        video_processor=transformers.Sam2VideoVideoProcessor(size=size),
        target_size=SIDE,
    )
    height, width = slices[0].shape[:2]
    scale = np.array([SIDE / width, SIDE / height])
    found = {}
    for reverse in (True, False):
        session = processor.init_video_session(inference_device="cpu")
        session.processed_frames = dict(enumerate(video))
        given: dict[str, Any] = {}
        if prompt.points_xy:
            given["input_points"] = [
                [[list(((np.array(p) + 0.5) * scale - 0.5) / scale) for p in prompt.points_xy]]
            ]
            given["input_labels"] = [[list(prompt.point_labels)]]
        if prompt.box_xyxy is not None:
            last = ((np.array(prompt.box_xyxy[2:]) + 1) * scale - 1) / scale
            given["input_boxes"] = [[[*map(float, prompt.box_xyxy[:2]), *last]]]
        if prompt.mask_logits is not None:
            mask = torch.nn.functional.interpolate(
                torch.from_numpy(prompt.mask_logits)[None, None], (SIDE, SIDE), mode="bilinear"
            )
            given["input_masks"] = (mask[0, 0] > 0).numpy()
        processor.add_inputs_to_inference_session(
            session, frame_idx=key, obj_ids=1, original_size=(height, width), **given
        )
        own(session, frame_idx=key)
        for out in own.propagate_in_video_iterator(session, start_frame_idx=key, reverse=reverse):
            found[out.frame_idx] = out.pred_masks.reshape(out.pred_masks.shape[-2:]).float().numpy()
    return found


@pytest.mark.parametrize(
    ("kind", "key"),
    [("box", 0), ("box", 2), ("box", 6), ("points", 3), ("box and points", 2), ("earlier answer", 3)],
)
def test_same_logits_on_every_slice_as_its_own_session(kind: str, key: int) -> None:
    net = video_net(5)
    slices = moving(7)
    prompt = with_answer(PROMPTS[kind])
    segmenter = ours(net)
    # the same pixels for both: how slices are scaled is tested above
    video = [segmenter._input(image, SIDE)[0] for image in slices]
    expected = its_track(rounded(video_net(5)), slices, key, prompt, video)
    order, found = zip(*segmenter.track(segmenter.embed(slices), key, prompt), strict=True)
    assert order == (*range(key, 7), *range(key - 1, -1, -1))
    assert set(expected) == set(order)
    for at, logits in zip(order, found, strict=True):
        assert close(logits, expected[at], 2e-2), at  # what one rounds otherwise grows on the way
    # and a network that forgets answers otherwise
    (alone,) = segmenter.predict(segmenter.embed([slices[4]]), [Prompt((10, 50, 70, 80))])
    assert not close(alone.logits, expected[4], 0.05)


def test_one_slice_is_answered_as_the_key_slice() -> None:
    net = video_net(5)
    segmenter = ours(net)
    embeddings = segmenter.embed(moving(3))
    ((at, logits),) = segmenter.track(embeddings[:1], 0, PROMPTS["box"])
    assert at == 0
    assert close(logits, next(segmenter.track(embeddings, 0, PROMPTS["box"]))[1])


def test_where_the_network_sees_no_object_it_says_so() -> None:
    net = video_net(5)
    with torch.no_grad():
        net.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(-1e4)
    found = [logits for _, logits in ours(net).track(ours(net).embed(moving(4)), 1, PROMPTS["box"])]
    assert len(found) == 4
    assert all((logits == -1024).all() for logits in found)


def test_memory_does_not_grow_with_the_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_aleatoric.foundation._torch import _sam2_track

    kept: list[tuple[int, int]] = []
    tidy = _sam2_track.Track._tidy

    def watch(self: Any, at: int, outputs: Any) -> None:
        tidy(self, at, outputs)
        tensors = [t for kind in outputs.values() for frame in kind.values() for t in frame.values()]
        kept.append((len(outputs["non_cond_frame_outputs"]), sum(t.nbytes for t in tensors)))
        assert not self._session.cache._vision_features

    monkeypatch.setattr(_sam2_track.Track, "_tidy", watch)
    segmenter = ours(video_net(5))
    slices = [*moving(2), *moving(2)] * 6
    embeddings = segmenter.embed(slices)
    assert sum(1 for _ in segmenter.track(embeddings, 12, PROMPTS["box"])) == 24
    assert max(n for n, _ in kept) <= 5 + 1
    assert max(n for _, n in kept[7:12]) == kept[11][1]  # a plateau, not a ramp
    assert max(n for _, n in kept[13:]) == kept[-1][1]


def test_what_cannot_be_followed_is_refused() -> None:
    segmenter = ours(video_net(5))
    embeddings = segmenter.embed([*moving(2), picture(60, 60)])
    with pytest.raises(DataError, match="key slice of 0 … 2, got 3"):
        next(segmenter.track(embeddings, 3, PROMPTS["box"]))
    with pytest.raises(DataError, match="earlier answer alone"):
        next(segmenter.track(embeddings, 0, with_answer(PROMPTS["all"])))
    with pytest.raises(DataError, match="at slice 2"):
        list(segmenter.track(embeddings, 0, PROMPTS["box"]))


def test_the_small_network_is_like_the_published_ones() -> None:
    config, published = small_config(), published_config("sam2.1_hiera_tiny")
    assert config.model_type == published.model_type
    assert config.enable_occlusion_spatial_embedding
    assert published.enable_occlusion_spatial_embedding
