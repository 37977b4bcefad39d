"""A whole folder from words to proposals that can be reviewed; goes on where it was stopped."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import PromptSegmenter, TextImageModel
from napari_aleatoric.io import Workspace, load_image, safe_name, stem_of, suffix_of, write_whole
from napari_aleatoric.model import CaseFiles, Problem, Reporter, SilentReporter, Spec, SubReporter

from ._library import PromptLibrary
from ._models import open_segmenter, open_text_model
from ._proposal import Proposal, read_proposal, segment_words, write_proposal
from ._query import Query, QueryVectors
from ._spec import VolumeSpec

__all__ = ["FolderSpec", "FolderSummary", "images_in", "list_images", "segment_cases", "segment_workspace"]

MANIFEST = "manifest.csv"
TABLE = "proposals.csv"


class FolderSpec(Spec):
    """What is looked for in many images, and by whom."""

    texts: tuple[str, ...] = Field(default=(), description="Words; the nth becomes label value n.")
    model: str = Field(default="", description="Text-image model: a folder, or a name.")
    weights: str = Field(default="", description="File of weights, for an architecture of open_clip.")
    segmenter: str = Field(default="sam-small", description="Promptable segmenter.")
    device: str = Field(default="auto", description="cpu, cuda, mps or auto.")
    destination: str = Field(
        default="", description="Folder of the proposals; none = exports/proposals of the workspace."
    )
    volume: VolumeSpec = Field(default_factory=VolumeSpec, description="Every stage's settings.")


@dataclass(frozen=True)
class FolderSummary:
    """What was done.

    Parameters
    ----------
    destination : Path
        A data set by itself: ``manifest.csv`` names images and proposals, ``proposals.csv`` orders them.
    n_cases, n_done, n_reused : int
        Cases, those segmented now, those that were there already.
    n_found : dict of str to int
        In how many cases each word was found.
    refused : tuple of Problem
        Cases that could not be segmented, and why.
    """

    destination: Path
    n_cases: int
    n_done: int
    n_reused: int
    n_found: dict[str, int]
    refused: tuple[Problem, ...]


def segment_workspace(
    workspace: Workspace,
    spec: FolderSpec = FolderSpec(),  # noqa: B008  (frozen)
    *,
    reporter: Reporter = SilentReporter(),  # noqa: B008  (stateless)
) -> FolderSummary:
    """Draft labels for every case of a workspace from words, as proposals: no label of the data set is touched.

    Proposals are a data set of their own in ``exports/proposals`` (or ``destination``): its manifest names the
    images where they lie and the drafted labels. Opened as a workspace, it is reviewed like any other.

    Raises
    ------
    DataError
        If no words are given, or the destination lies in the data set.
    NotFoundError
        If a model is not here.
    Cancelled
        If the reporter says so; finished cases are kept and not done again.
    """
    destination = Path(spec.destination) if spec.destination else workspace.exports_dir / "proposals"
    _outside(destination, workspace.dataset_root)
    _words(spec)
    reporter.step(0, 100, "The models are loaded")
    model = open_text_model(spec.model, weights=spec.weights, device=spec.device)
    outliner = open_segmenter(spec.segmenter, device=spec.device)
    library = PromptLibrary.load(workspace.root)
    return segment_cases(workspace.dataset.cases, destination, spec, model, outliner, library, reporter=reporter)


def segment_cases(
    cases: Sequence[CaseFiles],
    destination: Path,
    spec: FolderSpec,
    model: TextImageModel,
    segmenter: PromptSegmenter,
    library: PromptLibrary | None = None,
    *,
    reporter: Reporter = SilentReporter(),  # noqa: B008  (stateless)
) -> FolderSummary:
    """Draft labels for some cases; see `segment_workspace`."""
    _words(spec)
    library = library or PromptLibrary.load()
    made_by = f"{_chosen(spec)} {model.name} {segmenter.name}"
    proposals = _kept(cases, destination, made_by)
    n_reused = len(proposals)
    refused: list[Problem] = []
    known: dict[Query, QueryVectors] = {}
    try:
        for row, case in enumerate([c for c in cases if c.case_id not in proposals], start=n_reused):
            reporter.step(row, len(cases), f"{case.case_id} is read")
            part = SubReporter(reporter, row, row + 1, len(cases))
            try:
                volume = load_image(case)
                label, classes = segment_words(
                    volume, spec.texts, model, segmenter, spec.volume, library, part, known
                )
            except DataError as error:
                refused.append(Problem(case.case_id, str(error)))
                continue
            stamp = _stamp(case.image)
            proposal = Proposal(case_id=case.case_id, made_by=made_by, image=stamp, classes=classes)
            write_proposal(*_paths(destination, case.case_id), label, proposal)
            proposals[case.case_id] = proposal
    finally:  # also after a stop: what is finished can be looked at
        _write_tables(destination, cases, spec.texts, proposals)
    reporter.step(len(cases), len(cases), "The proposals are written")
    found = {t: sum(p.classes[n].found for p in proposals.values()) for n, t in enumerate(spec.texts)}
    done = len(proposals) - n_reused
    return FolderSummary(destination, len(cases), done, n_reused, found, tuple(refused))


def _kept(cases: Sequence[CaseFiles], destination: Path, made_by: str) -> dict[str, Proposal]:
    """Proposals that are there already: whole, made with the same settings and models, of the same image."""
    found = {}
    for case in cases:
        kept = read_proposal(*_paths(destination, case.case_id))
        if kept is not None and (kept.made_by, kept.image) == (made_by, _stamp(case.image)):
            found[case.case_id] = kept
    return found


def images_in(folder: Path) -> tuple[CaseFiles, ...]:
    """Find the images of a folder without labels: volume files, pictures, and folders of DICOM slices.

    Raises
    ------
    DataError
        If there are none, or two have one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        is_series = path.is_dir() and any(each.suffix.lower() == ".dcm" for each in path.iterdir())
        if is_series or (path.is_file() and suffix_of(path)):
            case_id = safe_name(path.name if is_series else stem_of(path))
            if case_id in found:
                raise DataError(f"Two images are called {case_id}. Give each a name of its own.")
            found[case_id] = path
    if not found:
        raise DataError(
            f"Expected images in {folder.name} (.nii.gz, .nrrd, .mha, .png, folders of DICOM slices), found none."
        )
    return tuple(CaseFiles(case_id, path) for case_id, path in found.items())


