"""One score of all cases, the cut that is dragged, and the sentence that says what it keeps."""

from __future__ import annotations

import math

from qtpy.QtWidgets import QWidget

from napari_aleatoric.session import Explore
from napari_aleatoric.uncertainty import MEASURES

from ._axes import axis_words, in_two_lines
from ._distribution import DistributionPlot
from ._parts import choice, fill_column, offer, row_of, words_of

__all__ = ["DistributionPanel"]


class DistributionPanel(QWidget):
    """Score and class to choose, histogram with the cut, sentence.

    Parameters
    ----------
    explore : Explore
        What is shown, and changed by dragging.
    """

    def __init__(self, explore: Explore) -> None:
        super().__init__()
        self._explore = explore
        self.measure, self.classes = choice("Score of the histogram and of the filter"), choice("Class")
        self.plot = DistributionPlot()
        self.sentence = words_of("What the filter keeps")
        choices = row_of(self.measure, self.classes, widths=(3, 2))
        fill_column(self, choices, self.plot, self.sentence, stretched=self.plot)
        options = explore.options
        self.measure.activated.connect(lambda _: setattr(options, "measure", self.measure.currentData()))
        self.classes.activated.connect(lambda _: setattr(options, "class_index", self.classes.currentData()))
        self.plot.cut_moved.connect(explore.drag_cut)
        self.plot.nudged.connect(self._nudge)

    def fill(self) -> None:
        """Offer what the data set has."""
        explore, options = self._explore, self._explore.options
        offer(self.measure, [(MEASURES[name].title, name) for name in explore.measures], options.measure)
        classes = [("whole case", 0), *((c.class_name, c.class_index) for c in explore.classes)]
        offer(self.classes, classes, options.class_index)
        self.classes.setVisible(len(classes) > 1)

    def draw(self) -> None:
        """Draw values and cut, and say what it keeps."""
        explore, options = self._explore, self._explore.options
        preview, shown = explore.preview, explore.shown
        if preview is not None:
            shown = shown[preview.cohort]
        name = explore.classes.name_of(options.class_index) if options.class_index else ""
        some = shown if not shown.all() else ~shown
        self.plot.show_values(explore.shown_values, some, in_two_lines(axis_words(explore.measure, name), 34))
        self.plot.show_cut(*explore.cut(), movable=explore.has_cut)
        words = explore.problem if preview is None else preview.sentence
        if preview is not None and not explore.has_cut:
            words += (
                " Choose the whole case to drag the line."
                if options.class_index
                else " Choose a class to drag its line."
            )
        self.sentence.setText(words)

    def show_current(self) -> None:
        """Mark the item on the screen."""
        row = self._explore.current
        values = self._explore.values(self._explore.options.measure, self._explore.options.class_index)
        self.plot.show_here(float(values[row]) if row is not None and row < len(values) else math.nan)

    def _nudge(self, at_right: bool, step: int) -> None:
        """Move the right or the left line by a percentile."""
        low, high = self._explore.filter.percentiles
        sign = 1 if self._explore.measure.sign > 0 else -1
        if at_right == (sign > 0):
            high += sign * step
        else:
            low += sign * step
        self._explore.set_filter(percentiles=(max(0.0, low), min(100.0, high)))
