"""The *Models* dock: licences first, downloads that stop and go on, imports, checks, and what is said of it all."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit, QPushButton, QTableView

from napari_aleatoric.foundation import TEXT_IMAGE_WEIGHTS, WEIGHTS, KnownWeights, WeightsStore
from napari_aleatoric.session import text_model_choices
from napari_aleatoric.session._model_list import NEEDED_WORDS, missing_parts
from napari_aleatoric.widgets import hub_of, show_docks
from napari_aleatoric.widgets.models._licence_text import licence_text

pytestmark = pytest.mark.gui

SECONDS_MS = 20_000
CONTENT = b"PK\x03\x04" + random.Random(3).randbytes(3_000_000)
_KNOWN = {name: WEIGHTS[name] for name in ("sam-small", "sam-vit-b")}


class Window:
    """A window with the models open, one of which the test's server has."""

    def __init__(self, viewer: Any, qtbot: Any, store: WeightsStore) -> None:
        self.viewer, self.qtbot, self.store = viewer, qtbot, store
        show_docks(viewer)
        self.hub = hub_of(viewer)
        self.hub.models._store = store
        self.hub.performers()["show_models"]()
        _, self.dock = viewer.window.add_plugin_dock_widget("napari-aleatoric", "Models")

    def press(self, button: QPushButton) -> None:
        assert button.isEnabled(), f"'{button.text()}' is grey"
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def over(self) -> str:
        """Wait until nothing goes on; return what was said."""
        self.qtbot.waitUntil(lambda: self.hub.models.task is None, timeout=SECONDS_MS)
        return str(self.dock.task.words.text())

    def accept(self, name: str = "tiny") -> None:
        self.dock.table.mark(name)
        self.press(self.dock.card.buttons["download"])
        self.press(self.dock.licence.accept)

    def state(self, name: str = "tiny") -> str:
        rows = self.dock.table.model()
        texts = {rows.index(k, 0).data().lstrip("● "): rows.index(k, 1).data() for k in range(rows.rowCount())}
        return str(texts[name])


@pytest.fixture
def store(server: Any, tmp_path: Path) -> WeightsStore:
    server.files["tiny.pth"] = CONTENT
    tiny = KnownWeights(
        name="tiny",
        architecture="small",
        file_name="tiny.pth",
        urls=(f"{server.address}/tiny.pth",),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        licence="Apache-2.0 (Nobody)",
        good_for="Tests.",
    )
    return WeightsStore(tmp_path / "weights", known=dict(_KNOWN, tiny=tiny))


@pytest.fixture
def window(make_napari_viewer: Any, qtbot: Any, store: WeightsStore) -> Iterator[Window]:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    window = Window(viewer, qtbot, store)
    yield window
    window.hub.close()


def test_every_model_with_its_state_and_what_it_is_used_for(window: Window) -> None:
    dock = window.dock
    assert window.state("sam-small") == "✓ shipped"
    assert window.state("tiny") == "not here"
    dock.table.mark("sam-small")
    assert "prompts" in dock.card.lines["used"].text()
    assert "Scoring, unless" in dock.card.lines["used"].text()
    assert not dock.card.buttons["use"].isEnabled()
    dock.table.mark("tiny")
    assert dock.card.lines["good_for"].text() == "Tests."
    assert dock.card.lines["licence"].text() == "Apache-2.0 (Nobody)"
    assert dock.card.lines["used"].text() == "Nothing yet."
    assert "import the file tiny.pth" in dock.card.lines["state"].text()
    assert not dock.card.buttons["verify"].isEnabled()


def test_nothing_is_asked_for_before_the_licence_is_accepted(window: Window, server: Any) -> None:
    dock = window.dock
    dock.table.mark("tiny")
    window.press(dock.card.buttons["download"])
    assert dock.pages.currentWidget() is dock.licence
    assert "Grant of Patent License" in dock.licence.text.toPlainText()
    assert "127.0.0.1" in dock.licence.title.text()
    window.press(dock.licence.refuse)
    assert dock.pages.currentIndex() == 0
    assert server.asked == []
    window.accept()
    assert window.over() == "✓ tiny is here and verified."
    assert (window.store.folder / "tiny.pth").read_bytes() == CONTENT
    assert window.state() == "✓ verified"
    assert not dock.card.buttons["download"].isEnabled()
    assert "aleatoric score WORKSPACE --encoder tiny" in dock.card.lines["used"].text()


