"""The *Training* dock: builds its parts, connects them, nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari.viewer import Viewer
from qtpy.QtCore import QSize, QTimer
from qtpy.QtGui import QColor, QHideEvent, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from napari_aleatoric.session import (
    MEAN_DICE,
    HeldOutView,
    TrainingCurves,
    TrainingPairView,
    TrainingRow,
    TrainingView,
)
from napari_aleatoric.viewer import class_colour
from napari_aleatoric.widgets._hub_dock import HubDock
from napari_aleatoric.widgets.explore import PAPER, plot_colours

from ._cases_page import CasesPage
from ._curve_saver import CurveSaver
from ._example_panel import ExamplePanel
from ._plan_window import PlanWindow
from ._runs_page import RunsPage
from ._start_page import StartPage, StopLine

if TYPE_CHECKING:
    from ._curves_page import CurvePanel

__all__ = ["TrainingDock"]

_TICK_MS = 1000
_LIGHT = 128  # of 255: grounds that are lighter, and colours that thin lines cannot have on them
_GREY = "#8c98a4"  # of the background, which is no class


class TrainingDock(HubDock):
    """Trains on the labels as they are reviewed, shows how it goes and whether it helped.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The window.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.training, self.cases = self.hub.training, self.hub.comparing.cases
        self.pair = self.hub.training_pair
        self._is_light = False
        self._plan_window: PlanWindow | None = None
        self._build()
        self._connect(napari_viewer)
        self._show_theme()
        self._show(self.training.view)

    def _build(self) -> None:
        from ._curves_page import CurvePanel, beside_each_other  # here: the plot library loads with the first dock

        self.start_page, self.runs_page, self.cases_page = StartPage(), RunsPage(), CasesPage()
        self.loss = CurvePanel("Loss", "loss", "What is minimised; means of neighbouring steps in a long training.")
        self.dice = CurvePanel("Dice", "Dice", "Of every class, on cases that the training only looks at.", (0, 1))
        self.weights = CurvePanel("Class weights", "weight", "How much each class counts in the loss.", (0, 1))
        self.scales = CurvePanel("Perception scale", "S", "How well the network itself sees each class.", (0, 1))
        self.panels = (self.loss, self.dice, self.weights, self.scales)
        drawn = dict(zip(("loss", "dice", "class_weight", "scale"), self.panels, strict=True))
        tell = self.session.notice.emit
        self.save = CurveSaver(self._rows_shown, lambda: self.session.workspace, drawn, self._on_paper, tell)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        # else the sentence below, whose height follows its width, lets the tabs ask for more height than they need
        self.tabs.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.tabs.addTab(self.start_page, "Train")
        self.example = ExamplePanel()
        self.curves_page = beside_each_other(self.loss, self.dice, self.example)
        self.tabs.addTab(self.curves_page, "Curves")
        self.tabs.addTab(beside_each_other(self.weights, self.scales), "Class weights")
        self.tabs.addTab(self.runs_page, "Runs")
        self.tabs.addTab(self.cases_page, "Before and after")
        self.tabs.setCornerWidget(self.save)
        self.progress = StopLine("the training", "Stop it; what it has learned is kept, and it can go on.")
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(6, 2, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.progress)
        self.setWidget(body)
        self.setMinimumSize(320, 120)  # no more than its neighbour, which gets its own height back
        self._clock = QTimer(self, interval=_TICK_MS)

    def _connect(self, viewer: Viewer) -> None:
        training, page = self.training, self.start_page
        self._clock.timeout.connect(training.tick)
        page.changed.connect(lambda wishes: training.change(**wishes))
        page.start_requested.connect(self._start)
        page.plan_requested.connect(self._show_plan)
        self.progress.cancel_requested.connect(training.stop)
        self.runs_page.chosen.connect(training.choose)
        self.runs_page.beside.connect(self.pair.compare)
        self.pair.view_changed.connect(self._show_pair)
        self.runs_page.asked.connect(lambda what: getattr(training, what)())
        self._connect_cases()
        self.example.chosen.connect(self.hub.examples.choose)
        self.hub.examples.view_changed.connect(self.example.show_view)
        training.view_changed.connect(self._show)
        training.curves_changed.connect(self._draw)
        viewer.events.theme.connect(self._show_theme)

    def _rows_shown(self) -> list[TrainingRow]:
        view, pair = self.training.view, self.pair.view.key
        beside = [row for row in view.rows if row.key == pair]
        return beside if view.chosen is None else [view.chosen, *beside]

    def _show_plan(self) -> None:
        if self._plan_window is None:
            self._plan_window = PlanWindow(self.hub.training_plan, self)
        self._plan_window.show()
        self._plan_window.raise_()

    def _connect_cases(self) -> None:
        cases, page = self.cases, self.cases_page
        page.picked.connect(cases.pick)
        page.hide_requested.connect(cases.turn_off)
        page.side_by_side_wished.connect(cases.put_side_by_side)
        page.class_chosen.connect(cases.choose_class)
        page.other_chosen.connect(cases.compare_with)
        cases.view_changed.connect(self._show_cases)

    def sizeHint(self) -> QSize:
        """Return a panel below the image."""
        return QSize(720, 320)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Leave the page with the wishes the height that it needs at this width."""
        super().resizeEvent(event)
        bar = self.tabs.tabBar().sizeHint().height()
        self.tabs.setMinimumHeight(bar + self.start_page.needed_height(self.width() - 30))

    def showEvent(self, event: QShowEvent | None) -> None:
        """Look again, and keep looking while a training goes on."""
        self.training.wake()
        self._clock.start()
        self._draw(self.training.curves)
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Read nothing while nobody looks."""
        self._clock.stop()
        self.training.rest()
        super().hideEvent(event)

    def _start(self) -> None:
        self.training.start()
        self.tabs.setCurrentWidget(self.curves_page)

    # -- state to widgets ---------------------------------------------------------------------------

    def _show(self, view: TrainingView) -> None:
        self.start_page.show_view(view)
        self.runs_page.show_view(view, self.pair.view)
        self._show_cases(self.cases.view)
        self.progress.show_busy(view.is_running, view.is_stopping)
        if view.is_running:
            self.progress.show_fraction(view.fraction)
        self.progress.say(view.progress)
        self.progress.setVisible(view.is_running or bool(view.progress))
        if not self.training.curves:
            self._draw(self.training.curves)  # what is said in their place may be another
        n = len(view.rows)
        self.tabs.setTabText(self.tabs.indexOf(self.runs_page), f"Runs {n}" if n else "Runs")

    def _show_pair(self, pair: TrainingPairView) -> None:
        self.runs_page.show_view(self.training.view, pair)
        self._draw(self.training.curves)

    def _show_cases(self, view: HeldOutView) -> None:
        self.cases_page.show_view(view, self.training.view.chosen)

    def _draw(self, curves: TrainingCurves) -> None:
        if not self.isVisible():  # drawn when it comes to the front
            return
        colours = {c.class_name: self._legible(class_colour(c.class_index)) for c in self.session.classes}
        colours["background"] = _GREY
        chosen = self.training.view.chosen
        if chosen is None:
            nothing = "Nothing was trained here yet."
        elif not chosen.run_ids:
            nothing = "It was trained in the foreground, which keeps no curves."
        else:
            nothing = "Nothing was told yet."
        dice = [c for c in curves.dice if not c.is_plain or c.name == MEAN_DICE]
        other, of = self.pair.view.curves, self.pair.view.title
        self.loss.show_curves(curves.loss, colours, nothing, other.loss, of)
        self.dice.show_curves(dice, colours, nothing, other.dice, of)
        without = "This loss has no class weights." if curves else nothing
        self.weights.show_curves(curves.class_weight, colours, without, other.class_weight, of)
        self.scales.show_curves(curves.scale, colours, without, other.scale, of)
        self.save.setEnabled(bool(curves))

    def _legible(self, colour: str) -> str:
        """Darken a pale colour on a light ground, where a thin line of it would be lost."""
        return (
            QColor(colour).darker(150).name() if self._is_light and QColor(colour).lightness() > _LIGHT else colour
        )

    @contextmanager
    def _on_paper(self, drawn: CurvePanel) -> Iterator[None]:
        """Bring a plot to the front, and draw for paper, whatever the window's theme, within this block."""
        self.tabs.setCurrentWidget(drawn.parentWidget())
        self._is_light = True
        for panel in self.panels:
            panel.set_colours(PAPER)
        self._draw(self.training.curves)
        try:
            yield
        finally:
            self._show_theme()

    def _show_theme(self, *_: object) -> None:
        if self.hub.viewer is None:  # the window is closing
            return
        colours = plot_colours(self.hub.viewer.theme)
        self._is_light = QColor(colours.ground).lightness() > _LIGHT
        for panel in self.panels:
            panel.set_colours(colours)
        self._draw(self.training.curves)
