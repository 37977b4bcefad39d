"""What each reader did in a review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from napari_aleatoric.model import ItemKey
from napari_aleatoric.review._storage._store import ReviewStore

from ._record import ReaderLine

__all__ = ["reader_lines"]


def reader_lines(store: ReviewStore, keys: Sequence[ItemKey]) -> tuple[ReaderLine, ...]:
    """Count what every reader decided about some labels; each label counts once for a reader, as it stands now.

    Parameters
    ----------
    store : ReviewStore
        As whoever the report is for may see it.
    keys : sequence of ItemKey
        The labels.
    """
    wanted = set(keys)
    saved = Counter(v.reader for v in store.all_corrections() if v.key in wanted)
    names = {d.reader for d in store.decisions() if d.key in wanted} | set(saved)
    lines = []
    for name in sorted(names):
        states = [s for key, s in store.states(name).items() if key in wanted and s.n_decisions]
        verdicts = Counter(s.verdict.value for s in states if s.verdict is not None)
        qualities = [s.quality for s in states if s.quality is not None]
        times = [s.when for s in states if s.when is not None]
        lines.append(
            ReaderLine(
                reader=name,
                by_verdict=dict(verdicts),
                n_versions=saved[name],
                mean_quality=sum(qualities) / len(qualities) if qualities else float("nan"),
                last=max(times, default=None),
            )
        )
    return tuple(lines)
