"""The prompt library: words to sentences, sides, completions, what worked, files that people edit."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.segmentation import PromptLibrary, Query, Worked, query_vectors, remember
from napari_aleatoric.segmentation._library_sentence import filled_in

LIBRARY = PromptLibrary.load()


def test_a_large_organ_is_asked_in_plain_sentences_with_the_modality_in_words() -> None:
    query = LIBRARY.query("Liver", modality="CT")
    assert query.text == "Liver"
    assert "A CT slice that shows the liver." in query.sentences
    assert all("liver" in s and "{" not in s for s in query.sentences)
    assert LIBRARY.query("liver", modality="MR").sentences[0] == "An MRI slice that shows the liver."
    assert "medical" in LIBRARY.query("liver").sentences[0]


@pytest.mark.parametrize("kind", ["generic", "specific"])
def test_without_a_modality_the_sentences_read_well(kind) -> None:
    sentences = LIBRARY.query("liver", kind=kind).sentences
    assert len(sentences) >= 3
    for text in (*sentences, LIBRARY.question("liver").replace("CLIP for medical images", "")):
        assert re.search(r"\bmedical (image|picture|slice)s?\b", text, re.IGNORECASE), text
        assert not re.search(r"medical medical|medical of|\(medical\)", text, re.IGNORECASE), text
    assert all(text[0].isupper() for text in sentences)


@pytest.mark.parametrize(
    ("template", "without", "with_one"),
    [
        ("A medical {modality} picture.", "A medical picture.", "A medical MRI picture."),
        ("A {plane} {modality} slice.", "An axial medical slice.", "An axial MRI slice."),
        ("{modality} of the chest.", "Medical image of the chest.", "MRI of the chest."),
        ("Here it is in {modality}.", "Here it is in a medical image.", "Here it is in MRI."),
        ("A {modality} of the chest.", "A medical image of the chest.", "An MRI of the chest."),
        ("A medical {modality} of it.", "A medical image of it.", "A medical MRI of it."),
        ("A cut ({modality}).", "A cut.", "A cut (MRI)."),
        ("The liver.", "The liver.", "The liver."),
    ],
)
def test_a_template_is_put_right_where_the_modality_is_not_known(template, without, with_one) -> None:
    assert filled_in(template, "", plane="axial") == without
    assert filled_in(template, "MRI", plane="axial") == with_one


def test_a_small_lesion_is_asked_by_how_it_looks_in_this_modality() -> None:
    ct = LIBRARY.query("tumour", modality="CT")
    assert any("darker than the organ around it" in s for s in ct.sentences)
    assert not any("darker" in s for s in LIBRARY.query("tumour", modality="MR").sentences)
    assert any("looks unlike" in s for s in LIBRARY.query("tumour", modality="MR").sentences)


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("noun", "liver"),
        ("generic", "A CT slice that shows the liver."),
        ("as-written", "liver"),
    ],
)
def test_the_kind_of_sentence_may_be_chosen(kind, first) -> None:
    assert LIBRARY.query("liver", modality="CT", kind=kind).sentences[0] == first
    specific = LIBRARY.query("liver", modality="CT", kind="specific").sentences
    assert all("diaphragm" in s or "wedge" in s for s in specific)


def test_a_pair_has_sides_and_without_one_two_pieces() -> None:
    left = LIBRARY.query("left kidney")
    assert (left.side, left.pieces) == ("left", 1)
    assert any("left kidney" in s for s in left.sentences)
    assert (LIBRARY.query("kidney").side, LIBRARY.query("kidneys").pieces) == ("", 2)
    assert LIBRARY.query("Right-sided kidney").side == "right"
    assert LIBRARY.query("left liver").side == ""  # there is one liver: its left part is no side of a pair
    assert LIBRARY.query("left and right kidney").side == ""


def test_other_words_are_what_it_is_held_against_and_never_its_own() -> None:
    query = LIBRARY.query("hepatic tissue", modality="CT")  # another word for the liver
    flat = [s for sentences in query.others for s in sentences]
    assert not any("liver" in s for s in flat)
    assert any("prostate" in s for s in flat)
    assert len(query.others) == len(LIBRARY.names) - 1
    assert len(LIBRARY.query("flux capacitor").others) == len(LIBRARY.names)


def test_another_word_is_asked_together_with_the_name() -> None:
    lien = LIBRARY.query("lien", modality="CT").sentences
    assert lien[:2] == ("A CT slice that shows the lien.", "A CT slice that shows the spleen.")
    assert [("lien" in s, "spleen" in s) for s in lien] == [(True, False), *[(False, True)] * 3]
    ren = LIBRARY.query("left ren", modality="CT")
    assert ren.side == "left"
    assert "A CT slice that shows the left kidney." in ren.sentences
    assert LIBRARY.query("lien", kind="as-written").sentences == ("lien",)
    assert not any("ren" in s.split() for s in LIBRARY.query("Right-sided kidney").sentences)
    assert all("right kidney" in s for s in LIBRARY.query("Right-sided kidney", modality="CT").sentences)


def test_a_whole_sentence_is_asked_as_it_is() -> None:
    text = "a dark round thing in the left lobe"
    assert LIBRARY.query(f"  {text} ").sentences == (text,)
    named = LIBRARY.query("a dark round mass in the left lobe")  # a mass is a tumour: its own sentences beside it
    assert named.sentences[0] == "a dark round mass in the left lobe"
    assert len(named.sentences) == 4
    assert all("tumour" in each for each in named.sentences[1:])
    assert LIBRARY.query(named.text, kind="as-written").sentences == (named.text,)
    assert len(LIBRARY.query("strange blob", modality="CT").sentences) > 1


def test_nothing_is_no_word() -> None:
    with pytest.raises(DataError, match="such as 'liver'; got none"):
        LIBRARY.query("  ")


def test_things_of_several_sentences_are_compared_by_their_means(words) -> None:
    query = Query("liver", ("liver", "spleen"), (("kidney", "prostate"), "bone"))
    found = query_vectors(words, query)
    one = {w: words.embed_texts([w])[0] for w in ("liver", "spleen", "kidney", "prostate", "bone")}
    assert found.wanted == pytest.approx(
        (one["liver"] + one["spleen"]) / np.linalg.norm(one["liver"] + one["spleen"])
    )
    both = one["kidney"] + one["prostate"]
    assert found.others == pytest.approx(np.stack([both / np.linalg.norm(both), one["bone"]]))


def test_completions_begin_with_what_was_typed() -> None:
    assert LIBRARY.complete("kid")[:1] == ("kidney",)
    assert {"left kidney", "right kidney"} <= set(LIBRARY.complete("kid"))
    assert "gallbladder" in LIBRARY.complete("gall")
    assert LIBRARY.complete("zzz") == ()
    assert LIBRARY.complete("lung") == ("lung", "lung nodule", "lungs", "lung field", "left lung", "right lung")


def test_a_question_for_a_language_model_names_what_is_looked_for_and_nothing_else() -> None:
    text = LIBRARY.question("gall bladder", modality="CT")
    assert "'gall bladder' in CT images of the abdomen" in text
    assert "{" not in text


# -- what worked -------------------------------------------------------------------------------------


def test_what_worked_goes_first_next_time_and_is_counted(tmp_path) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    worked = Worked(text="liver", sentences=("a big grey organ – ü",), modality="CT", model="m", score=0.31)
    assert remember(tmp_path, worked, now=at).times == 1
    remember(tmp_path, Worked(text="spleen", sentences=("a crescent",), modality="CT"), now=at.replace(day=3))
    assert remember(tmp_path, worked, now=at.replace(day=4)).times == 2
    library = PromptLibrary.load(tmp_path)
    assert [w.text for w in library.worked] == ["liver", "spleen"]
    assert library.query("Liver", modality="CT").sentences == ("a big grey organ – ü",)
    assert library.query("liver", modality="CT", kind="generic").sentences[0].startswith("A CT slice")
    assert library.query("liver", modality="MR").sentences[0].startswith("An MRI slice")
    assert library.complete("sp")[0] == "spleen"
    assert "ü" in (tmp_path / "prompts_worked.yaml").read_text("utf-8")


def test_a_workspace_adds_words_of_its_own(tmp_path) -> None:
    (tmp_path / "prompts.yaml").write_text(
        "structures:\n  bursa:\n    words: [synovial sac]\n    prefers: noun\n"
        "templates:\n  generic: ['Here is {structure} in {modality}.']\n",
        "utf-8",
    )
    library = PromptLibrary.load(tmp_path)
    assert library.query("synovial sac").sentences == ("synovial sac", "bursa")
    assert library.query("liver", modality="CT").sentences[0] == "Here is liver in CT."
    assert "A CT slice that shows the liver." in library.query("liver", modality="CT").sentences
    assert "bursa" not in LIBRARY.names


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("prompts.yaml", "structures: {x: {wrods: [y]}}", "prompts.yaml is not understood at structures.x.wrods"),
        ("prompts.yaml", "structures: [1", "prompts.yaml cannot be read as YAML in line 1"),
        ("prompts.yaml", "- 1\n", "prompts.yaml is not understood at the file"),
        ("prompts_worked.yaml", "a: 1\n", "Expected a list of prompts in prompts_worked.yaml"),
        ("prompts_worked.yaml", "- {text: x}\n", "prompts_worked.yaml is not understood at sentences"),
        ("prompts.yaml", "x: !!python/object/apply:os.getcwd []\n", "cannot be read as YAML"),
    ],
)
def test_a_file_that_is_not_understood_is_a_sentence(tmp_path, name, text, sentence) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DataError, match=sentence):
        PromptLibrary.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "side", "pieces"),
    [
        ("the left kidney", "left", 1),
        ("Right kidney.", "right", 1),
        ("tumour in the left kidney", "left", 5),
        ("Cross-section in which the right kidney is visible.", "right", 1),
        ("left and right kidney", "", 2),
        ("the kidneys", "", 2),
        ("right ventricle of the heart", "", 1),  # of the heart, not of the patient
        ("lesion at the left of the liver", "", 5),
        ("lesion in the left lobe of the liver, near the kidney", "", 5),  # of the liver's left lobe
        ("tumour in the kidney on the left side", "left", 5),
        ("the left-sided kidney and its cyst", "left", 1),
        ("left kidney, not the right kidney", "", 2),
    ],
)
def test_the_side_that_a_sentence_says_of_one_of_a_pair_holds(text, side, pieces) -> None:
    query = LIBRARY.query(text, modality="CT")
    assert (query.side, query.pieces, query.text) == (side, pieces, text)
    assert not any("the the" in each or ".." in each for each in query.sentences)


def test_a_sentence_is_not_held_against_what_it_names() -> None:
    named = [name for name, _ in LIBRARY.named_in("A tumour in the left kidney, near the liver")]
    assert named == ["tumour", "kidney", "liver"]
    query = LIBRARY.query("a tumour in the left kidney, near the liver")
    assert len(query.others) == len(LIBRARY.names) - 3
    assert not any("kidney" in each for sentences in query.others for each in sentences)
    assert LIBRARY.named_in("the liverwurst") == ()
