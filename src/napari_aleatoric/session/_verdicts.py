"""What the reader says about the label on the screen goes into the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.model import Decision, ItemKey

from ._item import ItemData
from ._notice import Kind, Notice
from ._options import ViewOptions
from ._resolve import ViewState
from ._sentence import sentence_of

if TYPE_CHECKING:
    from napari_aleatoric.review import ReviewStore

__all__ = ["Verdicts", "seen_on_screen"]


class Verdicts:
    """Records decisions and takes them back.

    Parameters
    ----------
    store : ReviewStore
        Where the log is.
    """

    recorded = Signal(object)  # ItemKey: its log has one more entry
    told = Signal(object)  # Notice

    def __init__(self, store: ReviewStore) -> None:
        self._store = store

    def record(self, item: ItemData, reader: str, seen: dict[str, Any], **fields: Any) -> None:
        """Append a verdict or a remark on the version of the label that is on the screen."""
        decision = Decision(
            case_id=item.key.case_id,
            label_reader=item.key.label_reader,
            reader=reader,
            seen=seen,
            correction_id=item.label_version or None,
            **fields,
        )
        try:
            self._store.decide(decision)
        except AleatoricError as error:
            self.told.emit(Notice(f"The decision was not recorded. {sentence_of(error)}", Kind.ERROR))
            return
        self.recorded.emit(item.key)

    def undo(self, key: ItemKey, reader: str) -> None:
        """Take back this reader's last entry that still holds; both stay in the log."""
        try:
            undone = self._store.undo(key, reader)
        except AleatoricError as error:
            self.told.emit(Notice(f"Nothing was taken back. {sentence_of(error)}", Kind.ERROR))
            return
        if undone is None:
            self.told.emit(Notice("There is no decision of yours to take back in this case."))
            return
        self.recorded.emit(key)
        self.told.emit(Notice("Took back the last decision.", Kind.SUCCESS))


def seen_on_screen(
    item: ItemData | None, view: ViewState | None, options: ViewOptions, strategy: str
) -> dict[str, Any]:
    """Return what was on the screen when something was decided, as plain values for the record."""
    if item is None or view is None:
        return {}
    return {
        "strategy": strategy,
        "map": options.map_name if view.heatmap_visible else "",
        "classes": list(view.heatmap_classes),
        "threshold": options.threshold,
        "label_version": item.label_version,
    }
