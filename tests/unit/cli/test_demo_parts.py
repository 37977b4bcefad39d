"""The demo's figures, its page, and its virtual screen."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from napari_aleatoric.cli import _screen
from napari_aleatoric.cli._demo import DemoResult, found_measures, sentence_of
from napari_aleatoric.cli._summary import summary_html, write_summary


def queue_of(wrong):
    rows = [
        {
            "rank": i + 1,
            "case": f"case_{i:02d}",
            "score": 1 - i / len(wrong),
            "class_name": "liver",
            "reason": "liver: <looks> wrong",
            "truth": "shifted: moved" if bad else "",
        }
        for i, bad in enumerate(wrong)
    ]
    return rows, {row["case"]: (object() if row["truth"] else None) for row in rows}


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    wrong = rng.random(24) < 0.25
    wrong[:2] = True, False
    rows, truth = queue_of(wrong)
    found = found_measures(rows, truth)
    order = -np.arange(24)
    assert found.auroc == pytest.approx(roc_auc_score(wrong, order))
    assert found.average_precision == pytest.approx(average_precision_score(wrong, order))
    assert found.among_first == wrong[: wrong.sum()].sum()
    assert f"{found.n_wrong} of 24 labels are wrong" in sentence_of(found)


def test_figures_of_an_all_good_set_are_not_numbers():
    found = found_measures(*queue_of([False] * 5))
    assert np.isnan(found.auroc)
    assert found.n_wrong == 0


class _Page(HTMLParser):
    """Collects what a page needs from elsewhere, and checks that tags are closed."""

    def __init__(self):
        super().__init__()
        self.outside, self.open, self.texts, self.wrong_rows = [], [], [], 0

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "img", "br", "link"}:
            self.open.append(tag)
        values = dict(attrs)
        self.wrong_rows += tag == "tr" and values.get("class") == "wrong"
        for name in ("src", "href"):
            if name in values and not values[name].startswith("data:"):
                self.outside.append(values[name])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def _png():
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def test_page_needs_nothing_beside_it(tmp_path):
    rows, truth = queue_of([True, False, True, False])
    result = DemoResult(rows, found_measures(rows, truth), {"samples": 9.0, "scoring": 41.5, "window": 7.0})
    (tmp_path / "overlay.png").write_bytes(_png())
    path = write_summary(tmp_path, result)
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    text = " ".join(page.texts)
    assert page.open == []
    assert page.outside == []
    assert not re.search(r"url\(|@import|<script", path.read_text())
    assert page.wrong_rows == 2
    assert "liver: <looks> wrong" in text  # escaped in the file
    assert "41.5 s" in text
    assert "case_03" in text
    assert "overlay.png" in text
    assert "prefers-color-scheme: dark" in path.read_text()


def test_page_without_pictures_or_scores():
    rows, truth = queue_of([True, False])
    rows[1]["score"] = None
    assert "case_01" in summary_html(DemoResult(rows, found_measures(rows, truth), {}), [])


@pytest.mark.skipif(sys.platform != "linux", reason="virtual screens are a thing of Linux")
class TestScreen:
    def test_no_screen_and_no_virtual_one_names_the_packages(self, monkeypatch):
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(_screen.shutil, "which", lambda _: None)
        with pytest.raises(_screen.ScreenError, match=r"apt-get install xvfb"), _screen.virtual_screen():
            pass

    def test_the_present_screen_is_kept_where_that_is_asked(self, monkeypatch):
        monkeypatch.setenv("DISPLAY", ":77")
        with _screen.virtual_screen(only_if_needed=True) as display:
            assert display is None

    @pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
    def test_a_virtual_screen_lives_and_ends_with_the_block(self, monkeypatch):
        monkeypatch.delenv("DISPLAY", raising=False)
        with _screen.virtual_screen() as display:
            socket = f"/tmp/.X11-unix/X{display[1:]}"
            assert os.path.exists(socket)  # noqa: PTH110
            environment = _screen.child_environment(display)
            assert environment["DISPLAY"] == display
        assert not os.path.exists(socket)  # noqa: PTH110

    def test_open_says_that_there_is_no_screen(self, tmp_path):
        environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        done = subprocess.run(
            [sys.executable, "-m", "napari_aleatoric.cli", "open", str(tmp_path)],
            capture_output=True, text=True, env=environment, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1
        assert "DISPLAY" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
