"""Hot regions between session, canvas and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_aleatoric.session import HotWalk, Kind, Notice, ReviewSession
from napari_aleatoric.uncertainty import HotRegion
from napari_aleatoric.viewer import RegionOutline, Stage

from ._barred_painting import BarredPainting
from ._layout import show_regions

if TYPE_CHECKING:
    from ._hub import Hub

__all__ = ["RegionWalking", "region_performers"]

_REST_MS = 120  # after which a threshold that moves has come to rest
_STROKE_MS = 400  # after a stroke, regions are looked at


class RegionWalking:
    """Wires the walk through hot regions to a window.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The window.
    stage : Stage
        Its standing layers.
    session : ReviewSession
        What is on the screen.
    barred : BarredPainting
        The layer of what is not to be learned from.
    deliver : callable
        Runs a function in the main thread.
    """

    def __init__(
        self,
        viewer: Viewer,
        stage: Stage,
        session: ReviewSession,
        barred: BarredPainting,
        deliver: Callable[[Callable[[], None]], None],
    ) -> None:
        self._session, self._barred = session, barred
        self._stage: Any = stage
        self.state = HotWalk(session, deliver, bar=self._bar)
        self.outline = RegionOutline(viewer, lambda: self._stage.image_layer)
        self._rest = QTimer(singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self.state.look)
        self.state.later = self._rest.start
        self._stroke = QTimer(singleShot=True, interval=_STROKE_MS)
        self._stroke.timeout.connect(self.state.follow)
        session.label_painted.connect(self._painted)
        self.state.region_changed.connect(self._outline)
        self.state.looked.connect(self._look_at)

    def hide(self) -> None:
        """Take the outline away: another item comes to the screen."""
        with self._barred.held():
            self.outline.show(None)

    def close(self) -> None:
        """Let go of the window."""
        self._session.label_painted.disconnect(self._painted)
        for clock in (self._rest, self._stroke):
            clock.stop()
        self.state.close()
        self.outline.close()
        self._stage = None

    def _painted(self) -> None:
        if self.state.is_on and not self._stroke.isActive():
            self._stroke.start()

    def _outline(self, region: HotRegion | None) -> None:
        with self._barred.held():
            self.outline.show(region)

    def _look_at(self, region: HotRegion) -> None:
        self._stage.jump_to(region.centre_zyx)

    def _bar(self, box: tuple[slice, slice, slice], inside: NDArray[np.bool_], value: int) -> None:
        self._barred.layer.write(box, inside, value)


def region_performers(hub: Hub) -> dict[str, Callable[[], None]]:
    """Return what the keys of the walk do, by the name of their action; the list opens with the first of them."""

    def walking(act: Callable[[HotWalk], None]) -> Callable[[], None]:
        def perform() -> None:
            state = hub.walking.state
            if state.is_on:
                act(state)
            else:
                show_regions(hub.viewer)
                state.turn_on(go=True)

        return perform

    def finish() -> None:
        state = hub.walking.state
        state.follow()
        if state.view.proposal is not None:
            hub.decide(state.view.proposal)
            return
        n = state.view.n_open
        text = f"{n} region{' is' if n == 1 else 's are'} open." if n else "There are no settled regions here."
        hub.session.notice.emit(Notice(f"{text} Nothing was recorded.", Kind.WARNING))

    return {
        "next_hot_region": walking(lambda state: state.step(+1)),
        "previous_hot_region": walking(lambda state: state.step(-1)),
        "accept_region": walking(lambda state: state.say("accepted")),
        "repaint_region": walking(lambda state: state.say("repainted")),
        "exclude_region": walking(lambda state: state.say("excluded")),
        "undo_region": walking(lambda state: state.undo()),
        "finish_regions": finish,
        "show_regions": lambda: show_regions(hub.viewer),
    }
