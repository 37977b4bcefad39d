"""The information bottleneck against its plain form and torch.distributions; the gradient map against autograd."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled, DataError
from napari_aleatoric.foundation import SaliencySpec, likeness, load_text_image
from napari_aleatoric.model import RecordingReporter

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")
F = torch.nn.functional

from napari_aleatoric.foundation._torch._gradcam import grad_cam  # noqa: E402
from napari_aleatoric.foundation._torch._m2ib import bottleneck, information, noise_of  # noqa: E402
from napari_aleatoric.foundation._torch._text_image_layers import default_layer, vision_layers  # noqa: E402


def plain_m2ib(network, blocks, pixels, text, layer, spec, noise):
    """Ten steps of ten copies of one image through the whole network; nothing is spared."""
    a = None
    kept = {}

    def replace(module, inputs, h):
        nonlocal a
        if a is None:
            a = torch.full((1, *h.shape[1:]), 5.0, requires_grad=True)
        lam = torch.sigmoid(a).expand(len(h), -1, -1)
        mu, v = lam * h, (1 - lam) ** 2
        kept["kl"] = 0.5 * (mu**2 + v - torch.log(v) - 1)
        return mu + torch.sqrt(v) * kept["noise"]

    handle = blocks[layer].register_forward_hook(replace)
    optimiser = None
    try:
        for step in range(spec.steps + 1):  # one more, to look at the last mask
            kept["noise"] = noise(min(step, spec.steps - 1))
            vector = F.normalize(network.encode_image(pixels.expand(spec.draws, -1, -1, -1)), dim=-1)
            if step == spec.steps:
                break
            optimiser = optimiser or torch.optim.Adam([a], lr=spec.learning_rate)
            loss = spec.beta * kept["kl"].mean() - F.cosine_similarity(vector, text[None]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    finally:
        handle.remove()
    return kept["kl"].mean(0).nansum(-1).detach()


def test_information_is_the_divergence_from_a_standard_normal():
    mean, deviation = torch.randn(50, generator=torch.Generator().manual_seed(1)), torch.linspace(0.01, 3, 50)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, deviation), normal(0.0, 1.0))
    torch.testing.assert_close(information(mean, deviation), expected)
    for passed, h, expected in (
        (0.5, 1, 0.443147),
        (0.993307149, 0, 4.506738),
        (0.993307149, 1, 5.000067),
        (0, 1, 0),
    ):
        found = information(torch.tensor(passed * h), torch.tensor(1.0 - passed))
        assert float(found) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("layer", [1, 4])
def test_the_fast_map_is_the_plain_one(model, shaped, slices, layer):
    spec = SaliencySpec(layer=layer, steps=3, draws=4, beta=0.1)
    pixels = model.pixels(slices)
    targets = F.normalize(torch.randn((3, 24), generator=torch.Generator().manual_seed(4)), dim=-1)
    layers = model.layers
    with torch.no_grad():
        hidden = layers.below(pixels, layer)
    found = bottleneck(lambda h: layers.above(h, layer), hidden, targets, spec, draws_at_once=2)
    noise = noise_of(spec, *hidden.shape[1:])
    for row in range(len(slices)):
        expected = plain_m2ib(
            shaped.network,
            shaped.network.visual.trunk.blocks,
            pixels[row : row + 1],
            targets[row],
            layer,
            spec,
            noise,
        )
        assert float(expected.std()) > 0.1  # there is something to be equal
        torch.testing.assert_close(found[row], expected, atol=1e-3, rtol=1e-4)


def test_the_map_follows_the_sentence_and_does_not_depend_on_neighbours(model, slices):
    spec = SaliencySpec(steps=4, draws=2)
    one = F.normalize(torch.randn(24, generator=torch.Generator().manual_seed(2)), dim=-1).numpy()
    together = model.saliencies([slices[0], slices[0], slices[2]], np.stack([one, -one, one]), spec=spec)
    alone = model.saliency(slices[2], one * np.float32(3), spec=spec)  # a length does not matter
    np.testing.assert_allclose(together[2].map_yx, alone.map_yx, atol=1e-3)
    assert np.abs(together[0].map_yx - together[1].map_yx).max() > 1e-2
    assert together[2].score == pytest.approx(float(model.embed_images([slices[2]])[0] @ one), abs=1e-4)
    assert together[0].score == pytest.approx(-together[1].score, abs=1e-5)
    assert together[0].method == "m2ib"


@pytest.mark.parametrize("method", ["m2ib", "gradcam", "patches"])
def test_maps_lie_on_the_slice(model, method):
    image = np.random.default_rng(0).integers(0, 200, (50, 130, 3)).astype(np.uint8)
    found = model.saliency(
        image, model.embed_texts(["liver"])[0], method=method, spec=SaliencySpec(steps=1, draws=1)
    )
    assert found.map_yx.shape == (50, 130)
    assert (found.map_yx.min(), found.map_yx.max()) == (0, 1)
    again = model.saliency(
        image, model.embed_texts(["liver"])[0], method=method, spec=SaliencySpec(steps=1, draws=1)
    )
    np.testing.assert_array_equal(found.map_yx, again.map_yx)


def test_what_decides_is_found_where_it_is():
    """A network whose vector is the sum of its patches; only patch 6 points towards the sentence."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn((1, 10, 8), generator=generator) * 0.05
    target = F.normalize(torch.randn((1, 8), generator=generator), dim=-1)
    hidden[0, 6] = 5 * target
    hidden[0, 3] = 5 * (
        torch.roll(target, 1) - (torch.roll(target, 1) * target).sum() * target
    )  # as strong, another
    spec = SaliencySpec(beta=0.1, steps=30, draws=8)
    found = bottleneck(lambda h: h.sum(dim=1), hidden, target, spec)[0]
    assert int(found.argmax()) == 6
    assert float(found[3]) < 0.5 * float(found[6])
    cam = grad_cam(lambda h: h.sum(dim=1), hidden, target, 1)[0]
    assert int(cam.argmax()) == 5  # the token before the patches is left out


