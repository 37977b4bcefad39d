"""The verb ``segment``: from words to masks, for one volume or as proposals for many."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_aleatoric.errors import DataError

from ._terminal import BarReporter, note, print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.segmentation import FolderSpec, FolderSummary, VolumeSpec

__all__ = ["segment"]


def segment(
    source: Annotated[
        Path,
        typer.Argument(
            help="A volume, a folder of DICOM slices, a folder of images, or a workspace.", metavar="VOLUME|FOLDER"
        ),
    ],
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text", "-t", help='What to look for, e.g. "liver"; may be given repeatedly.', metavar="WORDS"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Mask file for a volume; folder of proposals otherwise.", metavar="PATH"),
    ] = None,
    model: Annotated[
        str,
        typer.Option("--model", help="Text-image model: a folder, or a name such as biomedclip.", metavar="NAME"),
    ] = "",
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="File of weights, for an architecture of open_clip.", metavar="FILE"),
    ] = None,
    segmenter: Annotated[
        str, typer.Option("--segmenter", help="What outlines: sam-small, sam-vit-b, …", metavar="NAME")
    ] = "sam-small",
    device: Annotated[
        str, typer.Option("--device", help="Where they run: cpu, cuda, mps or auto.", metavar="NAME")
    ] = "auto",
    modality: Annotated[
        str, typer.Option("--modality", help="CT, MR, PET, XR, US; by default as the file says.", metavar="NAME")
    ] = "",
    spec: Annotated[
        Path | None, typer.Option("--spec", help="Settings of the stages as a JSON file; replays a run.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="One setting, e.g. --set threshold=two-means; may be repeated.", metavar="NAME=VALUE"
        ),
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="For a folder: start a job of its own and return at once.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Outline what words name. Masks are proposals: a person decides.

    A volume gives a mask file on exactly its grid: value 1 for the first --text, 2 for the second. A folder gives a
    data set of proposals that can be reviewed; a stopped run goes on where it was. What is not found stays empty.
    """
    texts = tuple(text or ())
    if not texts:
        raise DataError('Say what to look for: --text "liver".')
    chosen = _spec(spec, setting or [])
    place = Path(model)  # a job may run from another folder
    names = {
        "model": str(place.resolve()) if model and place.is_dir() else model,
        "weights": "" if weights is None else str(weights.resolve()),
    }
    if _is_volume(source):
        if background:
            raise DataError("--background is for folders; one volume is segmented at once.")
        _volume(source, texts, _mask_file(out), chosen, names, segmenter, device, modality, as_json)
        return
    from napari_aleatoric.segmentation import FolderSpec

    wanted = FolderSpec(texts=texts, segmenter=segmenter, device=device, volume=chosen, **names)
    _folder(source, wanted, out, background, as_json)


def _spec(path: Path | None, settings: list[str]) -> VolumeSpec:
    from napari_aleatoric.segmentation import VolumeSpec

    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"'{path.name}' is no JSON file of settings ({error}).") from error
    for each in settings:
        name, sign, value = each.partition("=")
        if not sign:
            raise DataError(f"Expected a setting like threshold=otsu, got '{each}'.")
        try:
            values[name.strip()] = json.loads(value)
        except ValueError:
            values[name.strip()] = value.strip()
    try:
        return VolumeSpec.model_validate(values)
    except ValueError as error:
        raise DataError(f"These settings are not understood: {error}") from error


def _is_volume(source: Path) -> bool:
    from napari_aleatoric.io import Workspace

    if not source.exists():
        raise DataError(f"There is no file or folder '{source.name}'. Check the path.")
    if source.is_file():
        return True
    return not Workspace.is_workspace(source) and any(each.suffix.lower() == ".dcm" for each in source.iterdir())


def _mask_file(out: Path | None) -> Path:
    if out is None:
        raise DataError("Say where the mask is to be written: --out mask.nii.gz.")
    return out


