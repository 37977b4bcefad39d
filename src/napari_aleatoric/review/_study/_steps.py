"""Doors of a reader: my list, begin, answer, reveal, give back, hand over."""

from __future__ import annotations

from collections.abc import Callable

from napari_aleatoric.errors import NotFoundError, StoreError
from napari_aleatoric.io import (
    Workspace,
    answer_reading,
    begin_reading,
    check_reader_name,
    on_image_grid,
    read_label_map,
    reading_of,
    reinstate_reading,
    safe_name,
    withdraw_reading,
)
from napari_aleatoric.model import ItemKey, LabelMap
from napari_aleatoric.review._labels._corrections import current_label, recover, restore, save_correction
from napari_aleatoric.review._labels._journal import StrokeJournal
from napari_aleatoric.review._retraining._registry import prediction_folder, promoted_model
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.review._storage._study_log import StudyEntry

from ._assignment import Assignment, assigned_entry, fold_study, in_reading_order, next_entry

__all__ = [
    "answer_assignment",
    "assignments",
    "begin_assignment",
    "find_assignment",
    "hand_over",
    "my_assignments",
    "reveal_assignment",
    "take_back",
    "undo_assignment",
    "version_mark",
]


def assignments(store: ReviewStore) -> list[Assignment]:
    """All assignments as they stand, in the order in which they were made."""
    return fold_study(store.study.entries())


def my_assignments(store: ReviewStore, reader: str) -> list[Assignment]:
    """Return what a reader is to read or has read, in the order of the list; what was given away is not in it."""
    mine = (a for a in assignments(store) if a.reader == reader and a.state not in ("handed over", "withdrawn"))
    return in_reading_order(mine)


def find_assignment(store: ReviewStore, case_id: str, reader: str) -> Assignment:
    """Return a reader's latest assignment of a case that was not given away.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    return _find(store.study.entries(), case_id, reader)


def begin_assignment(workspace: Workspace, store: ReviewStore, case_id: str, reader: str) -> Assignment:
    """Begin to read: make the reader's own label of the case. What was begun already is gone on with.

    Who is to settle where others differ gets no label of their own: `adjudicate` makes the outcome's.

    Raises
    ------
    NotFoundError
        If the case is not the reader's to read, or the label that it starts from does not exist.
    StoreError
        If it is answered already.
    """
    found = find_assignment(store, case_id, reader)
    if found.state == "answered":
        raise StoreError(f"{reader} has answered {case_id} already.")
    _take_over(workspace, store, found, reader)
    there = reading_of(workspace, found.key)
    if found.kind != "adjudicate" and (there is None or there.state == "withdrawn"):
        start, words = _start_of(workspace, store, found)
        begin_reading(workspace, found.key, by=reader, start=start, started_from=words)
        _forget_drafts(workspace, store, found.key)
    store.study.shelve(found.key)
    if found.state == "begun":
        return found
    return _go_on(store, found, lambda now: next_entry(now, "begun", reader))


def answer_assignment(workspace: Workspace, store: ReviewStore, case_id: str, reader: str) -> Assignment:
    """Answer: the label as last saved becomes a label of the data set, and what was hidden may be revealed.

    An adjudication is answered by its outcome.

    Raises
    ------
    NotFoundError
        If the case is not the reader's to read.
    StoreError
        If it was not begun, or is answered already, or the adjudication was not finished since.
    """
    found = find_assignment(store, case_id, reader)
    if found.state != "begun":
        raise StoreError(
            f"{reader} has {'answered' if found.state == 'answered' else 'not begun'} {case_id}"
            f"{' already' if found.state == 'answered' else '. Begin it first'}."
        )
    if found.kind == "adjudicate":
        return _settled(store, found)
    key, there = found.key, reading_of(workspace, found.key)
    if there is None or there.state == "open":
        latest = store.latest_correction(key)
        saved = latest is not None and not latest.is_original
        label = current_label(workspace.seen_by(reader), store, key, warn=False) if saved else None
        version = latest.correction_id if latest is not None and saved else ""
        there = answer_reading(workspace, key, label, by=reader, correction_id=version)
    store.follow(workspace)
    about = {"correction_id": there.correction_id, "sha256": there.sha256}
    return _go_on(store, found, lambda now: next_entry(now, "answered", reader, **about))


def reveal_assignment(store: ReviewStore, case_id: str, reader: str) -> Assignment:
    """Write down that the reader has seen what others and the machine say: changes from now on are marked so.

    Raises
    ------
    StoreError
        If it is not answered yet.
    """
    found = find_assignment(store, case_id, reader)
    if found.is_waiting and found.blinded:
        raise StoreError(f"{reader} has not answered {case_id} yet; others are shown afterwards.")
    return found if found.revealed else _go_on(store, found, lambda now: next_entry(now, "revealed", reader))


def take_back(workspace: Workspace, store: ReviewStore, case_id: str, reader: str, by: str = "") -> Assignment:
    """Take a case off a reader's list; a reading that was begun or answered counts as missing from now on."""
    found = find_assignment(store, case_id, reader)
    there = reading_of(workspace, found.key)
    if there is not None and there.state != "withdrawn":
        withdraw_reading(workspace, found.key, by=by or reader)
        store.follow(workspace)
    return _go_on(store, found, lambda now: next_entry(now, "withdrawn", by or reader))


