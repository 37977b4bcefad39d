"""Which window is shown, to be chosen from the usual ones."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QWidget

from napari_aleatoric.session import ReviewSession, Windowing
from napari_aleatoric.widgets._narrow_box import NarrowBox

__all__ = ["WindowBox"]


class WindowBox(NarrowBox):
    """A box with the windows for the kind of image on the screen.

    Parameters
    ----------
    session : ReviewSession
        What is on the screen.
    windowing : Windowing
        Is shown and changed.
    parent : QWidget, optional
        Whose part it is.
    """

    def __init__(self, session: ReviewSession, windowing: Windowing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._windowing = session, windowing
        self.setMinimumContentsLength(12)
        self.setAccessibleName("Window: width and level")
        self.setToolTip("Width and level; drag with the middle button on the image, or use the keys (see ?).")
        self.activated.connect(self._chosen)
        windowing.changed.connect(self._show)
        session.item_changed.connect(self._show)
        self._show()

    def _show(self, event: object = None) -> None:
        item = self._session.item
        with QSignalBlocker(self):
            self.clear()
            presets = () if item is None else self._windowing.presets(item)
            self.setEnabled(bool(presets))
            if item is None or not presets:
                return
            self.addItem("Automatic", "")
            for preset in presets:
                self.addItem(preset.words, preset.name)
            chosen = self._windowing.chosen(item)
            if chosen == "hand":
                self.addItem(self._windowing.words(item), "hand")
            self.setCurrentIndex(max(self.findData(chosen), 0))

    def _chosen(self, row: int) -> None:
        name = self.itemData(row)
        item = self._session.item
        if item is None or name == "hand":
            return
        names = [preset.name for preset in self._windowing.presets(item)]
        if name in names:
            self._windowing.choose(names.index(name))
        else:
            self._windowing.reset()
