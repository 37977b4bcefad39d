"""How fast the review store and the queue are with 100,000 items, beside one ORM object for every row.

Run with ``pytest benchmarks/test_store.py``; with ``--benchmark-disable`` they are ordinary tests of the results.
The figures of one run belong together.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import ForeignKey, create_engine, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from napari_aleatoric.model import ClassTable, Decision, ItemKey, Verdict
from napari_aleatoric.review import Queue, ReviewStore, StrokeJournal, build_queue, fold
from napari_aleatoric.review._storage import _schema as schema
from napari_aleatoric.review._storage._engine import open_engine, writing

N = 100_000
N_SMALL = 10_000  # what one object for each row is measured on; both sides
CLASSES = ClassTable.from_names({1: "liver", 2: "tumour"})
MEASURES = ("nll_union", "local_max", "dice_gap", "perception_scale")
COLUMNS = [(measure, c) for measure in MEASURES for c in (0, 1, 2)]
OPEN_LIMIT_S = 1.0
TABLE_LIMIT_S = 0.5
CHANGE_LIMIT_S = 0.1
ROUNDS = 7


def values_of(n: int) -> np.ndarray:
    return np.random.default_rng(7).random((n, len(COLUMNS)))


def name_of(i: int) -> str:
    return f"case_{i:06d}"


def fill(url: str, n: int, decided: float) -> None:
    """Put n scored items into a new store, the given part of them with a verdict, in two transactions."""
    values = values_of(n)
    engine = open_engine(url)
    item_rows, log = [], []
    for i in range(n):
        item_rows.append(
            {
                "case_id": name_of(i),
                "label_reader": "",
                "position": i,
                "fingerprint": f"{i:032x}",
                "gone": False,
                "layout_id": 1,
                "packed": values[i].astype("<f8").tobytes(),
                "scored_fingerprint": f"{i:032x}",
                "spec_digest": "0" * 16,
                "scored_us": 1_700_000_000_000_000 + i,
                "n_flags": i % 3,
                "worst_flag": 0.5,
            }
        )
        if i < decided * n:
            log.append(
                {
                    "decision_id": uuid.UUID(int=i).hex,
                    "case_id": name_of(i),
                    "label_reader": "",
                    "verdict": "accepted" if i % 2 else "rejected",
                    "quality": 1 + i % 5,
                    "comment": "the tail is missing" if i % 50 == 0 else "",
                    "reader": "Reader",
                    "seen": "{}",
                    "created_us": 1_700_000_000_000_000 + i,
                }
            )
    with writing(engine) as connection:
        layout = {"layout_id": 1, "digest": "d", "columns": json.dumps(COLUMNS)}
        connection.execute(insert(schema.score_layouts).values(layout))
        connection.execute(insert(schema.items), item_rows)
    if log:
        with writing(engine) as connection:
            connection.execute(insert(schema.decisions), log)
    engine.dispose()


@pytest.fixture(scope="module", params=[0.2, 1.0], ids=["a fifth reviewed", "all reviewed"])
def big(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, float]:
    url = f"sqlite:///{tmp_path_factory.mktemp('big') / 'review.db'}"
    fill(url, N, request.param)
    return url, request.param


def open_queue(url: str) -> Queue:
    with ReviewStore.open(url) as store:
        return build_queue(store, CLASSES)


def best_of(call: Callable[[], Any], rounds: int = 3, timer: Callable[[], float] = time.perf_counter) -> float:
    times = []
    for _ in range(rounds):
        begin = timer()
        call()
        times.append(timer() - begin)
    return min(times)


def must_stay_under(benchmark: Any, limit_s: float, call: Callable[[], Any]) -> None:
    """Hold the limit against processor time, which a busy machine does not stretch; the table shows wall time."""
    if benchmark.disabled:
        return
    processor_s = best_of(call, ROUNDS, time.process_time)
    benchmark.extra_info |= {"limit_s": limit_s, "processor_s": round(processor_s, 4)}
    assert processor_s < limit_s


@pytest.mark.benchmark(group="open 100,000 items")
def test_open_the_queue(benchmark: Any, big: tuple[str, float]) -> None:
    url, decided = big
    queue = benchmark.pedantic(open_queue, args=(url,), rounds=ROUNDS)
    assert len(queue) == N
    assert queue.progress().done == decided * N
    assert np.all(np.diff([queue.row(i).score for i in range(0, N, 997)]) <= 0)
    must_stay_under(benchmark, OPEN_LIMIT_S, lambda: open_queue(url))


@pytest.mark.benchmark(group="open 100,000 items")
def test_read_all_values(benchmark: Any, big: tuple[str, float]) -> None:
    with ReviewStore.open(big[0]) as store:
        table = benchmark.pedantic(store.score_table, rounds=ROUNDS)
        np.testing.assert_array_equal(np.stack([table.columns[c] for c in COLUMNS], axis=1), values_of(N))
        must_stay_under(benchmark, TABLE_LIMIT_S, store.score_table)


SKIPPED = Decision(case_id="x", reader="R", verdict=Verdict.SKIPPED)
CHANGES: dict[str, Callable[[Queue], Queue]] = {
    "sort by score": lambda q: q.sorted_by("score", descending=True),
    "sort by a measure": lambda q: q.sorted_by(("local_max", 2)),
    "sort by comment": lambda q: q.sorted_by("comment", descending=True),
    "sort by date": lambda q: q.sorted_by("when", descending=True),
    "filter by text": lambda q: q.filtered("case_0123"),
    "filter by two words": lambda q: q.filtered("tail rejected"),
    "filter by status and class": lambda q: q.filtered(statuses=["pending"], class_index=2),
    "show one verdict": lambda q: q.with_state(
        q.key(5), fold([Decision(case_id="x", reader="R", verdict="skipped")])
    ),
}


@pytest.mark.benchmark(group="sort and filter 100,000 items")
@pytest.mark.parametrize("name", CHANGES)
def test_sort_and_filter(benchmark: Any, big: tuple[str, float], name: str) -> None:
    """Each round has a fresh queue: the first click counts, not the second."""
    with ReviewStore.open(big[0]) as store:
        queues = [build_queue(store, CLASSES) for _ in range(2 * ROUNDS if not benchmark.disabled else 1)]
    fresh = iter(queues)
    result = benchmark.pedantic(CHANGES[name], setup=lambda: ((next(fresh),), {}), rounds=ROUNDS)
    expected = {"filter by text": 100, "filter by two words": big[1] * N / 50}
    if "class" not in name:
        assert len(result) == expected.get(name, N)
    must_stay_under(benchmark, CHANGE_LIMIT_S, lambda: CHANGES[name](next(fresh)))


# the obvious alternative: an object for every row of every table


class Base(DeclarativeBase):
    """Of the objects."""


class ScoreObject(Base):
    """One value."""

    __tablename__ = "score"
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("item.case_id"), index=True)
    measure: Mapped[str]
    class_index: Mapped[int]
    value: Mapped[float]


class DecisionObject(Base):
    """One verdict."""

    __tablename__ = "decision"
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("item.case_id"), index=True)
    verdict: Mapped[str]


class ItemObject(Base):
    """One item."""

    __tablename__ = "item"
    case_id: Mapped[str] = mapped_column(primary_key=True)
    scores: Mapped[list[ScoreObject]] = relationship()
    decisions: Mapped[list[DecisionObject]] = relationship()


def fill_objects(url: str, n: int) -> None:
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    values = values_of(n)
    with engine.begin() as connection:
        connection.execute(insert(ItemObject), [{"case_id": name_of(i)} for i in range(n)])
        rows = [
            {"item_id": name_of(i), "measure": measure, "class_index": c, "value": values[i, j]}
            for i in range(n)
            for j, (measure, c) in enumerate(COLUMNS)
        ]
        connection.execute(insert(ScoreObject), rows)
        verdicts = [{"item_id": name_of(i), "verdict": "accepted"} for i in range(n)]
        connection.execute(insert(DecisionObject), verdicts)
    engine.dispose()


def open_objects(url: str) -> list[tuple[float, str, str]]:
    """Read all objects and sort them by one measure: less than a queue does."""
    engine = create_engine(url)
    with Session(engine) as session:
        query = select(ItemObject).options(selectinload(ItemObject.scores), selectinload(ItemObject.decisions))
        rows = []
        for item in session.scalars(query):
            score = next(s.value for s in item.scores if s.measure == "nll_union" and s.class_index == 0)
            rows.append((score, item.case_id, item.decisions[-1].verdict if item.decisions else "pending"))
    engine.dispose()
    return sorted(rows, reverse=True)


@pytest.mark.benchmark(group="open 10,000 items, beside an object for each row")
def test_open_beside_objects(benchmark: Any, tmp_path: Path) -> None:
    ours, theirs = f"sqlite:///{tmp_path / 'ours.db'}", f"sqlite:///{tmp_path / 'theirs.db'}"
    fill(ours, N_SMALL, 1.0)
    fill_objects(theirs, N_SMALL)
    queue = benchmark.pedantic(open_queue, args=(ours,), rounds=ROUNDS)
    rows = open_objects(theirs)
    assert [row[1] for row in rows] == [r.key.case_id for r in queue.sorted_by("nll_union", descending=True)]
    if benchmark.disabled:
        return
    ours_s = best_of(lambda: open_queue(ours), ROUNDS, time.process_time)
    ratio = best_of(lambda: open_objects(theirs), 3, time.process_time) / ours_s
    benchmark.extra_info["times_faster_than_objects"] = round(ratio, 1)
    assert ratio > 5


@pytest.mark.benchmark(group="one act")
def test_a_decision_reaches_the_disk(benchmark: Any, big: tuple[str, float]) -> None:
    with ReviewStore.open(big[0]) as store:

        def decide() -> Decision:
            decision = store.decide(Decision(case_id=name_of(N - 1), reader="Bench", verdict=Verdict.SKIPPED))
            store.undo(decision.key, "Bench")
            return decision

        decision = benchmark.pedantic(decide, rounds=20)
        assert decision.decision_id in {d.decision_id for d in store.history(decision.key)}
        assert store.state(ItemKey(name_of(N - 1)), reader="Bench").verdict is None


@pytest.mark.benchmark(group="one act")
def test_a_stroke_reaches_the_disk(benchmark: Any, tmp_path: Path) -> None:
    """A filled ball of a 128×256×256 label, journalled and flushed."""
    z, y, x = np.ogrid[:128, :256, :256]
    index = np.flatnonzero((z - 64) ** 2 + (y - 128) ** 2 + (x - 128) ** 2 < 40**2)

    class Place:
        corrections_dir = tmp_path

    journal = StrokeJournal.open(Place(), ItemKey("case"), "R", "", (128, 256, 256))  # type: ignore[arg-type]

    def paint() -> None:
        journal.append(index, old=0, new=1)
        journal.flush()

    benchmark.pedantic(paint, rounds=20)
    (path,) = tmp_path.rglob("*.strokes")
    n_strokes = journal.n_strokes
    assert n_strokes >= 1
    benchmark.extra_info["bytes_per_stroke"] = path.stat().st_size // n_strokes
    assert path.stat().st_size / n_strokes < index.nbytes / 20  # far smaller than the list of voxels
    journal.discard()