def hand_over(
    workspace: Workspace,
    store: ReviewStore,
    case_id: str,
    reader: str,
    to: str,
    *,
    by: str = "",
    with_label: bool = False,
) -> Assignment:
    """Give a case that is not answered to another reader.

    Parameters
    ----------
    workspace, store, case_id, reader
        Whose reading of which case.
    to : str
        Who goes on.
    by : str
        Who says so; the reader by default.
    with_label : bool
        Whether what was drawn goes along, unsaved strokes of a session that was ended included; else the new reader
        begins with nothing.

    Returns
    -------
    Assignment
        The new reader's.

    Raises
    ------
    StoreError
        If it is answered already, or was the new reader's before.
    """
    to, by = check_reader_name(to), by or reader
    found = find_assignment(store, case_id, reader)
    if not found.is_waiting:
        raise StoreError(f"{reader} has answered {case_id} already; it cannot be handed over.")
    if any(label.reader == to for label in workspace.scanned.case(case_id).labels):
        raise StoreError(f"The data set has a label of {case_id} by {to}. Hand it over to somebody else.")
    along = with_label and found.state == "begun" and found.kind != "adjudicate"
    if along:
        _drawn(workspace, store, found)  # what cannot be read is said before anything is changed

    def decide(log: list[StudyEntry]) -> list[StudyEntry]:
        now = _find(log, case_id, reader)
        if any(a.key == ItemKey(case_id, to) and a.state != "withdrawn" for a in fold_study(log)):
            raise StoreError(f"{case_id} was {to}'s to read already. Hand it over to somebody else.")
        about = {name: getattr(now, name) for name in ("machine", "remark", "order", "start", "trusted")}
        about |= {"handed_from": now.assignment_id, "with_label": along}
        new = assigned_entry(case_id, to, log, by=by, kind=now.kind, blinded=now.blinded, **about)
        return [next_entry(now, "handed_over", by, to=new.assignment_id), new]

    store.study.append(decide)
    heir = find_assignment(store, case_id, to)
    _take_over(workspace, store, heir, by)
    return heir


def undo_assignment(workspace: Workspace, store: ReviewStore, case_id: str, reader: str, by: str = "") -> str:
    """Take back the last step of a reader's assignment that holds: that it was made, withdrawn or handed over.

    Returns
    -------
    str
        What was taken back, in a word: "assigned", "withdrawn" or "handed_over".

    Raises
    ------
    StoreError
        If the last step is of another kind, or others have gone on since.
    """
    done: list[str] = []

    def decide(log: list[StudyEntry]) -> list[StudyEntry]:
        now = _last(log, case_id, reader)
        undone = {entry.undoes for entry in log}
        last = [e for e in log if e.assignment_id == now.assignment_id and e.event != "undone"]
        entry = next(e for e in reversed(last) if e.entry_id not in undone)
        if entry.event not in ("assigned", "withdrawn", "handed_over"):
            raise StoreError(
                f"{case_id} was {entry.event} by {reader} since; that cannot be undone. Take the case back instead."
            )
        done[:] = [entry.event]
        steps = [next_entry(now, "undone", by or reader, entry.entry_id)]
        if entry.event == "handed_over":
            heir = next(a for a in fold_study(log) if a.assignment_id == now.handed_to)
            if heir.state != "assigned" or heir.with_label:
                raise StoreError(f"{heir.reader} has begun {case_id} since. Hand it over again instead.")
            first = next(e for e in log if e.assignment_id == heir.assignment_id and e.event == "assigned")
            steps.append(next_entry(heir, "undone", by or reader, first.entry_id))
        return steps

    store.study.append(decide)
    there = reading_of(workspace, ItemKey(case_id, reader))
    if done[0] in ("withdrawn", "handed_over") and there is not None and there.state == "withdrawn":
        reinstate_reading(workspace, there.key)
        store.follow(workspace)
    return done[0]


