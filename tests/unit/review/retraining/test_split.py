"""What is held back stays held back, and no patient is on both sides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_aleatoric.errors import DataError, WorkspaceError
from napari_aleatoric.io import Workspace
from napari_aleatoric.review._retraining._split import (
    HeldOut,
    hold_out,
    read_held_out,
    retraining_folder,
    validation_cases,
    write_held_out,
)

patients_by_case = st.dictionaries(
    st.integers(0, 60).map("case{:02}".format),
    st.sampled_from(["", "", "", *(f"p{i}" for i in range(12))]),
    min_size=2,
    max_size=40,
)


def sides_of(patients: dict[str, str], held: set[str]) -> dict[str, set[bool]]:
    sides: dict[str, set[bool]] = {}
    for case, patient in patients.items():
        sides.setdefault(patient or case, set()).add(case in held)
    return sides


@given(patients_by_case, st.integers(0, 5), st.floats(0.02, 0.5))
def test_no_patient_is_on_both_sides(patients, seed, fraction):
    chosen = hold_out(patients, fraction, seed)
    held = set(chosen.held(patients))
    if chosen.by == "patient":
        assert all(len(side) == 1 for side in sides_of(patients, held).values())
    else:
        assert len(set(patients.values())) == 1
        assert "one patient" in chosen.note
    assert held
    assert len(held) < len(patients)
    learn = {case: p for case, p in patients.items() if case not in held}
    validation = set(validation_cases(learn, 0.2, seed))
    assert not validation & held
    assert validation < set(learn)
    if len(set(learn.values())) > 1:
        assert all(len(side) == 1 for side in sides_of(learn, validation).values())


@settings(max_examples=200)
@given(st.lists(patients_by_case, min_size=2, max_size=4), st.integers(0, 5))
def test_adding_and_removing_cases_never_moves_one_out(stages, seed):
    known: HeldOut | None = None
    everyone: dict[str, str] = {}
    ever_held: set[str] = set()
    ever_learned: set[str] = set()
    for stage in stages:
        present = {case: everyone.get(case, patient) for case, patient in stage.items()}
        everyone |= present
        known = hold_out(present, 0.2, seed, known)
        held = set(known.held(present))
        assert held >= ever_held & present.keys()
        assert not held & ever_learned
        ever_held |= held
        ever_learned |= present.keys() - held
        if known.by == "patient":
            assert all(len(side) == 1 for side in sides_of(everyone, ever_held).values())


@given(patients_by_case)
def test_the_order_of_the_cases_changes_nothing(patients):
    assert hold_out(dict(reversed(patients.items()))) == hold_out(patients)


def test_how_many_are_held_back():
    many = {f"c{i:03}": "" for i in range(201)}
    chosen = hold_out(many)
    assert len(chosen.held(many)) == 20
    assert chosen.note == ""
    assert hold_out(many, seed=1).held(many) != chosen.held(many)
    assert len(hold_out(dict.fromkeys(list(many)[:6], "")).held(many)) == 2
    assert len(hold_out(dict.fromkeys(list(many)[:2], "")).held(many)) == 1
    more = many | {f"d{i:03}": "" for i in range(100)}
    assert len(hold_out(more, known=chosen).held(more)) == 30
    with pytest.raises(DataError, match="at least two labelled cases"):
        hold_out({"a": ""})


def test_a_patient_turns_out_to_be_one_with_a_held_back_one():
    before = {f"c{i}": "" for i in range(10)}
    chosen = hold_out(before)
    held = chosen.held(before)[0]
    learned = next(c for c in before if c not in chosen.held(before))
    after = hold_out(before | {held: "p", learned: "p"}, known=chosen)
    assert {held, learned} <= set(after.held(before))


def test_few_cases_have_none_to_validate_with():
    assert validation_cases({"a": "", "b": "", "c": ""}, 0.1, 0) == []
    assert validation_cases({f"c{i}": "" for i in range(40)}, 0.0, 0) == []
    assert len(validation_cases({f"c{i}": "" for i in range(40)}, 0.1, 0)) == 4


def test_it_is_kept_in_the_workspace(workspace: Workspace):
    assert read_held_out(workspace) is None
    chosen = hold_out({case.case_id: "secret name" for case in workspace.dataset.cases})
    write_held_out(workspace, chosen)
    assert read_held_out(workspace) == chosen
    (path,) = retraining_folder(workspace).iterdir()
    assert "secret name" not in path.read_text()
    path.write_text("{")
    with pytest.raises(WorkspaceError, match="damaged"):
        read_held_out(workspace)
