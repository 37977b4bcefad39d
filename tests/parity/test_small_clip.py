"""What the small text-image network learns from: true captions, its words, and a training that goes on."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytest.importorskip("tokenizers")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import _clip_views as views  # noqa: E402
import _clip_words as words  # noqa: E402
import train_small_clip as script  # noqa: E402

NAMES = {1: "liver", 2: "right kidney", 3: "left kidney", 4: "spleen", 5: "tumour"}


def a_slice(source: str = "samples", seed: int = 0) -> views.LabelledSlice:
    """Patient's left at the right of the picture: liver and right kidney on the left half of it."""
    rng = np.random.default_rng(seed)
    image, label = np.full((70, 96), 90, np.uint8), np.zeros((70, 96), np.uint8)
    label[15:45, 8:40], label[50:60, 25:35], label[50:60, 62:72], label[20:40, 74:88] = 1, 2, 3, 4
    image[label == 1], image[(label == 2) | (label == 3)], image[label == 4] = 150, 220, 60
    image = (image + rng.integers(0, 4, image.shape)).astype(np.uint8)
    return views.LabelledSlice(image, label, NAMES, source, "a", "CT", 0, (-190.0, 4.0, 0.0), 0.0, 360.0)


def test_what_is_said_of_a_window_is_true_of_it() -> None:
    rng, kinds = np.random.default_rng(1), set()
    for _ in range(150):
        view = views.view_of(a_slice(), rng)
        if view is None:
            continue
        kinds.add(view.claim.kind)
        for name in view.claim.names:
            assert name in view.touched
        assert view.place.any()
        shown = {NAMES[v] for v in np.unique(view.label[view.place.numpy()])}
        assert {views.bare_name(n) for n in shown} == {views.bare_name(n) for n in view.claim.names}
        text = view.caption.lower()
        sided = {"liver": "right", "right kidney": "right", "left kidney": "left", "spleen": "left"}
        if view.claim.kind == "side":
            assert {sided.get(n, view.claim.said[0]) for n in view.claim.names} == set(view.claim.said)
        for fact in view.facts:
            assert fact.place in ("", "middle", sided.get(fact.name, fact.place))
        if view.claim.names == ("left kidney",):
            assert "left" in text.split()
            assert "right" not in text.split()
            columns = np.nonzero(view.place.numpy())[1]
            others = np.nonzero(np.isin(view.label, (1, 2)))[1]
            assert not len(others) or columns.min() > others.max() - 8  # never mirrored
    assert {"noun", "plain", "side", "look"} <= kinds


def test_true_captions_of_other_views_are_no_negatives() -> None:
    rng = np.random.default_rng(2)
    whole = views.view_of(a_slice(), rng, strength=0.0)
    without_liver = views.view_of(
        replace(a_slice(), label=np.where(a_slice().label == 1, 0, a_slice().label)), rng, strength=0.0
    )
    brain = replace(whole, source="hippocampus", modality="MR", touched=frozenset({"hippocampus"}), facts=())

    def claim(name: str, kind: str = "noun", said: tuple[str, ...] = ()) -> views.Claim:
        return views.Claim((name,), kind, said, "CT", 0)

    assert views.may_be_true(claim("liver"), whole)
    assert not views.may_be_true(claim("liver"), without_liver)
    assert views.may_be_true(claim("kidney"), whole)
    assert views.may_be_true(claim("spine"), whole)  # seen, and never labelled: in doubt
    assert not views.may_be_true(claim("prostate"), whole)
    assert not views.may_be_true(claim("liver"), brain)
    assert views.may_be_true(claim("liver", "side", ("right",)), whole)
    assert not views.may_be_true(claim("liver", "side", ("left",)), whole)
    assert not views.may_be_true(claim("liver", "look", ("dark", "True")), whole)
    for view in (whole, without_liver):
        assert not {"kidney", "spine", "spleen"} & set(views.surely_absent(view))
        assert "prostate" in views.surely_absent(view)
    assert "liver" in views.surely_absent(without_liver)
    apart = script.negatives_of([whole, without_liver, brain])
    assert not apart.diagonal()[:2].any()


def test_words_come_back_and_unknown_ones_are_spelt(tmp_path) -> None:
    names = ["left adrenal gland"]
    n = words.write_words(tmp_path / "words", words.corpus(names))
    assert 200 < n < 3000
    from tokenizers import Tokenizer

    read = Tokenizer.from_file(str(tmp_path / "words" / "tokenizer.json"))
    sentence = "a ct slice that shows the left adrenal gland."
    found = read.encode(sentence)
    assert found.tokens[0] == "[CLS]"
    assert found.tokens[-1] == "[SEP]"
    assert read.decode(found.ids) == "a ct slice that shows the left adrenal gland."
    spelt = read.encode("Xylophone").tokens
    assert "[UNK]" not in spelt
    assert "".join(t.removeprefix("##") for t in spelt[1:-1]) == "xylophone"
    known = set(read.get_vocab())
    assert "lien" not in known  # the spleen's held-out word


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    words.write_words(tmp_path / "words", words.corpus(NAMES.values()))
    small = words.describe(1)["model_cfg"]
    small["vision_cfg"] |= {"patch_size": 32, "width": 32, "layers": 1, "head_width": 16}
    small["text_cfg"] |= {"width": 16, "layers": 1, "heads": 2}

    def tiny(n: int) -> dict:
        return {"model_cfg": {**small, "text_cfg": {**small["text_cfg"], "vocab_size": n}}, "preprocess_cfg": {}}

    monkeypatch.setattr(script, "describe", tiny)
    rows = [vars(a_slice(seed=i)) for i in range(4)]
    torch.save(rows, tmp_path / "train.pt")
    return tmp_path


def options(run: Path, **changes) -> argparse.Namespace:
    return argparse.Namespace(
        **{
            "run": run, "minutes": 5, "steps": 4, "at_most": 0, "batch": 4, "rate": 1e-2, "cool": 0.5,
            "temperature": 0.1, "absent": 1.0, "places": 0.5, "strength": 1.0, "device": "cpu", "threads": 1,
            "workers": 0, "log_every": 2,
        }
        | changes
    )  # fmt: skip


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(run) -> None:
    script.train(options(run))
    through = torch.load(run / "state.pt", weights_only=True)
    (run / "state.pt").unlink()
    for _ in range(2):
        script.train(options(run, at_most=2))
    resumed = torch.load(run / "state.pt", weights_only=True)
    assert through["step"] == resumed["step"] == 4
    start = script.make(run)[0].state_dict()
    for part in ("network", "average"):
        for name, value in through[part].items():
            torch.testing.assert_close(resumed[part][name], value, atol=1e-6, rtol=0)
    assert any(not torch.equal(start[name], value) for name, value in through["network"].items())


def test_the_exported_folder_opens_through_the_door(run) -> None:
    from napari_aleatoric.foundation import load_text_image

    script.train(options(run, at_most=1))
    (run / "limits.json").write_text('{"least_presence": 0.7}')
    script.export(argparse.Namespace(run=run, to=run / "clip-small"))
    model = load_text_image(run / "clip-small", device="cpu", precision="float32")
    own = script.averaged(run)
    image = a_slice().image
    np.testing.assert_allclose(model.embed_images([image]), own.embed_images([image]), atol=5e-3)
    assert model.embed_texts(["the liver"]).shape == (1, 128)