def test_cancel_stops_within_two_seconds_and_the_next_download_goes_on(window: Window, server: Any) -> None:
    dock, models = window.dock, window.hub.models
    server.hold_after = 1_000_000
    gaps, last = [0.0], [time.perf_counter()]

    def tick() -> None:
        now = time.perf_counter()
        gaps.append(now - last[0])
        last[0] = now

    clock = QTimer(interval=10)
    clock.timeout.connect(tick)
    clock.start()
    window.accept()
    window.qtbot.waitUntil(lambda: models.task is not None and models.task.done >= 1.0, timeout=SECONDS_MS)
    assert dock.task.words.text() == "Downloading tiny …"
    assert dock.task.bar.text() == "1 of 3 MB"
    assert dock.task.bar.value() == 333
    assert not dock.card.buttons["verify"].isEnabled()
    assert not dock.file.isEnabled()
    began = time.perf_counter()
    window.press(dock.task.cancel)
    assert window.over() == "Stopped. What came is kept: the next download goes on from there."
    assert time.perf_counter() - began < 20.0
    clock.stop()
    assert max(gaps) < 1.5, "the window stood still"  # a download that blocks it would hold it for a minute
    assert window.state() == "not here"
    assert (window.store.folder / "tiny.pth.part").stat().st_size == 1_000_000
    server.release.set()
    server.hold_after = None
    window.accept()
    assert "verified" in window.over()
    assert server.asked[1:] == [("/tiny.pth", "bytes=1000000-")]


def test_a_connection_that_breaks_off_is_taken_up_again(window: Window, server: Any) -> None:
    server.cuts = [1_200_000]
    window.accept()
    assert "verified" in window.over()
    assert [wanted for _, wanted in server.asked] == [None, "bytes=1200000-"]
    assert (window.store.folder / "tiny.pth").read_bytes() == CONTENT


def test_a_failed_download_says_its_sentence_also_to_somebody_who_went_back(window: Window, server: Any) -> None:
    server.files.clear()
    notices: list[str] = []
    window.hub.session.notice.connect(lambda notice: notices.append(notice.text))
    window.accept()
    said = window.over()
    assert said.startswith("✗ 127.0.0.1")
    assert "404" in said
    assert notices == []
    window.viewer.window.add_plugin_dock_widget("napari-aleatoric", "Review")[0].raise_()
    window.qtbot.waitUntil(lambda: window.dock.visibleRegion().isEmpty(), timeout=SECONDS_MS)
    window.hub.models.download("tiny")
    window.over()
    assert notices == [said.removeprefix("✗ ")]


def test_a_damaged_file_is_found_and_can_be_had_again(window: Window) -> None:
    folder = window.store.folder
    folder.mkdir()
    (folder / "tiny.pth").write_bytes(CONTENT[:-1] + b"?")
    window.dock.look_again()
    window.dock.table.mark("tiny")
    assert window.state() == "here"
    window.press(window.dock.card.buttons["verify"])
    said = window.over()
    assert said.startswith("✗ tiny.pth is damaged")
    assert "SHA-256" in said
    assert window.state() == "✗ damaged"
    assert "Download it again." in window.dock.card.lines["state"].text()
    assert not window.dock.card.buttons["use"].isEnabled()
    window.accept()
    window.over()
    assert window.state() == "✓ verified"
    window.press(window.dock.card.buttons["verify"])
    assert window.over() == "✓ tiny is whole: its digest is the one it should be."


def test_a_file_under_any_name_and_a_folder_are_recognised(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Any
) -> None:
    stick = tmp_path / "stick"
    (stick / "deep").mkdir(parents=True)
    (stick / "deep" / "download(1).pth").write_bytes(CONTENT)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(stick / "deep" / "download(1).pth"), ""))
    window.press(window.dock.file)
    assert window.over() == "✓ download(1).pth is tiny: imported and verified."
    assert window.state() == "✓ verified"
    (window.store.folder / "tiny.pth").unlink()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: str(stick))
    window.press(window.dock.folder)
    assert window.over() == "✓ stick is tiny: imported and verified."
    assert server.asked == []


