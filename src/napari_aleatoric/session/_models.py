"""The frozen models of one window: the list, and bringing, importing and verifying beside the window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from psygnal import Signal

from napari_aleatoric.errors import AleatoricError, Cancelled, NotFoundError
from napari_aleatoric.foundation import WeightsStore, all_weights_store
from napari_aleatoric.jobs import Actor

from ._model_list import ModelRow, missing_parts, model_rows, scoring_model, supply_sentence
from ._model_work import ModelTask, TaskReporter
from ._notice import Kind, Notice

__all__ = ["Models"]


class Models:
    """What is known of frozen models, and one piece of work at a time. Main thread only.

    Downloads, copies and digests run in a thread and load no torch. A checkpoint of the user's own has to be read
    with torch to know its network: a process of its own does that, and is ended when the user asks to stop.

    Parameters
    ----------
    store : WeightsStore, optional
        By default the one of this user.
    deliver : callable, optional
        Runs a function in the main thread; the default runs it where it is (tests, scripts).
    """

    changed = Signal()  # the rows may be others
    task_changed = Signal(object)  # ModelTask | None
    told = Signal(object)  # Notice: how a piece of work ended
    unrecognised = Signal(object)  # Path: what is none of the known weights

    def __init__(
        self, store: WeightsStore | None = None, deliver: Callable[[Callable[[], None]], None] | None = None
    ) -> None:
        self._store = store
        self._deliver = deliver or (lambda call: call())
        self._reporter: TaskReporter | None = None
        self._actor: Actor | None = None
        self._thread: threading.Thread | None = None
        self.task: ModelTask | None = None

    @property
    def store(self) -> WeightsStore:
        """The folder of weights, as the environment says now."""
        return self._store or all_weights_store()

    def rows(self) -> list[ModelRow]:
        """Return all models as they are now."""
        return model_rows(self.store)

    def row(self, name: str) -> ModelRow | None:
        """Return one model; None if there is none of that name."""
        return next((row for row in self.rows() if row.name == name), None)

    @property
    def scoring(self) -> str:
        """Name of the frozen model that scoring takes by default."""
        return scoring_model(self.rows())

    @property
    def missing(self) -> str:
        """What is not installed that every model needs, and how to install it; "" if all is there."""
        return missing_parts()

    @property
    def supply(self) -> str:
        """Where downloads come from, one sentence."""
        return supply_sentence(self.store)

    @property
    def offline(self) -> bool:
        """Whether downloads are switched off."""
        return self.store.offline

    # -- work -----------------------------------------------------------------------------------------

    def download(self, name: str) -> None:
        """Bring published weights, going on with an earlier attempt."""

        def done(_: Any) -> Notice:
            return Notice(f"{name} is here and verified.", Kind.SUCCESS)

        store = self.store
        self._begin(ModelTask("download", name), lambda reporter: store.download(name, reporter), done)

    def verify(self, name: str) -> None:
        """Read the whole file anew, and compare its digest."""

        def done(_: Any) -> Notice:
            return Notice(f"{name} is whole: its digest is the one it should be.", Kind.SUCCESS)

        store = self.store
        self._begin(ModelTask("verify", name), lambda reporter: store.verify(name, reporter), done)

    def bring_in(self, path: Path) -> None:
        """Import known weights from a file or a folder; they are recognised by their digest.

        A file that is none of them, or a folder that holds another network, is told by `unrecognised`, not as a
        failure.
        """

        def done(status: Any) -> Notice:
            return Notice(f"{path.name} is {status.weights.name}: imported and verified.", Kind.SUCCESS)

        def failed(error: BaseException) -> bool:
            own = path.is_file() or (path / "config.json").is_file()  # the latter as transformers saves a network
            if isinstance(error, NotFoundError) and own:
                self.unrecognised.emit(path)
                return True
            return False

        store = self.store
        task = ModelTask("import", path.name)
        self._begin(task, lambda reporter: store.import_file(None, path, reporter), done, failed)

    def bring_in_own(self, path: Path, name: str, scaling: Literal["imagenet", "unit"], licence: str) -> None:
        """Import a checkpoint of the user's own, in a process of its own.

        Parameters
        ----------
        path : Path
            The file, or the folder of a network as transformers saves it.
        name : str
            What to call it.
        scaling : {"imagenet", "unit"}
            What the network was trained on.
        licence : str
            Whatever the user says.
        """
        if name in self._taken():
            self.told.emit(Notice(f"'{name}' is the name of a known model. Choose another name.", Kind.ERROR))
            return
        actor = Actor("napari_aleatoric.foundation:WeightsStore", self.store.folder)

        def work(reporter: TaskReporter) -> Any:
            try:
                actor.open()
                return actor.call("import_file", name, path, scaling=scaling, licence=licence or "not stated")
            finally:
                actor.close()

        def done(status: Any) -> Notice:
            network = status.weights.architecture
            return Notice(f"{name} is imported and verified; its network is {network}.", Kind.SUCCESS)

        if self._begin(ModelTask("import", name), work, done):
            self._actor = actor

    def _taken(self) -> set[str]:
        store = self.store
        return {name for name in store.names() if store.info(name).origin != "own"}

    def cancel(self) -> None:
        """Stop what is going on; the next attempt goes on from there, or finds everything as it was."""
        if self._reporter is None or self.task is None:
            return
        self._reporter.stop()
        if self._actor is not None:
            self._actor.close()
        self._show(replace(self.task, stopping=True))

    def close(self) -> None:
        """Stop what is going on and tell nobody."""
        reporter, self._reporter = self._reporter, None
        if reporter is not None:
            reporter.stop()
        if self._actor is not None:
            self._actor.close()
            self._actor = None

    # -- the thread -------------------------------------------------------------------------------------

    def _begin(
        self,
        task: ModelTask,
        work: Callable[[TaskReporter], Any],
        done: Callable[[Any], Notice],
        failed: Callable[[BaseException], bool] = lambda error: False,
    ) -> bool:
        if self._reporter is not None:
            self.told.emit(Notice("Something else is going on; wait for it, or cancel it first.", Kind.WARNING))
            return False
        reporter = TaskReporter(task, lambda now: self._deliver(lambda: self._step(reporter, now)))
        self._reporter = reporter

        def run() -> None:
            result, error = None, None
            try:
                result = work(reporter)
            except BaseException as caught:  # noqa: BLE001 - told to the user
                error = caught
            self._deliver(lambda: self._ended(reporter, task, result, error, done, failed))

        self._show(task)
        self._thread = threading.Thread(target=run, name="aleatoric-weights", daemon=True)
        self._thread.start()
        return True

    def _step(self, reporter: TaskReporter, task: ModelTask) -> None:
        if reporter is self._reporter:
            self._show(replace(task, stopping=reporter.stopping))

    def _ended(
        self,
        reporter: TaskReporter,
        task: ModelTask,
        result: Any,
        error: BaseException | None,
        done: Callable[[Any], Notice],
        failed: Callable[[BaseException], bool],
    ) -> None:
        if reporter is not self._reporter:
            return  # the window is closing
        self._reporter = self._actor = None
        self._show(None)
        self.changed.emit()
        if error is None:
            self.told.emit(done(result))
        elif isinstance(error, Cancelled):
            kept = {"download": "What came is kept: the next download goes on from there."}
            self.told.emit(Notice(f"Stopped. {kept.get(task.verb, 'Nothing was changed.')}"))
        elif not failed(error):
            self.told.emit(Notice(_sentence(error), Kind.ERROR))

    def _show(self, task: ModelTask | None) -> None:
        self.task = task
        self.task_changed.emit(task)


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, AleatoricError) else f"{type(error).__name__}: {error}"
