"""Checkpoints of real networks through the real loader, and every bad one."""

from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import WEIGHTS, WeightsStore
from napari_aleatoric.foundation._weights._check import digest_of
from napari_aleatoric.foundation._weights._known import ARCHITECTURE_NAMES
from napari_aleatoric.model import RecordingReporter

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")
safetensors_torch = pytest.importorskip("safetensors.torch")

from napari_aleatoric.foundation._torch._load_state import load_state  # noqa: E402
from napari_aleatoric.foundation._torch._sam2_net import SAM2_SIZES  # noqa: E402
from napari_aleatoric.foundation._torch._sam_net import ARCHITECTURES, build_sam  # noqa: E402


@pytest.fixture(scope="module")
def sam():
    torch.manual_seed(5)
    return build_sam(ARCHITECTURES["small"])


@pytest.fixture
def state(sam):
    return {name: tensor.clone() for name, tensor in sam.state_dict().items()}


@pytest.fixture
def store(tmp_path):
    return WeightsStore(tmp_path / "weights")


@pytest.fixture
def save(tmp_path):
    """Write a checkpoint as torch does."""

    def _save(what, name="some.pth", **keywords):
        torch.save(what, tmp_path / name, **keywords)
        return tmp_path / name

    return _save


def zeros(architecture):
    with torch.device("meta"):
        shapes = build_sam(ARCHITECTURES[architecture]).state_dict()
    return {name: torch.zeros(tensor.shape) for name, tensor in shapes.items()}


# ---- right files


def test_a_state_dict_comes_back_number_for_number(state, save):
    found, architecture = load_state(save(state), None)
    assert architecture == "small"
    assert list(found) == list(state)
    assert all(torch.equal(found[name], state[name]) for name in state)
    build_sam(ARCHITECTURES["small"]).load_state_dict(found)


def test_safetensors_come_back_in_their_precision(state, tmp_path):
    half = {name: tensor.half() for name, tensor in state.items()}
    safetensors_torch.save_file(half, tmp_path / "some.safetensors")
    found, architecture = load_state(tmp_path / "some.safetensors", "small")
    assert architecture == "small"
    assert all(torch.equal(found[name], half[name]) for name in state)
    sam = build_sam(ARCHITECTURES["small"])
    sam.load_state_dict(found)
    assert sam.mask_decoder.iou_token.weight.dtype == torch.float32


@pytest.mark.parametrize("key", ["model", "state_dict", None])
def test_checkpoints_of_training_programs_are_unwrapped(state, save, key):
    parallel = OrderedDict((f"module.{name}", tensor) for name, tensor in state.items())
    whole = {key: parallel, "epoch": 3, "loss": 0.5} if key else parallel
    found, _ = load_state(save(whole), "small")
    assert torch.equal(found["image_encoder.pos_embed"], state["image_encoder.pos_embed"])


@pytest.fixture(scope="module")
def vit_b(tmp_path_factory):
    """A checkpoint in the published format, made here."""
    state = zeros("vit_b")
    state["mask_decoder.iou_token.weight"] += 0.25
    path = tmp_path_factory.mktemp("vit_b") / "made.pth"
    torch.save(state, path)
    yield path
    path.unlink()


@pytest.mark.parametrize("name", ["sam-vit-b", "medsam-vit-b"])
def test_a_vit_b_checkpoint_goes_through_the_store(vit_b, tmp_path, name):
    """MedSAM's is the same network, read with another scaling."""
    from segment_anything import sam_model_registry

    size = vit_b.stat().st_size
    entry = dataclasses.replace(WEIGHTS[name], sha256=digest_of(vit_b), size_bytes=size)
    assert abs(size - WEIGHTS[name].size_bytes) < 200_000  # the published ones have as many numbers
    store = WeightsStore(tmp_path / "weights", known={name: entry})
    store.import_file(None, vit_b)
    found = store.load_state(name)
    store.path(name).unlink()
    assert float(found["mask_decoder.iou_token.weight"].mean()) == 0.25
    with torch.device("meta"):
        sam = sam_model_registry["vit_b"]()
    sam.load_state_dict(found, assign=True)  # segment-anything's own class takes it


