"""Words become drafts on the canvas, and accepted drafts become part of the label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from psygnal import Signal

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.review import PromptUse
from napari_aleatoric.segmentation import PromptLibrary, Query, VolumeSpec, Worked
from napari_aleatoric.session import (
    AcceptedDraft,
    DraftPointing,
    ItemData,
    Kind,
    Notice,
    Prompting,
    ProposalKeeper,
    ReviewSession,
    SlicePlane,
    TextDraft,
    TextHost,
    TextPrompting,
    TextStatus,
    WholeVolume,
    keep_text_settings,
    kept_text_settings,
)
from napari_aleatoric.viewer import DraftLayers, Stage, draw_slice

__all__ = ["TextSegmenting"]


class TextSegmenting:
    """Segmenting by words in one window.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    stage : Stage
        Its layers.
    session : ReviewSession
        What is on the screen.
    prompting : Prompting
        Has the segmenter, which boxes and points share.
    host : callable
        Where the text-image model of a name or folder lives.
    deliver : callable
        Runs a function in the main thread.
    """

    status_changed = Signal(object)  # TextStatus
    settings_changed = Signal(object)  # VolumeSpec
    refused = Signal(object)  # Notice
    model_changed = Signal(str)

    def __init__(
        self,
        viewer: Any,
        stage: Stage,
        session: ReviewSession,
        prompting: Prompting,
        host: Callable[[str], TextHost],
        deliver: Callable[[Callable[[], None]], None],
    ) -> None:
        self._stage, self._session = stage, session
        self.text = TextPrompting(host, prompting, deliver)
        self.layers = DraftLayers(viewer, lambda: stage.label_layer, self._edited)
        self.modality_said = ""  # of images whose files do not say it
        self._library: PromptLibrary | None = None
        self._own: tuple[str, tuple[str, ...]] = ("", ())  # words, and the sentences that a person wrote for them
        self._keeper = ProposalKeeper(deliver)
        self._keeper.failed.connect(lambda why: self.refused.emit(Notice(why, Kind.WARNING)))
        self._recalled: TextDraft | None = None
        self.text.drafted.connect(self._drafted)
        self.text.redrawn.connect(self._redrawn)
        self.text.dropped.connect(self.layers.hide)
        self.text.status_changed.connect(self.status_changed.emit)
        session.opened.connect(self._opened)
        session.item_changed.connect(self._show)

    def close(self) -> None:
        """Let go of window, threads and processes."""
        self.text.close()
        self._keeper.close()
        self.layers.close()

    # -- words and sentences ------------------------------------------------------------------------------

    @property
    def library(self) -> PromptLibrary:
        """The prompt library, with what the workspace adds."""
        if self._library is None:
            workspace = self._session.workspace
            try:
                self._library = PromptLibrary.load(None if workspace is None else workspace.root)
            except AleatoricError as error:
                self._library = PromptLibrary.load()
                self.refused.emit(Notice(str(error), Kind.WARNING))
        return self._library

    @property
    def modality(self) -> str:
        """Of the image on the screen, or else what a person says of the images; "" where it is not known."""
        item = self._session.item
        return (item.image.modality if item is not None else "") or self.modality_said

    def query(self, words: str) -> Query:
        """Return what is asked for these words: the library's sentences, or those that a person wrote.

        Raises
        ------
        DataError
            If there are no words.
        """
        found = self.library.query(words, modality=self.modality)
        return replace(found, sentences=self._own[1]) if self._own[1] and self._own[0] == found.text else found

    def write_sentences(self, words: str, sentences: tuple[str, ...]) -> None:
        """Ask these sentences for these words from now on; () = the library's again."""
        kept = tuple(" ".join(each.split()) for each in sentences if each.strip())
        self._own = (" ".join(words.split()), kept)

    # -- settings -------------------------------------------------------------------------------------------

    @property
    def settings(self) -> VolumeSpec:
        """How words are looked for."""
        return self.text.spec

    def use_settings(self, spec: VolumeSpec) -> None:
        """Look for words like this from now on; kept in the workspace, if there is one."""
        if spec == self.text.spec:
            return
        self.text.spec = spec
        workspace = self._session.workspace
        if workspace is not None:
            try:
                keep_text_settings(workspace.root, spec)
            except AleatoricError as error:
                self.refused.emit(Notice(str(error), Kind.WARNING))
        self.settings_changed.emit(spec)

    def _recall_settings(self) -> None:
        workspace, spec = self._session.workspace, VolumeSpec()
        if workspace is not None:
            try:
                spec = kept_text_settings(workspace.root)
            except AleatoricError as error:
                self.refused.emit(Notice(str(error), Kind.WARNING))
        self.text.spec = spec
        self.settings_changed.emit(spec)

    # -- looking --------------------------------------------------------------------------------------------

    def use(self, source: str) -> None:
        """Take another text-image model, by its name or folder."""
        if source != self.text.model:
            self.text.choose(source)
            self.model_changed.emit(source)

    def find(self, words: str, plane: SlicePlane | None, *, whole: bool) -> None:
        """Look for something in the slice on the screen, or in the whole volume."""
        if self._session.item is not None and plane is None and not whole:
            text = "Words are looked for in slices: turn the 3-D view off, or look in the whole volume."
            self.refused.emit(Notice(text, Kind.WARNING))
            return
        try:
            query = self.query(words)
        except AleatoricError as error:
            self.refused.emit(Notice(str(error), Kind.WARNING))
            return
        self._forget()
        self.text.find(query, None if whole else plane)

    def _opened(self, workspace: Any) -> None:
        self._library, self.modality_said = None, ""
        self._recall_settings()
        self.text.show(None)

    def _show(self, item: ItemData) -> None:
        self.text.show(item.image)
        workspace = self._session.workspace
        if workspace is not None:
            self._keeper.recall(workspace, item, lambda draft: self._take_up(item, draft))

    # -- proposals that are kept ------------------------------------------------------------------------------

    def _take_up(self, item: ItemData, draft: TextDraft) -> None:
        """Show what was neither accepted nor rejected when the case was left."""
        here = self._session.item
        if here is not None and here.key == item.key and self.text.draft is None and not self.status.busy:
            self._recalled = draft
            self.text.take(draft)

    def _keep(self) -> None:
        draft, workspace, item = self.text.draft, self._session.workspace, self._session.item
        if draft is not None and draft.found and workspace is not None and item is not None:
            self._keeper.keep(workspace, item, draft, self.layers.drawn)

    def _forget(self) -> None:
        workspace, item = self._session.workspace, self._session.item
        if workspace is not None and item is not None:
            self._keeper.forget(workspace, item.key)

    # -- the draft ------------------------------------------------------------------------------------------

    def _drafted(self, draft: TextDraft) -> None:
        self.layers.show(draft)
        if draft is self._recalled:
            return
        shown = [part.plane.index for part in draft.slices]
        elsewhere = draft.axis == 0 and self._stage.slice_index not in shown
        if shown and elsewhere and isinstance(draft.region, WholeVolume):
            self._stage.go_to_slice(shown[0])
        self._keep()

    def _redrawn(self, plane: SlicePlane) -> None:
        self.layers.redraw()
        self._keep()

    def _edited(self, plane: SlicePlane, pointings: tuple[DraftPointing, ...]) -> None:
        self.text.edit(plane, pointings)

    def accept(self, value: int, *, replaces: bool, over_others: bool) -> None:
        """Make the draft part of a class of the label, as one step of napari's undo.

        Parameters
        ----------
        value : int
            Label value of the class.
        replaces : bool
            Whether it stands in the place of what the class has, on its slice or in the volume.
        over_others : bool
            Whether it is drawn over other classes, too.
        """
        draft, layer = self.text.draft, self._stage.label_layer
        if draft is None or layer is None or not draft.found:
            self.refused.emit(Notice("There is no draft to accept. Look for something first.", Kind.WARNING))
            return
        wanted = draft.painted(layer.data, value, replace=replaces, keep_others=not over_others)
        use = PromptUse(draft.made_by, self.layers.n_boxes, self.layers.n_points)
        with self._session.drawing(AcceptedDraft(WholeVolume(), use)):
            n = draw_slice(layer, WholeVolume(), wanted)
        self._remember(draft)
        self._forget()
        self.text.drop()
        kept = "" if over_others or n else " Other classes are there; tick 'Over other classes' to draw over them."
        self.text.say(f"Accepted: {n:,} {'voxel' if n == 1 else 'voxels'} of the label changed.{kept}")

    def reject(self) -> None:
        """Throw the draft away; the label stays as it is."""
        draft = self.text.draft
        if draft is not None:
            self._forget()
            self.text.drop()
            self.text.say("Rejected; the label is as it was." if draft.found else "")

    def _remember(self, draft: TextDraft) -> None:
        workspace = self._session.workspace
        if workspace is None:
            return
        worked = Worked(
            text=draft.query.text,
            sentences=draft.query.sentences,
            modality=self.modality,
            model=draft.seer,
            score=round(draft.score, 4),
        )
        self._own = ("", ())
        self._keeper.remember(workspace.root, worked, self._read_anew)

    def _read_anew(self) -> None:
        self._library = None

    @property
    def status(self) -> TextStatus:
        """What is going on."""
        return self.text.status

    def question(self, words: str) -> str:
        """Return what may be asked of a language model to get better sentences; nothing is sent."""
        return self.library.question(words.strip() or "this structure", modality=self.modality)
