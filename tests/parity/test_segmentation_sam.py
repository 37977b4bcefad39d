"""The stages after the saliency with the shipped network, on a synthetic abdomen whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

pytest.importorskip("torch")
pytest.importorskip("segment_anything")

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.foundation import Prompt, PromptSegmenter, Saliency, segmenter
from napari_aleatoric.model import Reorientation, Volume
from napari_aleatoric.samples import SampleSpec, make_case
from napari_aleatoric.segmentation import (
    SliceSpec,
    SliceStack,
    VolumeSpec,
    segment_slice,
    segment_volume,
)

LIVER = 1


class KnowsTheTruth:
    """A text-image model that sees where the liver is, dimly: blurred, moved, with a false spot."""

    name = "truth"
    n_layers = 1

    def __init__(self, stack: SliceStack, truth: NDArray[Any]) -> None:
        self._masks = {stack.image(z).tobytes(): stack.take(z, truth) for z in range(len(stack))}

    def embed_texts(self, texts: Any) -> NDArray[np.float32]:
        return np.tile(np.array([[1.0, 0.0]], np.float32), (len(texts), 1))

    def embed_images(self, images: Any) -> NDArray[np.float32]:
        share = np.array([min(0.9, 4 * float(self._masks[i.tobytes()].mean())) for i in images])
        return np.stack([share, np.sqrt(1 - share**2)], axis=1).astype(np.float32)

    def saliency(self, image_yx: Any, text_vector: Any, *, method: Any = "m2ib", spec: Any = None) -> Saliency:
        mask = np.roll(self._masks[image_yx.tobytes()], 2, axis=1)
        dim = ndimage.gaussian_filter(mask.astype(float), 2.0)
        dim[2, 2:4] = dim.max()  # too small to be gone on with
        return Saliency((dim / max(dim.max(), 1e-9)).astype(np.float32), 0.3, "m2ib")

    def saliencies(
        self, images: Any, text_vectors: Any, *, method: Any = "m2ib", spec: Any = None
    ) -> list[Saliency]:
        return [self.saliency(i, t) for i, t in zip(images, text_vectors, strict=True)]


@pytest.fixture(scope="module")
def sam() -> PromptSegmenter:
    try:
        return segmenter("sam-small", device="cpu", threads=2)
    except NotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def abdomen() -> tuple[Volume, NDArray[np.bool_]]:
    """One abdomen of few slices, stored in coronal planes."""
    case = make_case(SampleSpec(n_cases=6, matrix=64, seed=31, tumours=False), 0)
    storage = Reorientation((1, 0, 2), (True, True, False))
    volume = Volume(
        np.ascontiguousarray(storage.apply(case.image.data)), storage.apply_geometry(case.image.geometry), "CT"
    )
    return volume, np.ascontiguousarray(storage.apply(case.truth.data)) == LIVER


def model_for(volume: Volume, truth: NDArray[np.bool_]) -> KnowsTheTruth:
    upright = np.ascontiguousarray(volume.geometry.upright_reorientation().apply(truth))
    return KnowsTheTruth(SliceStack.of(volume), upright)


def dice(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)))


def largest_slice(volume: Volume, truth: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    stack = SliceStack.of(volume)
    upright = np.ascontiguousarray(volume.geometry.upright_reorientation().apply(truth))
    masks = [stack.take(z, upright) for z in range(len(stack))]
    z = int(np.argmax([m.sum() for m in masks]))
    return stack.image(z), masks[z]


def test_each_stage_is_nearer_to_the_truth(sam: PromptSegmenter, abdomen: Any) -> None:
    image, truth = largest_slice(*abdomen)
    found = segment_slice(image, "liver", model_for(*abdomen), sam)
    saliency = found.saliency.map_yx > 0.2
    steps = [dice(saliency, truth), dice(found.components.mask, truth), dice(found.mask, truth)]
    assert steps[0] < steps[1] < steps[2]
    assert steps[2] > 0.88
    direct = sam.segment(image, Prompt(found.pointings[0].box_xyxy))
    assert np.array_equal(found.outlines[0].logits, direct.on_slice())
    assert found.outlines[0].estimate == direct.iou


@pytest.mark.parametrize(
    "options",
    [
        {"point_at": "both"},
        {"choice": "best"},
        {"choice": "average"},
        {"choice": "staple"},
        {"closely": False},
        {"threshold": "two-means", "boxes": "one"},
    ],
)
def test_every_variant_outlines_the_liver(sam: PromptSegmenter, abdomen: Any, options: dict[str, Any]) -> None:
    image, truth = largest_slice(*abdomen)
    found = segment_slice(image, "liver", model_for(*abdomen), sam, SliceSpec(**options))
    assert dice(found.mask, truth) > 0.75


def test_a_volume_stored_in_coronal_planes(sam: PromptSegmenter, abdomen: Any) -> None:
    volume, truth = abdomen
    found = segment_volume(volume, "liver", model_for(volume, truth), sam, VolumeSpec(key_slices=1))
    assert found.label.geometry == volume.geometry
    assert dice(found.label.data > 0, truth) > 0.8
    mirrored = replace(found.label, data=found.label.data[:, :, ::-1])
    assert dice(mirrored.data > 0, truth) < 0.3
