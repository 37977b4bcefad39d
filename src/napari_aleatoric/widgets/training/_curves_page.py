"""Two plots beside each other, each with the newest values above it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_aleatoric.session import MEAN_DICE, TrainingCurve
from napari_aleatoric.widgets.explore import PlotColours

from ._curve_plot import CurvePlot, DrawnCurve

__all__ = ["CurvePanel", "beside_each_other"]


class CurvePanel(QWidget):
    """A plot, and its legend with the newest values.

    Parameters
    ----------
    name, label, ends
        Of the plot; see `CurvePlot`.
    hint : str
        What it means.
    """

    def __init__(self, name: str, label: str, hint: str, ends: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.plot = CurvePlot(name, label, ends)
        self.plot.setToolTip(hint)
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setAccessibleName(f"{name}: newest values")
        self.legend.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.legend)
        layout.addWidget(self.plot, 1)

    def set_colours(self, colours: PlotColours) -> None:
        """Draw on a dark or light ground."""
        self.plot.set_colours(colours)

    def show_curves(
        self,
        curves: Sequence[TrainingCurve],
        colours: dict[str, str],
        nothing: str,
        others: Sequence[TrainingCurve] = (),
        beside: str = "",
    ) -> None:
        """Draw curves.

        Parameters
        ----------
        curves : sequence of TrainingCurve
            Which.
        colours : dict of str to str
            By class name.
        nothing : str
            What is said where there are none.
        others : sequence of TrainingCurve
            Of another training, dotted; the legend names the main one of them.
        beside : str
            Which training that is.
        """
        drawn = [
            DrawnCurve(curve, colours.get(curve.name, ""), 2.4 if _is_main(curve) else 1.4) for curve in curves
        ]
        dotted = [
            DrawnCurve(each, colours.get(each.name, ""), 2.4 if _is_main(each) else 1.4, beside)
            for each in others
            if beside and not each.is_plain
        ]
        self.plot.show_curves([*drawn, *dotted])
        told = [*drawn, *(each for each in dotted if _is_main(each.curve))]
        self.legend.setText(" &nbsp; ".join(map(_entry, told)) if drawn else nothing)


def beside_each_other(*parts: QWidget) -> QWidget:
    """Return a page with parts of one width."""
    page = QWidget()
    layout = QHBoxLayout(page)
    layout.setContentsMargins(0, 2, 0, 0)
    layout.setSpacing(6)
    for part in parts:
        layout.addWidget(part, 1)
    return page


def _is_main(curve: TrainingCurve) -> bool:
    return curve.name in ("", MEAN_DICE) and not curve.is_plain


def _entry(drawn: DrawnCurve) -> str:
    curve = drawn.curve
    plain = "plain" if curve.is_plain else ""
    words = "&nbsp;".join(part.replace(" ", "&nbsp;") for part in (curve.name, plain, drawn.beside) if part)
    mark = "┈" if drawn.beside else "┅" if curve.is_plain else "━"
    coloured = f'<span style="color:{drawn.colour}">{mark}</span>' if drawn.colour else mark
    return f"{coloured}&nbsp;{words}&nbsp;{curve.last:.3g}" if words else f"{coloured}&nbsp;{curve.last:.3g}"
