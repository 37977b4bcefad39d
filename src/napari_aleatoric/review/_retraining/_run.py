"""The door to retraining: from reviewed labels to a network, and to an honest word on whether it helped."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from napari_aleatoric.io import Workspace, sweep_torn
from napari_aleatoric.model import Reporter, SilentReporter, SubReporter
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.training import (
    ModelPlan,
    NnUNetPlan,
    SegmentationModel,
    TrainingSet,
    load_model,
    memory_at_hand,
    need_nnunet,
    plan_from_json,
    train_model,
)

from ._alone import alone
from ._case_desk import CaseDesk
from ._held_out_masks import HELD_OUT_FOLDER
from ._held_out_rows import held_out_rows
from ._judge import AFTER, BASELINE, BEFORE, judge
from ._judgement import CaseRow, Judgement
from ._nnunet import nnunet_plan, train_with_nnunet
from ._planning import desk_for, facts_of, own_plan
from ._prefixed import Prefixed
from ._provenance import data_digest, model_digest, versions
from ._registry import (
    PREDICTIONS_FOLDER,
    ModelRecord,
    list_models,
    model_folder,
    new_model_id,
    promoted_model,
    read_judgement,
    write_judgement,
    write_record,
)
from ._selection import LearnedCase, Selection, select
from ._spec import RetrainSpec
from ._split import read_held_out, retraining_folder, write_held_out

__all__ = ["BASELINE_FOLDER", "NETWORK_FOLDER", "RetrainOutcome", "retrain"]

NETWORK_FOLDER, BASELINE_FOLDER = "network", "baseline"
_READ, _SHELVED, _JUDGED = 0.02, 0.03, 0.1  # parts of the work; the rest is training

_DEFAULT = RetrainSpec()


class RetrainOutcome(BaseModel):
    """What a retraining came to.

    ``reused`` says that the same labels and settings had led to this model before. ``selection`` says what was
    learned from; ``notes`` what to know when reading the judgement.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_id: str
    reused: bool
    selection: str
    sentence: str
    judgement: Judgement
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def retrain(ws: Workspace, spec: RetrainSpec = _DEFAULT, reporter: Reporter | None = None) -> RetrainOutcome:
    """Train a network on the reviewed labels, and judge it on cases that no network of the workspace learns from.

    Saved corrections take the place of the originals; excluded and rejected labels are left out. The held-out cases
    are chosen the first time and stay. The new network is compared with the promoted one, and with a plain one
    trained beside it in the same budget if ``spec.baseline``. Nothing is promoted; see `promote`.

    The same labels and settings lead to the same model: a run that was stopped or killed goes on where it was, one
    that was finished is not done again. All is kept in ``models/<id>`` of the workspace.

    Parameters
    ----------
    ws : Workspace
        With labels; scored, if the settings filter or weigh by scores.
    spec : RetrainSpec
        Settings.
    reporter : Reporter, optional
        Hears of every case and step, and of the training's curves; may stop the run anywhere.

    Returns
    -------
    RetrainOutcome

    Raises
    ------
    MissingExtraError
        Without the extra ``ai``, or ``nnunet`` where it is nnU-Net that trains.
    DataError
        If too few labels are left to learn from, or another retraining of the workspace is running.
    Cancelled
        If the reporter asked to stop; what was learned is kept.
    """
    begun = time.monotonic()
    reporter = reporter or SilentReporter()
    memory = memory_at_hand(spec.train.device)  # also tells whether torch is here, before anything is written
    if spec.backend == "nnunet":
        need_nnunet()
    with alone(retraining_folder(ws), "retrained"), ReviewStore.open(ws.store_url) as store:
        sweep_torn(retraining_folder(ws), spare=PREDICTIONS_FOLDER)
        store.follow(ws)
        selection = select(ws, store, spec, read_held_out(ws))
        write_held_out(ws, selection.split)
        work = _Work(ws, store, spec, selection, reporter, memory)
        record, reused = work.record()
        judgement = read_judgement(ws, record.model_id) if reused else None
        if judgement is None:
            record, judgement = work.train_and_judge(record, begun)
    reporter.step(1.0, 1.0, "Trained and judged")
    return RetrainOutcome(
        model_id=record.model_id,
        reused=reused,
        selection=record.selection,
        sentence=judgement.sentence,
        judgement=judgement,
        notes=judgement.notes,
        seconds=time.monotonic() - begun,
    )