def test_a_corrupted_file_is_refused_and_what_was_there_stays(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tiny.pth"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(path), ""))
    path.write_bytes(CONTENT)
    window.press(window.dock.file)
    window.over()
    path.write_bytes(CONTENT[:2_000_000])
    window.press(window.dock.file)
    assert "truncated" in window.over()
    path.write_text("<html>Please log in</html>")
    window.press(window.dock.file)
    assert "web page" in window.over()
    assert (window.store.folder / "tiny.pth").read_bytes() == CONTENT
    assert window.state() == "✓ verified"


def test_an_unknown_file_may_be_a_model_of_ones_own(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, path = window.dock, tmp_path / "My Liver.pth"
    path.write_bytes(b"PK\x03\x04 something else")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(path), ""))
    window.press(dock.file)
    window.over()
    assert dock.pages.currentWidget() is dock.own
    assert dock.own.name.text() == "my-liver"
    dock.own.name.setText("tiny")
    window.press(dock.own.accept)
    assert "'tiny' is the name of a known model" in window.over()
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(window.hub.models, "bring_in_own", lambda *a: asked.append(a))
    dock._ask_about(path)
    dock.own.scaling.setCurrentIndex(1)
    dock.own.licence.setText("CC-BY-4.0")
    window.press(dock.own.accept)
    assert asked == [(path, "my-liver", "unit", "CC-BY-4.0")]
    assert dock.pages.currentIndex() == 0


def test_an_import_of_ones_own_is_stopped_and_leaves_nothing(window: Window, tmp_path: Path) -> None:
    """The process that reads it is ended, whether it is still starting or at work."""
    path = tmp_path / "own.safetensors"
    path.write_bytes(WeightsStore().path("sam-small").read_bytes())
    window.hub.models.bring_in_own(path, "own", "unit", "")
    assert window.dock.task.words.text() == "Importing own …"
    began = time.perf_counter()
    window.press(window.dock.task.cancel)
    assert window.over() == "Stopped. Nothing was changed."
    assert time.perf_counter() - began < 20.0
    assert window.hub.models.row("own") is None
    window.hub.models.verify("sam-small")  # and the next piece of work can begin
    assert "whole" in window.over()


