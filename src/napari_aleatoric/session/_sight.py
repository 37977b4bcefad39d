"""What of an open workspace the session's reader may see now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ._opening import Opened

if TYPE_CHECKING:
    from napari_aleatoric.review import Assignment

__all__ = ["Sight"]


class Sight:
    """A workspace with its store as one reader sees them; of cases to be read blinded, their own label alone.

    Attributes
    ----------
    opened : Opened
        What the session works with: workspace, store and queue show nothing that is hidden.

    whole : ReviewStore
        The store with everything, for the person who assigns.

    Parameters
    ----------
    opened : Opened
        With everything, or as another sight showed it.
    reader : str
        Who looks.
    """

    def __init__(self, opened: Opened, reader: str) -> None:
        from napari_aleatoric.review import build_queue, only_own, whole_store

        self.whole = whole_store(opened.store)
        view = only_own(opened.workspace.whole, self.whole, reader)
        self._workspace, self._store = view
        self._seen = (reader, self.whole.study.last_seq())
        queue = opened.queue
        if view.store.hidden:
            classes = view.workspace.dataset.classes
            queue = build_queue(view.store, classes, strategy=queue.strategy)
        self.opened = replace(opened, workspace=view.workspace, store=view.store, queue=queue)

    def all_assignments(self) -> list[Assignment]:
        """All readers' assignments; for counting and for the person who assigns, not for the reader."""
        from napari_aleatoric.review import assignments

        return assignments(self.whole)

    @property
    def hidden(self) -> frozenset[str]:
        """Cases of which the reader sees nothing but their own label."""
        return self._store.hidden

    def renew(self, reader: str) -> bool:
        """Look again what is hidden from this reader; return whether anything is seen otherwise now."""
        from napari_aleatoric.review import hidden_cases

        now = (reader, self.whole.study.last_seq())
        if now == self._seen:
            return False
        hidden = hidden_cases(self.whole, reader)
        changed = (reader, hidden) != (self._store.reader, self._store.hidden)
        self._seen = now
        if changed:
            self._workspace.look_as(reader, hidden)
            self._store.look_as(reader, hidden)
        return changed
