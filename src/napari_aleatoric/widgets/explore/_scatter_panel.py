"""Two scores of all cases against each other, with a legend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QWidget

from napari_aleatoric.model import Measure
from napari_aleatoric.session import Explore
from napari_aleatoric.uncertainty import MEASURES
from napari_aleatoric.viewer import class_colour

from ._axes import axis_words, in_two_lines, is_size
from ._colours import STATUS_MARKS, Mark, class_mark, kept_marks
from ._parts import choice, fill_column, offer, row_of, words_of
from ._scatter import ScatterPlot

__all__ = ["ScatterPanel"]

_COLOURS = (("verdict", "status"), ("class", "class"), ("filter", "kept"))


class ScatterPanel(QWidget):
    """Two scores and a colour to choose, the plot, and what the colours mean.

    Parameters
    ----------
    explore : Explore
        What is shown; lasso and click select in it.
    chip : QWidget
        Stands behind the legend.
    """

    def __init__(self, explore: Explore, chip: QWidget) -> None:
        super().__init__()
        self._explore = explore
        self.across, self.up = choice("Score across"), choice("Score up")
        self.colour_by = choice("Colour of the points")
        self.plot = ScatterPlot()
        self.plot.setToolTip(
            "Draw a lasso with the left button: the queue shows what is in it. Click a point to open its case. "
            "The wheel zooms, the middle button moves, a double click shows all."
        )
        self.legend = words_of("Legend of the points")
        choices = row_of(self.across, self.up, self.colour_by, widths=(10, 10, 9))
        fill_column(self, choices, self.plot, row_of(self.legend, chip, widths=(1, 0)), stretched=self.plot)
        for box, name in ((self.across, "across"), (self.up, "up"), (self.colour_by, "colour_by")):
            box.activated.connect(lambda _, b=box, n=name: setattr(explore.options, n, b.currentData()))
        self.plot.selected.connect(explore.select)
        self.plot.opened.connect(explore.open)
        self.plot.cleared.connect(explore.clear_selection)

    def fill(self) -> None:
        """Offer what the data set has."""
        measures = [(MEASURES[name].title, name) for name in self._explore.measures]
        offer(self.across, measures, self._explore.options.across)
        offer(self.up, measures, self._explore.options.up)
        offer(self.colour_by, _COLOURS, self._explore.options.colour_by)

    def draw(self) -> None:
        """Draw the points and say what their colours mean."""
        options = self._explore.options
        across, up = MEASURES[options.across], MEASURES[options.up]
        (x, of_x), (y, of_y) = self._drawn(across), self._drawn(up)
        group, marks = self._groups(len(x))
        self.plot.show_points(x, y, group, marks, self._explore.shown)
        words = axis_words(across, of_x), axis_words(up, "" if of_y == of_x else of_y)
        self.plot.show_words(
            in_two_lines(words[0], 44), in_two_lines(words[1]), log_across=is_size(across), log_up=is_size(up)
        )
        there = np.isfinite(x) & np.isfinite(y)
        counts = np.bincount(group[there], minlength=len(marks))
        parts = [
            f'<span style="color:{mark.colour}">{mark.glyph}</span>&nbsp;{mark.name}&nbsp;{n:,}'
            for mark, n in zip(marks, counts.tolist(), strict=True)
            if n
        ]
        if self.plot.n_drawn < (n_places := int(there.sum())):
            parts.append(f"{self.plot.n_drawn:,} of {n_places:,} points drawn; a lasso takes all")
        self.legend.setText(" &nbsp; ".join(parts))

    def show_current(self) -> None:
        """Mark the item on the screen."""
        self.plot.show_current(self._explore.current)

    def _drawn(self, measure: Measure) -> tuple[NDArray[np.float64], str]:
        """Values of a measure as they are drawn, and of which class: of the whole case where it has no other."""
        c = self._explore.options.class_index
        values = self._explore.values(measure.name, c)
        if c and np.isnan(values).all():
            c, values = 0, self._explore.values(measure.name)
        if is_size(measure):
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.where(values > 0, np.log10(values), np.nan)
        return values, self._explore.classes.name_of(c) if c else ""

    def _groups(self, n: int) -> tuple[NDArray[np.int64], list[Mark]]:
        """Place of every item among the marks, and the marks."""
        columns, preview = self._explore.columns, self._explore.preview
        if columns is None:
            return np.zeros(n, dtype=np.int64), [STATUS_MARKS[0]]
        if self._explore.options.colour_by == "class":
            marks = [Mark("no class", STATUS_MARKS[0].colour, "o", "●")]
            marks += [class_mark(c.class_index, c.class_name, class_colour(c.class_index)) for c in columns.classes]
            return columns.driving_class.astype(np.int64), marks
        if self._explore.options.colour_by == "kept" and preview is not None:
            return preview.keep.astype(np.int64), list(kept_marks())
        return columns.status.astype(np.int64), list(STATUS_MARKS)