def _volume(
    source: Path,
    texts: tuple[str, ...],
    out: Path,
    spec: VolumeSpec,
    names: dict[str, str],
    segmenter: str,
    device: str,
    modality: str,
    as_json: bool,
) -> None:
    from dataclasses import replace

    from napari_aleatoric.io import read_volume, write_label_map
    from napari_aleatoric.segmentation import PromptLibrary, open_segmenter, open_text_model, segment_words

    if out.resolve() == source.resolve():
        raise DataError("The mask would replace the image. Name another file after --out.")
    seer = open_text_model(names["model"], weights=names["weights"], device=device)
    outliner = open_segmenter(segmenter, device=device)
    volume = read_volume(source)
    volume = replace(volume, modality=modality or volume.modality)
    with BarReporter("Looking") as reporter:
        label, classes = segment_words(volume, texts, seer, outliner, spec, PromptLibrary.load(), reporter)
    write_label_map(out, label)
    if as_json:
        rows = [each.model_dump(mode="json") for each in classes]
        print_json({"image": source.name, "mask": str(out), "classes": rows, "spec": spec.model_dump(mode="json")})
        return
    for number, each in enumerate(classes, start=1):
        print_line(f"{number}  {each.sentence}")
    print_line(f"Written: {out}")


def _folder(source: Path, spec: FolderSpec, out: Path | None, background: bool, as_json: bool) -> None:
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.segmentation import (
        images_in,
        open_segmenter,
        open_text_model,
        segment_cases,
        segment_workspace,
    )

    if out is not None:
        spec = spec.model_copy(update={"destination": str(out.resolve())})
    if Workspace.is_workspace(source) or background:
        opened = Workspace.open(source) if Workspace.is_workspace(source) else _workspace_of(source, spec)
        if background:
            _in_background(opened, spec, as_json)
            return
        with BarReporter("Segmenting") as reporter:
            summary = segment_workspace(opened, spec, reporter=reporter)
    else:
        destination = _proposals_folder(source, spec)
        seer = open_text_model(spec.model, weights=spec.weights, device=spec.device)
        outliner = open_segmenter(spec.segmenter, device=spec.device)
        with BarReporter("Segmenting") as reporter:
            summary = segment_cases(images_in(source), destination, spec, seer, outliner, reporter=reporter)
    _print(summary, as_json)


def _proposals_folder(source: Path, spec: FolderSpec) -> Path:
    if not spec.destination:
        raise DataError("Say where the proposals are to be written: --out FOLDER, beside the images.")
    destination = Path(spec.destination)
    if destination == source.resolve() or source.resolve() in destination.parents:
        raise DataError(
            "The proposals would lie among the images, where nothing is written. Name a folder beside them."
        )
    return destination


def _workspace_of(source: Path, spec: FolderSpec) -> Any:
    """Make a workspace of images without labels, for a job: beside the folder of the proposals."""
    from napari_aleatoric.io import Workspace, scan
    from napari_aleatoric.segmentation import images_in, list_images

    destination = _proposals_folder(source, spec)
    root = destination.with_name(f"{destination.name}-review")
    if Workspace.is_workspace(root):
        return Workspace.open(root)
    destination.mkdir(parents=True, exist_ok=True)
    list_images(images_in(source), destination, spec.texts)
    found = scan(destination, class_names=dict(enumerate(spec.texts, start=1)))
    return Workspace.create(root, found)


def _in_background(opened: Any, spec: FolderSpec, as_json: bool) -> None:
    from napari_aleatoric.jobs import submit

    handle = submit(opened, "segment", spec)
    if as_json:
        print_json({"workspace": str(opened.root), "run_id": handle.run_id, "run_dir": str(handle.run_dir)})
        return
    print_line(f"The segmentation goes on by itself as run {handle.run_id}; its log is in {handle.run_dir}.")


def _print(summary: FolderSummary, as_json: bool) -> None:
    refused = [{"case": problem.case_id, "reason": problem.sentence} for problem in summary.refused]
    if as_json:
        print_json(
            {
                "destination": str(summary.destination),
                "cases": summary.n_cases,
                "done": summary.n_done,
                "reused": summary.n_reused,
                "found": summary.n_found,
                "refused": refused,
            }
        )
        return
    print_line(f"{summary.n_done} cases segmented, {summary.n_reused} were there already; {len(refused)} refused.")
    rows = [(t, str(n), _percent(n, summary.n_cases)) for t, n in summary.n_found.items()]
    print_table(["words", "found in", "%"], rows, right=(1, 2))
    for each in refused:
        note(f"{each['case']}: {each['reason']}")
    print_line(f"Proposals: {summary.destination}; the least sure first in proposals.csv.")
    print_line(f"Next: aleatoric init {summary.destination}")


def _percent(n: int, of: int) -> str:
    return f"{100 * n / of:.0f}" if of and math.isfinite(n) else "–"
