"""Singular values of decoded maps: of some cases, kept beside the scores, to be compared with each other."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, item_folder_name, safe_name, write_whole
from napari_aleatoric.model import CaseFiles, ItemKey, Reporter, SilentReporter, Spec
from napari_aleatoric.review._storage._store import ReviewStore

from ._case import UNREADABLE, CaseReader, LoadedCase
from ._difficulty import FILTER_BANK, DifficultyWork, frozen_model
from ._last_spec import last_score_spec

__all__ = ["SpectraSpec", "SpectraSummary", "Spectrum", "measure_spectra", "read_spectra"]

_FORMAT = 1
_KEPT = 64  # shares of a spectrum that are kept; the rest is their sum
_DIGITS = 6


class SpectraSpec(Spec):
    """Which spectra are measured."""

    cases: tuple[str, ...] = Field(default=(), description="Case ids that are measured first.")
    n_cases: int = Field(
        default=40, ge=0, le=10_000, description="Cases of the data set, spread evenly by a checksum of their ids."
    )
    encoder: str = Field(
        default="auto", description="Frozen model; 'auto' takes the one that the data set was scored with."
    )
    device: str = Field(default="auto", description="Where it runs: cpu, cuda, mps or auto.")


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The singular values of one class of one label, as parts of the whole energy.

    Parameters
    ----------
    key : ItemKey
        Which label.
    class_index : int
        Which class.
    shares : numpy.ndarray of float64, shape (m,)
        σₖ² / Σ σ², largest first; at most the 64 largest.
    rank : int
        r: how many singular values there are.
    scale : float
        Perception scale, −Σ p ln p / ln r over all of them, 0..1, high = easy.
    stale : bool
        The files or the label version are no longer those that were measured.
    """

    key: ItemKey
    class_index: int
    shares: NDArray[np.float64]
    rank: int
    scale: float
    stale: bool = False


@dataclass(frozen=True)
class SpectraSummary:
    """What a run measured.

    Parameters
    ----------
    n_measured, n_kept : int
        Cases measured now, and those whose kept spectra still hold.
    refused : tuple of str
        Cases that could not be read.
    model : str
        Name of the frozen model.
    """

    n_measured: int
    n_kept: int
    refused: tuple[str, ...]
    model: str


def measure_spectra(workspace: Workspace, spec: SpectraSpec, *, reporter: Reporter | None = None) -> SpectraSummary:
    """Decode some cases anew and keep the singular values behind their perception scale.

    Scoring keeps the entropy of these values only. What the frozen model saw of the images is cached, so a case
    takes a second or so. Spectra that still hold are not measured again; each is kept as soon as it is there.

    Parameters
    ----------
    workspace : Workspace
        Whose cases; the spectra go to its folder ``spectra``.
    spec : SpectraSpec
        Which cases.
    reporter : Reporter, optional
        Told about every case.

    Raises
    ------
    DataError
        If the data set is scored without a frozen segmenter, whose maps these are.
    NotFoundError
        If a named case does not exist.
    Cancelled
        If the reporter was asked to stop; what is measured is kept.
    """
    from napari_aleatoric.uncertainty import scale_from_singular_values

    report = reporter or SilentReporter()
    score_spec = last_score_spec(workspace).model_copy(update={"device": spec.device})
    if spec.encoder != "auto":
        score_spec = score_spec.model_copy(update={"encoder": spec.encoder})
    model = frozen_model(score_spec)
    if model == FILTER_BANK:
        raise DataError(
            "Singular values are those of the maps that a frozen segmenter decodes, and here the difficulty comes "
            "from the filter bank. Install the ai extra and score again, or name a model."
        )
    cases = _chosen(workspace, spec)
    refused: list[str] = []
    measured = kept = 0
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        versions = {key: c or "" for key, (c, _) in store.correction_counts().items()}
        reader = CaseReader(workspace, store, {key: c for key, c in versions.items() if c})
        work: DifficultyWork | None = None
        for done, case in enumerate(cases):
            report.step(done, len(cases), f"Singular values of {case.case_id}")
            digest = f"{model} {score_spec.values_digest}"
            if all(_holds(workspace, key, digest, versions) for key in _keys(case)):
                kept += 1
                continue
            work = work or DifficultyWork(workspace, score_spec, model)
            try:
                loaded = reader.read(case)
                found = work.spectra(loaded.volume, _labels(loaded))
            except UNREADABLE:
                refused.append(case.case_id)
                continue
            for label_reader in loaded.readers:
                key, by_class = ItemKey(case.case_id, label_reader), found.get(label_reader, {})
                content = {
                    "format": _FORMAT,
                    "made_with": digest,
                    "made_of": _made_of(workspace, key, versions),
                    "classes": {
                        str(c): _packed(sigma, scale_from_singular_values(sigma)) for c, sigma in by_class.items()
                    },
                }
                write_whole(_path(workspace, key), json.dumps(content).encode())
            measured += 1
        report.step(len(cases), len(cases), "Measured")
    return SpectraSummary(measured, kept, tuple(refused), model)


