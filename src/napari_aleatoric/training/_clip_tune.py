"""The doors to fine-tuning a text-image model; torch is loaded when one is opened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_aleatoric.errors import MissingExtraError
from napari_aleatoric.foundation import load_text_image
from napari_aleatoric.io import Workspace, write_whole
from napari_aleatoric.model import Reporter, SilentReporter

from ._clip_pairs import CaptionedImage, caption_pairs, split_pairs
from ._clip_retrieval import Retrieval
from ._clip_spec import ClipJobSpec, ClipTuneSpec

if TYPE_CHECKING:
    from napari_aleatoric.foundation import OpenClipModel

__all__ = ["ClipTuned", "finetune_clip", "finetune_clip_folder", "finetune_clip_job"]


@dataclass(frozen=True)
class ClipTuned:
    """What came of fine-tuning.

    Parameters
    ----------
    before, after : Retrieval
        On pairs of patients that were held out.
    n_learned : int
        Pairs that were learned from.
    n_held_out : int
        Pairs that were not.
    model : str
        Name of the model before.
    """

    before: Retrieval
    after: Retrieval
    n_learned: int
    n_held_out: int
    model: str


def finetune_clip(
    pairs: Sequence[CaptionedImage],
    model: OpenClipModel,
    spec: ClipTuneSpec,
    state_file: Path,
    reporter: Reporter | None = None,
) -> ClipTuned:
    """Teach a text-image model images and captions with the DHN-NCE loss, or go on where it stopped.

    Parameters
    ----------
    pairs : sequence of CaptionedImage
        All; some patients are held out.
    model : OpenClipModel
        Changed in place.
    spec : ClipTuneSpec
        How long and how fast.
    state_file : Path
        Where the state is kept between runs. A file of other pairs, settings or another model is replaced.
    reporter : Reporter, optional
        Hears of every step and may stop there.

    Returns
    -------
    ClipTuned
    """
    try:
        from ._torch._clip_loop import tune_clip
    except ImportError as error:
        raise MissingExtraError.for_extra("ai", "fine-tune a text-image model") from error
    learned, held = split_pairs(pairs, spec.held_out, spec.seed)
    name = model.name
    before, after = tune_clip(learned, held, model, spec, state_file, reporter or SilentReporter())
    return ClipTuned(before, after, len(learned), len(held), name)


def finetune_clip_folder(spec: ClipJobSpec, reporter: Reporter | None = None) -> ClipTuned:
    """Read pairs and model, fine-tune, and write the model and ``finetune.json`` into the folder ``spec.out``.

    The folder is read by `load_text_image`. An interrupted run leaves ``state.pt`` there, and goes on from it.
    """
    told = reporter or SilentReporter()
    pairs = caption_pairs(Path(spec.pairs).expanduser(), spec.tune.least_characters)
    model = load_text_image(
        spec.model, weights=spec.weights or None, device=spec.tune.device, precision="float32", reporter=told
    )
    out = Path(spec.out).expanduser()
    state = out / "state.pt"
    found = finetune_clip(pairs, model, spec.tune, state, told)
    model.save(out)
    record = {"from": found.model, "settings": spec.tune.model_dump(mode="json"), **asdict(found)}
    write_whole(out / "finetune.json", (json.dumps(record, indent=2) + "\n").encode())
    state.unlink(missing_ok=True)
    return found


def finetune_clip_job(workspace: Workspace, spec: ClipJobSpec, reporter: Reporter) -> ClipTuned:
    """Do the same as a job of a workspace; paths that are not whole begin at the workspace."""
    root = workspace.root
    paths = {"pairs": str(root / spec.pairs), "out": str(root / spec.out)}
    return finetune_clip_folder(spec.model_copy(update=paths), reporter)
