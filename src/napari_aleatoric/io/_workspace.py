"""The workspace: what is kept about a data set, and where. The data set itself is never written to."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import NotFoundError, WorkspaceError
from napari_aleatoric.model import (
    Dataset,
    Geometry,
    ItemKey,
    LabelMap,
    Reporter,
    SilentReporter,
    Volume,
)

from ._dataset_file import dataset_from_json, dataset_to_json, fingerprint_of, relative_root
from ._load import load_image, load_label
from ._reading_files import with_readings
from ._scan import scan
from ._volumes import read_geometry
from ._workspace_change import WorkspaceChange
from ._workspace_file import FORMAT_VERSION, WORKSPACE_FILE, read_workspace_file
from ._write import write_whole

__all__ = ["FORMAT_VERSION", "Workspace"]

_FOLDERS = ("maps", "embeddings", "corrections", "runs", "exports")


class Workspace:
    """Handle on a workspace folder. Use `create` or `open`, not the constructor.

    Attributes
    ----------
    root : Path
        The folder.
    """

    def __init__(self, root: Path, content: dict[str, Any]) -> None:
        self.root = root
        self._content = content
        self._scanned: Dataset | None = None
        self._dataset: Dataset | None = None  # with readings
        self._open_of = ""  # a reader whose open readings are seen here
        self._hidden: frozenset[str] = frozenset()  # cases of which only that reader's label is seen
        self._grids: dict[str, tuple[str, Geometry]] = {}  # case id → fingerprint of its image, grid

    # --- making and opening -------------------------------------------------------------------------------------

    @staticmethod
    def is_workspace(path: Path) -> bool:
        """Whether the folder holds a workspace."""
        return (Path(path) / WORKSPACE_FILE).is_file()

    @classmethod
    def create(cls, root: Path, dataset: Dataset) -> Workspace:
        """Make a workspace for a data set.

        Parameters
        ----------
        root : Path
            A new or empty folder, outside the data set.
        dataset : Dataset
            As `scan` found it.

        Raises
        ------
        WorkspaceError
            If there is a workspace already, the folder lies in the data set, or it cannot be written to.
        """
        root = Path(root).resolve()
        if cls.is_workspace(root):
            raise WorkspaceError(f"{root.name} is a workspace already. Open it, or choose another folder.")
        data = dataset.root.resolve()
        if root == data or data in root.parents:
            raise WorkspaceError(
                f"The workspace {root.name} would lie inside the data set, which is never written to. Choose a "
                "folder beside it."
            )
        try:
            for name in _FOLDERS:
                (root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                f"The workspace folder {root.name} cannot be made ({error.strerror or type(error).__name__}). "
                "Choose a folder that you may write to."
            ) from error
        workspace = cls(root, {"format_version": FORMAT_VERSION, "created": datetime.now(UTC).isoformat()})
        workspace._save(dataset)
        return workspace

    @classmethod
    def open(cls, root: Path) -> Workspace:
        """Open a workspace.

        Raises
        ------
        WorkspaceError
            If there is none, it was made by a newer version, or its data set is not where it was.
        """
        root = Path(root).resolve()
        workspace = cls(root, read_workspace_file(root))
        if not workspace.dataset_root.is_dir():
            raise WorkspaceError(
                f"The data set of the workspace {root.name} is no longer at {workspace.dataset_root}. Put it "
                "back, or say where it is now (relocate)."
            )
        return workspace

    @classmethod
    def relocate(cls, root: Path, dataset_root: Path) -> Workspace:
        """Tell a workspace where its data set is now, and open it.

        Raises
        ------
        WorkspaceError
            If a file of the first case is not found below the new folder.
        """
        root, dataset_root = Path(root).resolve(), Path(dataset_root).resolve()
        workspace = cls(root, read_workspace_file(root))
        for case in workspace._content["dataset"]["cases"][:20]:
            if not (dataset_root / case["image"]).exists():
                raise WorkspaceError(
                    f"{dataset_root.name} is not the data set of this workspace: {Path(case['image']).name} of "
                    f"case {case['case_id']} is not in it. Choose the folder that was moved."
                )
        workspace._content["dataset"]["root"] = relative_root(dataset_root, root)
        workspace._write()
        return cls.open(root)

    # --- places -------------------------------------------------------------------------------------------------

    @property
    def dataset_root(self) -> Path:
        """Folder of the data set."""
        return (self.root / str(self._content["dataset"]["root"])).resolve()

    @property
    def dataset(self) -> Dataset:
        """The data set as last scanned, with the readings that were answered when this was last looked at."""
        if self._dataset is None:
            self._dataset = with_readings(self.scanned, self.root, open_of=self._open_of, hidden=self._hidden)
        return self._dataset

    @property
    def scanned(self) -> Dataset:
        """The data set as last scanned, without the readings that were made in this program."""
        if self._scanned is None:
            self._scanned = dataset_from_json(self._content["dataset"], self.dataset_root)
        return self._scanned

    def refresh_readings(self) -> None:
        """Look again which readings are answered; another process may have answered one."""
        self._dataset = None

    def seen_by(self, reader: str, hidden: frozenset[str] = frozenset()) -> Workspace:
        """Return another handle on this workspace, as one reader sees it.

        Parameters
        ----------
        reader : str
            Whose open readings are labels, too.
        hidden : frozenset of str
            Cases of which nobody else's label and no map is seen; `look_as` changes them.
        """
        seen = Workspace(self.root, self._content)
        seen._scanned, seen._grids, seen._open_of, seen._hidden = self.scanned, self._grids, reader, hidden
        return seen

    @property
    def whole(self) -> Workspace:
        """The workspace as everybody else sees it: nothing hidden, nobody's open readings."""
        return self.seen_by("") if self._open_of or self._hidden else self

    def look_as(self, reader: str, hidden: frozenset[str]) -> None:
        """Show from now on what this reader may see; see `seen_by`."""
        self._open_of, self._hidden = reader, hidden
        self.refresh_readings()

    def hides(self, case_id: str) -> bool:
        """Whether others' labels and all maps of a case are hidden here."""
        return case_id in self._hidden

    def check_shown(self, key: ItemKey) -> None:
        """Raise `NotFoundError` if this label, and all that was made of it, is hidden here."""
        if key.case_id in self._hidden and not (key.label_reader == self._open_of != ""):
            raise NotFoundError(f"What others and the machine say of {key.case_id} is hidden until it is answered.")

    @property
    def store_url(self) -> str:
        """Address of the review store: a file in the workspace, or the team's database."""
        return str(self._content.get("store_url") or f"sqlite:///{(self.root / 'review.db').as_posix()}")

    def point_at_store(self, url: str) -> None:
        """Keep the review at this address from now on; "" = in the file of the workspace. Nothing is moved."""
        before = self._content
        self._content = {
            **{k: v for k, v in before.items() if k != "store_url"},
            **({"store_url": url} if url else {}),
        }
        try:
            self._write()
        except BaseException:
            self._content = before
            raise

    @property
    def maps_dir(self) -> Path:
        """Voxel maps."""
        return self.root / "maps"

    @property
    def embeddings_dir(self) -> Path:
        """Cached features; safe to delete."""
        return self.root / "embeddings"

    @property
    def corrections_dir(self) -> Path:
        """Saved label versions and journals."""
        return self.root / "corrections"

    @property
    def runs_dir(self) -> Path:
        """One folder per job."""
        return self.root / "runs"

    @property
    def exports_dir(self) -> Path:
        """What was exported."""
        return self.root / "exports"

    # --- reading ------------------------------------------------------------------------------------------------

    def load_image(self, case_id: str) -> Volume:
        """Read the image of a case, in the stored order; see `load_image`."""
        case = self.dataset.case(case_id)
        return load_image(case, spacing_known=None if self.dataset.spacing_known else False)

    def load_label(self, case_id: str, reader: str = "", *, warn: bool = True) -> LabelMap:
        """Read the original label of a case on exactly the grid of its image, in the stored order; `load_label`."""
        case = self.dataset.case(case_id)
        return load_label(self.dataset, case, reader, like=self.grid(case_id), warn=warn)

    def grid(self, case_id: str) -> Geometry:
        """Return the grid of the image of a case, in the stored order, from its header."""
        case = self.dataset.case(case_id)
        fingerprint = fingerprint_of([case.image])
        known = self._grids.get(case_id)
        if known is None or known[0] != fingerprint:
            geometry = read_geometry(case.image, series_uid=case.series_uid)
            if not self.dataset.spacing_known and geometry.spacing_known:
                geometry = replace(geometry, spacing_known=False)
            known = self._grids[case_id] = (fingerprint, geometry)
        return known[1]

    def fingerprint(self, case_id: str, reader: str = "") -> str:
        """Return 32 hexadecimal digits that change when a file of this item gets another size or date."""
        case = self.dataset.case(case_id)
        return fingerprint_of([case.image, *case.label_of(reader).paths])

    def fingerprints(self) -> dict[ItemKey, str]:
        """`fingerprint` of every item of the data set."""
        return {key: self.fingerprint(*key) for key in self.dataset.items}

    def rescan(self, reporter: Reporter | None = None) -> WorkspaceChange:
        """Look at the data set's folder again, as it was scanned first, and keep what is found.

        Returns
        -------
        WorkspaceChange
            False if nothing changed.

        Raises
        ------
        DataError
            If no data set is recognised there any more; the workspace is then unchanged.
        """
        old, old_prints = self.scanned, self._content["fingerprints"]
        read_before = {case.case_id: case.labels for case in self.dataset.cases}
        options = dict(old.options)
        names = options.get("class_names")
        source = self.dataset_root / str(options.get("source") or "")
        new = scan(
            source,
            layout=options.get("layout"),
            class_names={int(v): n for v, n in names.items()} if names else None,
            spacing_known=options.get("spacing_known"),
            resample=bool(options.get("resample")),
            reporter=reporter or SilentReporter(),
        )
        before, after = ({case.case_id for case in data.cases} for data in (old, new))
        self._save(new)
        prints = self._content["fingerprints"]
        now = {case.case_id: case.labels for case in self.dataset.cases}
        return WorkspaceChange(
            added=tuple(sorted(after - before)),
            removed=tuple(sorted(before - after)),
            changed=tuple(
                sorted(c for c in before & after if prints.get(c) != old_prints.get(c) or now[c] != read_before[c])
            ),
            classes_changed=old.classes != new.classes,
        )

    # --- keeping ------------------------------------------------------------------------------------------------

    def _save(self, dataset: Dataset) -> None:
        self._content["dataset"] = dataset_to_json(dataset, self.root)
        self._content["fingerprints"] = {
            case.case_id: fingerprint_of([case.image, *(p for label in case.labels for p in label.paths)])
            for case in dataset.cases
        }
        self._scanned, self._dataset = dataset, None
        self._grids.clear()
        self._write()

    def _write(self) -> None:
        write_whole(self.root / WORKSPACE_FILE, json.dumps(self._content, ensure_ascii=False).encode())
