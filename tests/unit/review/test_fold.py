from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_aleatoric.model import Decision, Verdict
from napari_aleatoric.review import PENDING, effective, fold

entries = st.builds(
    Decision,
    case_id=st.just("c"),
    reader=st.sampled_from(["A", "B"]),
    verdict=st.none() | st.sampled_from(list(Verdict)),
    quality=st.none() | st.integers(1, 5),
    comment=st.sampled_from(["", "x", "y"]),
    correction_id=st.none() | st.just("k"),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Decision]:
    """Logs in which anything, undos too, may be undone."""
    log: list[Decision] = []
    for entry in draw(st.lists(entries, max_size=8)):
        log.append(entry)
        if draw(st.booleans()):
            target = draw(st.sampled_from(log)).decision_id
            log.append(Decision(case_id="c", reader="A", undoes=target))
    return log


def undo(entry: Decision) -> Decision:
    return Decision(case_id="c", reader=entry.reader, undoes=entry.decision_id)


@given(logs(), entries)
def test_an_entry_and_its_undo_change_nothing(log: list[Decision], entry: Decision) -> None:
    assert fold([*log, entry, undo(entry)]) == fold(log)


@given(logs(), st.lists(entries, min_size=1, max_size=4))
def test_undoing_several_in_any_order_changes_nothing(log: list[Decision], more: list[Decision]) -> None:
    assert fold([*log, *more, *map(undo, more)]) == fold(log)
    assert fold([*log, *more, *map(undo, reversed(more))]) == fold(log)


@given(logs(), entries)
def test_undoing_the_undo_is_as_if_it_never_happened(log: list[Decision], entry: Decision) -> None:
    back = undo(entry)
    assert fold([*log, entry, back, undo(back)]) == fold([*log, entry])


@given(logs())
def test_undoing_everything_that_holds_gives_pending(log: list[Decision]) -> None:
    assert fold([*log, *map(undo, effective(log))]) == PENDING


@given(logs(), st.sampled_from(["A", "B"]))
def test_a_remark_keeps_the_verdict_and_its_author(log: list[Decision], reader: str) -> None:
    before = fold(log)
    after = fold([*log, Decision(case_id="c", reader=reader, comment="by the way")])
    assert (after.verdict, after.quality, after.correction_id) == (
        before.verdict,
        before.quality,
        before.correction_id,
    )
    assert after.comment == "by the way"
    assert after.n_decisions == before.n_decisions + 1
    if before.verdict is not None:
        assert (after.reader, after.when) == (before.reader, before.when)
    else:
        assert after.reader == reader


@given(logs(), entries.filter(lambda e: e.verdict is not None))
def test_the_last_verdict_counts(log: list[Decision], entry: Decision) -> None:
    state = fold([*log, entry])
    assert (state.verdict, state.reader, state.when) == (entry.verdict, entry.reader, entry.created)


def test_status_words() -> None:
    def status(verdict: Verdict | None) -> tuple[str, bool]:
        state = fold([Decision(case_id="c", reader="A", verdict=verdict)])
        return state.status, state.is_done

    assert status(None) == ("pending", False)
    assert status(Verdict.SKIPPED) == ("skipped", False)
    assert status(Verdict.ACCEPTED) == ("accepted", True)