def test_offline_mirror_and_what_is_not_installed_are_said(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, known = window.dock, window.store._known
    window.hub.models._store = WeightsStore(tmp_path, known=known, mirror="https://me:secret@files.example.org/sam")
    dock.look_again()
    assert "files.example.org" in dock.supply.text()
    assert "secret" not in dock.supply.text()
    dock.table.mark("tiny")
    window.press(dock.card.buttons["download"])
    assert "files.example.org" in dock.licence.title.text()
    assert "secret" not in dock.licence.title.text()
    window.hub.models._store = WeightsStore(tmp_path, known=known, offline=True)
    dock._show_list()
    dock.look_again()
    assert "ALEATORIC_OFFLINE" in dock.supply.text()
    assert not dock.card.buttons["download"].isEnabled()
    assert "offline" in dock.card.buttons["download"].toolTip()
    assert not dock.missing.isVisible()
    monkeypatch.setattr("napari_aleatoric.session._model_list.find_spec", lambda name: None)
    dock.look_again()
    assert dock.missing.isVisible()
    assert "pip install 'napari-aleatoric[ai]'" in dock.missing.text()
    dock.table.mark("sam-small")
    assert "Scoring, unless" not in dock.card.lines["used"].text()
    assert window.hub.models.scoring == "filter-bank"


def test_the_text_image_model_in_use_is_marked_too(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing_parts(NEEDED_WORDS):  # looked for, not imported: torch stays out of the window's process
        pytest.skip("open_clip is not installed")
    dock, known, folder = window.dock, dict(window.store._known), window.store.folder
    known["biomedclip"] = replace(
        TEXT_IMAGE_WEIGHTS["biomedclip"], sha256=hashlib.sha256(CONTENT).hexdigest(), size_bytes=len(CONTENT)
    )
    window.hub.models._store = store = WeightsStore(folder, known=known)
    offered = "napari_aleatoric.widgets._prompt_model.text_model_choices"
    monkeypatch.setattr(offered, lambda own: text_model_choices(own, store))

    def dots() -> set[str]:
        dock.look_again()
        rows = dock.table.model()
        names = [rows.index(k, 0).data() for k in range(rows.rowCount())]
        return {name.removeprefix("● ") for name in names if name.startswith("●")}

    window.hub.segmenting.words.use("/a/folder/of/ones/own")
    assert dots() == {"sam-small"}
    dock.table.mark("biomedclip")
    use = dock.card.buttons["use"]
    assert (use.text(), use.isEnabled()) == ("Use for words", False)
    assert dock.card.lines["used"].text() == "Nothing yet."
    path = store.status("biomedclip").path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    assert dots() == {"sam-small"}
    assert "Words of the Segment dock" in use.toolTip()
    window.press(use)
    assert window.hub.prompt_model.words == "biomedclip"
    assert dots() == {"sam-small", "biomedclip"}
    assert use.text() == "Finds the words"
    assert dock.card.lines["used"].text().startswith("The words of this window.")
    assert "--encoder" not in dock.card.lines["used"].text()


def test_show_folder_makes_and_opens_it(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def take(url: Any) -> bool:
        opened.append(url.toLocalFile())
        return len(opened) == 1

    monkeypatch.setattr("napari_aleatoric.widgets.models._dock.QDesktopServices.openUrl", take)
    window.press(window.dock.show_folder)
    assert window.store.folder.is_dir()
    assert Path(opened[0]) == window.store.folder
    window.press(window.dock.show_folder)
    assert str(window.store.folder) in window.dock.task.words.text()


def test_every_control_is_reached_by_tab_and_has_a_name_and_words(window: Window) -> None:
    dock, main = window.dock, window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=SECONDS_MS)
    kinds = (QPushButton, QLineEdit, QComboBox, QTableView)
    controls = [part for kind in kinds for part in dock.findChildren(kind)]
    assert len(controls) >= 14
    for part in controls:
        assert part.accessibleName() or part.text(), part
        assert part.toolTip() or isinstance(part, QTableView), part.text()
    dock.table.mark("tiny")
    for page, first in enumerate((dock.table, dock.licence.text, dock.own.name)):
        dock.pages.setCurrentIndex(page)
        wanted = {part for part in controls if part.isVisible() and part.isEnabled()}
        first.setFocus()
        reached = set()
        for _ in range(8):
            reached.add(QApplication.focusWidget())
            QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert wanted <= reached
        assert len(wanted) >= 2


def test_arrows_walk_the_rows_and_the_key_opens_the_dock(window: Window) -> None:
    dock, main = window.dock, window.viewer.window._qt_window
    dock.table.mark("sam-vit-b")
    QTest.keyClick(dock.table, Qt.Key.Key_Down)
    assert dock.card.lines["good_for"].text() == "Tests."
    show_docks(window.viewer)
    review = window.viewer.window.add_plugin_dock_widget("napari-aleatoric", "Review")[0]
    review.raise_()
    window.qtbot.waitUntil(lambda: dock.visibleRegion().isEmpty(), timeout=SECONDS_MS)
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=SECONDS_MS)
    QTest.keyClick(main, Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    window.qtbot.waitUntil(lambda: not dock.visibleRegion().isEmpty(), timeout=SECONDS_MS)


def test_it_fits_a_laptop(window: Window) -> None:
    assert window.dock.widget().minimumSizeHint().width() <= 390
    assert window.dock.widget().sizeHint().height() <= 640
    assert window.viewer.window._qt_window.width() <= 1366
    assert window.viewer.window._qt_window.height() <= 768


def test_licences_are_shown_whole_or_where_they_are() -> None:
    both = licence_text("Apache-2.0 (MedSAM's authors); the Zenodo record says CC-BY-4.0")
    assert "creativecommons.org/licenses/by/4.0" in both
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in both
    assert "use, reproduction, and distribution as defined by Sections 1 through 9" in both  # wrapped by the window
    for weights in WEIGHTS.values():
        assert len(licence_text(weights.licence)) > 40
    assert "whoever published" in licence_text("terms of my own")
