"""The comparison of readers as files: a page, tables, figures."""

from __future__ import annotations

from pathlib import Path

from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.io import Workspace, write_whole
from napari_aleatoric.review._exporting._folder import checked_destination, new_folder

from ._figures import readers_figures
from ._page import readers_html
from ._record import ReadersReport
from ._tables import readers_csv

__all__ = ["write_readers_report"]


def write_readers_report(found: ReadersReport, dest: Path, ws: Workspace) -> list[str]:
    """Write a comparison of readers into a new folder: page, table, figures and all of it for machines.

    Parameters
    ----------
    found : ReadersReport
        What the comparison showed.
    dest : Path
        A new or empty folder outside of the data set. It is complete or not there at all.
    ws : Workspace
        Whose data set.

    Returns
    -------
    list of str
        Names of the files: ``report.html`` needs nothing beside it; ``readers.csv`` has every reader and pair of
        every case; ``report.json`` has everything; the figures are SVG.

    Raises
    ------
    WorkspaceError
        If the folder is not empty, lies in the data set, or cannot be written.
    """
    files = {
        "report.html": readers_html(found).encode(),
        "readers.csv": readers_csv(found),
        "report.json": found.model_dump_json(indent=1).encode(),
        **{f"{name}.svg": svg.encode() for name, svg in readers_figures(found).items()},
    }
    dest = checked_destination(Path(dest), ws)
    try:
        with new_folder(dest) as folder:
            for name, content in files.items():
                write_whole(folder / name, content)
    except OSError as error:
        raise WorkspaceError(f"The report could not be written into '{dest.name}': {error.strerror}.") from error
    return list(files)
