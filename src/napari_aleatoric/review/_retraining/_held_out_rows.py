"""Networks asked about the held-out cases; what was worked out is kept, so that a stop costs one case at most."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_aleatoric.io import Workspace, write_whole
from napari_aleatoric.model import Reporter

from ._case_desk import CaseDesk
from ._case_figures import case_rows, mean_rows
from ._held_out_masks import kept_rows, mask_beside, write_held_out_mask
from ._judge_spec import JudgeSpec
from ._judgement import CaseRow
from ._selection import LearnedCase

if TYPE_CHECKING:
    from napari_aleatoric.training import SegmentationModel

__all__ = ["held_out_rows"]


def held_out_rows(
    ws: Workspace,
    desk: CaseDesk,
    who: str,
    model: SegmentationModel,
    cases: Sequence[LearnedCase],
    spec: JudgeSpec,
    folder: Path,
    reporter: Reporter,
) -> list[CaseRow]:
    """Ask a network about held-out cases, and hold its answers against their labels.

    Parameters
    ----------
    ws : Workspace
        Of the cases.
    desk : CaseDesk
        Reads them.
    who : str
        Name of the network in the judgement.
    model : SegmentationModel
        Has seen none of them.
    cases : sequence of LearnedCase
        Held out; where several readers labelled a case, each is a reference, and the mean counts.
    spec : JudgeSpec
        Tolerance and margin.
    folder : Path
        Where finished cases are kept: figures, and what the network drew.
    reporter : Reporter
        Hears of every case and may stop within one.

    Returns
    -------
    list of CaseRow
        In the order of cases and classes.
    """
    found: list[CaseRow] = []
    for done, case in enumerate(cases):
        message = f"Judging {_WORDS.get(who, who)}: case {done + 1} of {len(cases)}"
        reporter.step(done, len(cases), message)
        made_from = [who, model.digest, desk.digest(case), spec.tolerance_mm, spec.margin_mm]
        name = hashlib.blake2b(json.dumps(made_from).encode(), digest_size=12).hexdigest()
        path = folder / f"{name}.json"
        rows = kept_rows(path) if mask_beside(path).is_file() else None
        if rows is None:
            go_on = partial(reporter.step, done, len(cases), message)
            rows = _judged(ws, desk, who, model, case, spec, path, go_on)
            text = json.dumps([row.model_dump(mode="json") for row in rows])
            write_whole(path, text.encode())
        found += rows
    reporter.step(len(cases), len(cases), "Judged")
    return found


_WORDS = {"after": "the new model", "before": "the promoted model", "baseline": "the plain model beside it"}


def _judged(
    ws: Workspace,
    desk: CaseDesk,
    who: str,
    model: SegmentationModel,
    case: LearnedCase,
    spec: JudgeSpec,
    path: Path,
    go_on: Callable[[], None],
) -> tuple[CaseRow, ...]:
    volume, labels = desk.read(case)
    seen, _ = desk.image_case(case.case_id, model.plan)
    answer = model.predict(seen, volume.geometry.shape_zyx, go_on)
    predicted = answer.class_index
    write_held_out_mask(path, ws, predicted, volume, case.case_id)
    known = volume.geometry.spacing_known
    by_reader = [
        case_rows(
            who,
            case.case_id,
            ws.dataset.case(case.case_id).patient or case.case_id,
            reference,
            predicted,
            answer.probabilities,
            ws.dataset.classes,
            volume.geometry.spacing_zyx_mm if known else (1.0, 1.0, 1.0),
            tolerance_mm=spec.tolerance_mm,
            margin_mm=spec.margin_mm,
        )
        for reference in labels
    ]
    return mean_rows(by_reader)
