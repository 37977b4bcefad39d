"""The queue as ranked and as filtered, and which item comes next. Pure: nothing is read, nobody is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_aleatoric.model import ItemKey

from ._opening import QueueFilter

if TYPE_CHECKING:
    from napari_aleatoric.review import ItemState, Queue

__all__ = ["QueueWalk"]


class QueueWalk:
    """A queue, what it is narrowed to, and the way through it.

    Attributes
    ----------
    full : Queue
        All items, as ranked.
    shown : Queue
        The same, filtered and sorted.
    wish : QueueFilter
        What it is narrowed to.

    Parameters
    ----------
    queue : Queue
        As `build_queue` made it.
    """

    def __init__(self, queue: Queue) -> None:
        self.wish = QueueFilter(strategy=queue.strategy)
        self._row = 0  # where the item on the screen stands, or stood before it was filtered out
        self.take(queue)

    def take(self, queue: Queue) -> None:
        """Walk through another queue of the same data set: it was scored, or read again."""
        self.full = queue
        self.narrow(self.wish)

    def narrow(self, wish: QueueFilter) -> None:
        """Filter and sort; the strategy is `build_queue`'s business."""
        self.wish = wish
        shown = self.full.filtered(
            text=wish.text, statuses=wish.statuses or None, class_index=wish.class_index, keys=wish.keys
        )
        if wish.sort_column:
            shown = shown.sorted_by(wish.sort_column, descending=wish.descending)
        self.shown: Queue = shown

    def renew(self, key: ItemKey, state: ItemState) -> None:
        """Take note of what was decided about an item."""
        self.take(self.full.with_state(key, state))

    def stand_at(self, key: ItemKey) -> None:
        """Remember where an item stands, for the time when the filter has taken it away."""
        self._row = self.shown.find(key) or 0

    def neighbours(self, here: ItemKey | None, step: int, limit: int) -> list[ItemKey]:
        """Return the next items from here, nearest first.

        Parameters
        ----------
        here : ItemKey or None
            The item on the screen. One that was filtered out is continued from its old place.
        step : int
            +1 = down the queue, −1 = up.
        limit : int
            How many at most.
        """
        queue = self.shown
        if len(queue) == 0:
            return []
        row = None if here is None else queue.find(here)
        if row is None:
            row = min(max(self._row, 0), len(queue) - 1) - step
        rows = range(row + step, row + step * (limit + 1), step)
        return [queue.key(k) for k in rows if 0 <= k < len(queue)]

    def pending_behind(self, here: ItemKey | None, limit: int) -> list[ItemKey]:
        """Return the next items without a verdict, round the end of the queue, nearest first; not ``here``."""
        row = None if here is None else self.shown.find(here)
        places = self.shown.places_of("pending", -1 if row is None else row)
        return [self.shown.key(k) for k in places[: limit + 1] if k != row][:limit]
