"""What the small text-image network learns from: true captions, its words, and a training that goes on."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")
pytest.importorskip("tokenizers")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import _clip_batches as batches  # noqa: E402
import _clip_loss as loss  # noqa: E402
import _clip_start as start  # noqa: E402
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
    sided = {"liver": "right", "right kidney": "right", "left kidney": "left", "spleen": "left"}
    for _ in range(100):
        view = views.view_of(a_slice(), rng)
        if view is None:
            continue
        for fact in view.facts:
            assert fact.place in ("", "middle", sided.get(fact.name, fact.place))
        some = views.say(view, rng, 3)
        for said in some:
            claim, text = said.claim, said.text.lower()
            kinds.add(claim.kind)
            assert set(claim.names) <= view.touched
            assert 0 < said.place.max() <= 1
            block = views.LABEL_SIDE // views.GRID
            inside = np.kron(said.place, np.ones((block, block))) > 0
            shown = {views.bare_name(NAMES[v]) for v in np.unique(view.label[inside]) if v}
            assert {views.bare_name(n) for n in claim.names} <= shown
            named = [v for v, n in NAMES.items() if n in claim.names or views.bare_name(n) in claim.names]
            assert said.place.sum() * block**2 == pytest.approx(np.isin(view.label, named).sum())
            if claim.kind == "side":
                assert {sided.get(n, claim.said[0]) for n in claim.names} == set(claim.said)
            if claim.names == ("left kidney",):
                assert "left" in text.split()
                assert "right" not in text.split()
                columns = np.nonzero(said.place)[1]
                others = np.nonzero(np.isin(view.label, (1, 2)))[1] // block
                assert not len(others) or columns.min() >= others.max() - 1  # never mirrored
    assert {"noun", "plain", "side", "look"} <= kinds


def test_true_captions_of_other_views_are_no_negatives() -> None:
    rng = np.random.default_rng(2)
    whole = views.view_of(a_slice(), rng, strength=0.0)
    without_liver = views.view_of(
        replace(a_slice(), label=np.where(a_slice().label == 1, 0, a_slice().label)), rng, strength=0.0
    )
    brain = replace(
        whole, source="hippocampus", modality="MR", touched=frozenset({"hippocampus"}), whole=(), merged=()
    )

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
    assert views.shows_none(claim("liver", "side", ("left",)), without_liver)
    assert not views.shows_none(claim("liver", "side", ("left",)), whole)  # on the other side, but there
    assert not views.shows_none(claim("spine"), whole)


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
    rows = [vars(a_slice(seed=i)) for i in range(4)]
    for source in script.SOURCES:
        torch.save(rows if source == "samples" else [], tmp_path / f"train-{source}.pt")
    monkeypatch.setattr(batches, "_PER_SHARD", 6)
    script.views(options(tmp_path, shards=1))
    return tmp_path


def options(run: Path, **changes) -> argparse.Namespace:
    return argparse.Namespace(
        **{
            "run": run, "minutes": 5, "steps": 4, "at_most": 0, "batch": 3, "rate": 1e-2, "cool": 0.5,
            "temperature": 0.1, "pairs": 0.2, "absent": 1.0, "places": 0.5, "words": 1.0, "strength": 1.0,
            "threads": 1, "log_every": 2,
        }
        | changes
    )  # fmt: skip


def test_the_lower_layers_answer_as_those_of_the_segmenter(run) -> None:
    """At the segmenter's own number of patches, where no place is interpolated, and without the first token."""
    from safetensors.torch import load_file

    from napari_aleatoric.foundation._torch._sam_net import ARCHITECTURES, build_sam

    sam = build_sam(ARCHITECTURES["small"])
    sam.load_state_dict(load_file(start._WEIGHTS), strict=False)
    encoder = sam.image_encoder
    visual = open_clip.CLIP(
        8,
        {"image_size": 256, "patch_size": 16, "width": 192, "layers": 8, "head_width": 32, "no_ln_pre": True},
        {"context_length": 8, "vocab_size": 9, "width": 8, "heads": 1, "layers": 1},
    ).visual
    start.start_from_segmenter(visual)
    pixels = torch.rand((1, 3, 256, 256), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs = encoder.patch_embed(pixels) + encoder.pos_embed
        ours = visual._embeds(pixels)[:, 1:]
        torch.testing.assert_close(ours, theirs.flatten(1, 2), atol=1e-4, rtol=1e-4)
        for block, own in zip(encoder.blocks, visual.transformer.resblocks, strict=False):
            theirs, ours = block(theirs), own(ours)
        torch.testing.assert_close(ours, theirs.flatten(1, 2), atol=1e-3, rtol=1e-3)


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(run) -> None:
    script.train(options(run))
    through = torch.load(run / "state.pt", weights_only=True)
    (run / "state.pt").unlink()
    for _ in range(2):
        script.train(options(run, at_most=2))
    resumed = torch.load(run / "state.pt", weights_only=True)
    assert through["step"] == resumed["step"] == 4
    begun = script.make(run)[0].state_dict()
    for part in ("network", "average", "judge"):
        for name, value in through[part].items():
            torch.testing.assert_close(resumed[part][name], value, atol=1e-5, rtol=0)
    moved = {name for name, value in through["network"].items() if not torch.equal(begun[name], value)}
    assert {"visual.proj", "visual.transformer.resblocks.3.mlp.c_fc.weight", "text_projection"} <= moved
    assert not any(name.startswith("visual.transformer.resblocks.2") for name in moved)


def test_what_is_trained_is_what_the_program_looks_at(run, monkeypatch) -> None:
    """Patches and sentences of the training are those of the program's own layers."""
    monkeypatch.setattr(batches, "_SEEN", 1.0)
    network, reader, _ = script.make(run)
    names = script.structure_names(run)
    batch = batches.Batches(batches.shards_of(run), names, reader, 3)[0]
    assert batch.words.shape[0] == batch.negatives.shape[1] + len(names)
    assert batch.structures.shape == (3, len(names), views.GRID**2)
    from napari_aleatoric.foundation._torch._text_image_layers import vision_layers

    with torch.no_grad():
        patches, spoken = loss.encode(network, batch)
        layers = vision_layers(network.visual)
        torch.testing.assert_close(patches.mean(dim=1), layers.above(batch.hidden, start.FROZEN - 1))
        padded = torch.nn.functional.pad(batch.words, (0, 48 - batch.words.shape[1]))
        torch.testing.assert_close(spoken, torch.nn.functional.normalize(network.encode_text(padded), dim=-1))


def test_structures_are_known_where_they_are_labelled_or_surely_are_not(run) -> None:
    view = views.view_of(a_slice(), np.random.default_rng(0), strength=0.0)
    names = ("kidney", "liver", "lung", "spleen", "thyroid")
    found, known = batches.structures_in(view, names)
    shown = np.unique(view.label)
    for row, name in enumerate(names):
        values = [v for v, n in view.names.items() if views.bare_name(n) == name]
        area = float(np.isin(view.label, values).sum()) / (views.LABEL_SIDE / views.GRID) ** 2
        assert float(found[row].astype(float).sum()) == pytest.approx(area, rel=2e-3), name
        assert known[row] or not set(values) & set(shown.tolist())
    assert not known[2]  # an abdomen's labels say nothing about lungs
    assert known[4]  # no thyroid is in an abdomen


def test_every_view_counts_alike_and_small_things_count() -> None:
    """One view shows one thing, the other three; each thing covers one patch of ten."""
    places = torch.zeros(4, 10)
    places[:, 0] = 1
    whose = torch.tensor([0, 1, 1, 1])
    logits = torch.full((4, 10), -4.0)
    seen, missed = logits.clone(), logits.clone()
    seen[:, 0] = 4
    good, bad = loss._inside(seen, places, whose), loss._inside(missed, places, whose)
    mixed = seen.clone()
    mixed[0, 0] = -4  # only what the first view shows is missed: half of the loss
    assert float(loss._inside(mixed, places, whose)) == pytest.approx(float(good + bad) / 2, rel=1e-5)
    low, much = 1 / (1 + np.exp(4)), np.log1p(np.exp(4))
    dice = 1 - (2 * low + 0.1) / (10 * low + 1 + 0.1)
    assert float(bad) == pytest.approx(dice + (much + 9 * (much - 4)) / 10 + 0.5 * (much + much - 4), rel=1e-4)
    assert float(good) < 0.3
    assert float(loss._inside(seen[:0], places[:0], whose[:0])) == 0


def test_the_similarity_that_outlines_best_becomes_one_half() -> None:
    """A network that answers 0.3 beside the liver, 0.5 at its rim and 0.7 in it: the level lies under 0.7."""
    from types import SimpleNamespace

    from _clip_measure import sharpen
    from _sources import samples
    from skimage.transform import resize

    from napari_aleatoric.segmentation import SliceStack

    case = next(iter(samples(((7004, 1),))))
    case = replace(case, names={1: "liver"}, label=(case.label == 1).astype(np.uint8))
    stack, covered = SliceStack.of(case.volume), {}
    for number in range(len(stack)):
        mask = stack.take(number, np.ascontiguousarray(stack.turn.apply(case.label))).astype(np.float32)
        covered[stack.image(number).tobytes()] = resize(mask, (14, 14), order=1, anti_aliasing=True).ravel()

    def patch_likeness(images, vectors):
        rows = [covered[image.tobytes()] for image in images]
        values = [np.select([row >= 0.5, row > 0], [0.7, 0.5], 0.3) for row in rows]
        return np.stack(values)[:, np.newaxis].astype(np.float32)

    model = SimpleNamespace(
        advice=SimpleNamespace(patch_scale=20.0),
        layers=SimpleNamespace(grid_yx=(14, 14)),
        patch_likeness=patch_likeness,
        embed_texts=lambda texts: np.tile(np.eye(1, 4, dtype=np.float32), (len(texts), 1)),
    )
    found = sharpen(model, [case])
    assert found["patch_scale"] == 60
    assert 0.5 <= -found["patch_offset"] / 60 < 0.7


def test_the_exported_folder_opens_through_the_door(run) -> None:
    from napari_aleatoric.errors import DataError, NotFoundError
    from napari_aleatoric.foundation import WeightsStore, load_text_image
    from napari_aleatoric.foundation._text_image_known import shipped_text_image

    script.train(options(run, at_most=1))
    (run / "advice.json").write_text('{"least_presence": 0.7}')
    shipped = run / "weights"
    script.export(argparse.Namespace(run=run, to=shipped / "clip-small"))
    store = WeightsStore(run / "own", known=shipped_text_image(shipped), shipped=shipped, offline=True)
    model = load_text_image("clip-small", device="cpu", precision="float32", store=store)
    assert (model.advice.least_presence, model.advice.saliency_method) == (0.7, "patches")
    own = script.averaged(run)
    image = a_slice().image
    np.testing.assert_allclose(model.embed_images([image]), own.embed_images([image]), atol=5e-3)
    assert model.embed_texts(["the liver"]).shape == (1, 128)
    weights = shipped / "clip-small" / "open_clip_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(DataError, match="clip-small"):
        load_text_image("clip-small", store=store)
    empty = WeightsStore(run / "own", known=shipped_text_image(run / "none"), shipped=run / "none")
    with pytest.raises(NotFoundError, match="came without clip-small"):
        load_text_image("clip-small", store=empty)
