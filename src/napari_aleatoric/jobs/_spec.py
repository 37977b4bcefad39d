"""Where jobs run: what the user may choose."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from napari_aleatoric.model import Spec

__all__ = ["EngineSpec"]


class EngineSpec(Spec):
    """Where a job runs. The default is a process of its own on this machine."""

    scheduler: str | None = Field(
        default=None,
        description="Address of a Dask scheduler, e.g. tls://gpu-box:8786; none = a process on this machine. "
        "The workspace and the data set must lie under the same paths there.",
    )
    tls_ca_file: Path | None = Field(default=None, description="Certificate authority of that scheduler (PEM).")
    tls_cert_file: Path | None = Field(default=None, description="Our certificate (PEM).")
    tls_key_file: Path | None = Field(default=None, description="Our private key (PEM).")
    resources: dict[str, float] = Field(
        default_factory=dict, description='What a worker must offer there, e.g. {"GPU": 1}.'
    )
    connect_timeout_s: float = Field(default=10.0, gt=0, le=600, description="Patience with that scheduler, s.")
    threads: int | None = Field(
        default=None, ge=1, description="Threads of the numeric libraries here; none = all cores but one."
    )
    grace_s: float = Field(
        default=1.5, ge=0, le=600, description="How long a stop may take before the worker is killed, s."
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> EngineSpec:
        files = (self.tls_ca_file, self.tls_cert_file, self.tls_key_file)
        if any(files) and not all(files):
            raise ValueError("tls_ca_file, tls_cert_file and tls_key_file go together: give all three or none.")
        if any(files) and not (self.scheduler or "").startswith("tls://"):
            raise ValueError("TLS files are given, so the scheduler's address must begin with tls://.")
        return self
