"""What a person paints on the label on the screen, until a saved version holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace

from ._item import ItemData
from ._notice import Kind, Notice
from ._opening import Opened
from ._prompt_words import AcceptedDraft, PromptAnswer
from ._prompted_masks import PromptedMasks
from ._saver import NewVersion, Saver
from ._sentence import sentence_of
from ._strokes import StrokeKeeper

__all__ = ["Painting"]


class Painting:
    """The strokes on one label after the other, and the versions that they become. Main thread only.

    Parameters
    ----------
    deliver : callable
        Runs a function in the main thread.
    """

    unsaved_changed = Signal(bool)
    saved = Signal(object, bool)  # ItemData as it is now, whether it is still on the screen
    failed = Signal(object)  # Notice

    def __init__(self, deliver: Callable[[Callable[[], None]], None]) -> None:
        self._strokes: StrokeKeeper | None = None
        self._masks: PromptedMasks | None = None
        self._has_recovered = False
        self._told = False  # whether there were unsaved strokes when it was told last
        self._saver: Saver[Any] = Saver(deliver)

    @property
    def unsaved(self) -> bool:
        """Whether the label on the screen has strokes that no saved version holds."""
        return self._strokes is not None and self._strokes.unsaved

    @property
    def last_saved(self) -> NDArray[Any] | None:
        """The label on the screen as it was last saved; not to be written to."""
        return None if self._strokes is None else self._strokes.last_saved

    def finish(self) -> None:
        """Wait until all versions are written that are being written."""
        self._saver.finish()

    def close(self) -> None:
        """Wait likewise, and end the writing thread."""
        self._saver.close()

    # -- strokes ------------------------------------------------------------------------------------

    def begin(self, workspace: Workspace, item: ItemData, reader: str) -> None:
        """Watch the label of an item that came to the screen."""
        self._strokes = StrokeKeeper(workspace, item.key, item.label, reader, item.label_version)
        self._masks = PromptedMasks(item.label, item.prompts)
        self._has_recovered = False

    def end(self) -> None:
        """Let go of the label; strokes that are being saved are that save's business."""
        if self._strokes is not None and not self._strokes.unsaved:
            self._strokes.finish()
        self._strokes = self._masks = None
        self._tell()

    def touched(self) -> None:
        """Say that the label may have changed; costs nothing."""
        if self._strokes is not None:
            self._strokes.touched()

    def keep(self) -> None:
        """Journal what was painted since the last call."""
        if self._strokes is None:
            return
        try:
            if self._strokes.keep() and self._masks is not None:
                self._masks.follow()
        except (OSError, AleatoricError) as error:
            self.failed.emit(Notice(f"Strokes could not be written to disk. {sentence_of(error)}", Kind.ERROR))
        self._tell()

    def discard(self) -> None:
        """Throw the unsaved strokes away."""
        if self._strokes is not None:
            self._strokes.discard()
            self._tell()

    def restore(self, item: ItemData) -> None:
        """Paint what an earlier, unfinished session painted onto the label on the screen."""
        for pending in item.pending:
            pending.apply(item.label)
        self._has_recovered = self._has_recovered or bool(item.pending)
        self.touched()
        self.keep()
        for pending in item.pending:
            pending.discard()  # they are in this session's journal now

    @contextmanager
    def drawing(self, answer: PromptAnswer | AcceptedDraft) -> Iterator[None]:
        """Draw an answer into the label within this block; a version saved later names its segmenter."""
        masks = self._masks
        before = None if masks is None else masks.slice_now(answer.plane)
        yield
        if masks is not None and before is not None:
            masks.drawn(answer, before)

    # -- versions -----------------------------------------------------------------------------------

    def save(self, opened: Opened, item: ItemData, reader: str, **about: Any) -> None:
        """Write the label as it is now as a new version, in the background; `saved` or `failed` follows.

        Parameters
        ----------
        opened : Opened
            Where to.
        item : ItemData
            What is on the screen.
        reader : str
            Who saves it.
        **about
            The other fields of `NewVersion`.
        """
        strokes = self._strokes
        if strokes is None:
            return
        prompts = self._masks.uses() if self._masks is not None else ()
        about.update(prompts=prompts, has_recovered=self._has_recovered)
        version = NewVersion(item, strokes.snapshot(), reader, **about)
        self._has_recovered = False
        self._saver.submit(lambda: version.write(opened), lambda future: self._written(version, strokes, future))

    def then(self, work: Callable[[], Any], done: Callable[[Future[Any]], None]) -> None:
        """Do something in the writing thread once all versions asked for are on the disk; not if one failed."""
        before = self._saver.futures

        def after() -> Any:
            for future in before:
                if (error := future.exception()) is not None:
                    raise error
            return work()

        self._saver.submit(after, done)

    def _written(self, version: NewVersion, strokes: StrokeKeeper, future: Future[ItemData]) -> None:
        on_screen = strokes is self._strokes
        error = future.exception()
        if error is None:
            strokes.saved(version.data)
        if not on_screen:
            strokes.finish()
        if error is None:
            self.saved.emit(future.result(), on_screen)
        else:
            text = f"The label of {version.item.key} was not saved; its strokes are kept. {sentence_of(error)}"
            self.failed.emit(Notice(text, Kind.ERROR))
        self._tell()

    def _tell(self) -> None:
        """Say whether there are unsaved strokes, if that has changed."""
        unsaved = self.unsaved
        if unsaved != self._told:
            self._told = unsaved
            self.unsaved_changed.emit(unsaved)
