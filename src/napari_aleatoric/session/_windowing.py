"""Which intensities are shown as black and white: wished once, kept for all cases of the same kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from ._intensities import Intensities, intensities_of
from ._item import ItemData
from ._kept_habits import Habits, WindowWish
from ._window_presets import WindowPreset, presets_for

if TYPE_CHECKING:
    from ._session import ReviewSession

__all__ = ["Windowing"]

_SAME = 1e-6  # of the width


class Windowing:
    """The window (width and level) of the image on the screen.

    A preset, or a window that was dragged by hand, stays for every further case with the same kind of intensities.
    By hand, Hounsfield units stay as they are; of other intensities, which have another scale in every case, the
    place between the case's own usual black and white is kept (our proposal).

    Parameters
    ----------
    session : ReviewSession
        Says what is on the screen.
    habits : Habits
        Where wishes are kept.
    """

    changed = Signal()

    def __init__(self, session: ReviewSession, habits: Habits) -> None:
        self._session = session
        self._habits = habits

    # -- of an item ----------------------------------------------------------------------------------

    def limits(self, item: ItemData) -> tuple[float, float]:
        """Return the intensities to show as black and white; strictly increasing."""
        wish, seen = self._wish(item), _seen(item)
        if wish is None:
            return item.display_range
        if wish.limits is None:
            found = [p for p in presets_for(seen) if p.name == wish.preset]
            return found[0].limits(seen) if found else item.display_range
        low, high = wish.limits
        if seen.is_hu:
            return (low, high)
        black, white = item.display_range
        return (black + low * (white - black), black + high * (white - black))

    def presets(self, item: ItemData) -> tuple[WindowPreset, ...]:
        """Return the windows to choose from."""
        return presets_for(_seen(item))

    def chosen(self, item: ItemData) -> str:
        """Name of the preset that is shown; "hand" for one made by hand, "" for the case's own."""
        wish = self._wish(item)
        return "" if wish is None else wish.preset or "hand"

    def words(self, item: ItemData) -> str:
        """Say the window: "W 400 L 50, Soft tissue"; "" for colours."""
        if item.image.is_rgb:
            return ""
        low, high = self.limits(item)
        titles = {p.name: p.title for p in self.presets(item)} | {"hand": "by hand", "": "automatic"}
        return f"W {_short(high - low)} L {_short((low + high) / 2)}, {titles.get(self.chosen(item), 'automatic')}"

    # -- of what is on the screen ---------------------------------------------------------------------

    def choose(self, number: int) -> None:
        """Choose the preset of a number, from 0, for the image on the screen; nothing where there is none."""
        item = self._session.item
        if item is not None and 0 <= number < len(self.presets(item)):
            self._keep(item, WindowWish(preset=self.presets(item)[number].name))

    def set_by_hand(self, limits: tuple[float, float]) -> None:
        """Take the window that somebody made by hand for a wish; the one that is shown already is none."""
        item = self._session.item
        low, high = limits
        if item is None or item.image.is_rgb or not high > low:
            return
        shown = self.limits(item)
        if max(abs(low - shown[0]), abs(high - shown[1])) <= _SAME * (high - low):
            return
        black, white = item.display_range
        if not _seen(item).is_hu:
            low, high = ((v - black) / (white - black) for v in limits)
        self._keep(item, WindowWish(limits=(low, high)))

    def reset(self) -> None:
        """Show each case in its own window again."""
        if self._session.item is not None:
            self._keep(self._session.item, None)

    def _wish(self, item: ItemData) -> WindowWish | None:
        return self._habits.windows.get(_seen(item).kind)

    def _keep(self, item: ItemData, wish: WindowWish | None) -> None:
        self._habits.keep_window(_seen(item).kind, wish)
        self.changed.emit()


def _seen(item: ItemData) -> Intensities:
    if item.intensities is not None:
        return item.intensities
    return intensities_of(item.image)  # items that were not read from the disk


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 20 or value == round(value) else f"{value:.3g}"
