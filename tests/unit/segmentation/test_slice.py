"""One slice from a sentence to a mask: the answer, what is cleaned up, and what is not found."""

from __future__ import annotations

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Saliency
from napari_aleatoric.segmentation import (
    Pointing,
    Query,
    SliceSpec,
    mean_vector,
    outline,
    outline_all,
    presence,
    segment_slice,
    slice_from_saliency,
)
from napari_aleatoric.segmentation._outline import cleaned, stability_of, staple

OTHERS = ("spleen", "kidney", "prostate", "bladder", "lung", "bone")


def picture() -> np.ndarray:
    """Fat of 10; a liver of 120 with a small hole, a spleen of 150, a second liver-coloured speck."""
    image = np.full((64, 80), 10, dtype=np.uint8)
    image[10:40, 8:38] = 120
    image[15:17, 15:17] = 10
    image[44:58, 50:70] = 150
    image[60:62, 5:7] = 120
    return image


# -- words -------------------------------------------------------------------------------------------


def test_several_sentences_are_their_mean_of_length_one() -> None:
    found = mean_vector(np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    assert found == pytest.approx([np.sqrt(0.5), np.sqrt(0.5), 0])
    with pytest.raises(DataError, match="contradict each other"):
        mean_vector(np.array([[1.0, 0], [-1.0, 0]]))


def test_presence_is_the_part_of_other_words_that_suit_less_in_their_best_three_images() -> None:
    wanted = [0.1, 0.9, 0.8, 0.7, 0.0]  # best three: 0.8
    others = np.array([[0.9, 0.5, 0.0], [0.9, 0.5, 1.0], [0.9, 0.5, 0.9], [0.9, 0.5, 0.4], [0.9, 0.5, 0.0]])
    assert presence(wanted, others) == pytest.approx(2 / 3)  # 0.9 | 0.5 | 0.77
    assert presence([0.2], np.zeros((1, 0))) == 1.0


def test_words_are_needed() -> None:
    with pytest.raises(DataError, match="such as 'liver'"):
        Query("  ", ("liver",))
    with pytest.raises(DataError, match="such as 'liver'"):
        Query("liver", ())


# -- from words to a mask ----------------------------------------------------------------------------


def test_a_word_becomes_a_mask_and_every_stage_is_there(words, grey_segmenter) -> None:
    found = segment_slice(picture(), Query("liver", ("liver",), OTHERS), words, grey_segmenter)
    assert found.found
    expected = picture() == 120
    expected[60:62, 5:7] = False  # too small
    expected[15:17, 15:17] = True  # a small hole is filled
    assert np.array_equal(found.mask, expected)
    assert found.saliency.map_yx[20, 20] == 1
    assert found.coarse.mask[20, 20]
    assert not found.coarse.mask[50, 60]
    assert [p.box_xyxy for p in found.pointings] == [(8, 10, 37, 39)]
    assert found.outlines[0].estimate == 0.9
    assert found.outlines[0].stability == 1.0
    assert found.confidence == pytest.approx(0.9 * found.pointings[0].confidence)
    assert found.presence == 1.0
    assert found.sentence.startswith("'liver' outlined in 1 place (similarity 0.")


def test_a_wrong_word_is_not_found_and_says_why(words, grey_segmenter) -> None:
    found = segment_slice(
        picture(), Query("prostate", ("prostate",), ("liver", "spleen", "lung")), words, grey_segmenter
    )
    assert not found.found
    assert not found.mask.any()
    assert found.outlines == ()
    assert grey_segmenter.prompts == []  # nobody is asked
    assert found.presence == 0.0
    assert found.sentence == "'prostate' was not found: the slice suits it better than 0 % of other words only."
    assert found.pointings  # what stood out can still be shown


def test_a_similarity_below_the_limit_is_not_found(words, grey_segmenter) -> None:
    found = segment_slice(picture(), "liver", words, grey_segmenter, SliceSpec(least_score=0.99))
    assert not found.found
    assert "less than 0.990" in found.sentence


def test_an_empty_slice_gives_nothing_and_never_all(words, grey_segmenter) -> None:
    for grey in (0, 120):
        found = segment_slice(np.full((20, 30), grey, np.uint8), "liver", words, grey_segmenter)
        assert not found.mask.any()
        assert found.sentence == (
            "'liver' was not found: the saliency map is the same everywhere: nothing stands out."
        )


def test_a_mask_of_nearly_everything_is_no_answer(words, grey_segmenter) -> None:
    image = np.full((40, 40), 120, np.uint8)
    image[0] = 10
    found = segment_slice(image, "liver", words, grey_segmenter)
    assert not found.found
    assert "or all of the slice" in found.sentence
    assert segment_slice(image, "liver", words, grey_segmenter, SliceSpec(most_share=1.0)).mask.sum() == 39 * 40


def test_only_the_allowed_side_is_gone_on_with(words, grey_segmenter) -> None:
    image = np.full((40, 80), 10, dtype=np.uint8)
    image[10:20, 10:20] = image[22:32, 60:70] = 200
    right = np.zeros((40, 80), dtype=bool)
    right[:, 40:] = True
    found = segment_slice(image, "kidney", words, grey_segmenter, allowed=right)
    assert found.mask[25, 65]
    assert not found.mask[15, 15]
    assert len(found.components.parts) == 2
    one = segment_slice(
        image, "kidney", words, grey_segmenter, SliceSpec(most_components=1), allowed=right
    )  # the choice is made among those that may be, also where another one is surer
    assert one.mask[25, 65]
    assert segment_slice(image, "kidney", words, grey_segmenter, SliceSpec(most_components=1)).mask[15, 15]
    image[22:32, 60:70] = 10
    query = Query("left kidney", ("kidney",), side="left")
    found = segment_slice(image, query, words, grey_segmenter, allowed=right)
    assert not found.mask.any()
    assert found.sentence == "'left kidney' was not found: nothing stands out on the patient's left."


def test_a_saliency_of_another_size_is_refused(grey_segmenter) -> None:
    saliency = Saliency(np.zeros((3, 4), np.float32), 0.1, "m2ib")
    with pytest.raises(DataError, match=r"pixels \(64, 80\), got \(3, 4\)"):
        slice_from_saliency(picture(), Query.plain("liver"), saliency, grey_segmenter, SliceSpec())


def test_colour_slices_are_taken(words, grey_segmenter) -> None:
    colour = np.repeat(picture()[..., np.newaxis], 3, axis=2)
    assert segment_slice(colour, "spleen", words, grey_segmenter).mask.sum() == 14 * 20


# -- prompts and answers -----------------------------------------------------------------------------


def test_a_dragged_box_moves_the_mask_without_the_words(grey_segmenter) -> None:
    moved = Pointing((50, 44, 69, 57), (), (), 1.0)
    outlines, mask = outline_all(picture(), (moved,), grey_segmenter, SliceSpec())
    assert np.array_equal(mask, picture() == 150)
    assert len(outlines) == 1


@pytest.mark.parametrize("kind", ["box", "points", "both"])
def test_the_segmenter_is_prompted_with_what_was_chosen(kind, words, grey_segmenter) -> None:
    segment_slice(picture(), "spleen", words, grey_segmenter, SliceSpec(point_at=kind, n_inside=4))
    (prompt,) = grey_segmenter.prompts
    assert (prompt.box_xyxy is not None) == (kind != "points")
    assert len(prompt.points_xy) == (0 if kind == "box" else 4)


def test_the_slice_as_a_whole_is_embedded_once(words, grey_segmenter, monkeypatch) -> None:
    looked = []
    embed = grey_segmenter.embed
    monkeypatch.setattr(grey_segmenter, "embed", lambda slices: looked.append(len(slices)) or embed(slices))
    spec = SliceSpec(closely=False, least_share=0.0, most_components=2)
    found = segment_slice(picture(), "liver", words, grey_segmenter, spec)
    assert len(found.outlines) == 2
    assert looked == [1]


def test_as_many_components_are_kept_as_the_word_says(words, grey_segmenter) -> None:
    spec = SliceSpec(least_share=0.0)
    for pieces in (1, 2):
        found = segment_slice(picture(), Query("liver", ("liver",), pieces=pieces), words, grey_segmenter, spec)
        assert len(found.outlines) == pieces


class Scripted:
    """A segmenter with a given answer to a box, to points and to both."""

    name = "scripted"

    def __init__(self, answers) -> None:
        self.answers = answers

    def segment(self, image, prompt, *, whole=None):
        from napari_aleatoric.foundation import Prediction

        kind = "both" if prompt.box_xyxy and prompt.points_xy else "box" if prompt.box_xyxy else "points"
        logits, estimate = self.answers[kind]
        return Prediction(np.asarray(logits, np.float32), estimate, image.shape[:2])


def test_choices_among_several_answers() -> None:
    rows = np.arange(12)[:, np.newaxis] * np.ones((1, 12))
    answers = {
        "box": (np.where(rows < 6, 4.0, -4.0), 0.7),
        "points": (np.where(rows < 8, 4.0, -4.0), 0.9),
        "both": (np.where(rows < 7, 1.0, -4.0), 0.5),
    }
    pointing = Pointing((0, 0, 11, 6), ((3.0, 3.0),), (), 0.8)
    image = np.zeros((12, 12), np.uint8)

    def found(**options):
        return outline(Scripted(answers), image, pointing, SliceSpec(**options))

    assert found(choice="single", point_at="both").mask.sum() == 7 * 12
    assert found(choice="best").mask.sum() == 8 * 12
    assert found(choice="best").estimate == 0.9
    # row 6: 0.018 + 0.982 + 0.731 of 3 = 0.577; row 7: 0.018 + 0.982 + 0.018 = 0.34
    average = found(choice="average")
    assert average.mask.sum() == 7 * 12
    assert 1 / (1 + np.exp(-average.logits[6, 0])) == pytest.approx((0.017986 + 0.982014 + 0.731059) / 3, abs=1e-4)
    assert average.estimate == pytest.approx(0.7)
    assert found(choice="staple").mask.sum() in (6 * 12, 7 * 12)


def test_staple_of_equal_and_of_empty_masks() -> None:
    mask = np.zeros((6, 6), bool)
    assert not staple([mask, mask, mask]).any()
    mask[2:4, 2:4] = True
    assert np.array_equal(staple([mask, mask, mask]), mask.astype(float))
    other = mask.copy()
    other[5, 5] = True
    vote = staple([mask, mask, other])
    assert vote[2, 2] > 0.9
    assert vote[5, 5] < 0.5


# -- cleaning ----------------------------------------------------------------------------------------


def test_small_holes_are_filled_large_ones_stay_and_the_largest_parts_are_kept() -> None:
    mask = np.zeros((30, 40), bool)
    mask[2:22, 2:22] = True
    mask[5:7, 5:7] = False  # 4 of 400
    mask[10:20, 8:18] = False  # 100
    mask[25:28, 30:38] = True
    mask[0, 39] = True
    found = cleaned(mask, largest_hole=0.1)
    assert found[5, 5]
    assert not found[15, 10]
    assert not found[26, 33]
    two = cleaned(mask, largest_hole=0.1, n_parts=2)
    assert two[26, 33]
    assert not two[0, 39]
    assert not cleaned(np.zeros((4, 4), bool)).any()


def test_stability_is_the_ratio_of_two_levels() -> None:
    assert stability_of(np.array([[2.0, 0.5], [-0.5, -3]])) == pytest.approx(1 / 3)
    assert stability_of(np.full((2, 2), -9.0)) == 0.0
