"""Two finished models on the held-out cases that both were judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_aleatoric.io import Workspace

from ._judge import AFTER, comparison
from ._judge_spec import JudgeSpec
from ._judgement import MEAN, CaseRow, ComparisonRow, Judgement
from ._judgement_words import comparison_sentence
from ._registry import read_judgement

__all__ = ["OTHER", "ModelComparison", "compare_judgements", "compare_models"]

OTHER = "other"
"""Name of the second model in the comparison."""


@dataclass(frozen=True)
class ModelComparison:
    """What two models come to beside each other.

    Parameters
    ----------
    row : ComparisonRow or None
        Mean Dice of the first minus that of the second, by unit; None where they share no case.
    n_cases : int
        Shared cases.
    n_changed : int
        Shared cases that are left out, since their label was another when the other model was judged.
    sentence : str
        What it comes to.
    """

    row: ComparisonRow | None
    n_cases: int
    n_changed: int
    sentence: str


def compare_models(ws: Workspace, first: str, second: str) -> ModelComparison:
    """Compare two models as they were judged, see `compare_judgements`.

    Parameters
    ----------
    ws : Workspace
        With both.
    first, second : str
        Ids of finished models.

    Raises
    ------
    WorkspaceError
        If a judgement is damaged.
    """
    mine, other = read_judgement(ws, first), read_judgement(ws, second)
    if mine is None or other is None:
        return ModelComparison(
            None, 0, 0, "Held-out cases are compared where both trainings are finished and judged."
        )
    return compare_judgements(mine, other)


def compare_judgements(mine: Judgement, other: Judgement) -> ModelComparison:
    """Compare the new models of two judgements by mean Dice, unit by unit; no network is asked again.

    Every model was judged by the labels as they were then. A case is left out if its label has another number of
    voxels of a class in one of the judgements: a correction would count as a difference of the models.

    Parameters
    ----------
    mine, other : Judgement
        Of the first and the second model.
    """
    rows, others = _by_case(mine), _by_case(other)
    shared = [case_id for case_id in rows if case_id in others]
    same = [case_id for case_id in shared if _voxels(rows[case_id]) == _voxels(others[case_id])]
    n_changed = len(shared) - len(same)
    left_out = ""
    if n_changed:
        was, them = ("case is", "its label was") if n_changed == 1 else ("cases are", "their labels were")
        left_out = f" {n_changed} {was} left out, for {them} changed between the two judgements."
    if not same:
        return ModelComparison(None, 0, n_changed, f"The two share no held-out case with the same label.{left_out}")
    both = [row for case_id in same for row in rows[case_id]]
    both += [row.model_copy(update={"model": OTHER}) for case_id in same for row in others[case_id]]
    word = "patient" if mine.unit_word == other.unit_word == "patient" else "case"
    if word == "case":
        both = [row.model_copy(update={"unit": row.case_id}) for row in both]
    found = comparison(both, OTHER, "dice", MEAN, JudgeSpec(draws=mine.draws, seed=mine.seed))
    return ModelComparison(found, len(same), n_changed, comparison_sentence(found, word) + left_out)


def _by_case(judgement: Judgement) -> dict[str, list[CaseRow]]:
    found: dict[str, list[CaseRow]] = {}
    for row in judgement.rows:
        if row.model == AFTER:
            found.setdefault(row.case_id, []).append(row)
    return found


def _voxels(rows: Sequence[CaseRow]) -> dict[str, int]:
    return {row.class_name: row.reference_voxels for row in rows}
