"""SAM 2's checkpoints, as published and as transformers saves them, through the real loader and store."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parent))
from sam2_nets import picture, randomise, video_net  # noqa: E402

from napari_aleatoric.errors import DataError, NotFoundError  # noqa: E402
from napari_aleatoric.foundation import WEIGHTS, Prompt, SliceTracker, WeightsStore, segmenter  # noqa: E402
from napari_aleatoric.foundation._torch._load_sam2 import load_sam2  # noqa: E402
from napari_aleatoric.foundation._torch._load_state import load_state  # noqa: E402
from napari_aleatoric.foundation._torch._sam2_names import from_published, looks_published  # noqa: E402
from napari_aleatoric.foundation._torch._sam2_net import build_sam2, published_config  # noqa: E402
from napari_aleatoric.foundation._weights._check import digest_of  # noqa: E402

# The names in Meta's checkpoints of SAM 2.1, one line for every kind: ours = theirs, written down from the modules
# of github.com/facebookresearch/sam2 without the rules that are tested; W stands for weight and bias.
THEIRS = """
vision_encoder.backbone.pos_embed = image_encoder.trunk.pos_embed
vision_encoder.backbone.pos_embed_window = image_encoder.trunk.pos_embed_window
vision_encoder.backbone.patch_embed.projection.W = image_encoder.trunk.patch_embed.proj.W
vision_encoder.backbone.blocks.N.layer_norm1.W = image_encoder.trunk.blocks.N.norm1.W
vision_encoder.backbone.blocks.N.layer_norm2.W = image_encoder.trunk.blocks.N.norm2.W
vision_encoder.backbone.blocks.N.attn.qkv.W = image_encoder.trunk.blocks.N.attn.qkv.W
vision_encoder.backbone.blocks.N.attn.proj.W = image_encoder.trunk.blocks.N.attn.proj.W
vision_encoder.backbone.blocks.N.proj.W = image_encoder.trunk.blocks.N.proj.W
vision_encoder.backbone.blocks.N.mlp.proj_in.W = image_encoder.trunk.blocks.N.mlp.layers.0.W
vision_encoder.backbone.blocks.N.mlp.proj_out.W = image_encoder.trunk.blocks.N.mlp.layers.1.W
vision_encoder.neck.convs.N.W = image_encoder.neck.convs.N.conv.W
no_memory_embedding = no_mem_embed
no_memory_positional_encoding = no_mem_pos_enc
memory_temporal_positional_encoding = maskmem_tpos_enc
no_object_pointer = no_obj_ptr
occlusion_spatial_embedding_parameter = no_obj_embed_spatial
mask_downsample.W = mask_downsample.W
object_pointer_proj.proj_in.W = obj_ptr_proj.layers.0.W
object_pointer_proj.layers.0.W = obj_ptr_proj.layers.1.W
object_pointer_proj.proj_out.W = obj_ptr_proj.layers.2.W
temporal_positional_encoding_projection_layer.W = obj_ptr_tpos_proj.W
memory_attention.layer_norm.W = memory_attention.norm.W
memory_attention.layers.N.layer_norm1.W = memory_attention.layers.N.norm1.W
memory_attention.layers.N.layer_norm2.W = memory_attention.layers.N.norm2.W
memory_attention.layers.N.layer_norm3.W = memory_attention.layers.N.norm3.W
memory_attention.layers.N.linear1.W = memory_attention.layers.N.linear1.W
memory_attention.layers.N.linear2.W = memory_attention.layers.N.linear2.W
memory_attention.layers.N.self_attn.q_proj.W = memory_attention.layers.N.self_attn.q_proj.W
memory_attention.layers.N.self_attn.k_proj.W = memory_attention.layers.N.self_attn.k_proj.W
memory_attention.layers.N.self_attn.v_proj.W = memory_attention.layers.N.self_attn.v_proj.W
memory_attention.layers.N.self_attn.o_proj.W = memory_attention.layers.N.self_attn.out_proj.W
memory_attention.layers.N.cross_attn_image.q_proj.W = memory_attention.layers.N.cross_attn_image.q_proj.W
memory_attention.layers.N.cross_attn_image.k_proj.W = memory_attention.layers.N.cross_attn_image.k_proj.W
memory_attention.layers.N.cross_attn_image.v_proj.W = memory_attention.layers.N.cross_attn_image.v_proj.W
memory_attention.layers.N.cross_attn_image.o_proj.W = memory_attention.layers.N.cross_attn_image.out_proj.W
memory_encoder.mask_downsampler.layers.0.conv.W = memory_encoder.mask_downsampler.encoder.0.W
memory_encoder.mask_downsampler.layers.0.layer_norm.W = memory_encoder.mask_downsampler.encoder.1.W
memory_encoder.mask_downsampler.layers.1.conv.W = memory_encoder.mask_downsampler.encoder.3.W
memory_encoder.mask_downsampler.layers.1.layer_norm.W = memory_encoder.mask_downsampler.encoder.4.W
memory_encoder.mask_downsampler.layers.2.conv.W = memory_encoder.mask_downsampler.encoder.6.W
memory_encoder.mask_downsampler.layers.2.layer_norm.W = memory_encoder.mask_downsampler.encoder.7.W
memory_encoder.mask_downsampler.layers.3.conv.W = memory_encoder.mask_downsampler.encoder.9.W
memory_encoder.mask_downsampler.layers.3.layer_norm.W = memory_encoder.mask_downsampler.encoder.10.W
memory_encoder.mask_downsampler.final_conv.W = memory_encoder.mask_downsampler.encoder.12.W
memory_encoder.feature_projection.W = memory_encoder.pix_feat_proj.W
memory_encoder.projection.W = memory_encoder.out_proj.W
memory_encoder.memory_fuser.layers.N.depthwise_conv.W = memory_encoder.fuser.layers.N.dwconv.W
memory_encoder.memory_fuser.layers.N.layer_norm.W = memory_encoder.fuser.layers.N.norm.W
memory_encoder.memory_fuser.layers.N.pointwise_conv1.W = memory_encoder.fuser.layers.N.pwconv1.W
memory_encoder.memory_fuser.layers.N.pointwise_conv2.W = memory_encoder.fuser.layers.N.pwconv2.W
memory_encoder.memory_fuser.layers.N.scale = memory_encoder.fuser.layers.N.gamma
prompt_encoder.not_a_point_embed.weight = sam_prompt_encoder.not_a_point_embed.weight
prompt_encoder.no_mask_embed.weight = sam_prompt_encoder.no_mask_embed.weight
prompt_encoder.mask_embed.conv1.W = sam_prompt_encoder.mask_downscaling.0.W
prompt_encoder.mask_embed.layer_norm1.W = sam_prompt_encoder.mask_downscaling.1.W
prompt_encoder.mask_embed.conv2.W = sam_prompt_encoder.mask_downscaling.3.W
prompt_encoder.mask_embed.layer_norm2.W = sam_prompt_encoder.mask_downscaling.4.W
prompt_encoder.mask_embed.conv3.W = sam_prompt_encoder.mask_downscaling.6.W
mask_decoder.iou_token.weight = sam_mask_decoder.iou_token.weight
mask_decoder.mask_tokens.weight = sam_mask_decoder.mask_tokens.weight
mask_decoder.obj_score_token.weight = sam_mask_decoder.obj_score_token.weight
mask_decoder.conv_s0.W = sam_mask_decoder.conv_s0.W
mask_decoder.conv_s1.W = sam_mask_decoder.conv_s1.W
mask_decoder.upscale_conv1.W = sam_mask_decoder.output_upscaling.0.W
mask_decoder.upscale_layer_norm.W = sam_mask_decoder.output_upscaling.1.W
mask_decoder.upscale_conv2.W = sam_mask_decoder.output_upscaling.3.W
mask_decoder.output_hypernetworks_mlps.N.proj_in.W = sam_mask_decoder.output_hypernetworks_mlps.N.layers.0.W
mask_decoder.output_hypernetworks_mlps.N.layers.0.W = sam_mask_decoder.output_hypernetworks_mlps.N.layers.1.W
mask_decoder.output_hypernetworks_mlps.N.proj_out.W = sam_mask_decoder.output_hypernetworks_mlps.N.layers.2.W
mask_decoder.iou_prediction_head.proj_in.W = sam_mask_decoder.iou_prediction_head.layers.0.W
mask_decoder.iou_prediction_head.layers.0.W = sam_mask_decoder.iou_prediction_head.layers.1.W
mask_decoder.iou_prediction_head.proj_out.W = sam_mask_decoder.iou_prediction_head.layers.2.W
mask_decoder.pred_obj_score_head.proj_in.W = sam_mask_decoder.pred_obj_score_head.layers.0.W
mask_decoder.pred_obj_score_head.layers.0.W = sam_mask_decoder.pred_obj_score_head.layers.1.W
mask_decoder.pred_obj_score_head.proj_out.W = sam_mask_decoder.pred_obj_score_head.layers.2.W
mask_decoder.transformer.layer_norm_final_attn.W = sam_mask_decoder.transformer.norm_final_attn.W
mask_decoder.transformer.layers.N.mlp.proj_in.W = sam_mask_decoder.transformer.layers.N.mlp.layers.0.W
mask_decoder.transformer.layers.N.mlp.proj_out.W = sam_mask_decoder.transformer.layers.N.mlp.layers.1.W
"""


def pairs() -> dict[str, str]:
    found = dict(line.split(" = ") for line in THEIRS.strip().splitlines())
    matrix = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
    found["prompt_encoder.shared_embedding.positional_embedding"] = matrix
    ours, theirs = "mask_decoder.transformer.", "sam_mask_decoder.transformer."
    attentions = [
        f"layers.N.{each}" for each in ("self_attn", "cross_attn_token_to_image", "cross_attn_image_to_token")
    ]
    for name in (*attentions, "final_attn_token_to_image"):
        for letter in "qkv":
            found[f"{ours}{name}.{letter}_proj.W"] = f"{theirs}{name}.{letter}_proj.W"
        found[f"{ours}{name}.o_proj.W"] = f"{theirs}{name}.out_proj.W"
    for n in (1, 2, 3, 4):
        found[f"{ours}layers.N.layer_norm{n}.W"] = f"{theirs}layers.N.norm{n}.W"
    return found


def published(state: dict[str, Any]) -> dict[str, Any]:
    """The same numbers under the names of a published checkpoint."""
    table = pairs()
    found = {}
    for name, tensor in state.items():
        if name == "prompt_encoder.point_embed.weight":
            found.update(
                {f"sam_prompt_encoder.point_embeddings.{n}.weight": tensor[n : n + 1].clone() for n in range(4)}
            )
        elif name != "shared_image_embedding.positional_embedding":
            for number in (None, re.search(r"\.(\d+)\.", name)):
                general = name if number is None else f"{name[: number.start(1)]}N{name[number.end(1) :]}"
                ending = general.rpartition(".")[2]
                wild = general.removesuffix(ending) + "W" if ending in ("weight", "bias") else general
                match = table.get(general) or table.get(wild)
                if match is not None:
                    theirs = match if number is None else match.replace("N", number[1], 1)
                    found[theirs.removesuffix("W") + ending if theirs.endswith(".W") else theirs] = tensor.clone()
                    break
            else:
                raise AssertionError(f"nothing is written down about {name}")
    return found


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def tiny() -> dict[str, Any]:
    """Random numbers for the published network of 39 million."""
    net = build_sam2(published_config("sam2.1_hiera_tiny")).to_empty(device="cpu")
    randomise(net, 1)
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    matrix = torch.randn(state["shared_image_embedding.positional_embedding"].shape)
    for name in ("shared_image_embedding", "prompt_encoder.shared_embedding"):
        state[f"{name}.positional_embedding"] = matrix
    return state


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    return WeightsStore(tmp_path / "weights", offline=True)


def test_every_published_name_finds_its_place(tiny: dict[str, Any]) -> None:
    theirs = published(tiny)
    assert looks_published(theirs)
    assert not looks_published(tiny)
    assert len(theirs) == len(tiny) + 2  # four embeddings of points instead of one, one matrix instead of two
    assert same(from_published(theirs), tiny)


def test_what_no_rule_knows_stays_foreign(tiny: dict[str, Any], tmp_path: Path) -> None:
    theirs = published(tiny)
    for change, sentence in (
        ({"memory_encoder.extra.weight": torch.zeros(2)}, "besides"),
        ({"sam_prompt_encoder.mask_downscaling.9.weight": torch.zeros(2)}, "besides"),
        ({"no_mem_embed": None}, "lacks 'no_memory_embedding'"),
        ({"sam_prompt_encoder.point_embeddings.2.weight": None}, "lacks 'prompt_encoder.point_embed.weight'"),
        ({"no_obj_ptr": torch.zeros(1, 128)}, "wrong shape"),
        ({"no_obj_ptr": torch.full((1, 256), torch.nan)}, "NaN"),
    ):
        changed = {name: tensor for name, tensor in {**theirs, **change}.items() if tensor is not None}
        torch.save({"model": changed}, tmp_path / "some.pt")
        with pytest.raises(DataError, match=sentence):
            load_state(tmp_path / "some.pt", "sam2.1_hiera_tiny")


def test_a_published_checkpoint_is_imported_verified_and_answers(
    tiny: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "MedSAM2_latest.pt"
    torch.save({"model": published(tiny)}, path)
    for name in ("medsam2", "sam2.1-hiera-tiny"):
        assert (
            abs(path.stat().st_size - WEIGHTS[name].size_bytes) < 300_000
        )  # the published ones have as many numbers
    entry = dataclasses.replace(WEIGHTS["medsam2"], sha256=digest_of(path), size_bytes=path.stat().st_size)
    store = WeightsStore(tmp_path / "weights", known={"medsam2": entry}, offline=True)
    assert store.import_file("medsam2", path).state == "verified"
    assert same(store.load_state("medsam2"), tiny)
    found = load_sam2("medsam2", device="cpu", store=store)
    assert isinstance(found, SliceTracker)
    assert found.name.startswith(f"medsam2-{entry.sha256[:12]}")
    assert found.input_size_for((600, 600)) == 512  # what MedSAM2 was trained for
    embeddings = found.embed([picture(40, 50, n) for n in range(2)])
    assert embeddings[0].values.shape == (256, 6, 6)
    assert [at for at, _ in found.track(embeddings, 0, Prompt((5, 5, 30, 20)))] == [0, 1]


def test_a_checkpoint_of_ones_own_is_recognised(tiny: dict[str, Any], tmp_path: Path, store: WeightsStore) -> None:
    path = tmp_path / "mine.pt"
    torch.save(published(tiny), path)
    assert store.import_file("mine", path).weights.architecture == "sam2.1_hiera_tiny"
    assert store.import_file("mine", path, architecture="sam2.1_hiera_tiny_512").state == "verified"
    assert store.info("mine").architecture == "sam2.1_hiera_tiny_512"
    with pytest.raises(DataError, match=r"expected vit_b, and it looks like sam2\.1_hiera_tiny"):
        load_state(path, "vit_b")


# -- folders as transformers saves them ---------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    video_net(7).save_pretrained(tmp_path / "net")
    return tmp_path / "net"


def test_a_folder_becomes_weights_that_are_listed_verified_and_answer(
    folder: Path, store: WeightsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = store.import_file("mine", folder, licence="CC0-1.0")
    assert (status.state, status.weights.architecture, status.weights.licence) == ("verified", "sam2", "CC0-1.0")
    assert store.names()[-1] == "mine"
    assert store.verify("mine").state == "verified"
    assert same(store.load_state("mine"), video_net(7).state_dict())
    monkeypatch.setenv("ALEATORIC_WEIGHTS", str(store.folder))
    ours = segmenter("mine", device="cpu", input_size=128)
    (found,) = ours.predict(ours.embed([picture(128, 128)]), [Prompt((10, 50, 70, 80))])
    from napari_aleatoric.foundation._torch._sam2 import Sam2Tracker

    direct = Sam2Tracker(video_net(7), "net", device="cpu", precision=ours._precision, input_size=128)
    (expected,) = direct.predict(direct.embed([picture(128, 128)]), [Prompt((10, 50, 70, 80))])
    assert found.logits.tobytes() == expected.logits.tobytes()
    again = store.path("mine").read_bytes()
    store.path("mine").write_bytes(again[:-3])
    assert store.status("mine").state == "damaged"
    with pytest.raises(DataError, match="truncated"):
        store.verify("mine")


def test_bad_folders_each_have_their_sentence(folder: Path, tmp_path: Path, store: WeightsStore) -> None:
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    config = json.loads(good["config.json"])

    def attempt(match: str, error: type[Exception] = DataError, **files: bytes | None) -> None:
        for name, data in {**good, **{k.replace("__", "."): v for k, v in files.items()}}.items():
            (folder / name).unlink(missing_ok=True)
            if data is not None:
                (folder / name).write_bytes(data)
        with pytest.raises(error, match=match):
            store.import_file("mine", folder)
        for path in folder.iterdir():
            path.unlink()
        assert store.names() == list(WEIGHTS)
        assert [p.name for p in store.folder.iterdir() if not p.name.startswith(".")] == []

    header, numbers = good["model.safetensors"][:-8], good["model.safetensors"]
    attempt("no config.json", NotFoundError, config__json=None)
    attempt("no model.safetensors", NotFoundError, model__safetensors=None)
    attempt("pickle", NotFoundError, model__safetensors=None, pytorch_model__bin=b"PK\x03\x04")
    attempt("config.json cannot be read", config__json=b"{")
    attempt("config.json cannot be read", config__json=b"[1]")
    attempt("describes another network.*'bert'", config__json=json.dumps({"model_type": "bert"}).encode())
    attempt("truncated", model__safetensors=header)
    attempt("damaged", model__safetensors=numbers + b"12")
    attempt("holds more than weights|pickle", model__safetensors=b"cos\nsystem\n(S'true'\ntR.")
    attempt("torch checkpoint", model__safetensors=b"PK\x03\x04" + bytes(100))
    attempt("web page", model__safetensors=b"<html>")
    attempt("is empty", model__safetensors=b"")
    wide = json.dumps({**config, "memory_attention_num_layers": 3}).encode()
    attempt("is not whole.*lacks 'memory_attention.layers.2", config__json=wide)
    odd = json.dumps({**config, "prompt_encoder_config": {**config["prompt_encoder_config"], "image_size": 100}})
    attempt("multiple of 32", config__json=odd.encode())


def test_code_beside_the_weights_is_never_run(folder: Path, store: WeightsStore) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Evil"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('run')")
    assert store.import_file("mine", folder).state == "verified"
    assert "evil" not in sys.modules
    load_sam2("mine", device="cpu", store=store)


def test_a_folder_under_a_known_name_says_what_to_do(folder: Path, store: WeightsStore) -> None:
    with pytest.raises(NotFoundError, match="name of its own"):
        store.import_file("sam2.1-hiera-tiny", folder)


CHILD = """
import sys
from pathlib import Path
from napari_aleatoric.foundation import WeightsStore
from napari_aleatoric.foundation._weights import _bring, _files

def wait(*arguments, **keywords):
    print("here", flush=True)
    sys.stdin.read()

class Waiting:
    def step(self, done, total, message=""):
        if sys.argv[3] == "step" and done > 0:
            wait()
    def metric(self, name, value, step=0):
        pass

if sys.argv[3] == "rename":
    _bring.put_in_place = wait
if sys.argv[3] == "record":
    _files.Record.write = wait
WeightsStore(Path(sys.argv[1])).import_file("mine", Path(sys.argv[2]), Waiting())
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("stop", ["step", "rename", "record"])
def test_an_import_of_a_folder_killed_anywhere_leaves_nothing_half(
    folder: Path, store: WeightsStore, stop: str
) -> None:
    command = [sys.executable, "-c", CHILD, str(store.folder), str(folder), stop]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert "mine" not in store.names()
    assert store.import_file("mine", folder).state == "verified"
    left = sorted(path.name for path in store.folder.iterdir() if not path.name.startswith("."))
    assert left == sorted([store.path("mine").name, "own-mine.json"])
