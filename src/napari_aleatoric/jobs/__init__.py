"""Run any door elsewhere and watch, stop and resume it. Importing this loads no job engine."""

from ._actor import Actor
from ._doors import DOORS
from ._handle import JobHandle, running, runs, submit
from ._spec import EngineSpec
from ._status import JobError, JobStatus, duration_in_words

__all__ = [
    "DOORS",
    "Actor",
    "EngineSpec",
    "JobError",
    "JobHandle",
    "JobStatus",
    "duration_in_words",
    "running",
    "runs",
    "submit",
]
