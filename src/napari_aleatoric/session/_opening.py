"""From a folder to an open review: the part that takes time, and may run in any thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.io import Workspace, scan
from napari_aleatoric.jobs import JobHandle, running
from napari_aleatoric.model import Reporter, SilentReporter, Spec

if TYPE_CHECKING:
    from napari_aleatoric.review import Queue, ReviewStore

__all__ = ["Opened", "QueueFilter", "open_path", "open_review", "prepare"]


class QueueFilter(Spec):
    """What the queue table is narrowed to, and how it is ordered."""

    text: str = ""
    statuses: frozenset[str] = frozenset()
    class_index: int | None = None
    strategy: str = "label_risk"
    sort_column: str = ""
    descending: bool = False
    keys: frozenset[tuple[str, str]] | None = None  # case and label reader of the only items that are shown


def open_path(path: Path, workspace: Path | None = None, reporter: Reporter | None = None) -> Workspace:
    """Open a workspace, or make one for a data set folder. Runs in any thread.

    Parameters
    ----------
    path : Path
        A workspace, or a folder of images and labels (which is only read).
    workspace : Path, optional
        Where a new workspace is put; by default ``<folder>-review`` beside the data set.
    reporter : Reporter, optional
        Told while the folder is scanned.

    Raises
    ------
    WorkspaceError
        If the folder does not exist or holds no case that can be read.
    """
    path = path.expanduser().resolve()
    if not path.is_dir():
        raise WorkspaceError(f"Expected a folder with a data set or a workspace; '{path.name}' is none.")
    if Workspace.is_workspace(path):
        return Workspace.open(path)
    target = workspace if workspace is not None else path.with_name(f"{path.name}-review")
    if Workspace.is_workspace(target):
        return Workspace.open(target)
    dataset = scan(path, reporter=reporter or SilentReporter())
    if not dataset.cases:
        reasons = "; ".join(p.sentence for p in dataset.problems[:3])
        raise WorkspaceError(
            f"No case was found in '{path.name}'. {reasons or 'See the list of layouts that are recognised.'}"
        )
    return Workspace.create(target, dataset)


@dataclass(frozen=True, eq=False)
class Opened:
    """A workspace with its store and queue, read and ready; what `ReviewSession.attach` takes.

    Parameters
    ----------
    workspace, store, queue
        What is open.
    job : JobHandle, optional
        The job that is under way, read as far as it is: the diary of a long training takes time.
    """

    workspace: Workspace
    store: ReviewStore
    queue: Queue
    job: JobHandle | None = None

    @property
    def order(self) -> str:
        """The order of the queue that this data set has by default."""
        return self.queue.strategy


def open_review(path: Path, workspace: Path | None = None, reporter: Reporter | None = None) -> Opened:
    """Do all of `open_path` and read the store, too, so that the window has nothing to wait for."""
    return prepare(open_path(path, workspace, reporter))


def prepare(workspace: Workspace) -> Opened:
    """Open the store of a workspace, tell it of the data set's items, and rank them. Runs in any thread.

    Label files that a save left behind when its process was killed are set aside; see `sweep_corrections`.
    """
    from napari_aleatoric.review import build_queue, default_order, open_store, sweep_corrections

    store = open_store(workspace)
    store.follow(workspace)
    if store.link is None or not store.link.state.away:  # else it does not know of all files
        sweep_corrections(workspace, store)
    queue = build_queue(store, workspace.dataset.classes, strategy=default_order(workspace))
    return Opened(workspace, store, queue, running(workspace))
