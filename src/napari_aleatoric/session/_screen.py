"""The item on the screen and how it is shown; the next ones are read meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey

from ._heat import HeatMaps
from ._item import ItemData, load_heat, load_item
from ._notice import Kind, Notice
from ._options import ViewOptions
from ._places import HotPlace
from ._prefetch import Prefetcher
from ._resolve import ViewState, resolve
from ._sentence import sentence_of

if TYPE_CHECKING:
    from napari_aleatoric.review import ReviewStore

__all__ = ["Screen"]


class Screen:
    """What one window shows of one workspace. Main thread only; reading happens in a thread of its own.

    A late answer to an old question is dropped: what comes to the screen is always what was asked for last.

    Attributes
    ----------
    item : ItemData or None
        What is on the screen.
    view : ViewState or None
        How it is shown.
    wanted : ItemKey or None
        What was asked for last; it may still be read.

    Parameters
    ----------
    workspace, store
        Where items are read from.
    options : ViewOptions
        What the user wishes to see.
    deliver : callable
        Runs a function in the main thread.
    """

    loading = Signal(object)  # ItemKey: it takes a while
    arrived = Signal(object)  # ItemData
    map_arrived = Signal(object)  # ItemData: the same arrays, another map
    view_changed = Signal(object)  # ViewState
    failed = Signal(object)  # Notice

    def __init__(
        self,
        workspace: Workspace,
        store: ReviewStore,
        options: ViewOptions,
        deliver: Callable[[Callable[[], None]], None],
    ) -> None:
        self._workspace = workspace
        self._options = options
        self._deliver = deliver
        self._classes = workspace.dataset.classes
        self._ahead: Prefetcher[ItemKey, ItemData] = Prefetcher(
            lambda key: load_item(workspace, store, key, options.map_name)
        )
        self._closed = False
        self._place = -1  # which hot place was shown last
        self.item: ItemData | None = None
        self.view: ViewState | None = None
        self.wanted: ItemKey | None = None

    def close(self) -> None:
        """Stop reading; what is still on its way is dropped."""
        self._closed = True
        self._ahead.close()

    # -- which item ---------------------------------------------------------------------------------

    def is_at(self, key: ItemKey) -> bool:
        """Whether this item is on the screen, and no other was asked for since."""
        return self.item is not None and self.item.key == key == self.wanted

    def ask(self, key: ItemKey) -> None:
        """Ask for an item; `arrived` follows, at once if it was read ahead."""
        self.wanted = key
        future = self._ahead.get(key)
        if future.done():
            self._come(key, future)
            return
        self.loading.emit(key)
        future.add_done_callback(lambda done: self._deliver(lambda: self._come(key, done)))

    def read_ahead(self, keys: Sequence[ItemKey]) -> None:
        """Read these when there is nothing else to read."""
        self._ahead.ask(keys)

    def clear(self) -> None:
        """Forget what is on the screen: it must not be seen any more."""
        self.item = self.view = self.wanted = None

    def forget(self, key: ItemKey | None = None) -> None:
        """Drop what was read of an item (its files changed), or of all; the screen stays as it is."""
        self._ahead.forget(key)

    def _come(self, key: ItemKey, future: Future[ItemData]) -> None:
        if self._closed or key != self.wanted or future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self.failed.emit(Notice(f"{key} cannot be shown. {sentence_of(error)}", Kind.ERROR))
            return
        item, name = future.result(), self._options.map_name
        late = item.map_name != name  # another question was asked while it was read
        self._put(replace(item, heat=None, map_name=name, map_on_its_way=True) if late else item)
        self.arrived.emit(self.item)
        if late:
            self.ask_map(name)

    # -- how it is shown ----------------------------------------------------------------------------

    def replace_item(self, item: ItemData) -> None:
        """Take the same item with other facts: it is a saved version now. The map on the screen stays."""
        shown = self.item or item
        self.item = replace(item, heat=shown.heat, map_name=shown.map_name, map_on_its_way=shown.map_on_its_way)
        self.view = resolve(self.item, self._options, self._classes)

    def resolve(self) -> None:
        """Decide again what is seen: the wishes changed."""
        if self.item is None:
            return
        view = resolve(self.item, self._options, self._classes)
        if view != self.view:
            self.view = view
            self.view_changed.emit(view)

    def next_place(self, step: int = 1) -> HotPlace | None:
        """Return the hottest place, then the next hottest, and round again; None where the map shows none."""
        places = self.view.places if self.view is not None else ()
        if not places:
            return None
        self._place = (self._place + step) % len(places) if self._place >= 0 else 0
        return places[self._place]

    def ask_map(self, name: str) -> None:
        """Ask for another voxel map of the item on the screen; its label, with all strokes, stays."""
        self._ahead.forget()
        if self.item is None:
            return
        workspace, key = self._workspace, self.item.key
        self._put_map(None, name, on_its_way=True)  # the one before answers another question
        future = self._ahead.run(lambda: load_heat(workspace, key, name))
        future.add_done_callback(lambda done: self._deliver(lambda: self._map_comes(key, name, done)))

    def _map_comes(self, key: ItemKey, name: str, future: Future[HeatMaps | None]) -> None:
        item = self.item
        if item is None or item.key != key or self._options.map_name != name or future.cancelled():
            return
        error = future.exception()
        self._put_map(None if error is not None else future.result(), name)
        if error is not None:
            self.failed.emit(Notice(f"The map of {key} cannot be shown. {sentence_of(error)}", Kind.ERROR))

    def _put_map(self, heat: HeatMaps | None, name: str, *, on_its_way: bool = False) -> None:
        """Show another map, or none, of the item on the screen."""
        if self.item is None:
            return
        self._put(replace(self.item, heat=heat, map_name=name, map_on_its_way=on_its_way))
        self.map_arrived.emit(self.item)
        self.view_changed.emit(self.view)

    def _put(self, item: ItemData) -> None:
        self.item = item
        self._place = -1
        self.view = resolve(item, self._options, self._classes)