def list_images(cases: Sequence[CaseFiles], destination: Path, texts: Sequence[str]) -> None:
    """Write a manifest of images without labels: a workspace can be made of them before the first proposal."""
    _write_tables(destination, cases, tuple(texts), {})


def _words(spec: FolderSpec) -> None:
    if not spec.texts or len(set(spec.texts)) < len(spec.texts) or len(spec.texts) > 255:
        raise DataError(f"Expected one to 255 different words to look for, got {list(spec.texts)}.")


def _chosen(spec: FolderSpec) -> str:
    return spec.model_copy(update={"destination": "", "device": "auto"}).digest


def _outside(destination: Path, data: Path) -> None:
    place, root = destination.resolve(), data.resolve()
    if place == root and (place / TABLE).is_file() and (place / MANIFEST).is_file():
        return  # a data set that is itself made of proposals, see `list_images`
    if place == root or root in place.parents:
        raise DataError(
            f"The proposals' folder {destination.name} would lie in the data set, which is never written to. "
            "Choose a folder beside it."
        )


def _paths(destination: Path, case_id: str) -> tuple[Path, Path]:
    name = safe_name(case_id)
    return destination / "labels" / f"{name}.nii.gz", destination / "records" / f"{name}.json"


def _stamp(path: Path) -> str:
    """Size and date of a file, or of all files of a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stats = [each.stat() for each in files if each.is_file()]
    return f"{sum(s.st_size for s in stats)} {max((s.st_mtime_ns for s in stats), default=0)}"


def _write_tables(
    destination: Path, cases: Sequence[CaseFiles], texts: tuple[str, ...], proposals: dict[str, Proposal]
) -> None:
    """Write the manifest, and the table of proposals with the least sure first."""
    names = "; ".join(f"{n}={text}" for n, text in enumerate(texts, start=1))
    rows = []
    for case in cases:
        label = f"labels/{safe_name(case.case_id)}.nii.gz" if case.case_id in proposals else ""
        rows.append([case.case_id, _from(destination, case.image), label, case.patient, case.series_uid, names])
    _write_csv(destination / MANIFEST, ["case", "image", "label", "patient", "series_uid", "class_names"], rows)
    table = [
        [p.case_id, f"{p.uncertainty:.4f}", c.text, "yes" if c.found else "no", f"{c.score:.4f}",
         f"{c.presence:.3f}", f"{c.uncertainty:.4f}", "" if c.agreement is None else f"{c.agreement:.3f}",
         str(c.n_voxels), c.sentence]
        for p in sorted(proposals.values(), key=lambda p: (-p.uncertainty, p.case_id))
        for c in p.classes
    ]  # fmt: skip
    heads = ["case", "case_uncertainty", "text", "found", "score", "presence", "uncertainty", "agreement", "voxels"]
    _write_csv(destination / TABLE, [*heads, "sentence"], table)


def _from(folder: Path, path: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _write_csv(path: Path, heads: list[str], rows: list[list[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())
