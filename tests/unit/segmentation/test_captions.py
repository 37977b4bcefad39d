"""Slices with captions: what is said is true, and what is held out is never learnt from."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from napari_aleatoric.errors import GeometryMismatchError
from napari_aleatoric.model import ClassTable, Geometry, LabelMap, Reorientation, Volume
from napari_aleatoric.samples import SAMPLE_CLASSES, SampleSpec, make_case
from napari_aleatoric.segmentation import PromptLibrary, captioned_slices
from napari_aleatoric.segmentation._captions import held_out_words
from napari_aleatoric.segmentation._slice_facts import facts_of

CLASSES = ClassTable.from_names({3: "liver", 7: "right_kidney", 9: "strange thing"})
LIBRARY = PromptLibrary.load()


def labelled() -> tuple[Volume, LabelMap]:
    """A big bright liver on the right, a small dark right kidney behind, and something patchy on the left."""
    shape = (6, 50, 80)
    image = np.full(shape, 90, np.uint8)
    image[:, :3], image[:, :, :3] = 0, 0  # air
    label = np.zeros(shape, np.uint8)
    label[1:5, 8:30, 8:34], label[2:4, 36:41, 15:20], label[1:3, 10:20, 60:70] = 3, 7, 9
    image[label == 3], image[label == 7] = 180, 40
    image[label == 9] = np.random.default_rng(0).choice([20, 250], size=np.count_nonzero(label == 9))
    geometry = Geometry(shape, (4.0, 2.0, 2.0), (-80.0, -50.0, 0.0))
    return Volume(image, geometry, "CT"), LabelMap(label, geometry)


def turned(thing, storage: Reorientation):
    data = np.ascontiguousarray(storage.apply(thing.data))
    return replace(thing, data=data, geometry=storage.apply_geometry(thing.geometry))


@pytest.mark.parametrize("storage", [Reorientation(), Reorientation((2, 0, 1), (False, True, True))])
def test_facts_are_true_however_the_volume_is_stored(storage) -> None:
    volume, label = (turned(each, storage) for each in labelled())
    found = {
        each.number: each
        for each, _ in captioned_slices("a", volume, label, CLASSES, plane="axial", window=(0, 255))
    }
    assert sorted(found) == [1, 2, 3, 4]
    facts = {fact.name: fact for fact in found[2].facts}
    assert sorted(facts) == ["liver", "right kidney", "strange thing"]
    liver, kidney, strange = facts["liver"], facts["right kidney"], facts["strange thing"]
    assert (liver.place, liver.extent, liver.brightness, liver.even) == ("right", "large", "bright", True)
    assert (kidney.place, kidney.extent, kidney.brightness) == ("right", "small", "dark")
    assert (strange.place, strange.even) == ("left", False)
    assert liver.share == pytest.approx(22 * 26 / (47 * 77), rel=0.1)


def test_captions_say_what_is_true_and_name_their_classes() -> None:
    volume, label = labelled()
    ((captioned, image),) = [
        pair
        for pair in captioned_slices("a", volume, label, CLASSES, window=(0, 255), plane="axial")
        if pair[0].number == 2
    ]
    assert image.shape == (50, 80)
    for captions in (captioned.captions, captioned.held_out):
        of_liver = [c for c in captions if c.class_indices == (1,)]
        assert {c.kind for c in of_liver} == {"noun", "plain", "side", "size", "look"}
        by_kind = {c.kind: c.text for c in of_liver}
        assert "right" in by_kind["side"]
        assert "left" not in by_kind["side"]
        assert "large" in by_kind["size"]
        assert "brighter" in by_kind["look"]
        assert "homogeneous" in by_kind["look"]
        kidney = [c for c in captions if c.class_indices == (2,)]
        assert "side" not in {c.kind for c in kidney}  # its name says it already
        assert all("left" not in c.text for c in kidney)
        (both,) = [c for c in captions if c.kind == "all"]
        assert both.class_indices == (1, 2, 3)
        assert "strange thing" in both.text
    assert not any(re.search(r"[{}_]|\ba axial", c.text) for c in (*captioned.captions, *captioned.held_out))


def test_captions_without_a_modality_read_well() -> None:
    volume, label = labelled()
    texts = set()
    for seed in range(12):
        for s, _ in captioned_slices("a", replace(volume, modality=""), label, CLASSES, seed=seed, plane="axial"):
            texts |= {c.text for c in (*s.captions, *s.held_out)}
    assert any("medical slice" in text for text in texts)
    assert any(text.startswith("Cross-section in which the") for text in texts)
    assert any(text.endswith("is seen on a medical image.") for text in texts)
    assert not any(re.search(r"medical medical|\(|\bmedical[.:,]|on medical", text) for text in texts)
    _, sentence = held_out_words("liver", "", LIBRARY)
    assert sentence == "Cross-section in which the liver is visible."


def test_held_out_wordings_and_words_are_never_learnt_from() -> None:
    learnt, held = set(), set()
    for seed in range(12):
        for captioned, _ in captioned_slices("case", *labelled(), CLASSES, seed=seed, plane="axial"):
            learnt |= {c.text for c in captioned.captions}
            held |= {c.text for c in captioned.held_out}
    assert len(learnt) > 40
    assert not learnt & held
    _, liver, _ = LIBRARY.find("liver")
    for word, own in ((liver.words[-1], held), (liver.words[0], learnt)):
        assert any(word in text for text in own)
    assert not any(liver.words[-1] in text for text in learnt)
    assert not any(liver.words[0] in text for text in held)


def test_the_wording_is_drawn_by_case_and_seed_and_repeats() -> None:
    def texts(case: str, seed: int) -> list[str]:
        return [c.text for s, _ in captioned_slices(case, *labelled(), CLASSES, seed=seed) for c in s.captions]

    assert texts("a", 1) == texts("a", 1)
    assert texts("a", 1) != texts("b", 1)
    assert texts("a", 1) != texts("a", 2)


def test_every_nth_slice_and_only_labelled_ones() -> None:
    numbers = [s.number for s, _ in captioned_slices("a", *labelled(), CLASSES, plane="axial", every=2)]
    assert numbers == [2, 4]


def test_specks_are_not_spoken_of_and_without_sides_none_is_named() -> None:
    image, label = np.full((20, 20), 100, np.uint8), np.zeros((20, 20), np.uint8)
    label[2:4, 2:4], label[8:16, 8:16] = 1, 2
    (fact,) = facts_of(image, label, CLASSES)
    assert fact.class_index == 2
    assert fact.place == ""
    assert fact.brightness == "similar"


def test_a_label_elsewhere_is_refused() -> None:
    volume, label = labelled()
    moved = replace(label, geometry=replace(label.geometry, origin_lps=(0.0, 0.0, 50.0)))
    with pytest.raises(GeometryMismatchError, match="on the points of the image"):
        next(captioned_slices("a", volume, moved, CLASSES))


def test_samples_are_captioned_with_the_patients_sides() -> None:
    case = make_case(SampleSpec(n_cases=8, matrix=48, tumours=False), 1)  # not stored upright
    seen: dict[str, set[str]] = {}
    for captioned, _ in captioned_slices(case.case_id, case.image, case.truth, SAMPLE_CLASSES, plane="axial"):
        for fact in captioned.facts:
            seen.setdefault(fact.name, set()).add(fact.place)
    assert "left" not in seen["liver"]
    assert "right" not in seen["spleen"]
    assert seen["right kidney"] <= {"right"}
    assert seen["left kidney"] <= {"left"}