def test_the_gradient_map_is_the_weighted_sum(model, shaped, slices):
    layer, target = 2, torch.from_numpy(model.embed_texts(["spleen"]))
    pixels = model.pixels(slices[:1])
    trunk = shaped.network.visual.trunk
    kept = {}

    def keep(module, inputs, output):
        output.retain_grad()
        kept["h"] = output

    handle = trunk.blocks[layer].register_forward_hook(keep)
    vector = F.normalize(shaped.network.encode_image(pixels), dim=-1)
    handle.remove()
    (vector * target).sum().backward()
    h, slope = kept["h"][0, 1:], kept["h"].grad[0, 1:]
    expected = F.relu((h * slope.mean(0)).sum(-1)).detach()
    with torch.no_grad():
        below = model.layers.below(pixels, layer)
    found = grad_cam(lambda x: model.layers.above(x, layer), below, target, 1)[0]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-3)


def test_open_clips_own_vision_transformer_is_cut_rightly():
    torch.manual_seed(0)
    about = {"image_size": 32, "layers": 4, "width": 64, "head_width": 32, "patch_size": 8}
    visual = open_clip.CLIP(16, about, {"width": 32, "heads": 2, "layers": 1}).visual.eval()
    layers = vision_layers(visual)
    pixels = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        for layer in range(3):
            found = layers.above(layers.below(pixels, layer), layer)
            torch.testing.assert_close(found, visual(pixels), atol=1e-5, rtol=1e-4)
    assert (layers.grid_yx, layers.n_prefix, layers.n_layers) == ((4, 4), 1, 4)


@pytest.mark.parametrize(
    "vision",
    [
        {"image_size": 32, "layers": 3, "width": 64, "head_width": 32, "patch_size": 8, "pool_type": "avg"},
        {"timm_model_name": "test_vit", "timm_pool": "avg", "timm_proj": "linear", "image_size": 160},
    ],
    ids=["open_clip", "timm"],
)
def test_the_mean_of_the_patches_is_the_vector_where_the_network_pools_so(vision):
    torch.manual_seed(0)
    visual = open_clip.CLIP(16, vision, {"width": 32, "heads": 2, "layers": 1}).visual.eval()
    layers = vision_layers(visual)
    pixels = torch.randn(2, 3, vision["image_size"], vision["image_size"])
    with torch.no_grad():
        hidden = layers.below(pixels, layers.n_layers - 1)
        patches = layers.patches(hidden)
        if "timm_pool" in vision:  # timm has its norm behind the pooling: a mean of norms is no norm of the mean
            trunk = visual.trunk
            expected = visual.head(trunk.head(trunk.fc_norm(trunk.norm(hidden)[:, 1:])))
            torch.testing.assert_close(patches, expected)
            torch.testing.assert_close(visual.head(trunk.forward_head(trunk.norm(hidden))), visual(pixels))
        else:
            torch.testing.assert_close(patches.mean(dim=1), visual(pixels), atol=1e-5, rtol=1e-4)
    assert patches.shape == (2, layers.grid_yx[0] * layers.grid_yx[1], 16)
    assert float(patches.std(dim=1).mean()) > 1e-2  # patches differ


def test_without_advice_slices_suit_by_the_cosine_of_their_vectors(model, slices):
    vectors = model.embed_texts(["liver", "the left kidney"])
    expected = model.embed_images(slices) @ vectors.T
    np.testing.assert_allclose(likeness(model, slices, vectors), expected, atol=1e-6)
    assert np.ptp(expected) > 5e-4

    class Other:
        embed_images = staticmethod(model.embed_images)

    np.testing.assert_allclose(likeness(Other(), slices, vectors), expected, atol=1e-6)