def version_mark(workspace: Workspace, store: ReviewStore, key: ItemKey) -> str:
    """Return what is to be remarked on a version that is saved of a reading now: that it was answered before.

    Returns
    -------
    str
        "after reveal", "after the answer", or "" for what is no answered reading.
    """
    there = reading_of(workspace, key)
    if there is None or there.state != "answered":
        return ""
    mine = [a for a in assignments(store) if a.key == key]
    return "after reveal" if mine and mine[-1].revealed is not None else "after the answer"


def _find(log: list[StudyEntry], case_id: str, reader: str) -> Assignment:
    found = _last(log, case_id, reader)
    if found.state in ("handed over", "withdrawn"):
        raise NotFoundError(f"{case_id} was {reader}'s to read, and is no longer ({found.state}).")
    return found


def _last(log: list[StudyEntry], case_id: str, reader: str) -> Assignment:
    mine = [a for a in fold_study(log) if (a.case_id, a.reader) == (case_id, reader)]
    if not mine:
        raise NotFoundError(f"{case_id} is not assigned to '{reader}'. Assign it first.")
    return mine[-1]


def _settled(store: ReviewStore, found: Assignment) -> Assignment:
    """Answer an adjudication with what came of it since it was begun."""
    since = [o for o in store.adjudications.outcomes(found.case_id) if found.begun and o.created >= found.begun]
    if not since:
        raise StoreError(f"No adjudication of {found.case_id} was finished since {found.reader} began it.")
    about = {"adjudication_id": since[-1].adjudication_id}
    return _go_on(store, found, lambda now: next_entry(now, "answered", found.reader, **about))


def _go_on(store: ReviewStore, found: Assignment, step: Callable[[Assignment], StudyEntry]) -> Assignment:
    """Append a step upon the assignment as it stands at that moment."""
    store.study.append(lambda log: [step(_find(log, found.case_id, found.reader))])
    return _last(store.study.entries(), found.case_id, found.reader)


def _forget_drafts(workspace: Workspace, store: ReviewStore, key: ItemKey) -> None:
    """Make a reading that is begun once more start from its start, not from drafts of the one withdrawn."""
    latest = store.latest_correction(key)
    if latest is not None and not latest.is_original:
        restore(workspace.seen_by(key.label_reader), store, key, None, key.label_reader)


def _start_of(workspace: Workspace, store: ReviewStore, of: Assignment) -> tuple[LabelMap | None, str]:
    if not of.start:
        return None, "empty"
    if of.start == "model":
        record = promoted_model(workspace)
        path = (
            None
            if record is None
            else prediction_folder(workspace, record.model_id) / (f"{safe_name(of.case_id)}.nii.gz")
        )
        if path is None or not path.is_file():
            raise NotFoundError(
                f"There is no prediction of {of.case_id} by a model in use. Predict with it first, or begin empty."
            )
        return on_image_grid(read_label_map(path), workspace.grid(of.case_id)), "copy of the model's"
    label = current_label(workspace, store, ItemKey(of.case_id, of.start), warn=False)
    return label, f"copy of {of.start}'s"


def _take_over(workspace: Workspace, store: ReviewStore, heir: Assignment, by: str) -> None:
    """End the reading that an assignment goes on with, and begin the heir's with what was drawn, if it goes along.

    Whatever of this is done already stays as it is: a handing over that was cut off is finished by the heir.
    """
    given = next((a for a in assignments(store) if a.assignment_id == heir.handed_from), None)
    there = None if given is None else reading_of(workspace, given.key)
    if given is None or there is None or there.state != "open":
        return
    mine = reading_of(workspace, heir.key)
    if heir.with_label and (mine is None or mine.state == "withdrawn"):
        drawn = _drawn(workspace, store, given)
        begin_reading(workspace, heir.key, by=by, start=drawn, started_from=f"handed over by {given.reader}")
        store.study.shelve(heir.key)
        _forget_drafts(workspace, store, heir.key)
    withdraw_reading(workspace, given.key, by=by)


def _drawn(workspace: Workspace, store: ReviewStore, of: Assignment) -> LabelMap:
    """Return the label as drawn so far: as last saved, with strokes that nobody saved painted upon it."""
    own = workspace.seen_by(of.reader)
    for pending in StrokeJournal.pending(own, of.key):
        painted = recover(own, store, pending)
        if painted is not None:
            store.study.shelve(of.key)
            save_correction(own, store, of.key, painted, reader=pending.reader, comment="unsaved when handed over")
        pending.discard()
    return current_label(own, store, of.key, warn=False)
