"""Saves the curves of a training as figures and as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_aleatoric.errors import DataError
from napari_aleatoric.session import Kind, Notice, TrainingRow, curve_table, whole_curves
from napari_aleatoric.widgets._background import run
from napari_aleatoric.widgets.explore import TABLE, SaveMenu, save_figure, save_table, sentence_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from napari_aleatoric.io import Workspace

    from ._curves_page import CurvePanel

__all__ = ["CurveSaver"]

_SAVED = (
    ("loss", "Loss as figure…", "loss.png"),
    ("dice", "Dice as figure…", "dice.png"),
    ("class_weight", "Class weights as figure…", "class_weights.png"),
    ("scale", "Perception scale as figure…", "perception_scale.png"),
    (TABLE, "Table of all curves…", "curves.csv"),
)


class CurveSaver(SaveMenu):
    """The button, and what it does.

    Figures are as they are on the screen, but black on white; the table has every point that was reported, also
    where a long curve is drawn as means of neighbours.

    Parameters
    ----------
    rows : callable
        Returns the trainings whose curves are shown: the chosen one, and the one it is compared with.
    workspace : callable
        Returns the open workspace.
    panels : mapping of str to CurvePanel
        By the name of what they draw, as in `TrainingCurves`.
    on_paper : callable
        Returns a block within which a panel is in front, and drawn for paper.
    tell : callable
        Is told how it went.
    """

    def __init__(
        self,
        rows: Callable[[], Sequence[TrainingRow]],
        workspace: Callable[[], Workspace | None],
        panels: Mapping[str, CurvePanel],
        on_paper: Callable[[CurvePanel], AbstractContextManager[None]],
        tell: Callable[[Notice], None],
    ) -> None:
        super().__init__(_SAVED)
        self._rows, self._workspace, self._panels = rows, workspace, panels
        self._on_paper, self._tell = on_paper, tell
        self.setAccessibleName("Save the curves as figure or table")
        self.setToolTip("Save a plot as PNG or SVG, or all curves as CSV.")
        self.asked.connect(self.save)

    def save(self, what: str, path: Path) -> None:
        """Write a plot, or all curves, and say how it went."""
        if what == TABLE:
            self._save_table(path)
            return
        panel = self._panels[what]
        try:
            if not panel.plot.n_lines:
                raise DataError("This training has no such curve to save.")
            with self._on_paper(panel):
                saved = save_figure(panel.plot, path, panel.legend.text())
        except Exception as error:  # noqa: BLE001 - told to the user
            self._failed(error)
            return
        self._done(saved)

    def _save_table(self, path: Path) -> None:
        rows, workspace = [row for row in self._rows() if row.run_ids], self._workspace()
        if workspace is None or not rows:
            self._failed(DataError("This training kept no curves: it ran in the foreground, or there is none yet."))
            return

        def table() -> dict[str, list[Any]]:
            return curve_table({row.when.isoformat(): whole_curves(workspace, row) for row in rows})

        run(lambda: save_table(table, path), self._done, self._failed)

    def _done(self, saved: Path) -> None:
        self._tell(Notice(f"Saved {saved.name}.", Kind.SUCCESS))

    def _failed(self, error: BaseException) -> None:
        self._tell(Notice(sentence_of(error), Kind.ERROR))
