"""The workspace: what is kept about a data set, and where. The data set itself is never written to."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import WorkspaceError
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
from ._scan import scan
from ._volumes import read_geometry
from ._write import write_whole

__all__ = ["FORMAT_VERSION", "Workspace", "WorkspaceChange"]

FORMAT_VERSION = 1
_FILE = "workspace.json"
_FOLDERS = ("maps", "embeddings", "corrections", "runs", "exports")


@dataclass(frozen=True)
class WorkspaceChange:
    """What a new look at the data set's folder found.

    Parameters
    ----------
    added, removed, changed : tuple of str
        Case ids; "changed" means that a file of the case has another size or date.
    classes_changed : bool
        Whether the table of classes is another one, so that scores must be made anew.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    classes_changed: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.classes_changed)


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
        self._dataset: Dataset | None = None
        self._grids: dict[str, tuple[str, Geometry]] = {}  # case id → fingerprint of its image, grid

    # --- making and opening -------------------------------------------------------------------------------------

    @staticmethod
    def is_workspace(path: Path) -> bool:
        """Whether the folder holds a workspace."""
        return (Path(path) / _FILE).is_file()

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
        workspace = cls(root, cls._read(root))
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
        workspace = cls(root, cls._read(root))
        for case in workspace._content["dataset"]["cases"][:20]:
            if not (dataset_root / case["image"]).exists():
                raise WorkspaceError(
                    f"{dataset_root.name} is not the data set of this workspace: {Path(case['image']).name} of "
                    f"case {case['case_id']} is not in it. Choose the folder that was moved."
                )
        workspace._content["dataset"]["root"] = relative_root(dataset_root, root)
        workspace._write()
        return cls.open(root)

    @staticmethod
    def _read(root: Path) -> dict[str, Any]:
        path = root / _FILE
        if not path.is_file():
            raise WorkspaceError(
                f"{root.name} is not a workspace: it holds no {_FILE}. Open a workspace folder, or make one from a "
                "data set."
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = int(content["format_version"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(
                f"{_FILE} of the workspace {root.name} is damaged ({type(error).__name__}). Make a new workspace "
                "from the data set and move review.db and corrections/ into it."
            ) from error
        if version > FORMAT_VERSION:
            raise WorkspaceError(
                f"The workspace {root.name} has format {version}; this version knows up to {FORMAT_VERSION}. "
                "Update napari-aleatoric."
            )
        return dict(content)

    # --- places -------------------------------------------------------------------------------------------------

    @property
    def dataset_root(self) -> Path:
        """Folder of the data set."""
        return (self.root / str(self._content["dataset"]["root"])).resolve()

    @property
    def dataset(self) -> Dataset:
        """The data set as last scanned."""
        if self._dataset is None:
            self._dataset = dataset_from_json(self._content["dataset"], self.dataset_root)
        return self._dataset

    @property
    def store_url(self) -> str:
        """Address of the review store: a file in the workspace, or the team's database."""
        return str(self._content.get("store_url") or f"sqlite:///{(self.root / 'review.db').as_posix()}")

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
        old, old_prints = self.dataset, self._content["fingerprints"]
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
        return WorkspaceChange(
            added=tuple(sorted(after - before)),
            removed=tuple(sorted(before - after)),
            changed=tuple(sorted(c for c in before & after if prints.get(c) != old_prints.get(c))),
            classes_changed=old.classes != new.classes,
        )

    # --- keeping ------------------------------------------------------------------------------------------------

    def _save(self, dataset: Dataset) -> None:
        self._content["dataset"] = dataset_to_json(dataset, self.root)
        self._content["fingerprints"] = {
            case.case_id: fingerprint_of([case.image, *(p for label in case.labels for p in label.paths)])
            for case in dataset.cases
        }
        self._dataset = dataset
        self._grids.clear()
        self._write()

    def _write(self) -> None:
        write_whole(self.root / _FILE, json.dumps(self._content, ensure_ascii=False).encode())
