"""What a person paints as not to be learned from, until the voxel map holds it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace

from ._item import ItemData
from ._notice import Kind, Notice
from ._saver import Saver
from ._sentence import sentence_of
from ._strokes import StrokeKeeper

__all__ = ["Barring"]


class Barring:
    """The strokes on the voxels that are barred from learning, of one label after the other. Main thread only.

    They are journalled as they are painted and saved whole, like a label's; there are no versions of them.

    Parameters
    ----------
    deliver : callable
        Runs a function in the main thread.
    """

    changed = Signal()  # something is painted now, or nothing any more
    unsaved_changed = Signal(bool)
    saved = Signal(object, int)  # ItemKey, number of its voxels that are barred
    failed = Signal(object)  # Notice

    def __init__(self, deliver: Callable[[Callable[[], None]], None]) -> None:
        self._item: ItemData | None = None
        self._workspace: Workspace | None = None
        self._reader = ""
        self._strokes: StrokeKeeper | None = None
        self._writing: NDArray[Any] | None = None  # what is being written of the item on the screen
        self._touched = False  # whether something may have been painted since the last count
        self._told = False  # whether there were unsaved strokes when it was told last
        self._saver: Saver[int] = Saver(deliver)

    @property
    def unsaved(self) -> bool:
        """Whether there are strokes that the map does not hold."""
        self._follow()
        return self._strokes is not None and self._strokes.unsaved

    def finish(self) -> None:
        """Wait until all maps are written that are being written."""
        self._saver.finish()

    def close(self) -> None:
        """Wait likewise, and end the writing thread."""
        self._saver.close()

    # -- strokes ------------------------------------------------------------------------------------

    def begin(self, workspace: Workspace, item: ItemData, reader: str) -> None:
        """Take an item that came to the screen; where something is painted already, watch it."""
        self._workspace, self._item, self._reader = workspace, item, reader
        self._strokes = self._writing = None
        self._touched = False
        if item.barred is not None and item.barred.n_voxels:
            self.watch()

    def watch(self) -> None:
        """Watch the voxels of the item on the screen: from now on they may be painted."""
        item, workspace = self._item, self._workspace
        if self._strokes is not None or item is None or item.barred is None or workspace is None:
            return
        from napari_aleatoric.review import WEIGHT_MAP

        self._strokes = StrokeKeeper(workspace, item.key, item.barred.mask, self._reader, map_name=WEIGHT_MAP)

    def end(self) -> None:
        """Let go; strokes that are being saved are that save's business."""
        if self._strokes is not None and not self._strokes.unsaved:
            self._strokes.finish()
        self._strokes = self._item = None
        self._tell()

    def touched(self) -> None:
        """Say that something may have been painted; costs nothing."""
        if self._strokes is not None:
            self._touched = True
            self._strokes.touched()

    def keep(self) -> None:
        """Journal what was painted since the last call."""
        self._tell()

    def _follow(self) -> None:
        """Journal and count what was painted since the last look."""
        strokes, item = self._strokes, self._item
        if not self._touched or strokes is None or item is None or item.barred is None:
            return
        self._touched = False
        try:
            strokes.keep()
        except (OSError, AleatoricError) as error:
            self.failed.emit(Notice(f"Strokes could not be written to disk. {sentence_of(error)}", Kind.ERROR))
        if item.barred.count():
            self.changed.emit()

    def restore(self, item: ItemData) -> None:
        """Paint what an earlier, unfinished session painted."""
        if item.barred is None or not item.barred.pending:
            return
        self.watch()
        for pending in item.barred.pending:
            pending.apply(item.barred.mask)
        self.touched()
        self.keep()
        for pending in item.barred.pending:
            pending.discard()  # they are in this session's journal now
        item.barred.pending, item.barred.pending_voxels = (), 0

    def discard(self) -> None:
        """Throw the unsaved strokes away."""
        if self._strokes is not None and self._item is not None and self._item.barred is not None:
            self._strokes.discard()
            if self._item.barred.count():
                self.changed.emit()
            self._tell()

    # -- the map ------------------------------------------------------------------------------------

    def save(self) -> bool:
        """Write the map, in the background, if there is anything new; `saved` or `failed` follows.

        Returns
        -------
        bool
            Whether there was, or it is being written already.
        """
        strokes, item, workspace, reader = self._strokes, self._item, self._workspace, self._reader
        if strokes is None or item is None or workspace is None or not self.unsaved:
            return False
        from napari_aleatoric.review import save_barred

        key, geometry, mask = item.key, item.image.geometry, strokes.snapshot()
        if self._writing is not None and np.array_equal(self._writing, mask):
            return True
        self._writing = mask

        def write() -> int:
            return save_barred(workspace, key, mask, geometry, reader=reader)

        def written(future: Future[int]) -> None:
            error = future.exception()
            if self._writing is mask:
                self._writing = None
            if error is None:
                strokes.saved(mask)
            if strokes is not self._strokes:
                strokes.finish()
            if error is None:
                self.saved.emit(key, future.result())
            else:
                text = f"What is not to be learned from in {key} was not saved; its strokes are kept."
                self.failed.emit(Notice(f"{text} {sentence_of(error)}", Kind.ERROR))
            self._tell()

        self._saver.submit(write, written)
        return True

    def _tell(self) -> None:
        """Say whether there are unsaved strokes, if that has changed."""
        unsaved = self.unsaved
        if unsaved != self._told:
            self._told = unsaved
            self.unsaved_changed.emit(unsaved)
