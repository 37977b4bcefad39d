"""What a person measures in the case on the screen: kept with the case, for this person."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from psygnal import Signal

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace, read_measurements, write_measurements
from napari_aleatoric.model import MeasureKind, Measurement, Reorientation

from ._item import ItemData
from ._measure_words import MeasuredRow, measured_row
from ._notice import Kind, Notice
from ._sentence import sentence_of

if TYPE_CHECKING:
    from ._session import ReviewSession

__all__ = ["Measuring"]

_Where = tuple[Workspace, str, str]  # workspace, case, reader


class Measuring:
    """Distances and areas of the case on the screen. Main thread only; files are written in a thread of their own.

    A reader sees only their own, so that a blinded reader sees nobody else's. What is kept lies on the grid of the
    file; what is told lies in the upright frame.

    Parameters
    ----------
    session : ReviewSession
        Says what is on the screen, and who looks.
    deliver : callable
        Runs a function in the main thread.
    """

    changed = Signal()

    def __init__(self, session: ReviewSession, deliver: Callable[[Callable[[], None]], None]) -> None:
        self._session, self._deliver = session, deliver
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="measurements")
        self._where: _Where | None = None
        self._item: ItemData | None = None
        self._kept: tuple[Measurement, ...] = ()  # on the grid of the file
        self._unwritten: dict[tuple[str, str, str], tuple[Measurement, ...]] = {}
        self._is_readable = True
        self._turn = Reorientation()  # from the grid of the file to the upright frame
        self.rows: tuple[MeasuredRow, ...] = ()
        session.item_changed.connect(self._show)
        session.sight_changed.connect(self._look_again)
        if session.item is not None:
            self._show(session.item)

    def close(self) -> None:
        """Wait until all is written, and let go."""
        self._session.item_changed.disconnect(self._show)
        self._session.sight_changed.disconnect(self._look_again)
        self._writer.shutdown(wait=True)
        self._item = self._where = None

    # -- what is measured ----------------------------------------------------------------------------

    def add(self, kind: MeasureKind, vertices_zyx: ArrayLike, axis: int) -> MeasuredRow | None:
        """Measure something on the slice along an axis of the upright frame; None where no case is open."""
        self._look_again()
        item = self._item
        if item is None or self._where is None:
            return None
        if not self._is_readable:
            self._session.notice.emit(Notice("The measurements of this case cannot be read, so none is added."))
            return None
        places = tuple((float(z), float(y), float(x)) for z, y, x in np.asarray(vertices_zyx, dtype=float))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        new = Measurement(uuid.uuid4().hex[:12], kind, places, axis, now)
        shape = item.image.geometry.shape_zyx
        self._keep((*self._kept, _turned(new, self._turn.inverse(), shape)))
        return self.rows[-1]

    def remove(self, measurement_id: str) -> None:
        """Delete a measurement."""
        self._keep(tuple(m for m in self._kept if m.measurement_id != measurement_id))

    def remove_last(self) -> None:
        """Delete the measurement that was made last."""
        if self._kept:
            self._keep(self._kept[:-1])

    def row(self, measurement_id: str) -> MeasuredRow | None:
        """Return a measurement by its id."""
        return next((row for row in self.rows if row.measurement.measurement_id == measurement_id), None)

    # -- keeping -------------------------------------------------------------------------------------

    def _look_again(self) -> None:
        """Show the measurements of another reader, where another one has sat down."""
        item = self._session.item
        if item is not None and self._where is not None and self._where[2] != self._session.reader:
            self._show(item)

    def _show(self, item: ItemData) -> None:
        workspace = self._session.workspace
        if workspace is None:
            return
        self._item, self._where = item, (workspace, item.key.case_id, self._session.reader)
        waiting = self._unwritten.get(_name(self._where))
        self._is_readable = True
        try:
            found = read_measurements(*self._where, item.stored_geometry) if waiting is None else waiting
        except AleatoricError as error:
            found, self._is_readable = (), False
            self._session.notice.emit(Notice(sentence_of(error), Kind.WARNING))
        self._kept = found
        self._turn = item.stored_geometry.reorientation_to(item.image.geometry) or Reorientation()
        self._tell()

    def _keep(self, kept: tuple[Measurement, ...]) -> None:
        where, item = self._where, self._item
        if where is None or item is None or kept == self._kept:
            return
        self._kept = self._unwritten[_name(where)] = kept
        grid = item.stored_geometry
        future = self._writer.submit(write_measurements, *where, grid, kept)
        future.add_done_callback(lambda done: self._deliver(lambda: self._written(where, kept, done)))
        self._tell()

    def _written(self, where: _Where, kept: tuple[Measurement, ...], done: Future[None]) -> None:
        error = done.exception()
        if error is not None:
            self._session.notice.emit(Notice(f"A measurement was not kept. {sentence_of(error)}", Kind.ERROR))
        elif self._unwritten.get(_name(where)) is kept:
            del self._unwritten[_name(where)]

    def _tell(self) -> None:
        item = self._item
        if item is not None:
            shape = item.stored_geometry.shape_zyx
            upright = (_turned(each, self._turn, shape) for each in self._kept)
            known = {row.measurement: row for row in self.rows}  # of this very image, or measured anew
            same = self._rows_of is item.image
            self.rows = tuple(
                replace(known[each], number=n) if same and each in known else measured_row(item, each, n)
                for n, each in enumerate(upright, start=1)
            )
            self._rows_of = item.image
        self.changed.emit()

    _rows_of: object = None


def _name(where: _Where) -> tuple[str, str, str]:
    return (str(where[0].root), where[1], where[2])


def _turned(measurement: Measurement, turn: Reorientation, shape_zyx: tuple[int, int, int]) -> Measurement:
    """Bring places from a grid of that shape to a turned one."""
    if turn.is_identity:
        return measurement
    places = turn.apply_index(measurement.vertices_zyx, shape_zyx)
    axis = turn.axes_zyx.index(measurement.axis)
    return replace(measurement, vertices_zyx=tuple(map(tuple, places.tolist())), axis=axis)
