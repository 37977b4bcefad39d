"""What the judges learn from, kept between runs: as long as little changes, they stay the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from napari_aleatoric.io import Workspace, write_whole
from napari_aleatoric.model import CaseFiles, ItemKey
from napari_aleatoric.uncertainty import ScoreSpec, assign_folds

from ._cache import scoring_folder

__all__ = ["TrainingPlan", "case_digest", "make_plan", "read_plan", "write_plan"]

SCORING_VERSION = "7"
"""Changes when the same files and spec give other scores; everything is then scored anew."""

_SAMPLING = ("seed", "samples_per_case", "near_fraction", "near_voxels", "margin", "whole_below")


@dataclass(frozen=True)
class TrainingPlan:
    """Which models there are: the same plan gives the same models.

    Parameters
    ----------
    spec_digest, encoder, classes : str
        What was asked for, identities of judge and frozen model, a digest of the class table.
    n_folds : int
        Number of models; 1 = a single case, judged by a model that saw it.
    folds : mapping of str to int
        Fold by case id, of all cases. Model k learns from the training cases of the other folds.
    training : mapping of str to str
        Digest of the content by case id, of the cases that are learned from.
    note : str
        What the user must know about the folds.
    """

    spec_digest: str
    encoder: str
    classes: str
    n_folds: int
    folds: Mapping[str, int]
    training: Mapping[str, str]
    note: str = ""

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: what the scores depend on besides the case itself.

        The folds of cases that are not learned from do not enter it.
        """
        folds = sorted((case, self.folds[case]) for case in self.training)
        parts = (SCORING_VERSION, self.spec_digest, self.encoder, self.classes, self.n_folds, folds)
        text = json.dumps([*parts, sorted(self.training.items())])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def learned_from(self, fold: int) -> list[str]:
        """Case ids that the model of a fold learns from, in alphabetical order."""
        return sorted(c for c in self.training if self.n_folds == 1 or self.folds[c] != fold)


def case_digest(ws: Workspace, case: CaseFiles, corrections: Mapping[ItemKey, str], spec: ScoreSpec) -> str:
    """Return 32 hexadecimal digits for what is learned from a case: its files, saved labels and sampling."""
    parts: list[str] = [case.case_id, ws.dataset.classes.to_json().__repr__()]
    for label in case.labels:
        key = ItemKey(case.case_id, label.reader)
        parts += [label.reader, ws.fingerprint(*key), corrections.get(key, "")]
    parts += [f"{name}={getattr(spec, name)}" for name in _SAMPLING]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def make_plan(
    before: TrainingPlan | None,
    cases: Sequence[CaseFiles],
    digests: Mapping[str, str],
    spec: ScoreSpec,
    encoder: str,
    classes: str,
    are_kept: Callable[[Collection[str]], bool],
) -> TrainingPlan:
    """Decide what is learned from: the same as before while little changed, else all cases there are.

    The earlier training cases are kept while at most ``spec.max_training_change`` of their number were added,
    removed or changed, and what was kept of them is still at hand. A new case is then judged by the model of its
    fold, which has not seen it; a changed case likewise.

    Parameters
    ----------
    before : TrainingPlan or None
        Of the last run.
    cases : sequence of CaseFiles
        All readable labelled cases.
    digests : mapping of str to str
        `case_digest` by case id.
    spec, encoder, classes
        As asked for now.
    are_kept : callable
        Whether judges can be made again from the cases of these digests.
    """
    patients = {case.case_id: case.patient for case in cases}
    now = {case: digests[case] for case in patients}
    same = before is not None and (before.spec_digest, before.encoder, before.classes) == (
        spec.values_digest,
        encoder,
        classes,
    )
    known = before.folds if before is not None and same else {}
    if before is not None and same and before.n_folds > 1:
        training = before.training
        changed = sum(now.get(case) != digest for case, digest in training.items())
        changed += sum(case not in training for case in now)
        gone = {case: known[case] for case in training if case not in patients}
        if changed <= spec.max_training_change * len(training) and are_kept(training.values()):
            folds = assign_folds(patients, before.n_folds, spec.seed, known)
            if folds.n_folds == before.n_folds and all(folds.of_case[c] == known[c] for c in now if c in training):
                of_case = {**gone, **folds.of_case}
                return TrainingPlan(
                    spec.values_digest, encoder, classes, folds.n_folds, of_case, dict(training), folds.note
                )
    folds = assign_folds(patients, spec.n_folds, spec.seed, known)
    return TrainingPlan(spec.values_digest, encoder, classes, folds.n_folds, dict(folds.of_case), now, folds.note)


def read_plan(ws: Workspace) -> TrainingPlan | None:
    """Read the plan of the last run; None if there is none or it is damaged (all is then scored anew)."""
    try:
        return TrainingPlan(**json.loads((scoring_folder(ws) / "plan.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_plan(ws: Workspace, plan: TrainingPlan) -> None:
    """Keep the plan."""
    text = json.dumps(asdict(plan), indent=1, sort_keys=True)
    write_whole(scoring_folder(ws) / "plan.json", text.encode())
