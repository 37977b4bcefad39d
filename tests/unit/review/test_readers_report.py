"""The comparison of readers as page, tables and figures."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from napari_aleatoric.errors import WorkspaceError
from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume, reader_colours
from napari_aleatoric.review import (
    ReadersReport,
    readers_figures,
    readers_html,
    report_readers,
    write_readers_report,
)

GRID = Geometry((6, 20, 18), (2.0, 1.0, 1.0))
READERS = ("anna & co", "ben", "cleo")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("report")
    rows = ["case,image,label,reader,patient,class_names"]
    for case in range(4):
        write_volume(root / "data" / f"c{case}.nii.gz", Volume(np.zeros(GRID.shape_zyx, np.int16), GRID))
        for r, reader in enumerate(READERS[: 3 if case else 2]):
            label = np.zeros(GRID.shape_zyx, np.uint8)
            label[1:5, 4 : 12 + r, 3 : 9 + case] = 1
            write_label_map(root / "data" / f"c{case}_{r}.nii.gz", LabelMap(label, GRID))
            rows.append(f"c{case},c{case}.nii.gz,c{case}_{r}.nii.gz,{reader},Jane-Doe-{case},1=liver")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


@pytest.fixture(scope="module")
def report(ws: Workspace) -> ReadersReport:
    return report_readers(ws)


def numbers(svg: str, kind: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(f"{SVG}{kind}"))


def test_figures_show_the_numbers_in_the_readers_colours(report: ReadersReport) -> None:
    figures = readers_figures(report)
    assert set(figures) == {"pairs", "readers", "volumes", "cases"}
    written = [t.text for t in numbers(figures["pairs"], "text")]
    for pair in report.pairs:
        assert written.count(f"{pair.dice.value:.3f}") >= 2  # both halves of the matrix
    dots = numbers(figures["readers"], "circle")
    colours = reader_colours(READERS)
    assert [d.get("fill") for d in dots[:3]] == [colours[name] for name in report.quality_by_reader]
    across = [float(d.get("cx") or 0) for d in dots[:3]]
    quality = [report.quality_by_reader[name].value or 0 for name in report.quality_by_reader]
    assert np.argsort(across).tolist() == np.argsort(quality).tolist()
    points = [d for d in numbers(figures["volumes"], "circle") if list(d)]
    assert len(points) == 11
    volumes = report.cases[1].structures[0].volume_ml or {}
    part = volumes["ben"] / np.mean(list(volumes.values())) - 1
    assert any(f"c1, ben: {100 * part:+.0f} % of" in "".join(d.itertext()) for d in points)
    assert len(numbers(figures["cases"], "circle")) == 4


def test_the_page_needs_nothing_beside_it_and_names_no_patient(report: ReadersReport) -> None:
    page = readers_html(report)
    assert "anna &amp; co" in page
    assert "anna & co" not in page
    assert page.count("<svg") == 4
    assert "@media print" in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    for text in (page, report.model_dump_json()):
        assert "Jane-Doe" not in text


def test_files_are_all_there_or_none(ws: Workspace, report: ReadersReport, tmp_path: Path) -> None:
    written = write_readers_report(report, tmp_path / "out", ws)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(written)
    assert {"report.html", "readers.csv", "report.json", "pairs.svg", "volumes.svg"} <= set(written)
    assert ReadersReport.model_validate_json((tmp_path / "out" / "report.json").read_text()).kappa == report.kappa
    with pytest.raises(WorkspaceError, match="empty"):
        write_readers_report(report, tmp_path / "out", ws)
    with pytest.raises(WorkspaceError):
        write_readers_report(report, ws.dataset_root / "inside", ws)
