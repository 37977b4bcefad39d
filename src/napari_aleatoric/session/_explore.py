"""What the plots of a data set show, and how they and the queue follow each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.model import WHOLE_CASE, ClassTable, Measure
from napari_aleatoric.uncertainty import MEASURES

from ._explore_options import ExploreOptions

if TYPE_CHECKING:
    from napari_aleatoric.review import FilterPreview, FilterSpec, Queue, QueueColumns

    from ._session import ReviewSession

__all__ = ["Explore"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Explore:
    """Plots of one session's data set: values, the filter and its preview, and which cases are selected.

    What is selected is the queue's own filter (`QueueFilter.keys`), and what is marked is the item on the screen:
    there is one truth, and both sides show it.

    Attributes
    ----------
    options : ExploreOptions
        What is shown.

    Parameters
    ----------
    session : ReviewSession
        Whose queue.
    """

    data_changed = Signal()  # other scores, verdicts or wishes: all plots
    filter_changed = Signal()  # the filter, or what it keeps
    shown_changed = Signal()  # which items the queue shows
    current_changed = Signal()  # the item on the screen

    def __init__(self, session: ReviewSession) -> None:
        from napari_aleatoric.review import FilterSpec

        self._session = session
        self._queue: Queue | None = None
        self._columns: QueueColumns | None = None
        self._values: dict[tuple[str, int], FloatArray] = {}
        self._measures: list[str] | None = None
        self._filter = FilterSpec()
        self._preview: FilterPreview | None = None
        self._problem = ""
        self._fresh = False
        self.options = ExploreOptions()
        self.options.events.measure.connect(self._other_measure)
        for name in ("class_index", "across", "up", "colour_by"):
            getattr(self.options.events, name).connect(lambda *_: self.data_changed.emit())
        session.opened.connect(self._opened)
        session.queue_changed.connect(self._take)
        session.item_changed.connect(lambda *_: self.current_changed.emit())
        self._take(session.queue)

    # -- the data -----------------------------------------------------------------------------------

    @property
    def columns(self) -> QueueColumns | None:
        """All items of the data set; None where none is open."""
        return self._columns

    @property
    def classes(self) -> ClassTable:
        """Classes of the data set."""
        return self._session.classes

    @property
    def measures(self) -> list[str]:
        """Names of the measures that any item has a value of."""
        if self._measures is None:
            from napari_aleatoric.review import available_measures

            self._measures = [] if self._columns is None else available_measures(self._columns.table)
        return self._measures

    @property
    def measure(self) -> Measure:
        """What the histogram shows."""
        return MEASURES[self.options.measure]

    def values(self, measure: str, class_index: int = WHOLE_CASE) -> FloatArray:
        """Return raw values of all items, shape (n,); NaN = not measured."""
        if self._columns is None:
            return np.empty(0)
        name = (measure, class_index)
        if name not in self._values:
            from napari_aleatoric.review import measure_values

            self._values[name] = self._columns.spread(measure_values(self._columns.table, measure, class_index))
        return self._values[name]

    @property
    def shown_values(self) -> FloatArray:
        """Values of the histogram: of the items that the filter judges, shape (m,)."""
        values = self.values(self.options.measure, self.options.class_index)
        return values if self.preview is None else values[self.preview.cohort]

    # -- the filter ---------------------------------------------------------------------------------

    @property
    def filter(self) -> FilterSpec:
        """What is kept."""
        return self._filter

    @property
    def preview(self) -> FilterPreview | None:
        """What the filter keeps; None where that cannot be said, see `problem`."""
        self._work_out()
        return self._preview

    @property
    def problem(self) -> str:
        """Why there is no preview, as a sentence; "" where there is one."""
        self._work_out()
        return self._problem

    def set_filter(self, **changes: Any) -> None:
        """Change some of the filter's fields; see `FilterSpec`. What is not allowed changes nothing."""
        from napari_aleatoric.review import FilterSpec

        wished = {**self._filter.model_dump(), **changes}
        if wished["values"] is not None and "percentiles" in changes and "values" not in changes:
            wished["values"] = None
        try:
            spec = FilterSpec.model_validate(wished)
        except ValueError:
            return
        if spec != self._filter:
            self._filter = spec
            self._fresh = False
            if spec.measure != self.options.measure:
                self.options.measure = spec.measure
            self.filter_changed.emit()

    def cut(self, class_index: int | None = None) -> tuple[float, float]:
        """Return the smallest and largest raw value that is kept, of the class that is shown; infinite = no cut."""
        preview = self.preview
        if preview is None:
            return -math.inf, math.inf
        c = self.options.class_index if class_index is None else class_index
        found = preview.cuts.get(c)
        if found is None:
            return -math.inf, math.inf
        return (found.low, found.high) if self.measure.sign > 0 else (-found.high, -found.low)

    @property
    def has_cut(self) -> bool:
        """Whether the filter cuts the distribution that is shown, so that its line can be drawn and dragged."""
        return self.preview is not None and self.options.class_index in self.preview.cuts

    def drag_cut(self, smallest: float, largest: float) -> None:
        """Move the cut to raw values; in percentiles, unless the filter is one of values.

        Parameters
        ----------
        smallest, largest : float
            What is kept; beyond the data = no cut.
        """
        preview = self.preview
        if preview is None or not self.has_cut:
            return
        known = np.sort(self.measure.sign * self.shown_values)
        known = known[~np.isnan(known)]
        if not len(known):
            return
        if self._filter.values is not None:
            ends = np.sort(self.measure.sign * known)
            limits = (None if smallest <= ends[0] else smallest, None if largest >= ends[-1] else largest)
            self.set_filter(values=limits)
            return
        low, high = (smallest, largest) if self.measure.sign > 0 else (-largest, -smallest)
        below = int(np.searchsorted(known, low, side="left"))
        up_to = int(np.searchsorted(known, high, side="right"))
        if below < up_to:
            self.set_filter(percentiles=(100 * below / len(known), 100 * up_to / len(known)))

    def _work_out(self) -> None:
        if self._fresh:
            return
        from napari_aleatoric.review import preview_filter

        self._fresh, self._preview, self._problem = True, None, ""
        queue = self._session.full_queue
        if queue is None:
            self._problem = "Open a data set first."
            return
        try:
            self._preview = preview_filter(queue, self._filter)
        except AleatoricError as error:
            self._problem = str(error)

    def _other_measure(self, name: str) -> None:
        changes: dict[str, Any] = {"measure": name}
        if self._filter.values is not None:  # limits of another measure mean nothing
            changes["values"] = None
        self.set_filter(**changes)
        self.data_changed.emit()

    # -- selecting ----------------------------------------------------------------------------------

    @property
    def selected(self) -> IntArray | None:
        """Rows that were selected in a plot, ascending; None where nothing was."""
        keys = self._session.filter.keys
        if keys is None or self._columns is None:
            return None
        return np.array([i for i, key in enumerate(self._columns.keys) if key in keys], dtype=np.int64)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Whether the queue shows each item, shape (n,)."""
        n = 0 if self._columns is None else len(self._columns)
        shown = np.zeros(n, dtype=bool)
        if self._session.queue is not None:
            shown[self._session.queue.rows] = True
        return shown

    @property
    def current(self) -> int | None:
        """Row of the item on the screen."""
        item, queue = self._session.item, self._session.full_queue
        if item is None or queue is None or (place := queue.find(item.key)) is None:
            return None
        return int(queue.rows[place])

    def select(self, rows: IntArray) -> None:
        """Narrow the queue to these rows; none of them = to all again."""
        if self._columns is None or not len(rows):
            self.clear_selection()
            return
        keys = self._columns.keys
        self._session.set_filter(keys=frozenset(keys[i] for i in rows.tolist()))

    def clear_selection(self) -> None:
        """Let the queue show what it showed without a selection."""
        if self._session.filter.keys is not None:
            self._session.set_filter(keys=None)

    def open(self, row: int) -> None:
        """Show an item in the viewer."""
        if self._columns is not None:
            self._session.go(self._columns.keys[row])

    # -- the session --------------------------------------------------------------------------------

    def _opened(self, _: object) -> None:
        from napari_aleatoric.review import FilterSpec

        self._filter = FilterSpec(measure=self._filter.measure, percentiles=self._filter.percentiles)
        self.options.class_index = WHOLE_CASE

    def _take(self, queue: Queue | None) -> None:
        full = self._session.full_queue
        columns = None if full is None else full.columns
        before, self._columns = self._columns, columns
        same_table = before is not None and columns is not None and before.table is columns.table
        same_status = same_table and before is not None and columns is not None and before.status is columns.status
        if not same_table:
            self._values.clear()
            self._measures = None
        if not same_status:
            self._fresh = False
            self._choose_measure()
            self.data_changed.emit()
        self.shown_changed.emit()

    def _choose_measure(self) -> None:
        """Show something that this data set has, where it has anything."""
        if self.measures and self.options.measure not in self.measures:
            self.options.measure = self.measures[0]
        for name in ("across", "up"):
            if self.measures and getattr(self.options, name) not in self.measures:
                setattr(self.options, name, self.measures[0])
