"""Decoded maps with a segmenter that can be seen through: it marks what is bright inside the box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import ndimage

from napari_aleatoric.foundation import (
    LOGIT_LIMIT,
    Box,
    Embedding,
    Prediction,
    Prompt,
    PromptSegmenter,
    SliceTracker,
    decode_classes,
    embed_volume,
    jittered_prompts,
    slice_axis,
)
from napari_aleatoric.model import Geometry, Volume

GRID = 2  # pixels per cell of the mask grid


class BrightInTheBox:
    """Logits +20 where the mean of a cell is bright and its middle lies in the box, else −20."""

    name = "bright"

    def __init__(self) -> None:
        self.n_embedded = 0
        self.asked: list[tuple[int, tuple[float, ...]]] = []

    def embed(self, slices: Sequence[np.ndarray]) -> list[Embedding]:
        self.n_embedded += len(slices)
        found = []
        for image in slices:
            y, x = image.shape[0] // GRID, image.shape[1] // GRID
            cells = image[: y * GRID, : x * GRID].reshape(y, GRID, x, GRID).mean(axis=(1, 3))
            found.append(
                Embedding(cells[np.newaxis].astype(np.float16), image.shape[:2], (4 * y, 4 * x), self.name)
            )
        return found

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        found = []
        for embedding, prompt in zip(embeddings, prompts, strict=True):
            cells = embedding.values[0]
            x0, y0, x1, y1 = prompt.box_xyxy
            ys = (np.arange(cells.shape[0]) + 0.5) * GRID - 0.5
            xs = (np.arange(cells.shape[1]) + 0.5) * GRID - 0.5
            inside = ((ys >= y0) & (ys <= y1))[:, None] & ((xs >= x0) & (xs <= x1))
            logits = np.where(inside & (cells > 100), 20.0, -20.0).astype(np.float32)
            found.append(Prediction(logits, 0.9, embedding.shape_yx))
        return found

    def segment(self, image: np.ndarray, prompt: Prompt, *, whole: Prediction | None = None) -> Prediction:
        return self.predict(self.embed([image]), [prompt])[0]


def tilted_rod(shape: tuple[int, int, int] = (14, 40, 60)) -> np.ndarray:
    """A rod that moves sideways from slice to slice, unlike in every direction."""
    mask = np.zeros(shape, dtype=bool)
    for z in range(2, 12):
        y = 6 + 2 * (z // 2)
        mask[z, y : y + 12, 10 + 2 * z : 30 + 2 * z] = True
    return mask


def case(axis: int = 0) -> tuple[Volume, np.ndarray]:
    mask = np.moveaxis(tilted_rod(), 0, axis)
    image = np.where(mask, 900.0, 100.0).astype(np.float32)
    return Volume(image, Geometry(mask.shape, (1.0, 1.0, 1.0))), mask


def whole(volume: Volume, axis: int) -> Box:
    n = volume.data.shape
    return Box.whole((n[axis], *(m for a, m in enumerate(n) if a != axis)))


def test_the_fake_is_a_segmenter() -> None:
    assert isinstance(BrightInTheBox(), PromptSegmenter)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_class_is_followed_through_all_its_slices(axis: int) -> None:
    volume, mask = case(axis)
    model = BrightInTheBox()
    embedded = embed_volume(model, volume, whole(volume, axis), axis=axis)
    # the label knows one slice only; the rest has to be found by going from answer to answer
    label = np.zeros(mask.shape, dtype=np.uint8)
    where = [slice(None)] * 3
    where[axis] = 6
    label[tuple(where)] = 3 * mask[tuple(where)]
    decoded = decode_classes(model, embedded, label, [1, 3])
    assert decoded.class_indices == (3,)  # class 1 is nowhere
    assert decoded.logits.shape == (1, 14, 20, 30)
    found = decoded.on_grid(0, mask.shape)
    assert found.shape == mask.shape
    # a rod that moves by two pixels per slice leaves the box of its neighbour behind by its own movement only
    at_key = found[tuple(where)] > 0
    assert (at_key == mask[tuple(where)]).all()
    overlap = 2 * ((found > 0) & mask).sum() / ((found > 0).sum() + mask.sum())
    assert 0.5 < overlap <= 1
    assert not ((found > 0) & ~mask).any()


def test_logits_are_clipped_and_missing_slices_say_no() -> None:
    volume, mask = case()
    model = BrightInTheBox()
    embedded = embed_volume(model, volume, whole(volume, 0))
    decoded = decode_classes(model, embedded, mask.astype(np.uint8), [1])
    assert decoded.logits.max() == LOGIT_LIMIT
    assert decoded.logits.min() == -LOGIT_LIMIT
    assert (decoded.logits[0, 0] == -LOGIT_LIMIT).all()  # beyond the end: asked once, empty, not gone further
    assert (decoded.logits[0, 13] == -LOGIT_LIMIT).all()


def test_only_the_box_is_looked_at_and_comes_back_in_place() -> None:
    volume, mask = case()
    box = Box((4, 6, 16), (10, 38, 60))
    model = BrightInTheBox()
    embedded = embed_volume(model, volume, box)
    assert model.n_embedded == 6
    decoded = decode_classes(model, embedded, mask.astype(np.uint8), [1])
    found = decoded.on_grid(0, mask.shape) > 0
    assert found.any()
    assert not (found & ~mask).any()
    outside = np.ones(mask.shape, dtype=bool)
    outside[box.slices] = False
    assert not found[outside].any()
    key = 4 + int(mask[4:10].sum(axis=(1, 2)).argmax())
    inner = np.zeros(mask.shape, dtype=bool)
    inner[box.slices] = True
    # no slice of this rod is larger than another, so the first of the box is the prompted one
    assert (found[key] == (mask & inner)[key]).all()


def test_what_was_kept_is_not_embedded_again() -> None:
    volume, _ = case()
    kept: dict[tuple[str, int], Embedding] = {}

    class Keeper:
        def get(self, key: str, index: int) -> Embedding | None:
            return kept.get((key, index))

        def put(self, key: str, index: int, embedding: Embedding) -> None:
            kept[(key, index)] = embedding

    first, second = BrightInTheBox(), BrightInTheBox()
    a = embed_volume(first, volume, Box((2, 0, 0), (9, 40, 60)), keeper=Keeper(), key="k")
    b = embed_volume(second, volume, Box((4, 0, 0), (12, 40, 60)), keeper=Keeper(), key="k")
    assert (first.n_embedded, second.n_embedded) == (7, 3)
    for mine, other in zip(a.slices[2:], b.slices[:5], strict=True):
        np.testing.assert_array_equal(mine.values, other.values)
    second.name = "another"  # type: ignore[misc]
    embed_volume(second, volume, Box((4, 0, 0), (6, 40, 60)), keeper=Keeper(), key="k")
    assert second.n_embedded == 5


def test_moved_prompts_disagree_where_the_image_does_not_decide() -> None:
    volume, mask = case()
    flat = Volume(np.full(mask.shape, 900.0, dtype=np.float32), volume.geometry)
    flat.data[0, 0, 0] = 0.0  # not constant
    label = mask.astype(np.uint8)
    model = BrightInTheBox()
    decided = embed_volume(model, volume, whole(volume, 0))
    undecided = embed_volume(model, flat, whole(flat, 0))
    sure = jittered_prompts(model, decided, label, [1], n=6, voxels=2.0)
    unsure = jittered_prompts(model, undecided, label, [1], n=6, voxels=2.0)
    assert sure.spread.shape == (1, 14, 20, 30)
    assert unsure.overlap[0] < sure.overlap[0] <= 1.0
    assert 0 < unsure.spread.max() <= 1
    # the spread lies along the border of the box, not in its middle and not far away
    border = ndimage.binary_dilation(mask, iterations=6) & ~ndimage.binary_erosion(mask, np.ones((1, 9, 9)))
    spread = unsure.on_grid(0, mask.shape)
    assert spread[border].sum() > 0.95 * spread.sum()
    again = jittered_prompts(model, undecided, label, [1], n=6, voxels=2.0)
    np.testing.assert_array_equal(again.spread, unsure.spread)


def test_a_label_without_classes_gives_nothing() -> None:
    volume, mask = case()
    model = BrightInTheBox()
    embedded = embed_volume(model, volume, whole(volume, 0))
    nothing = np.zeros(mask.shape, dtype=np.uint8)
    decoded = decode_classes(model, embedded, nothing, [1, 2])
    assert decoded.class_indices == ()
    assert decoded.logits.shape == (0, 14, 20, 30)
    assert jittered_prompts(model, embedded, nothing, [1, 2]).overlap == ()


def test_slices_follow_the_coarse_axis() -> None:
    assert slice_axis(Geometry((30, 40, 50), (1.0, 1.0, 1.0))) == 0
    assert slice_axis(Geometry((30, 40, 50), (1.0, 3.3, 1.0))) == 1
    assert slice_axis(Geometry((30, 40, 50), (0.9, 0.9, 5.0))) == 2
    assert slice_axis(Geometry((30, 40, 50), (1.2, 1.0, 1.0))) == 0
    assert slice_axis(Geometry((1, 40, 50), (1.0, 9.0, 1.0))) == 0


# -- a segmenter with a memory ------------------------------------------------------------------------


class Follower(BrightInTheBox):
    """Follows what is bright and touches what it saw last; says −1024 where it sees nothing."""

    name = "follower"

    def __init__(self) -> None:
        super().__init__()
        self.followed: list[tuple[int, tuple[float, ...]]] = []

    def track(self, slices: Sequence[Embedding], key_slice: int, prompt: Prompt):
        self.followed.append((key_slice, prompt.box_xyxy))
        (first,) = super().predict([slices[key_slice]], [prompt])
        yield key_slice, first.logits * 5
        for order in (range(key_slice + 1, len(slices)), range(key_slice - 1, -1, -1)):
            last = first.logits > 0
            for at in order:
                seen = (slices[at].values[0] > 100) & ndimage.binary_dilation(last, iterations=3)
                last = seen if seen.any() else last
                yield at, np.where(seen, 100, -1024).astype(np.float32)

    def predict(self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]) -> list[Prediction]:
        raise AssertionError("a segmenter with a memory is not prompted slice by slice")


def test_a_segmenter_with_a_memory_follows_each_class_by_itself() -> None:
    assert isinstance(Follower(), SliceTracker)
    assert not isinstance(BrightInTheBox(), SliceTracker)
    volume, mask = case(1)
    label = np.where(mask, 2, 0)
    label[:, :, :3] = 0
    follower = Follower()
    embedded = embed_volume(follower, volume, whole(volume, 1), axis=1, limits=(0.0, 1000.0))
    decoded = decode_classes(follower, embedded, label, (1, 2, 3))
    assert decoded.class_indices == (2,)  # the others are absent
    moved = np.moveaxis(label == 2, 1, 0)
    key = int(moved.sum(axis=(1, 2)).argmax())
    ys, xs = np.nonzero(moved[key])
    assert follower.followed == [(key, (xs.min(), ys.min(), xs.max(), ys.max()))]
    cells = np.moveaxis(mask, 1, 0)[:, ::GRID, ::GRID]
    expected = np.where(cells, LOGIT_LIMIT, -LOGIT_LIMIT)
    assert np.array_equal(decoded.logits[0], expected)  # every slice at its place, clipped on both sides
    assert (decoded.logits[0][0] == -LOGIT_LIMIT).all()  # the object vanishes before the first slice


def test_a_volume_of_one_slice_is_followed_nowhere() -> None:
    volume, mask = case()
    one = Volume(volume.data[5:6], Geometry((1, *mask.shape[1:]), (1.0, 1.0, 1.0)))
    follower = Follower()
    embedded = embed_volume(follower, one, whole(one, 0), limits=(0.0, 1000.0))
    decoded = decode_classes(follower, embedded, mask[5:6].astype(int), (1,))
    assert decoded.logits.shape == (1, 1, 20, 30)
    assert np.array_equal(decoded.logits[0, 0] > 0, mask[5, ::GRID, ::GRID])


# -- more slices than fit into memory -----------------------------------------------------------------


class Keeper:
    def __init__(self) -> None:
        self.kept: dict[int, Embedding] = {}
        self.n_read = 0

    def get(self, key: str, index: int) -> Embedding | None:
        self.n_read += 1
        return self.kept.get(index)

    def put(self, key: str, index: int, embedding: Embedding) -> None:
        self.kept[index] = embedding


@pytest.mark.parametrize("kept", [True, False])
def test_slices_that_do_not_fit_are_brought_again(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_aleatoric.foundation import _embedded

    volume, mask = case()
    plain = BrightInTheBox()
    expected = embed_volume(plain, volume, whole(volume, 0), limits=(0.0, 1000.0))
    one = expected.slices[0].n_bytes
    monkeypatch.setattr(_embedded, "_HELD_BYTES", 4 * one)
    monkeypatch.setattr(_embedded, "_AT_ONCE", 2)
    segmenter, keeper = BrightInTheBox(), Keeper() if kept else None
    embedded = embed_volume(segmenter, volume, whole(volume, 0), limits=(0.0, 1000.0), keeper=keeper)
    assert len(embedded.slices) == 14
    assert segmenter.n_embedded == (14 if kept else 6)  # without a keeper, it stops where the room ends
    for _ in range(2):
        for found, right in zip(embedded.slices, expected.slices, strict=True):
            assert np.array_equal(found.values, right.values)
            assert embedded.slices.n_bytes <= 4 * one
    assert segmenter.n_embedded == 14 if kept else segmenter.n_embedded > 14
    assert np.array_equal(embedded.slices[-1].values, expected.slices[13].values)
    assert [e.values.tobytes() for e in embedded.slices[3:6]] == [e.values.tobytes() for e in expected.slices[3:6]]
    with pytest.raises(IndexError, match="0 … 13, got 14"):
        embedded.slices[14]
    label = mask.astype(int)
    assert np.array_equal(
        decode_classes(segmenter, embedded, label, (1,)).logits, decode_classes(plain, expected, label, (1,)).logits
    )
    a, b = (jittered_prompts(s, e, label, (1,), n=3) for s, e in ((segmenter, embedded), (plain, expected)))
    assert np.array_equal(a.spread, b.spread)
    assert a.overlap == b.overlap
