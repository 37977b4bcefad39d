"""The folder of weights: what is there, bringing more, and loading only what was checked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import platformdirs

from napari_aleatoric.errors import DataError, DownloadError, NotFoundError, WorkspaceError
from napari_aleatoric.model import Reporter, SilentReporter

from ._bring import download_into, find_file, import_into, import_own_into, read_state, write_record
from ._check import check_digest, digest_of, identity, remember, remembered
from ._files import Record, record_path
from ._known import ARCHITECTURE_NAMES, SHIPPED_FOLDER, WEIGHTS, KnownWeights, Scaling
from ._status import WeightsStatus, how_to_get, how_to_repair

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["WeightsStore"]

_YES = ("1", "true", "yes", "on")


class WeightsStore:
    """The weights of this user: shipped with the package, downloaded, and imported.

    Whatever happens to a process, the folder holds whole, checked files, and at most the beginning of a download
    that the next one goes on with.

    Parameters
    ----------
    folder : Path, optional
        Where they lie. By default what ALEATORIC_WEIGHTS says, else ``weights`` in the user's data folder.
    offline : bool, optional
        Never open a connection. By default what ALEATORIC_OFFLINE says (1), else False.
    mirror : str, optional
        Address of a folder that holds the published files, asked instead of the published addresses. By default
        what ALEATORIC_WEIGHTS_MIRROR says.
    known : mapping of str to KnownWeights, optional
        The weights known by name.
    shipped : Path, optional
        Folder of those that come with the package.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        offline: bool | None = None,
        mirror: str | None = None,
        known: Mapping[str, KnownWeights] = WEIGHTS,
        shipped: Path = SHIPPED_FOLDER,
    ) -> None:
        named = os.environ.get("ALEATORIC_WEIGHTS")
        default = Path(named).expanduser() if named else platformdirs.user_data_path("napari-aleatoric") / "weights"
        self.folder = Path(folder) if folder is not None else default
        self.offline = os.environ.get("ALEATORIC_OFFLINE", "").lower() in _YES if offline is None else offline
        self.mirror = mirror or os.environ.get("ALEATORIC_WEIGHTS_MIRROR") or None
        self._known, self._shipped = known, shipped

    def names(self) -> list[str]:
        """Return the names of all known weights, then those of the user's own."""
        return [*self._known, *sorted(record.name for record in self._own_records())]

    def info(self, name: str) -> KnownWeights:
        """Return what is known about some weights.

        Raises
        ------
        NotFoundError
            If there are none of that name.
        """
        if name in self._known:
            return self._known[name]
        record = next((record for record in self._own_records() if record.name == name), None)
        if record is None:
            raise NotFoundError(f"There are no weights '{name}'. Known are: {', '.join(self.names())}.")
        return KnownWeights(
            name=record.name,
            architecture=record.architecture,
            file_name=record.file_name,
            urls=(),
            sha256=record.sha256,
            size_bytes=record.size_bytes,
            licence=record.licence,
            good_for=f"Your own; imported from {record.source} on {record.date[:10]}.",
            scaling=cast(Scaling, record.scaling),
            origin="own",
        )

    def path(self, name: str) -> Path:
        """Return where the file lies.

        Raises
        ------
        NotFoundError
            If it is not there; the text names the command that brings it.
        """
        status = self.status(name)
        if status.state == "absent":
            raise NotFoundError(status.sentence)
        return status.path

    def status(self, name: str) -> WeightsStatus:
        """Say whether weights are there and were checked; reads no more than their size."""
        weights = self.info(name)
        path = (self._shipped if weights.origin == "shipped" else self.folder) / weights.file_name
        if weights.sha256 is None or not path.is_file():
            return WeightsStatus(weights, "absent", path, how_to_get(weights))
        stat = path.stat()
        if stat.st_size != weights.size_bytes:
            wrong = f"{path.name} has {stat.st_size:,} bytes instead of {weights.size_bytes:,}."
            return WeightsStatus(weights, "damaged", path, f"{wrong} {how_to_repair(weights)}")
        found = remembered(path)
        if found is None:
            found = weights.sha256 if self._is_recorded(name) else None
        if found is None:
            return WeightsStatus(weights, "present", path)
        if found != weights.sha256:
            return WeightsStatus(weights, "damaged", path, f"{path.name} is damaged. {how_to_repair(weights)}")
        return WeightsStatus(weights, "verified", path)

    def verify(self, name: str, reporter: Reporter | None = None) -> WeightsStatus:
        """Read the whole file and compare its digest, whatever was found before.

        Raises
        ------
        DataError
            If it is not the file it should be; the text says in which way.
        NotFoundError
            If it is not there.
        """
        status = self._verified(name, reporter, again=True)
        if status.weights.origin == "published" and not self._is_recorded(name):
            with suppress(WorkspaceError, OSError):  # a folder that others may only read stays as it is
                write_record(self.folder, status.weights, "put there by hand")
        return status

    def load_state(self, name: str, reporter: Reporter | None = None) -> dict[str, Tensor]:
        """Check a file and read it: its digest, that it holds numbers only, and that they fit the network.

        The digest is computed once per process, and again when the file changes.

        Returns
        -------
        dict of str to torch.Tensor
            On the CPU, in the file's precision, mapped from the file where possible: do not write to them.

        Raises
        ------
        DataError
            If the file is not what it should be; the text says in which way.
        NotFoundError
            If it is not there; the text names the command that brings it.
        MissingExtraError
            Without torch.
        """
        path = self.checked(name, reporter)
        return read_state(path, self.info(name).architecture, path.name)[0]

    def checked(self, name: str, reporter: Reporter | None = None) -> Path:
        """Return where a file lies after comparing its digest, once per process and again when the file changes.

        Raises
        ------
        DataError
            If the file is not what it should be; the text says in which way.
        NotFoundError
            If it is not there; the text names the command that brings it.
        """
        return self._verified(name, reporter, again=False).path

    def download(self, name: str, reporter: Reporter | None = None, mirror: str | None = None) -> WeightsStatus:
        """Bring known weights from where they were published, going on with an earlier attempt.

        Parameters
        ----------
        name : str
            A key of `WEIGHTS`.
        reporter : Reporter, optional
            Told megabytes at least five times per second; a stop request leaves what came for the next time.
        mirror : str, optional
            As of the class.

        Returns
        -------
        WeightsStatus
            Of the verified file. Nobody is asked if it is here already.

        Raises
        ------
        DownloadError
            If it cannot be had, or the program is switched offline.
        DataError
            If the other side has another file.
        Cancelled
            If the user asked to stop.
        """
        reporter = reporter or SilentReporter()
        if self.status(name).state in ("present", "verified"):
            try:
                return self._verified(name, reporter, again=False)
            except DataError:
                pass  # damaged: get it again
        weights = self.info(name)
        if weights.origin != "published":
            raise NotFoundError(how_to_get(weights))
        if self.offline:
            raise DownloadError(
                f"The program is switched offline, so {name} was not downloaded. Unset ALEATORIC_OFFLINE, or get "
                f"{weights.file_name} elsewhere and run: aleatoric weights import FILE"
            )
        mirror = mirror or self.mirror
        urls = (f"{mirror.rstrip('/')}/{weights.file_name}",) if mirror else weights.urls
        download_into(self.folder, weights, urls, reporter)
        return self.status(name)

    def import_file(
        self,
        name: str | None,
        path: Path,
        reporter: Reporter | None = None,
        *,
        architecture: str | None = None,
        scaling: Scaling = "imagenet",
        licence: str = "not stated",
    ) -> WeightsStatus:
        """Copy a file of weights into the folder, after checking it.

        Parameters
        ----------
        name : str or None
            A key of `WEIGHTS`, whose digest the file then has to have; another name for weights of your own (small
            letters, digits, ``-``, ``_`` and ``.``), which must fit a known network; None to find out which of the
            known weights it is.
        path : Path
            The file; or, for known weights, a folder that has it under its published name or any other; or, for
            your own SAM 2 network, a folder of ``config.json`` and ``model.safetensors`` as transformers saves it,
            which is kept as one file.
        reporter : Reporter, optional
            Told megabytes.
        architecture : str, optional
            Of your own weights; found out from the file by default.
        scaling : {"imagenet", "unit"}
            What your own network wants.
        licence : str
            Of your own weights.

        Raises
        ------
        DataError
            If it is not the file it should be; what was there before is unchanged.
        NotFoundError
            If there is no such file.
        MissingExtraError
            For weights of your own, without torch.
        """
        reporter, path = reporter or SilentReporter(), Path(path)
        if name is not None and name not in self._known:
            import_own_into(
                self.folder, name, path, reporter, architecture=architecture, scaling=scaling, licence=licence
            )
            return self.status(name)
        if name is not None and self._known[name].origin == "shipped":
            raise NotFoundError(
                f"{name} comes with the program and is not imported. Give other weights a name of their own."
            )
        candidates = [w for w in self._known.values() if w.origin == "published" and name in (None, w.name)]
        weights, source = find_file(path, candidates, reporter)
        import_into(self.folder, weights, source, reporter)
        return self.status(weights.name)

    def _verified(self, name: str, reporter: Reporter | None, *, again: bool) -> WeightsStatus:
        path = self.path(name)
        weights = self.info(name)
        found = None if again else remembered(path)
        if found is None and path.stat().st_size == weights.size_bytes:
            before = identity(path)
            found = digest_of(path, reporter)
            remember(path, found, only_as=before)
        check_digest(path, path.name, name, weights.sha256 or "", weights.size_bytes, found)
        return WeightsStatus(weights, "verified", path)

    def _is_recorded(self, name: str) -> bool:
        """Whether the file was found right once, and has not changed since."""
        weights = self.info(name)
        record = Record.read(record_path(self.folder, name, weights.file_name, own=weights.origin == "own"))
        if record is None or record.sha256 != weights.sha256:
            return False
        stat = (self.folder / weights.file_name).stat()
        return (record.size_bytes, record.mtime_ns) == (stat.st_size, stat.st_mtime_ns)

    def _own_records(self) -> Iterator[Record]:
        for path in sorted(self.folder.glob("own-*.json")):
            record = Record.read(path)
            if record is None or not record.own or record.name in self._known:
                continue
            if record.architecture in ARCHITECTURE_NAMES and record.scaling in ("imagenet", "unit"):
                yield record