def test_the_known_architectures_are_those_of_the_networks():
    assert {entry.architecture for entry in WEIGHTS.values()} <= set(ARCHITECTURE_NAMES)
    assert set(ARCHITECTURE_NAMES) == {*ARCHITECTURES, *SAM2_SIZES, "sam2"}


# ---- weights of the user's own


def test_own_weights_are_recognised_kept_and_loaded(store, state, save, tmp_path):
    path = save(state, "trained.pt")
    reporter = RecordingReporter()
    status = store.import_file("my-sam", path, reporter, scaling="unit", licence="CC0-1.0")
    assert reporter.steps
    assert (status.state, status.weights.architecture, status.weights.scaling) == ("verified", "small", "unit")
    assert store.names()[-1] == "my-sam"
    path.unlink()
    again = WeightsStore(store.folder)
    assert torch.equal(again.load_state("my-sam")["image_encoder.pos_embed"], state["image_encoder.pos_embed"])
    state["image_encoder.pos_embed"] += 1
    store.import_file("my-sam", save(state, "better.pt"))
    assert torch.equal(again.load_state("my-sam")["image_encoder.pos_embed"], state["image_encoder.pos_embed"])
    assert len(list(store.folder.glob("own-my-sam-*.pth"))) == 1
    assert again.info("my-sam").good_for.startswith("Your own; imported from better.pt on 2")


def test_own_weights_that_do_not_fit_are_not_kept(store, state, save):
    store.import_file("my-sam", save(state))
    del state["image_encoder.pos_embed"]
    with pytest.raises(DataError, match=r"^bad.pth is not whole: .* lacks 'image_encoder.pos_embed' \(1 missing"):
        store.import_file("my-sam", save(state, "bad.pth"))
    assert store.verify("my-sam").state == "verified"
    with pytest.raises(DataError, match=r"^some.pth has the wrong architecture: expected vit_h"):
        store.import_file("other", save(store.load_state("my-sam")), architecture="vit_h")
    assert "other" not in store.names()
    assert not list(store.folder.glob("*.importing"))


