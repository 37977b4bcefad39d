"""The DHN-NCE loss as the paper prints it, and fine-tuning that can be stopped."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from PIL import Image

from napari_aleatoric.cli._main import run
from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.foundation import load_text_image
from napari_aleatoric.model import RecordingReporter
from napari_aleatoric.training import (
    ClipTuneSpec,
    caption_pairs,
    caption_slice,
    finetune_clip,
    retrieval,
    split_pairs,
)

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")

from napari_aleatoric.training._torch._dhn_nce import dhn_nce  # noqa: E402

F = torch.nn.functional
CAPTIONS = ("the liver in a CT image", "left kidneys in a MR image", "the spleen", "right kidney of a CT image")


def by_the_book(images, texts, tau, beta_image, beta_text):
    """Equations 9 to 13, term by term."""
    n = len(images)

    def way(a, b, beta):
        total = 0.0
        for i in range(n):
            s = [float(a[i] @ b[j]) / tau for j in range(n)]
            weights = sum(math.exp(beta * s[k]) for k in range(n) if k != i)
            inner = sum(math.exp(s[j]) * (n - 1) * math.exp(beta * s[j]) / weights for j in range(n) if j != i)
            total += -s[i] + math.log(inner)
        return total / n

    return way(images, texts, beta_image) + way(texts, images, beta_text)


def test_the_test_vector():
    images = torch.eye(4)[:3]
    texts = torch.tensor([[0.8, 0.6, 0, 0], [0, 0.8, 0.6, 0], [0.6, 0, 0.8, 0]])
    assert float(dhn_nce(images, texts)) == pytest.approx(0.0278748, abs=1e-6)


@pytest.mark.parametrize(("beta_image", "beta_text"), [(0.15, 0.15), (0.0, 0.5), (1.0, 0.0)])
def test_the_loss_is_the_papers_formula(beta_image, beta_text):
    generator = torch.Generator().manual_seed(1)
    images, texts = (F.normalize(torch.randn((8, 5), generator=generator), dim=-1) for _ in range(2))
    found = dhn_nce(images, texts, temperature=0.3, beta_image=beta_image, beta_text=beta_text)
    assert float(found) == pytest.approx(by_the_book(images, texts, 0.3, beta_image, beta_text), abs=1e-5)


def test_its_gradient_is_right_and_finite():
    generator = torch.Generator().manual_seed(2)
    images, texts = (torch.randn((4, 3), generator=generator, dtype=torch.float64) for _ in range(2))
    assert torch.autograd.gradcheck(dhn_nce, (images.requires_grad_(True), texts.requires_grad_(True)))
    with pytest.raises(DataError, match="at least two pairs"):
        dhn_nce(images[:1], texts[:1])


def test_pairs_find_each_other_when_it_falls():
    generator = torch.Generator().manual_seed(3)
    images, texts = (torch.randn((8, 8), generator=generator).requires_grad_(True) for _ in range(2))
    optimiser = torch.optim.Adam([images, texts], lr=0.05)
    for _ in range(200):
        loss = dhn_nce(F.normalize(images, dim=-1), F.normalize(texts, dim=-1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    rows = [F.normalize(each, dim=-1).detach().numpy() for each in (images, texts)]
    assert retrieval(*rows, [str(i) for i in range(8)]).image_to_text[0] == 1


def test_captions_that_suit_an_image_do_not_count_against_it():
    """With a mask: the same sums over the negatives alone, in both directions; nothing is left out by halves."""
    generator = torch.Generator().manual_seed(4)
    images, texts = (F.normalize(torch.randn((5, 4), generator=generator), dim=-1) for _ in range(2))
    apart = torch.tensor(
        [[0, 1, 1, 0, 1], [0, 0, 1, 1, 0], [1, 1, 0, 1, 1], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0]]
    ).bool()
    tau, beta = 0.3, 0.4

    def way(s, allowed):
        rows = []
        for i in range(5):
            some = [j for j in range(5) if allowed[i, j] and j != i]
            if some:
                norm = sum(math.exp(beta * float(s[i, k])) for k in some)
                inner = [math.exp(float(s[i, j]) * (1 + beta)) * len(some) / norm for j in some]
                rows.append(-float(s[i, i]) + math.log(sum(inner)))
        return sum(rows) / len(rows)

    likeness = images @ texts.T / tau
    options = {"temperature": tau, "beta_image": beta, "beta_text": beta}
    found = dhn_nce(images, texts, negatives=apart, **options)
    assert float(found) == pytest.approx(way(likeness, apart) + way(likeness.T, apart.T), abs=1e-5)
    everything = torch.ones((5, 5), dtype=torch.bool)
    assert float(dhn_nce(images, texts, negatives=everything, **options)) == float(
        dhn_nce(images, texts, **options)
    )
    with pytest.raises(DataError, match="negatives"):
        dhn_nce(images, texts, negatives=apart[:3])


def test_a_batch_of_one_meaning_teaches_nothing_and_breaks_nothing():
    images, texts = torch.eye(3).requires_grad_(True), torch.eye(3)
    loss = dhn_nce(images, texts, negatives=torch.zeros((3, 3), dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(images.grad, torch.zeros((3, 3)))


@pytest.fixture
def pairs(tmp_path):
    """Captions that name where a bright square is."""
    rng = np.random.default_rng(0)
    with (tmp_path / "pairs.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "caption"])
        for i in range(20):
            image = rng.integers(0, 60, (40, 40)).astype(np.uint8)
            y, x = divmod(i % 4, 2)
            image[20 * y : 20 * y + 20, 20 * x : 20 * x + 20] += 160
            Image.fromarray(image).save(tmp_path / f"{i}.png")
            writer.writerow([f"{i}.png", CAPTIONS[i % 4]])
    return tmp_path / "pairs.csv"


SPEC = ClipTuneSpec(epochs=2, batch=8, learning_rate=3e-4, held_out=0.2, least_characters=5, device="cpu")


def loaded(shaped):
    return load_text_image(shaped.folder, device="cpu", precision="float32")


def test_a_stopped_run_goes_on_as_if_it_had_not(shaped, pairs, tmp_path):
    read = caption_pairs(pairs)
    whole = loaded(shaped)
    told = RecordingReporter()
    expected = finetune_clip(read, whole, SPEC, tmp_path / "whole.pt", told)
    assert (expected.n_learned, expected.n_held_out) == (16, 4)
    losses = [value for name, value, _ in told.metrics if name == "loss"]
    assert len(losses) == 4

    class StopAtThird(RecordingReporter):
        def step(self, done, total, message=""):
            if message == "Learning" and done == 2:
                raise Cancelled("Stopped as asked.")
            super().step(done, total, message)

    state = tmp_path / "state.pt"
    with pytest.raises(Cancelled):
        finetune_clip(read, loaded(shaped), SPEC, state, StopAtThird())
    again, heard = loaded(shaped), RecordingReporter()
    found = finetune_clip(read, again, SPEC, state, heard)
    assert found == expected
    assert [value for name, value, _ in heard.metrics if name == "loss"] == pytest.approx(losses[2:], rel=1e-4)
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(again.network.state_dict()[name], value, atol=1e-5, rtol=1e-3)
    assert not any(p.requires_grad for p in again.network.parameters())
    assert not again.network.training


def test_the_command_writes_the_model_that_its_table_is_of(shaped, pairs, tmp_path, capsys):
    out = tmp_path / "learned"
    learning = "--epochs 2 --learning-rate 1e-3 --batch 8 --held-out 0.2 --least-characters 5 --device cpu"
    names = ["--model", str(shaped.folder), "--out", str(out)]
    status = run(["finetune-clip", str(pairs), *names, *learning.split(), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert status == 0
    assert json.loads((out / "finetune.json").read_text())["after"] == told["after"]
    assert not (out / "state.pt").exists()
    again = load_text_image(out, device="cpu", precision="float32")
    _, held = split_pairs(caption_pairs(pairs, 5), 0.2, 0)
    for name, model in (("before", loaded(shaped)), ("after", again)):
        captions = [pair.caption for pair in held]
        images = model.embed_images([caption_slice(pair) for pair in held])
        expected = retrieval(images, model.embed_texts(captions), captions)
        assert told[name]["image_to_text"] == list(expected.image_to_text)
        assert told[name]["text_to_image"] == list(expected.text_to_image)
    before = loaded(shaped).embed_texts(list(CAPTIONS))
    assert np.abs(again.embed_texts(list(CAPTIONS)) - before).max() > 1e-3
