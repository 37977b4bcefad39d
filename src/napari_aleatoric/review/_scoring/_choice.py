"""Who is to judge the labels of a data set: what was asked for, or the best that is here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

from napari_aleatoric.errors import MissingExtraError
from napari_aleatoric.foundation import encoder
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import CaseFiles
from napari_aleatoric.uncertainty import ScoreSpec

from ._arbiter import Arbiter
from ._cache import scoring_folder
from ._case import UNREADABLE, CaseReader
from ._given import GivenKind
from ._judge import JudgeKind
from ._light import LightKind
from ._network import NetworkKind
from ._second_opinion import SecondOpinionKind

__all__ = ["choose_kind"]

_USUAL = 0.25  # weight of the judge that counts for less
_FEWEST = 4  # cases that a network is trained on; each learns from half of them


def choose_kind(
    ws: Workspace,
    spec: ScoreSpec,
    cases: Sequence[CaseFiles],
    reader: CaseReader,
    digests: Mapping[str, str],
    stopping: threading.Event,
    waiting: Callable[[], None],
) -> tuple[JudgeKind, list[str]]:
    """Make the kind of judge that a spec means.

    Parameters
    ----------
    ws, spec
        Data set and settings.
    cases : sequence of CaseFiles
        All with labels.
    reader : CaseReader
        Reads them.
    digests : mapping of str to str
        `case_digest` by case id.
    stopping : threading.Event
        Set when the run is to stop.
    waiting : callable
        Called twice a second while a case is waited for.

    Returns
    -------
    kind : JudgeKind
    remarks : list of str
        Why it is another one than asked for, if it is.

    Raises
    ------
    NotFoundError
        If there is no folder of that name.
    MissingExtraError
        If a network is asked for by name, and torch or monai is not installed.
    """
    if spec.probabilities or spec.ensemble:
        given = GivenKind(ws, spec, cases)
        return given, given.remarks
    there = all(find_spec(name) is not None for name in ("torch", "monai"))
    if spec.judge == "network" and not there:
        raise MissingExtraError.for_extra("ai", "judge labels with a network (--light does without)")
    if spec.judge == "light" or not there or ws.dataset.classes.n_rows < 2:
        return _light(ws, spec, cases, stopping), []
    if len(cases) < _FEWEST:
        few = (
            f"{len(cases)} labelled cases are too few to train a network on (at least {_FEWEST} are needed), so "
            "the light classifier judged the labels."
        )
        return _light(ws, spec, cases, stopping), [few] if cases else []
    by_digest = {digests[case.case_id]: case for case in cases}
    network = NetworkKind(ws, spec, reader, by_digest, stopping, waiting)
    if spec.second_opinion == 0:
        return network, []
    light = _light(ws, spec, cases, stopping)
    if spec.second_opinion != "auto":
        return SecondOpinionKind(network, light, spec.second_opinion), []
    return SecondOpinionKind(network, light, _USUAL, Arbiter(spec, reader, by_digest, scoring_folder(ws))), []


def _light(ws: Workspace, spec: ScoreSpec, cases: Sequence[CaseFiles], stopping: threading.Event) -> LightKind:
    name = spec.features if spec.features != "auto" else _fitting_encoder(ws, cases)
    return LightKind(ws, spec, encoder(name), stopping)


def _fitting_encoder(ws: Workspace, cases: Sequence[CaseFiles]) -> str:
    """Look at the first image that can be read: colour or grey."""
    for case in cases:
        try:
            return "filter_bank_colour" if ws.load_image(case.case_id).is_rgb else "filter_bank"
        except UNREADABLE:
            continue
    return "filter_bank"