@dataclass(frozen=True, eq=False)
class _Work:
    """One retraining."""

    ws: Workspace
    store: ReviewStore
    spec: RetrainSpec
    selection: Selection
    reporter: Reporter
    memory_bytes: int

    @cached_property
    def desk(self) -> CaseDesk:
        """Reads cases as the new network takes them."""
        return desk_for(self.ws, self.store, self.spec)

    def record(self) -> tuple[ModelRecord, bool]:
        """Find the model of these labels and settings, or begin one; whether it is finished."""
        data = data_digest(self.desk, self.selection)
        digest = model_digest(self.spec, data)
        for known in reversed(list_models(self.ws)):
            if known.digest == digest:
                return known, known.status == "finished"
        plan = self._plan(SubReporter(self.reporter, 0.0, _READ, 1.0))
        record = ModelRecord(
            model_id=new_model_id(digest),
            created=versions()["created"],
            digest=digest,
            data_digest=data,
            spec=self.spec.model_dump(mode="json"),
            plan=plan.to_json(),
            versions={name: version for name, version in versions().items() if name != "created"},
            learned=tuple(case.case_id for case in self.selection.learn),
            validation=tuple(case.case_id for case in self.selection.validation),
            held_out=tuple(case.case_id for case in self.selection.held_out),
            selection=self.selection.sentence,
        )
        write_record(self.ws, record)
        return record, False

    def _plan(self, reporter: Reporter) -> ModelPlan | NnUNetPlan:
        facts = facts_of(self.desk, self.selection.learn, reporter)
        if self.spec.backend == "nnunet":
            return nnunet_plan(self.ws, facts)
        return own_plan(self.ws, facts, self.spec.train, self.memory_bytes)

    def train_and_judge(self, record: ModelRecord, begun: float) -> tuple[ModelRecord, Judgement]:
        """Do what is left to do of a model."""
        plan = plan_from_json(record.plan)
        folder = model_folder(self.ws, record.model_id)
        trainings = 2 if self.spec.baseline and not self.spec.is_plain else 1
        per_training = (1 - _READ - _JUDGED) / trainings
        model = self._trained(self.spec, self.selection, plan, folder / NETWORK_FOLDER, "", (_READ, per_training))
        networks: dict[str, SegmentationModel] = {AFTER: model}
        if trainings == 2:
            plain = self.spec.plain()
            selected = select(self.ws, self.store, plain, self.selection.split)
            span = (_READ + per_training, per_training)
            networks[BASELINE] = self._trained(
                plain, selected, plan, folder / BASELINE_FOLDER, f"{BASELINE}/", span
            )
        judgement = self._judged(record, networks, folder / HELD_OUT_FOLDER)
        write_judgement(self.ws, record.model_id, judgement)
        record = record.model_copy(
            update={
                "status": "finished",
                "weights_digest": model.digest,
                "plan": model.plan.to_json(),
                "sentence": judgement.sentence,
                "seconds": record.seconds + time.monotonic() - begun,
            }
        )
        write_record(self.ws, record)
        if isinstance(plan, ModelPlan):
            self.desk.keep_only(plan)
        return record, judgement

    def _trained(
        self,
        spec: RetrainSpec,
        selection: Selection,
        plan: ModelPlan | NnUNetPlan,
        folder: Path,
        prefix: str,
        span: tuple[float, float],
    ) -> SegmentationModel:
        start, length = span
        desk = desk_for(self.ws, self.store, spec)
        shelving = SubReporter(self.reporter, start, start + _SHELVED * length, 1.0)
        told = Prefixed(SubReporter(self.reporter, start + _SHELVED * length, start + length, 1.0), prefix)
        if isinstance(plan, NnUNetPlan):
            memory = self.memory_bytes
            return train_with_nnunet(self.ws, desk, selection, spec, plan, folder, memory, shelving, told)
        learning = SubReporter(shelving, 0.0, 0.9, 1.0)
        names = desk.fill(plan, selection.learn, learning, spec.train.readers)
        names |= desk.fill(plan, selection.validation, SubReporter(shelving, 0.9, 1.0, 1.0))
        training_set = TrainingSet(
            tuple(names[case.case_id] for case in selection.learn),
            tuple(names[case.case_id] for case in selection.validation),
            tuple(case.weight for case in selection.learn),
        )
        return train_model(plan, desk.shelf(plan), training_set, spec.train, folder, told)

    def _judged(self, record: ModelRecord, networks: dict[str, SegmentationModel], folder: Path) -> Judgement:
        notes = list(self.selection.notes)
        if self.spec.baseline and self.spec.is_plain:
            notes.append("These settings are the plain ones, so no plain network was trained beside it.")
        learned = {AFTER: frozenset[str]()}
        before = promoted_model(self.ws)
        if before is not None and before.model_id != record.model_id:
            known = load_model(model_folder(self.ws, before.model_id) / NETWORK_FOLDER, self.spec.train.device)
            if known.plan.class_names == networks[AFTER].plan.class_names:
                networks[BEFORE] = known
                learned[BEFORE] = frozenset((*before.learned, *before.validation))
            else:
                notes.append("The promoted model knows other classes, so it cannot be compared with.")
        rows: list[CaseRow] = []
        for number, (who, network) in enumerate(networks.items()):
            part = _JUDGED / len(networks)
            start = 1 - _JUDGED + number * part
            told = SubReporter(self.reporter, start, start + part, 1.0)
            cases = [c for c in self.selection.held_out if c.case_id not in learned.get(who, frozenset())]
            rows += held_out_rows(self.ws, self.desk, who, network, cases, self.spec.judge, folder, told)
        return judge(
            rows,
            self.spec.judge,
            by_patient=self.selection.by_patient,
            spacing_known=_spacing_known(self.ws, self.selection.held_out),
            notes=notes,
        )


def _spacing_known(ws: Workspace, cases: tuple[LearnedCase, ...]) -> bool:
    return all(ws.grid(case.case_id).spacing_known for case in cases)