KILLED = """
import sys
from pathlib import Path
from napari_aleatoric.foundation import WeightsStore
from napari_aleatoric.foundation._weights import _files
def wait(*_):
    print("here", flush=True)
    sys.stdin.read()
_files.Record.write = wait
WeightsStore(Path(sys.argv[1])).import_file("my-sam", Path(sys.argv[2]))
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_own_weights_killed_before_their_record_leave_the_earlier_ones(store, state, save):
    store.import_file("my-sam", save(state))
    before = store.info("my-sam").sha256
    state["image_encoder.pos_embed"] += 1
    path = save(state, "better.pth")
    command = [sys.executable, "-c", KILLED, str(store.folder), str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "here\n"
    assert len(list(store.folder.glob("own-*.pth"))) == 2
    process.kill()
    process.communicate()
    again = WeightsStore(store.folder)
    assert again.verify("my-sam").weights.sha256 == before
    assert torch.equal(again.load_state("my-sam")["image_encoder.pos_embed"] + 1, state["image_encoder.pos_embed"])
    again.import_file("my-sam", path)
    assert len(list(store.folder.glob("own-*.pth"))) == 1


# ---- bad files, each with its sentence


class Bomb:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("form", ["torch", "legacy", "pickle"])
def test_a_pickle_bomb_does_not_go_off(state, save, store, tmp_path, form):
    crater = tmp_path / "crater"
    bomb = {**state, "extra": Bomb(crater)}
    path = tmp_path / "bomb.pth"
    if form == "pickle":
        path.write_bytes(pickle.dumps({"model": Bomb(crater)}))
    else:
        save(bomb, "bomb.pth", _use_new_zipfile_serialization=form == "torch")
    for attempt in (lambda: load_state(path, "small"), lambda: store.import_file("mine", path)):
        with pytest.raises(DataError, match=r"^bomb.pth holds more than weights: reading it would call"):
            attempt()
    assert not crater.exists()
    torch.load(path, weights_only=False) if form != "pickle" else pickle.loads(path.read_bytes())
    assert crater.exists()  # it is a real one


def test_torch_itself_refuses_what_the_look_at_the_file_lets_through(state, save, monkeypatch, tmp_path):
    from napari_aleatoric.foundation._torch import _load_state

    monkeypatch.setattr(_load_state, "check_format", lambda *_: "torch")
    crater = tmp_path / "crater"
    with pytest.raises(DataError, match="torch refused to read it"):
        load_state(save({**state, "extra": Bomb(crater)}), "small")
    assert not crater.exists()


def test_corrupted_after_the_import(store, state, save):
    store.import_file("mine", save(state))
    path = store.path("mine")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"is damaged, or not mine: .* SHA-256 begins with"):
        store.load_state("mine")


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_truncated(state, save, tmp_path, share, kind):
    path = tmp_path / f"some.{kind}"
    save(state, path.name) if kind == "pth" else safetensors_torch.save_file(state, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=f"^some.{kind} is truncated"):
        load_state(path, "small")


@pytest.mark.parametrize(("came", "wanted"), [("small", "vit_b"), ("vit_b", "small"), ("vit_l", "vit_b")])
def test_wrong_architecture(save, came, wanted):
    with torch.device("meta"):
        shapes = build_sam(ARCHITECTURES[came]).state_dict()
    thin = {name: torch.zeros(1).expand(tensor.shape) for name, tensor in shapes.items()}  # one number on the disk
    path = save(thin)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(
        DataError, match=f"^some.pth has the wrong architecture: expected {wanted}, and it looks like {came}"
    ):
        load_state(path, wanted)
    assert load_state(path, None)[1] == came


def test_wrong_shapes(state, save):
    state["image_encoder.pos_embed"] = torch.zeros(1, 8, 8, 192)
    words = r"wrong shape: for small, '.*pos_embed' has to be \(1, 16, 16, 192\), and here it is \(1, 8, 8, 192\)"
    with pytest.raises(DataError, match=words):
        load_state(save(state), "small")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_numbers_that_are_none(state, save, value, kind):
    state = {name: tensor.to(getattr(torch, kind)) for name, tensor in state.items()}
    state["mask_decoder.iou_token.weight"][0, 3] = value
    with pytest.raises(DataError, match=r"of no use: 'mask_decoder.iou_token.weight' holds NaN or infinity"):
        load_state(save(state), "small")


def test_large_numbers_are_no_infinity(state, save):
    state["mask_decoder.iou_token.weight"] += 3e38
    load_state(save(state), "small")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda s: {**s, "head.weight": torch.zeros(2)}, r"is not whole: .* has 'head.weight' besides"),
        (lambda s: {"conv.weight": torch.zeros(2, 2)}, "is no Segment Anything checkpoint"),
        (lambda s: {"vision_encoder." + name: t for name, t in s.items()}, "is no Segment Anything checkpoint"),
        (lambda s: {}, "holds no weights: .* got a dictionary of nothing"),
        (lambda s: torch.zeros(3), "holds no weights: .* got one Tensor"),
        (lambda s: {"epoch": 3, "optimizer": {"lr": 0.1}}, "got a dictionary of epoch, optimizer"),
        (lambda s: [1, 2], "got one list"),
        (lambda s: {name: t.to(torch.int8) for name, t in s.items()}, "wrong kind: .* holds int8 numbers"),
        (lambda s: {**s, "path": Path("x")}, r"holds more than weights: reading it would call pathlib"),
    ],
)
@pytest.mark.parametrize("architecture", ["small", None])
def test_other_contents(state, save, make, words, architecture):
    with pytest.raises(DataError, match=words):
        load_state(save(make(state)), architecture)


def test_an_old_file_of_torch_is_told_so(state, save):
    with pytest.raises(DataError, match="is a pickle, not the archive that torch"):
        load_state(save({"a": torch.zeros(2)}, _use_new_zipfile_serialization=False), "small")


def test_a_damaged_archive_is_a_sentence(state, save, tmp_path):
    """Right table of contents, but one member is gone."""
    path = save(state)
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "less.pth", "w") as made:
        for entry in whole.infolist():
            if not entry.filename.endswith("/data/7"):
                made.writestr(entry.filename, whole.read(entry))
    with pytest.raises(DataError, match=r"^less.pth is damaged: torch cannot read it"):
        load_state(tmp_path / "less.pth", "small")
