"""One folder per run: what was asked for, and its diary."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import NotFoundError, WorkspaceError

from ._process import ProcessIdentity
from ._spec import EngineSpec

__all__ = ["Order", "RunFolder", "new_run_id", "scratch_folders", "scratch_prefix"]

_FORMAT = 1
_REPORTED_PACKAGES = ("napari-aleatoric", "numpy", "SimpleITK", "scikit-learn", "torch", "distributed")


def new_run_id(now: datetime | None = None) -> str:
    """Return an id that sorts by time and is unique: ``20261121-182455-123456-9f3a``."""
    now = datetime.now(UTC) if now is None else now.astimezone(UTC)
    return f"{now:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"


def scratch_prefix(run_id: str) -> str:
    """Return how the names of a run's temporary folders begin."""
    return f"aleatoric-{run_id}-"


def scratch_folders(run_id: str) -> list[Path]:
    """List the temporary folders that a run has left on this machine."""
    return sorted(Path(tempfile.gettempdir()).glob(scratch_prefix(run_id) + "*"))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _REPORTED_PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@dataclass(frozen=True)
class Order:
    """What a run was asked to do.

    Parameters
    ----------
    door : str
        Name of the door.
    spec : dict
        Plain values of the door's spec, complete and checked.
    spec_digest : str
        Its digest.
    engine : EngineSpec
        Where it runs.
    resumes : str
        Id of the run that this one carries on; "" for none.
    """

    door: str
    spec: dict[str, Any]
    spec_digest: str = ""
    engine: EngineSpec = field(default_factory=EngineSpec)
    resumes: str = ""


@dataclass(frozen=True)
class RunFolder:
    """``runs/<id>`` of a workspace.

    Parameters
    ----------
    path : Path
        The folder.
    """

    path: Path

    @property
    def run_id(self) -> str:
        """Name of the folder."""
        return self.path.name

    @property
    def events(self) -> Path:
        """The diary."""
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        """What the processes printed."""
        return self.path / "log.txt"

    @property
    def cancel(self) -> Path:
        """Exists once a stop was asked for."""
        return self.path / "cancel"

    def create(self, order: Order) -> None:
        """Make the folder with ``spec.json``: the order, its digest and the versions of what will carry it out."""
        content = {
            "format": _FORMAT,
            "run_id": self.run_id,
            "door": order.door,
            "spec": order.spec,
            "spec_digest": order.spec_digest,
            "engine": order.engine.model_dump(mode="json"),
            "resumes": order.resumes,
            "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "versions": _versions(),
        }
        try:
            self.path.mkdir(parents=True)
            self._write("spec.json", content)
        except OSError as error:
            raise WorkspaceError(
                f"The run could not be set up in the workspace ({error.strerror}). "
                "Check that the workspace can be written and the disk is not full."
            ) from error

    def order(self) -> Order:
        """Read back what was asked for."""
        content = self._read("spec.json")
        if content is None or content.get("format") != _FORMAT:
            raise NotFoundError(
                f"There is no run '{self.run_id}' of a format this version reads; it may have been removed."
            )
        return Order(
            str(content["door"]),
            dict(content["spec"]),
            str(content["spec_digest"]),
            EngineSpec.model_validate(content["engine"]),
            str(content.get("resumes", "")),
        )

    def write_host(self, identity: ProcessIdentity) -> None:
        """Note which process looks after the run."""
        self._write("host.json", identity.to_json())

    def host(self) -> ProcessIdentity | None:
        """Return which process looks after the run; None if it was never started."""
        content = self._read("host.json")
        return None if content is None else ProcessIdentity.from_json(content)

    def remove_scratch(self) -> None:
        """Remove the run's temporary folders on this machine."""
        for folder in scratch_folders(self.run_id):
            shutil.rmtree(folder, ignore_errors=True)

    def _write(self, name: str, content: dict[str, Any]) -> None:
        part = self.path / f".{name}.{os.getpid()}.part"
        with part.open("w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=1, ensure_ascii=False)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self.path / name)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            content = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None
