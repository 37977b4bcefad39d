"""What killed writers left is removed, and nothing else."""

from __future__ import annotations

from pathlib import Path

from napari_aleatoric.io import sweep_torn
from napari_aleatoric.io._write import whole_file


def test_only_what_is_torn_goes(tmp_path: Path) -> None:
    ours, deep, theirs = tmp_path, tmp_path / "deep" / "er", tmp_path / "theirs"
    for folder in (ours, deep, theirs):
        with whole_file(folder / "state.pt") as temporary:
            temporary.write_bytes(b"whole")
        temporary.write_bytes(b"half")  # as if another writer had been killed before it was put in its place
        (folder / ".hidden").write_bytes(b"not ours")
        (folder / "report.tmp.txt").write_bytes(b"somebody's")
    sweep_torn(tmp_path, spare="theirs")
    for folder, expected in ((ours, 3), (deep, 3), (theirs, 4)):
        files = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
        assert len(files) == expected
        assert files["state.pt"] == b"whole"
        assert {".hidden", "report.tmp.txt"} <= files.keys()
