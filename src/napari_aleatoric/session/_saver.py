"""Label versions are written one after the other, beside the window."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from napari_aleatoric.model import Decision, LabelMap, Verdict
from napari_aleatoric.review import PromptUse

from ._item import ItemData, with_version
from ._opening import Opened

__all__ = ["NewVersion", "Saver"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class NewVersion:
    """A label to be saved, and the verdict that belongs to it, if any.

    Parameters
    ----------
    item : ItemData
        Which label.
    data : numpy.ndarray, shape (Z, Y, X)
        Label values, upright; a copy that nobody paints on.
    reader : str
        Who saves it.
    comment : str
        Words for the history.
    prompts : tuple of PromptUse
        Which promptable segmenters drew in it.
    has_recovered : bool
        Whether strokes of an earlier session were brought back; how those were drawn is not known.
    verdict : Verdict, optional
        Recorded once the version is on the disk.
    quality : int, optional
        1..5.
    seen : dict
        What was on the screen, for the record.
    """

    item: ItemData
    data: NDArray[Any]
    reader: str
    comment: str = ""
    prompts: tuple[PromptUse, ...] = ()
    has_recovered: bool = False
    verdict: Verdict | None = None
    quality: int | None = None
    seen: dict[str, Any] = field(default_factory=dict)

    def write(self, opened: Opened) -> ItemData:
        """Write the version, then the verdict; return the item as it is afterwards. Runs in any thread.

        Raises
        ------
        AleatoricError
            If either could not be written.
        """
        from napari_aleatoric.review import save_correction, version_mark

        workspace, store, key = opened.workspace, opened.store, self.item.key
        label_map = LabelMap(self.data, self.item.image.geometry, reader=self.reader)
        recovered = "with strokes recovered from an earlier session" if self.has_recovered else ""
        remarks = [self.comment, recovered, version_mark(workspace, store, key)]
        saved = save_correction(
            workspace,
            store,
            key,
            label_map,
            reader=self.reader,
            comment="; ".join(filter(None, remarks)),
            prompts=self.prompts,
        )
        if self.verdict is not None:
            store.decide(
                Decision(
                    case_id=key.case_id,
                    label_reader=key.label_reader,
                    verdict=self.verdict,
                    quality=self.quality,
                    comment=self.comment,
                    reader=self.reader,
                    seen=self.seen,
                    correction_id=saved.correction_id,
                )
            )
        return with_version(self.item, workspace, saved)


class Saver(Generic[T]):
    """One writing thread; the main thread is told of every end exactly once.

    Parameters
    ----------
    deliver : callable
        Runs a function in the main thread.
    """

    def __init__(self, deliver: Callable[[Callable[[], None]], None]) -> None:
        self._deliver = deliver
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aleatoric-write")
        self._under_way: dict[Future[T], Callable[[Future[T]], None]] = {}

    @property
    def futures(self) -> tuple[Future[T], ...]:
        """Writes whose end nobody was told yet."""
        return tuple(self._under_way)

    def submit(self, write: Callable[[], T], done: Callable[[Future[T]], None]) -> None:
        """Write after what is being written; ``done`` is called with the result in the main thread."""
        future = self._thread.submit(write)
        self._under_way[future] = done
        future.add_done_callback(lambda f: self._deliver(lambda: self._tell(f)))

    def finish(self) -> None:
        """Wait for all writes and tell of them here and now: delivery may come too late."""
        for future in list(self._under_way):
            future.exception()  # waits
            self._tell(future)

    def close(self) -> None:
        """Wait for all writes, and end the thread."""
        self.finish()
        self._thread.shutdown(wait=True)

    def _tell(self, future: Future[T]) -> None:
        done = self._under_way.pop(future, None)
        if done is not None:  # else it was told already, on closing
            done(future)
