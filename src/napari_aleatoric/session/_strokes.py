"""Watches a label that is being painted, and journals what changed since the last look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey

if TYPE_CHECKING:
    from napari_aleatoric.review import StrokeJournal

__all__ = ["StrokeKeeper"]


class StrokeKeeper:
    """Keeps the journal of one label in step with its array.

    The array is compared with a copy rather than the strokes counted, so that undo, fill, paste and scripts are
    caught like the brush. Call :meth:`touched` when the array may have changed, and :meth:`keep` about twice a
    second.

    Parameters
    ----------
    workspace : Workspace
        Where the journal is kept.
    key : ItemKey
        Which label.
    label : numpy.ndarray, shape (Z, Y, X)
        The array that is painted on, upright frame; read, never written.
    reader : str
        Who paints.
    base : str
        The label version that the strokes are made on: id of the correction, or "" for the original.
    map_name : str
        Which voxel map of the label the array is; "" for the label itself.
    """

    def __init__(
        self,
        workspace: Workspace,
        key: ItemKey,
        label: NDArray[Any],
        reader: str,
        base: str = "",
        map_name: str = "",
    ) -> None:
        self._workspace = workspace
        self._key = key
        self._label = label
        self._saved = label.copy()
        self._journalled = self._saved.copy()
        self._reader = reader
        self._base, self._map_name = base, map_name
        self._journal: StrokeJournal | None = None
        self._touched = False

    @property
    def key(self) -> ItemKey:
        """Which label."""
        return self._key

    @property
    def last_saved(self) -> NDArray[Any]:
        """The label as it was last saved; never written to, not by later saves either."""
        return self._saved

    def touched(self) -> None:
        """Say that the array may have changed. Costs nothing."""
        self._touched = True

    def keep(self) -> bool:
        """Write what changed since the last call to disk; return whether anything had."""
        if not self._touched:
            return False
        self._touched = False
        changed = np.flatnonzero(self._label.ravel() != self._journalled.ravel())
        if changed.size == 0:
            return False
        if self._journal is None:
            from napari_aleatoric.review import StrokeJournal

            self._journal = StrokeJournal.open(
                self._workspace, self._key, self._reader, self._base, self._label.shape, self._map_name
            )
        flat_old, flat_new = self._journalled.ravel(), self._label.ravel()
        self._journal.append(changed, old=flat_old[changed], new=flat_new[changed])
        self._journal.flush()
        flat_old[changed] = flat_new[changed]
        return True

    @property
    def unsaved(self) -> bool:
        """Whether the label differs from the last saved version."""
        self.keep()
        return self._journal is not None and not np.array_equal(self._journalled, self._saved)

    def snapshot(self) -> NDArray[Any]:
        """Return a copy of the label as it is now; what a save writes."""
        self.keep()
        return self._journalled.copy()

    def saved(self, snapshot: NDArray[Any]) -> None:
        """Say that ``snapshot`` is safely on disk as a version; later strokes stay journalled."""
        journal, self._journal = self._journal, None
        self._saved = snapshot
        self._journalled = snapshot.copy()
        self._touched = True
        self.keep()  # strokes made while the file was written go into a new journal first ...
        if journal is not None:
            journal.commit()  # ... and only then the old one is closed

    def finish(self) -> None:
        """Let go: strokes that led back to the saved version are forgotten, others kept for the next start."""
        if self._journal is None:
            return
        if self.unsaved:
            self._journal.close()
        else:
            self._journal.discard()
        self._journal = None

    def discard(self) -> None:
        """Forget the strokes: the user said so."""
        self._label[...] = self._saved
        self._journalled = self._saved.copy()
        if self._journal is not None:
            self._journal.discard()
            self._journal = None
