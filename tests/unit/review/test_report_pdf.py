"""The PDF of a report, read back by another library."""

from __future__ import annotations

import io

import numpy as np
import pypdf
import pytest
from PIL import Image

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Decision, ItemKey, LabelMap, Verdict
from napari_aleatoric.review import ReportSpec, ReviewStore, current_label, save_correction, write_report
from napari_aleatoric.review._reporting._pdf_fonts import Fonts

COMMENT = "edge <missed> & 肝臓の縁; 간 가장자리; 肝脏边缘"


@pytest.fixture
def decided(workspace: Workspace) -> Workspace:
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        key = ItemKey("case_1")
        label = current_label(workspace, store, key)
        data = label.data.copy()
        data[0, :2, :3] = 3
        save_correction(workspace, store, key, LabelMap(data, label.geometry), reader="Zoë")
        store.decide(
            Decision(case_id="case_1", reader="Zoë", verdict=Verdict.CORRECTED, quality=2, comment=COMMENT)
        )
    return workspace


def test_the_pdf_says_what_the_page_says_and_no_case_id(decided: Workspace, tmp_path):
    done = write_report(decided, ReportSpec(destination=str(tmp_path / "r"), places=1))
    assert done.files == ("report.html", "report.pdf", "report.json")
    raw = (done.destination / "report.pdf").read_bytes()
    assert b"case_1" not in raw
    read = pypdf.PdfReader(io.BytesIO(raw))
    texts = [page.extract_text() for page in read.pages]
    whole = " ".join("\n".join(texts).split())
    assert not any(name in whole for name in ("case_0", "case_1", "case_2"))
    assert len(texts) >= 4  # the table, and a page or more for each label
    assert texts[0].startswith("Made to review") or "Report of a review" in texts[0]
    assert COMMENT.replace(" ", "") in whole.replace(" ", "")
    assert "corrected by Zoë" in whole
    assert read.metadata.author in (None, "")
    assert str(tmp_path) not in str(read.metadata)
    for n, text in enumerate(texts, start=1):
        assert f"page {n}" in text
    pictures = [image for page in read.pages for image in page.images]
    assert len(pictures) == 3 * (2 + 1 + 1)  # the changed label as it was and now, the others once
    with Image.open(io.BytesIO(pictures[0].data)) as first:
        assert np.asarray(first).std() > 10


def test_without_pdf(decided: Workspace, tmp_path):
    done = write_report(decided, ReportSpec(destination=str(tmp_path / "r"), pdf=False, cases=("case_1",)))
    assert sorted(p.name for p in done.destination.iterdir()) == ["report.html", "report.json"]


def test_each_script_is_set_in_a_font_that_has_it():
    fonts = Fonts()
    assert fonts.markup("a < b & c") == "a &lt; b &amp; c"
    assert fonts.markup("간") == '<font name="HYSMyeongJo-Medium">간</font>'
    assert fonts.markup("肝脏") == '<font name="STSong-Light">肝脏</font>'
    assert fonts.markup("肝臟") == '<font name="MSung-Light">肝臟</font>'
    assert fonts.markup("かん臓") == '<font name="HeiseiKakuGo-W5">かん臓</font>'
    assert not fonts.missing
    assert fonts.markup("x \U00012000") == "x ?"
    assert fonts.missing == {"\U00012000"}
