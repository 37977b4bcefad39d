"""What all docks of one window share: the session, the layers, the keys, the clock."""

from __future__ import annotations

import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info, show_warning
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Verdict
from napari_aleatoric.session import (
    Agreement,
    ItemData,
    Kind,
    Models,
    Notice,
    Opened,
    OwnProcess,
    Readings,
    ReviewSession,
    Training,
    TrainingExamples,
    TrainingPair,
    TrainingPlan,
    ViewState,
    open_review,
    prepare,
)
from napari_aleatoric.uncertainty import ScoreSpec
from napari_aleatoric.viewer import PromptMode, Stage

from ._activity import ActivityBar
from ._background import MainThread, run
from ._barred_painting import BarredPainting
from ._closing import Closing
from ._comparing import Comparing
from ._editing import Editing, edit_performers
from ._layout import (
    show_edit,
    show_explore,
    show_measure,
    show_models,
    show_readers,
    show_segment,
    show_training,
)
from ._measure_tools import MeasureTools
from ._plane_views import PlaneViews
from ._prompt_model import PromptModel
from ._reading_habits import ReadingHabits
from ._recent import RecentFolders
from ._region_walking import RegionWalking, region_performers
from ._segmenting import Segmenting
from ._settling import Settling
from .keys import CheatSheet, KeyTable, Shortcuts

__all__ = ["Hub", "hub_of"]

_NAME = "aleatoric-hub"
_STROKE_MS = 500
_OF_TRAINING = ("agreement", "training_pair", "examples", "comparing", "training_plan", "training")  # so they close
_JOB_MS = 250


def hub_of(viewer: Viewer) -> Hub:
    """Return the one hub of a viewer; made at the first call."""
    own = getattr(viewer, "__wrapped__", viewer)
    hub = own.window._qt_window.findChild(QObject, _NAME)  # the window owns it, so that they end together
    return hub if isinstance(hub, Hub) else Hub(own)


