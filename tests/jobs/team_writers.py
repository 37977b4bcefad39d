"""Processes that write decisions into one store at once, and what is checked afterwards.

Used by `tests/jobs/test_team_writers.py` for seconds and by `benchmarks/team_store.py` for a minute.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import StoreError, StoreUnreachableError
from napari_aleatoric.model import Decision, ItemKey, Verdict
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.review._storage import _engine

N_ITEMS = 500


@dataclass
class Outcome:
    """What the processes did, by their own records, and what the store holds."""

    said: int = 0
    stored: int = 0
    lost: int = 0
    double: int = 0
    held_by_two: int = 0
    outages: int = 0
    seconds: float = 0.0
    latency_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.said / self.seconds


def write(url: str, reader: str, seconds: float, folder: str) -> None:
    """Claim the next item, decide on it, give it back; keep a record of one's own, through outages, too."""
    keys = [ItemKey(f"case_{i:03d}") for i in range(N_ITEMS)]
    held_dir, lines = Path(folder) / "held", []
    _engine.PAUSES_S = ()  # every outage is to be met
    outages, end = 0, time.monotonic() + seconds

    def insist(act: Callable[[], Any]) -> Any:
        """Do something until the server has done it."""
        nonlocal outages
        away = False
        while True:
            try:
                return act()
            except StoreUnreachableError:
                outages += not away
                away = True
                threading.Event().wait(0.1)

    def once(store: ReviewStore, decision: Decision) -> None:
        try:
            store.decide(decision)
        except StoreUnreachableError:
            raise
        except StoreError:  # it had arrived; the answer was lost
            store.decision(decision.decision_id)

    store = insist(lambda: ReviewStore.open(url))
    while time.monotonic() < end:
        key = insist(lambda: store.claim_next(keys, reader, 600))
        if key is None:
            continue
        mark = held_dir / key.case_id
        try:  # the independent record: only one can make the file
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            two = False
        except FileExistsError:
            two = True
        decision = Decision(**key._asdict(), reader=reader, verdict=Verdict.ACCEPTED, comment=str(len(lines)))
        begin = time.perf_counter()
        insist(lambda d=decision: once(store, d))
        lines.append((decision.decision_id, 1000 * (time.perf_counter() - begin), two))
        if not two:
            mark.unlink()
        insist(lambda k=key: store.release(k, reader))
    store.close()
    (Path(folder) / f"{reader}.json").write_text(json.dumps([outages, lines]))


def run(url: str, folder: Path, seconds: float, n: int = 8, meanwhile: Callable[[], None] | None = None) -> Outcome:
    """Let n processes write for so long; ``meanwhile`` runs beside them."""
    (folder / "held").mkdir(parents=True)
    with ReviewStore.open(url) as store:
        store.sync_items([ItemKey(f"case_{i:03d}") for i in range(N_ITEMS)], {})
    context = multiprocessing.get_context("spawn")
    readers = [f"reader_{i}" for i in range(n)]
    children = [context.Process(target=write, args=(url, reader, seconds, str(folder))) for reader in readers]
    for child in children:
        child.start()
    if meanwhile is not None:
        meanwhile()
    for child in children:
        child.join(seconds + 300)
        assert child.exitcode == 0
    outcome = Outcome(seconds=seconds)
    said: list[str] = []
    for reader in readers:
        outages, lines = json.loads((folder / f"{reader}.json").read_text())
        outcome.outages += outages
        for decision_id, ms, two in lines:
            said.append(decision_id)
            outcome.latency_ms.append(ms)
            outcome.held_by_two += two
    with ReviewStore.open(url) as store:
        stored = Counter(d.decision_id for d in store.decisions())
        order = {r: [d.comment for d in store.decisions() if d.reader == r] for r in readers}
    assert all(comments == [str(i) for i in range(len(comments))] for comments in order.values())
    outcome.said, outcome.stored = len(said), sum(stored.values())
    outcome.lost = sum(1 for decision_id in said if not stored[decision_id])
    outcome.double = sum(count - 1 for count in stored.values()) + len(set(stored) - set(said))
    return outcome