def read_spectra(workspace: Workspace) -> list[Spectrum]:
    """Read all spectra that are kept, in the order of the data set; damaged files are passed over."""
    folder = _folder(workspace)
    if not folder.is_dir():
        return []
    with ReviewStore.open(workspace.store_url) as store:
        versions = {key: c or "" for key, (c, _) in store.correction_counts().items()}
    found = []
    for key in workspace.dataset.items:
        content = _read(_path(workspace, key))
        if content is None:
            continue
        stale = content["made_of"] != _made_of(workspace, key, versions)
        for c, entry in sorted(content["classes"].items(), key=lambda pair: int(pair[0])):
            shares = np.array(entry["shares"], dtype=np.float64)
            found.append(Spectrum(key, int(c), shares, int(entry["rank"]), float(entry["scale"]), stale))
    return found


def _chosen(workspace: Workspace, spec: SpectraSpec) -> list[CaseFiles]:
    """Return the named cases, then those of the sample that are not among them."""
    named = [workspace.dataset.case(case_id) for case_id in spec.cases]
    labelled = [case for case in workspace.dataset.cases if case.labels]
    spread = sorted(labelled, key=lambda case: (zlib.crc32(case.case_id.encode()), case.case_id))[: spec.n_cases]
    return [*named, *(case for case in spread if case.case_id not in spec.cases)]


def _keys(case: CaseFiles) -> Iterable[ItemKey]:
    return (ItemKey(case.case_id, label.reader) for label in case.labels)


def _labels(loaded: LoadedCase) -> dict[str, NDArray[np.uint16]]:
    return dict(zip(loaded.readers, loaded.labels, strict=True))


def _packed(sigma: NDArray[np.float64], scale: float) -> dict[str, object]:
    energy = sigma**2
    total = float(energy.sum())
    shares = energy[:_KEPT] / total if total > 0 else energy[:_KEPT]
    return {"rank": len(sigma), "scale": scale, "shares": [float(f"{v:.{_DIGITS}g}") for v in shares]}


def _folder(workspace: Workspace) -> Path:
    return workspace.root / "spectra"


def _path(workspace: Workspace, key: ItemKey) -> Path:
    return _folder(workspace) / safe_name(key.case_id) / f"{item_folder_name(key)}.json"


def _made_of(workspace: Workspace, key: ItemKey, versions: Mapping[ItemKey, str]) -> str:
    return f"{workspace.fingerprint(*key)} {versions.get(key, '')}"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text("utf-8"))
        return content if content["format"] == _FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _holds(workspace: Workspace, key: ItemKey, digest: str, versions: Mapping[ItemKey, str]) -> bool:
    content = _read(_path(workspace, key))
    return (
        content is not None
        and content["made_with"] == digest
        and content["made_of"] == _made_of(workspace, key, versions)
    )