class Hub(QObject):
    """Wires one session to one window.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    """

    def __init__(self, viewer: Viewer) -> None:
        window = viewer.window._qt_window
        super().__init__(window)
        self.setObjectName(_NAME)
        self.viewer: Any = viewer
        self.window: Any = window
        self.closed = False
        self.score_spec = ScoreSpec()
        self._main = MainThread(self)
        self.session = ReviewSession(deliver=self._main.deliver)
        self.readings = Readings(self.session)
        self.stage = Stage(viewer, on_painted=self.session.painted)
        self.recent = RecentFolders()
        # the stage turns outlines off in 3-D by itself; napari's warning would pop up at every turn
        warnings.filterwarnings("ignore", message="Contours are not displayed during 3D rendering")
        self.activity = ActivityBar(window)
        self.habits = ReadingHabits(viewer, self.stage, self.session, self)
        self._connect()
        self.barred = BarredPainting(viewer, self.stage, self.session)
        self.segmenting = Segmenting(viewer, self.stage, self.session, OwnProcess, self._main.deliver)
        self.measuring = MeasureTools(viewer, self.stage, self.session, self.segmenting.stop, self._main.deliver)
        self.segmenting.mode_changed.connect(lambda mode: self.measuring.lay_down() if mode else None)
        self.models = Models(deliver=self._main.deliver)
        self.prompt_model = PromptModel(self.models, self.segmenting)
        for source in (self.segmenting, self.prompt_model):
            source.refused.connect(self._tell)
        self.keys = KeyTable()
        self.shortcuts = Shortcuts(window, self.keys, self.performers())
        self._strokes_clock = QTimer(self, interval=_STROKE_MS)
        self._strokes_clock.timeout.connect(self.session.keep_strokes)
        self._strokes_clock.start()
        self._job_clock = QTimer(self, interval=_JOB_MS)
        self._job_clock.timeout.connect(self.session.poll_job)
        self._job_clock.start()
        self.closing = Closing(window, self.session)
        window.destroyed.connect(self._gone)

    @cached_property
    def training(self) -> Training:
        """The trainings of the data set; made when the first dock asks for them."""
        return Training(self.session, deliver=self._main.deliver)

    @cached_property
    def training_plan(self) -> TrainingPlan:
        """What would be trained; made when somebody looks at it."""
        return TrainingPlan(self.session, self.training, deliver=self._main.deliver)

    @cached_property
    def examples(self) -> TrainingExamples:
        """What the network of the chosen one draws meanwhile."""
        return TrainingExamples(self.session, self.training, self._main.deliver)

    @cached_property
    def training_pair(self) -> TrainingPair:
        """A second training beside the chosen one."""
        return TrainingPair(self.session, self.training, self._main.deliver)

    @cached_property
    def agreement(self) -> Agreement:
        """How the readers of the data set agree; made when the first dock asks for it."""
        made = Agreement(self.session, self._main.deliver)
        made.refused.connect(self._tell)
        return made

    @cached_property
    def settling(self) -> Settling:
        """Where readers differ, on the canvas."""
        return Settling(self.viewer, self.stage, self.session, self.shortcuts, self._main.deliver)

    @cached_property
    def walking(self) -> RegionWalking:
        """The hot regions of the map, on the canvas."""
        return RegionWalking(self.viewer, self.stage, self.session, self.barred, self._main.deliver)

    @cached_property
    def comparing(self) -> Comparing:
        """The held-out cases of its trainings, on the canvas."""
        return Comparing(self.viewer, self.stage, self.session, self.training, self._main.deliver)

    @cached_property
    def plane_views(self) -> PlaneViews:
        """Axial, coronal, sagittal and 3-D views beside each other."""
        return PlaneViews(self.viewer, self.stage, self.session, self.segmenting, self.habits)

    @cached_property
    def editing(self) -> Editing:
        """The tools that correct the label; made when the dock or an action asks for them."""
        made = Editing(self.viewer, self.stage, self.session)
        made.refused.connect(self._tell)
        return made

    def _connect(self) -> None:
        session = self.session
        session.item_changed.connect(self._show)
        session.view_changed.connect(self._apply)
        session.version_changed.connect(self._show_version)
        session.notice.connect(self._tell)
        session.job_changed.connect(self.activity.show)

    # -- opening ------------------------------------------------------------------------------------

    def open(self, path: Path, workspace: Path | None = None) -> None:
        """Open a data set or a workspace; scanning goes on beside the window."""
        self._tell(Notice(f"Opening '{path.name}' …"))

        def failed(error: BaseException) -> None:
            self._tell(Notice(str(error) or type(error).__name__, Kind.ERROR))

        run(lambda: open_review(path, workspace), self._opened, failed)

    def _opened(self, opened: Opened) -> None:
        if self.closed:
            opened.store.close()
            return
        self.session.attach(opened)
        dataset = opened.workspace.dataset
        left_out = f" {len(dataset.problems)} could not be read." if dataset.problems else ""
        self._tell(Notice(f"{len(dataset.cases)} cases. {dataset.layout_sentence}{left_out}", Kind.SUCCESS))
        queue = self.session.queue
        if queue is not None and len(queue):
            self.session.go(queue.key(0))

    def choose_folder(self) -> None:
        """Ask for a folder, and open it."""
        recent = self.recent()
        start = str(recent[0].parent) if recent else ""
        folder = QFileDialog.getExistingDirectory(self.window, "Open a data set or a workspace", start)
        if folder:
            self.open(Path(folder))

    def score(self) -> None:
        """Look for new and changed cases, then measure in the background what has no valid score."""
        workspace = self.session.workspace
        if workspace is None:
            self._tell(Notice("Open a data set first.", Kind.WARNING))
            return

        def look() -> Opened | None:
            return prepare(Workspace.open(workspace.root)) if workspace.rescan() else None

        def looked(opened: Opened | None) -> None:
            if self.closed or self.session.workspace is not workspace:
                if opened is not None:
                    opened.store.close()
                return
            if opened is not None:
                item = self.session.item
                self.session.attach(opened)
                self._tell(Notice(f"The data set changed: it has {len(opened.workspace.dataset.cases)} cases now."))
                if item is not None and opened.queue.find(item.key) is not None:
                    self.session.go(item.key)
            self.session.start("score", self.score_spec)

        def failed(error: BaseException) -> None:
            self._tell(Notice(str(error) or type(error).__name__, Kind.ERROR))

        run(look, looked, failed)

    # -- session to window --------------------------------------------------------------------------

    def _show(self, item: ItemData) -> None:
        view = self.session.view
        if view is not None:
            if "walking" in vars(self):
                self.walking.hide()
            self.stage.show(item, view, self.session.classes)

    def _show_version(self, item: ItemData) -> None:
        if self.session.view is not None:
            with self.barred.held():
                self.stage.show_version(item, self.session.view)

    def _apply(self, view: ViewState) -> None:
        self.stage.apply(view)

    def _tell(self, notice: Notice) -> None:
        if notice.kind is Kind.ERROR:
            show_error(notice.text)
        elif notice.kind is Kind.WARNING:
            show_warning(notice.text)
        else:
            show_info(notice.text)

    # -- actions ------------------------------------------------------------------------------------

    def performers(self) -> dict[str, Any]:
        """Return what each action of the key table does."""
        session, options = self.session, self.session.options

        def flip(name: str) -> Any:
            return lambda: setattr(options, name, not getattr(options, name))

        return {
            "next_item": lambda: session.next_item(),
            "previous_item": lambda: session.previous_item(),
            "next_pending": lambda: session.next_item(pending_only=True),
            "jump_hottest": lambda: self.jump(+1),
            "jump_back": lambda: self.jump(-1),
            **region_performers(self),
            "accept": lambda: self.decide(Verdict.ACCEPTED),
            "correct": lambda: self.decide(Verdict.CORRECTED),
            "reject": lambda: self.decide(Verdict.REJECTED),
            "exclude": lambda: self.decide(Verdict.EXCLUDED),
            "skip": lambda: self.decide(Verdict.SKIPPED),
            "undo_decision": session.undo_decision,
            "write_comment": self.focus_comment,
            "answer_reading": self.readings.answer,
            "save_label": lambda: session.save(),
            "paint_barred": self.barred.toggle,
            "segment_box": lambda: self.segment("box"),
            "segment_points": lambda: self.segment("points"),
            "segment_words": lambda: show_segment(self.viewer).show_text(),
            **edit_performers(lambda: self.editing, lambda: show_edit(self.viewer)),
            "next_question": lambda: session.asking.step(),
            "toggle_heatmap": flip("heatmap_on"),
            "toggle_label": flip("label_visible"),
            "toggle_outline": flip("label_outline"),
            "toggle_original": flip("original_visible"),
            **self.habits.performers(),
            "toggle_planes": lambda: self.plane_views.toggle(),
            "toggle_crosshair": lambda: self.plane_views.toggle_crosshair(),
            "enlarge_plane": lambda: self.plane_views.enlarge_next(),
            **self.measuring.performers(),
            "show_measure": lambda: show_measure(self.viewer),
            "show_models": lambda: show_models(self.viewer),
            "show_explore": lambda: show_explore(self.viewer),
            "show_readers": lambda: show_readers(self.viewer),
            "show_training": lambda: show_training(self.viewer),
            "report_case": lambda: self.report(of_case=True),
            "report_review": lambda: self.report(of_case=False),
            "show_keys": self.show_keys,
            "open_folder": self.choose_folder,
            "score": self.score,
            "cancel_job": session.cancel_job,
        }

    def jump(self, step: int) -> None:
        """Go to the hottest place, then to the next."""
        place = self.session.next_place(step)
        if place is None:
            self._tell(Notice("The map shows no place above the threshold here."))
            return
        self.stage.jump_to(place.index_zyx)

    def decide(self, verdict: Verdict) -> None:
        """Record a verdict with what the verdict bar holds, and go on."""
        bar = self.window.findChild(QWidget, "aleatoric-verdicts")
        quality, comment = bar.take() if bar is not None and hasattr(bar, "take") else (None, "")
        self.session.decide(verdict, quality=quality, comment=comment)
        if bar is None or bar.goes_on:
            self.session.next_item()

    def segment(self, mode: PromptMode) -> None:
        """Turn prompts of a kind on, or off if they are on."""
        self.segmenting.toggle(mode)
        if self.segmenting.mode:
            show_segment(self.viewer)

    def focus_comment(self) -> None:
        """Put the cursor into the comment field."""
        bar = self.window.findChild(QWidget, "aleatoric-verdicts")
        if bar is not None:
            bar.focus_comment()

    def report(self, *, of_case: bool) -> None:
        """Ask what a report shall hold."""
        from .review import ask_for_report

        if ask_for_report(self.session, self.window, of_case=of_case) is None:
            self._tell(Notice("Open a data set first.", Kind.WARNING))

    def show_keys(self) -> None:
        """Open the cheat sheet."""
        sheet = CheatSheet(self.keys, self.shortcuts, self.window)
        sheet.setObjectName("aleatoric-keys")
        sheet.show()

    # -- the end ------------------------------------------------------------------------------------

    closed = True  # before __init__ has run, and after Python let go of an object that Qt still has

    def close(self) -> None:
        """Stop the clocks, save, let go. Jobs go on."""
        if self.closed:
            return
        self.closed = True
        self.setObjectName("")
        self.closing.close()
        for clock in (self._strokes_clock, self._job_clock):
            clock.stop()
        self.shortcuts.close()
        self.activity.close()
        self._close_made("plane_views")
        self.segmenting.close()
        self._close_made(*_OF_TRAINING)
        self.models.close()
        self._close_made("settling", "editing", "walking")
        self.session.close()
        self.barred.close()
        self.habits.close()
        self.measuring.close()
        self.stage.close()
        # Qt keeps the functions that are connected to widgets; what they reach must not keep the window in turn
        self.viewer = self.window = None

    def _close_made(self, *names: str) -> None:
        """Close those of the parts that somebody has asked for, and so were made."""
        for name in names:
            if name in vars(self):
                vars(self)[name].close()

    def _gone(self) -> None:
        if not self.closed:
            self.closed = True
            self.segmenting.prompting.close()
            self._close_made(*_OF_TRAINING)
            self.models.close()
            self.session.close()
