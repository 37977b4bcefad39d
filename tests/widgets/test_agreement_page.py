"""The page *Agreement* in a window: compared beside it, legible at its smallest, a click goes to the case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon

from napari_aleatoric.io import Workspace, scan, write_label_map, write_volume
from napari_aleatoric.model import Geometry, LabelMap, Volume
from napari_aleatoric.widgets import hub_of, show_docks

pytestmark = pytest.mark.gui

GRID = Geometry((6, 16, 14), (2.0, 1.0, 1.0))
READERS = ("anna", "ben", "cleo", "dora")


def made(root: Path) -> Workspace:
    rows = ["case,image,label,reader,class_names"]
    for case in range(4):
        write_volume(root / "data" / f"c{case}.nii.gz", Volume(np.zeros(GRID.shape_zyx, np.int16), GRID))
        for r, reader in enumerate(READERS):
            label = np.zeros(GRID.shape_zyx, np.uint8)
            label[1:5, 3 : 7 + r * case, 3:9] = 1
            label[5, 12, 12] = 2
            write_label_map(root / "data" / f"c{case}_{r}.nii.gz", LabelMap(label, GRID))
            rows.append(f"c{case},c{case}.nii.gz,c{case}_{r}.nii.gz,{reader},1=liver;2=cyst")
    (root / "data" / "manifest.csv").write_text("\n".join(rows))
    return Workspace.create(root / "workspace", scan(root / "data"))


def test_page_compares_and_leads_to_the_case(make_napari_viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    ws = made(tmp_path)
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    show_docks(viewer)
    hub = hub_of(viewer)
    try:
        hub.open(ws.root)
        qtbot.waitUntil(lambda: hub.session.item is not None, timeout=60_000)
        hub.performers()["show_readers"]()
        _, dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Readers")
        page: Any = dock.page("AgreementPage")
        dock.show_page("AgreementPage")
        qtbot.waitUntil(page.isVisible, timeout=60_000)
        assert page.compare.isEnabled()
        assert not page.save.isEnabled()
        assert not page.tables.isVisible()
        qtbot.mouseClick(page.compare, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.readers.rowCount() == 4, timeout=60_000)
        qtbot.waitUntil(page.tables.isVisible, timeout=60_000)
        assert page.save.isEnabled()
        assert "kappa" in page.headline.text()
        assert not page.progress.bar.isVisible()
        assert [page.readers.item(i, 0).text() for i in range(4)] == list(READERS)
        assert not page.readers.item(0, 0).icon().pixmap(12, 12).isNull()
        assert isinstance(page.readers.item(0, 0).icon(), QIcon)
        assert page.readers.horizontalHeaderItem(3).text() == "Outline, mm"
        qtbot.mouseClick(page.show_pairs, Qt.MouseButton.LeftButton)
        assert page.pairs.isVisible()
        assert page.pairs.item(0, 1).text() == page.pairs.item(1, 0).text() != ""
        assert page.pairs.item(2, 2).text() == ""
        for part in (page.compare, page.save, page.show_pairs, page.headline, page.cases):
            assert part.mapTo(page, part.rect().topRight()).x() <= page.width(), part
        page.classes.setCurrentText("cyst")
        page.classes.activated.emit(1)
        assert page.agreement.view.class_name == "cyst"
        assert page.pairs.item(0, 1).text() == "1.000"
        page.classes.activated.emit(page.classes.findText("cyst"))
        page.agreement.choose("liver")
        assert page.cases.item(0, 0).text() == "c3"
        page.cases.setCurrentCell(0, 0)
        qtbot.keyClick(page.cases, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: hub.session.item.key.case_id == "c3", timeout=60_000)
        page.save_to(tmp_path / "report")
        qtbot.waitUntil(lambda: "report.html" in page.progress.words.text(), timeout=60_000)
        assert (tmp_path / "report" / "report.html").is_file()
    finally:
        hub.close()
