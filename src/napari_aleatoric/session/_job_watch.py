"""One background job is followed until it ends."""

from __future__ import annotations

from psygnal import Signal

from napari_aleatoric.jobs import JobHandle, JobStatus
from napari_aleatoric.model import Status

__all__ = ["JobWatch"]


class JobWatch:
    """Where the job that is followed stands.

    Attributes
    ----------
    job : JobHandle or None
        The job while it runs; None once it is over.
    status : JobStatus or None
        Its last known status.
    door : str
        What it does, or what the last one did; "" before any.
    is_own : bool
        Whether this window started it.
    """

    changed = Signal(object)  # JobStatus, or None: no job is followed any more
    ended = Signal(bool)  # whether it was completed; failed and cancelled ones were not

    def __init__(self) -> None:
        self.job: JobHandle | None = None
        self.status: JobStatus | None = None
        self.door = ""
        self.is_own = False

    def follow(self, job: JobHandle | None, *, own: bool = False) -> None:
        """Watch a job: a new one of this window's own, or one that an earlier window started."""
        self.job, self.status, self.is_own = job, None, own
        if job is not None:
            self.door = job.door
        self.poll()
        if job is None:
            self.changed.emit(None)

    def poll(self) -> None:
        """Look where it is; tells only of changes."""
        if self.job is None:
            return
        status = self.job.status()
        if status == self.status:
            return
        self.status = status
        self.changed.emit(status)
        if status.status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED):
            self.job = None
            self.ended.emit(status.status is Status.COMPLETED)

    def cancel(self) -> None:
        """Ask it to stop; by force if it does not."""
        if self.job is not None:
            self.job.cancel()
