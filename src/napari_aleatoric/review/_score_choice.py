"""Who is to judge the labels of a data set: what was asked for, or the best that is here."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from napari_aleatoric.foundation import encoder
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import CaseFiles
from napari_aleatoric.uncertainty import ScoreSpec

from ._score_case import UNREADABLE, CaseReader
from ._score_judge import JudgeKind
from ._score_light import LightKind

__all__ = ["choose_kind"]


def choose_kind(
    ws: Workspace,
    spec: ScoreSpec,
    cases: Sequence[CaseFiles],
    reader: CaseReader,
    digests: Mapping[str, str],
    stopping: threading.Event,
) -> tuple[JudgeKind, list[str]]:
    """Make the kind of judge that a spec means.

    Returns
    -------
    kind : JudgeKind
    remarks : list of str
        Why it is another one than asked for, if it is.
    """
    return _light(ws, spec, cases), []


def _light(ws: Workspace, spec: ScoreSpec, cases: Sequence[CaseFiles]) -> LightKind:
    name = spec.features if spec.features != "auto" else _fitting_encoder(ws, cases)
    return LightKind(ws, spec, encoder(name))


def _fitting_encoder(ws: Workspace, cases: Sequence[CaseFiles]) -> str:
    """Look at the first image that can be read: colour or grey."""
    for case in cases:
        try:
            return "filter_bank_colour" if ws.load_image(case.case_id).is_rgb else "filter_bank"
        except UNREADABLE:
            continue
    return "filter_bank"
