"""A BiomedCLIP-shaped folder through the real door, against open_clip itself; and every bad one."""

from __future__ import annotations

import builtins
import json
import socket
import sys

import numpy as np
import pytest
from PIL import Image

from napari_aleatoric.errors import DataError, MissingExtraError, NotFoundError
from napari_aleatoric.foundation import TextImageModel, WeightsStore, all_weights_store, load_text_image

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

TEXTS = ["the liver", "Left kidneys in a CT image", "spleen of unheard"]


def unit(values):
    return torch.nn.functional.normalize(values, dim=-1).numpy()


def test_a_folder_gives_what_open_clip_gives_and_asks_nobody(shaped, slices, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    model = load_text_image(shaped.folder, device="cpu", precision="float32")
    assert isinstance(model, TextImageModel)
    with torch.inference_mode():
        texts = unit(shaped.network.encode_text(shaped.tokenizer(TEXTS)))
        pictures = torch.stack([shaped.preprocess(Image.fromarray(s).convert("RGB")) for s in slices])
        images = unit(shaped.network.encode_image(pictures))
    np.testing.assert_allclose(model.embed_texts(TEXTS), texts, atol=1e-5)
    np.testing.assert_allclose(model.embed_images(slices), images, atol=1e-5)
    assert model.embed_images(slices).dtype == np.float32
    assert np.abs(images[0] - images[1]).max() > 1e-3  # the images are told apart at all


def test_words_are_read_in_small_letters_and_pieces(model):
    same = model.embed_texts(["LEFT kidneys", "left kidneys", "right kidneys"])
    np.testing.assert_allclose(same[0], same[1], atol=1e-6)
    assert np.abs(same[0] - same[2]).max() > 1e-4


def test_alone_or_among_others_and_none(model, slices):
    together = model.embed_images([*slices, np.zeros((40, 70, 3), np.uint8)])
    np.testing.assert_allclose(together[1], model.embed_images([slices[1]])[0], atol=1e-5)
    assert model.embed_texts([]).shape == (0, 24)


def test_saved_and_loaded_it_is_the_same(model, slices, tmp_path):
    model.save(tmp_path / "again")
    again = load_text_image(tmp_path / "again", device="cpu", precision="float32")
    np.testing.assert_allclose(again.embed_images(slices), model.embed_images(slices), atol=1e-6)
    np.testing.assert_allclose(again.embed_texts(TEXTS), model.embed_texts(TEXTS), atol=1e-6)
    assert again.name.partition("-")[0] == "again"


def test_a_pickle_with_numbers_only_is_read_and_one_with_a_call_is_not(copy, model):
    state = model.network.state_dict()
    (copy / "open_clip_model.safetensors").unlink()
    path = copy / "open_clip_pytorch_model.bin"
    torch.save(state, path)
    found = load_text_image(copy, device="cpu", precision="float32")
    np.testing.assert_allclose(found.embed_texts(TEXTS), model.embed_texts(TEXTS), atol=1e-6)
    torch.save({"state_dict": state, "print": builtins.print}, path)
    with pytest.raises(DataError, match="more than weights"):
        load_text_image(copy, device="cpu")


@pytest.mark.parametrize(
    ("missing", "kind", "words"),
    [
        ("open_clip_config.json", NotFoundError, "has no open_clip_config.json"),
        ("open_clip_model.safetensors", NotFoundError, "has no weights"),
        ("vocab.txt", NotFoundError, "has no vocabulary"),
        ("config.json", NotFoundError, "what its text network is"),
    ],
)
def test_what_is_missing_is_named(copy, missing, kind, words):
    (copy / missing).unlink()
    with pytest.raises(kind, match=words):
        load_text_image(copy, device="cpu")


def test_text_files_may_lie_beside_the_folder(copy, model):
    beside = copy.parent / "Tiny-Bert"
    beside.mkdir()
    for name in ("vocab.txt", "tokenizer_config.json", "config.json"):
        (copy / name).rename(beside / name)
    found = load_text_image(copy, device="cpu", precision="float32")
    np.testing.assert_allclose(found.embed_texts(TEXTS), model.embed_texts(TEXTS), atol=1e-6)


def test_numbers_of_another_network_nan_and_another_digest_are_refused(copy):
    with pytest.raises(DataError, match="SHA-256 begins with"):
        load_text_image(copy, device="cpu", sha256="0" * 64)
    about = json.loads((copy / "open_clip_config.json").read_text())
    about["model_cfg"]["embed_dim"] = 25
    (copy / "open_clip_config.json").write_text(json.dumps(about))
    with pytest.raises(DataError, match="does not fit the network"):
        load_text_image(copy, device="cpu")
    about["model_cfg"]["vision_cfg"]["timm_model_name"] = "no_such_network"
    (copy / "open_clip_config.json").write_text(json.dumps(about))
    with pytest.raises(DataError, match="cannot make the network"):
        load_text_image(copy, device="cpu")


def test_programs_that_come_with_a_model_are_not_run(copy, model):
    for name in ("config.json", "tokenizer_config.json"):
        about = json.loads((copy / name).read_text())
        about["auto_map"] = {
            "AutoConfig": "evil.Config",
            "AutoModel": "evil.Model",
            "AutoTokenizer": ["evil.T", None],
        }
        (copy / name).write_text(json.dumps(about))
    (copy / "evil.py").write_text("raise SystemExit('run')")
    found = load_text_image(copy, device="cpu", precision="float32")
    np.testing.assert_allclose(found.embed_texts(TEXTS), model.embed_texts(TEXTS), atol=1e-6)


def test_without_transformers_it_says_so(copy, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match="pip install transformers"):
        load_text_image(copy, device="cpu")


def test_biomedclip_by_name_names_what_is_missing_and_what_is_wrong(tmp_path, monkeypatch):
    store = all_weights_store(tmp_path / "weights")
    for name in ("biomedclip", "hf-hub:microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"):
        with pytest.raises(NotFoundError, match="aleatoric weights download biomedclip"):
            load_text_image(name, store=store)
    store.folder.mkdir()
    (store.folder / "open_clip_pytorch_model.bin").write_bytes(b"PK\x03\x04" + bytes(96))
    with pytest.raises(DataError, match="truncated, or not biomedclip"):
        load_text_image("biomedclip", store=store)
    monkeypatch.setattr(WeightsStore, "checked", lambda self, name, reporter=None: tmp_path)
    with pytest.raises(NotFoundError, match=r"biomedclip-vocab\.txt"):
        load_text_image("biomedclip", store=store)
    (store.folder / "biomedclip-vocab.txt").write_text("[PAD]\nliver\n")
    with pytest.raises(DataError, match="is not BiomedCLIP's vocabulary"):
        load_text_image("biomedclip", store=store)


def test_other_names_are_explained(tmp_path):
    with pytest.raises(NotFoundError, match="Name a file of weights"):
        load_text_image("ViT-B-16")
    with pytest.raises(NotFoundError, match="no file of weights"):
        load_text_image("ViT-B-16", weights=tmp_path / "none.bin")
    with pytest.raises(NotFoundError, match="no architecture 'ViT-Z'"):
        load_text_image("ViT-Z", weights=tmp_path / "none.bin")
    with pytest.raises(NotFoundError, match="Download its folder"):
        load_text_image("hf-hub:someone/else")
    with pytest.raises(NotFoundError, match="There is no text-image model"):
        load_text_image("nothing")


def test_sentences_and_slices_that_are_none(model):
    with pytest.raises(DataError, match="without words"):
        model.embed_texts(["liver", " "])
    with pytest.raises(DataError, match="uint8"):
        model.embed_images([np.zeros((4, 4), np.float32)])
