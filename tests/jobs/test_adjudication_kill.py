"""A process that adjudicates is killed for real: what it was told is kept is there, and nothing is half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, ItemKey, LabelMap, Volume
from napari_aleatoric.review import ReviewStore, adjudicate, adjudication_records, current_label, label_hash

GRID = Geometry(shape_zyx=(4, 40, 40), spacing_zyx_mm=(2.0, 1.0, 1.0))
N = 16

CHILD = """
import sys
from pathlib import Path
from napari_aleatoric.io import Workspace
from napari_aleatoric.review import ReviewStore, adjudicate

ws = Workspace.open(Path(sys.argv[1]))
with ReviewStore.open(ws.store_url) as store:
    one = adjudicate(ws, store, "case_0", by="eve")
    for turn in range(10_000):
        for row in range(len(one.case.regions)):
            one.choose(row, "reader", "ab"[(turn + row) % 2])
            print(turn, row, flush=True)
        if sys.argv[2] == "finish":
            one.finish()
            print("finished", turn, flush=True)
"""


def made(folder: Path) -> Workspace:
    """A case in which one of two readers drew sixteen blobs, each a little larger than the next."""
    label = np.zeros(GRID.shape_zyx, np.uint8)
    for i in range(N):
        z, y, x = 1, 10 * (i // 4), 10 * (i % 4)
        label[z : z + 2, y : y + 3, x : x + 3] = 1
        label[z, y + 3, x] = i % 2
    write_volume(folder / "data" / "i.nii.gz", Volume(np.zeros(GRID.shape_zyx, np.int16), GRID))
    rows = ["case,image,label,reader,class_names"]
    for reader, data in (("a", label), ("b", np.zeros_like(label))):
        write_label_map(folder / "data" / f"{reader}.nii.gz", LabelMap(data, GRID))
        rows.append(f"case_0,i.nii.gz,{reader}.nii.gz,{reader},1=blob")
    (folder / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(folder / "workspace", scan(folder / "data"))


def killed_after(ws: Workspace, what: str, lines: int) -> list[str]:
    """Run the child, kill it in the middle, and return what it had said until then."""
    command = [sys.executable, "-c", CHILD, str(ws.root), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline().strip() for _ in range(lines)]
        child.kill()
        said += [line.strip() for line in child.stdout.read().splitlines()]
    assert said[0], "the child said nothing"
    return said


def test_every_choice_that_was_confirmed_is_there(tmp_path: Path) -> None:
    ws = made(tmp_path)
    said = killed_after(ws, "choose", 2 * N + 5)
    with ReviewStore.open(ws.store_url) as store:
        log = [e for e in store.adjudications.of("case_0", "adjudicated") if e.kind == "region"]
        assert len(said) <= len(log) <= len(said) + 1  # one may be on the disk and not be told yet
        one = adjudicate(ws, store, "case_0", by="eve")
        assert one.n_open == 0
        for row in range(len(one.case.regions)):
            newest = [e for e in log if e.region_id == one.case.ids[row]][-1]
            region = one.case.regions[row]
            assert (one.label[region.box][region.inside] == (newest.source_name == "a")).all()


def test_a_kill_while_outcomes_are_saved_leaves_whole_ones(tmp_path: Path) -> None:
    ws = made(tmp_path)
    for lines in (N + 3, N + 1, 3 * N + 4):
        killed_after(ws, "finish", lines)
        again = Workspace.open(ws.root)
        with ReviewStore.open(again.store_url) as store:
            records = adjudication_records(store, "case_0")
            assert all(record.n_open == 0 for record in records)
            again.refresh_readings()
            store.sync_items(again.dataset.items, again.fingerprints())
            key = ItemKey("case_0", "adjudicated")
            label = current_label(again, store, key)
            versions = {label_hash(again.load_label(*key)), *(c.label_hash for c in store.corrections(key))}
            assert set(np.unique(label.data)) <= {0, 1}
            assert {record.label_hash for record in records} <= versions
            one = adjudicate(again, store, "case_0", by="eve")
            record = one.finish()
            assert label_hash(current_label(again, store, key)) == record.label_hash