def test_patches_are_compared_one_by_one(model, slices):
    """The map's greatest patch is the one whose own vector is nearest to the sentence's."""
    layers = model.layers
    with torch.no_grad():
        hidden = layers.below(model.pixels(slices[:1]), layers.n_layers - 1)
        patches = F.normalize(layers.patches(hidden)[0], dim=-1)
    wanted = patches[37]
    found = model.saliency(slices[0], wanted.numpy(), method="patches")
    y, x = np.unravel_index(int(found.map_yx.argmax()), found.map_yx.shape)
    rows, columns = layers.grid_yx
    assert (int(y * rows / 96), int(x * columns / 96)) == divmod(37, columns)
    assert found.method == "patches"
    assert found.score == pytest.approx(float(model.embed_images(slices[:1])[0] @ wanted.numpy()), abs=1e-4)


def test_a_network_that_gathers_its_patches_has_none_of_its_own():
    about = {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8}
    about |= {"attentional_pool": True, "attn_pooler_heads": 2}
    layers = vision_layers(open_clip.CLIP(16, about, {"width": 32, "heads": 2, "layers": 1}).visual.eval())
    with pytest.raises(DataError, match="Choose the saliency method m2ib or gradcam"):
        layers.patches(torch.zeros(1, 17, 64))


def test_the_method_is_the_advised_one_unless_it_is_chosen(shaped, copy, slices):
    file = copy / "open_clip_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"aleatoric": {"saliency_method": "patches"}}))
    model = load_text_image(copy, device="cpu", precision="float32")
    vector = model.embed_texts(["liver"])[0]
    assert model.saliency(slices[0], vector).method == "patches"
    assert model.saliency(slices[0], vector, method="gradcam").method == "gradcam"
    layers = model.layers
    with torch.no_grad():
        last = layers.below(model.pixels(slices), layers.n_layers - 1)
        similar = F.normalize(layers.patches(last), dim=-1) @ torch.from_numpy(vector)
    best = np.sort(similar.numpy(), axis=1)[:, -3:].mean(axis=1)
    np.testing.assert_allclose(model.likeness(slices, vector[None])[:, 0], best, atol=1e-5)
    for method in ("patches", "gradcam"):  # however it is asked where, what suits is judged in one way
        found = model.saliencies(slices, np.stack([vector] * 3), method=method)
        np.testing.assert_allclose([each.score for each in found], best, atol=1e-5)
    advice = {"saliency_method": "patches", "patch_scale": 30.0, "patch_offset": -9.0}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"aleatoric": advice}))
    sharper = load_text_image(copy, device="cpu", precision="float32").saliency(slices[0], vector)
    fine = F.interpolate(similar[0].view(1, 1, *layers.grid_yx), (96, 96), mode="bilinear")[0, 0].numpy()
    shown = 1 / (1 + np.exp(9 - 30 * fine))
    np.testing.assert_allclose(sharper.map_yx, (shown - shown.min()) / np.ptp(shown), atol=1e-3)
    assert sharper.score == pytest.approx(best[0], abs=1e-5)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"aleatoric": {"saliency_method": "magic"}}))
    with pytest.raises(DataError, match="saliency_method"):
        load_text_image(copy, device="cpu", precision="float32")


def test_the_layer_is_the_published_one_or_as_deep():
    assert [default_layer(n) for n in (12, 24, 6, 2)] == [7, 15, 3, 0]


def test_a_layer_that_is_none_and_a_network_without_patches(model, slices):
    with pytest.raises(DataError, match="Expected a layer of 0 to 4"):
        model.saliency(slices[0], model.embed_texts(["liver"])[0], spec=SaliencySpec(layer=5))
    with pytest.raises(DataError, match="vision transformer"):
        vision_layers(
            open_clip.CLIP(16, {"layers": (1, 1, 1, 1), "width": 8, "image_size": 32}, {"layers": 1}).visual
        )
    with pytest.raises(DataError, match="vectors of sentences"):
        model.saliencies(slices, model.embed_texts(["liver"]))


def test_progress_is_told_and_a_stop_obeyed(model, slices):
    told = RecordingReporter()
    texts = np.repeat(model.embed_texts(["liver"]), 3, axis=0)
    model.saliencies(slices, texts, spec=SaliencySpec(steps=2, draws=2), reporter=told)
    assert told.steps[-1][:2] == (3, 3)

    class Stop(RecordingReporter):
        def step(self, done, total, message=""):
            raise Cancelled("Stopped as asked.")

    with pytest.raises(Cancelled):
        model.saliencies(slices, texts, spec=SaliencySpec(steps=2, draws=2), reporter=Stop())
