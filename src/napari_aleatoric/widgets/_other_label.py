"""Another label of the case on the screen, that regions are taken from."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from psygnal import Signal

from napari_aleatoric.session import EditSource, ItemData, ReviewSession, edit_sources, read_source
from napari_aleatoric.viewer import RegionPad, SourceLayer, Stage

from ._background import run

__all__ = ["OtherLabel"]


class OtherLabel:
    """Which other label is looked at, its outline over the image, and clicks into it. Main thread only.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    stage : Stage
        Its layers.
    session : ReviewSession
        What is on the screen.

    Attributes
    ----------
    sources : tuple of EditSource
        What there is to choose from.
    source : EditSource or None
        What is chosen.
    label : numpy.ndarray or None
        Its label values, shape (Z, Y, X), upright, once they are read.
    """

    changed = Signal()
    taking_changed = Signal(bool)
    clicked = Signal(object)  # the voxel
    said = Signal(str)
    refused = Signal(str)

    def __init__(self, viewer: Any, stage: Stage, session: ReviewSession) -> None:
        self._session = session
        self.sources: tuple[EditSource, ...] = ()
        self.source: EditSource | None = None
        self.label: NDArray[Any] | None = None
        self._layer = SourceLayer(viewer, lambda: stage.label_layer)
        self._pad = RegionPad(
            viewer, lambda: stage.label_layer, self.clicked.emit, lambda: self.taking_changed.emit(False)
        )
        session.item_changed.connect(self._show)
        session.version_changed.connect(self._list)
        if session.item is not None:
            self._list(session.item)

    def close(self) -> None:
        """Let go of the window."""
        self._session.item_changed.disconnect(self._show)
        self._session.version_changed.disconnect(self._list)
        self._pad.close()
        self._layer.close()

    @property
    def taking(self) -> bool:
        """Whether clicks take regions over."""
        return self._pad.on

    def choose(self, source: EditSource | None) -> None:
        """Take regions from another label, which is read beside the window's thread and shown as an outline."""
        session, item = self._session, self._session.item
        self.source, self.label = source, None
        self._layer.show(None)
        self.changed.emit()
        if source is None or item is None or session.workspace is None or session.store is None:
            self.take(False)
            return
        workspace, store = session.workspace, session.store

        def came(label: NDArray[Any]) -> None:
            if self.source is source and self._session.item is not None and self._session.item.key == item.key:
                self.label = label
                self._layer.show(label, source.title)
                self.said.emit(f"The white outline is {source.title}.")
                self.changed.emit()

        def failed(error: BaseException) -> None:
            if self.source is source:
                self.refused.emit(str(error))

        run(lambda: read_source(workspace, store, item, source), came, failed)

    def take(self, on: bool) -> None:
        """Take over the regions that are clicked from now on, or no more."""
        if on and self.source is None:
            self.refused.emit("Choose first whose label a region is to be taken from.")
            on = False
        self._pad.turn(on)
        self.taking_changed.emit(self._pad.on)
        if self._pad.on:
            self.said.emit("Click into a region where the label differs from the white outline.")

    def _list(self, item: ItemData) -> None:
        workspace = self._session.workspace
        self.sources = () if workspace is None else edit_sources(workspace, item)
        self.changed.emit()

    def _show(self, item: ItemData) -> None:
        before = self.source
        self.source, self.label = None, None
        self._list(item)
        self.choose(before if before in self.sources else None)
