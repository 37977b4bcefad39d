from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_aleatoric.errors import Cancelled, DataError, NotFoundError, WorkspaceError
from napari_aleatoric.io import Workspace, write_map
from napari_aleatoric.model import (
    ClassTable,
    Decision,
    Flag,
    Geometry,
    HotSpot,
    ItemKey,
    ItemScores,
    LabelMap,
    RecordingReporter,
    ScoreValue,
    Verdict,
)
from napari_aleatoric.review import (
    AssignSpec,
    PromptUse,
    ReportSpec,
    ReviewStore,
    assign,
    current_label,
    save_correction,
    write_report,
)
from napari_aleatoric.review._reporting._drawing import bar_mm, grey, with_heat, with_outlines
from napari_aleatoric.review._reporting._places import places_of

CLASSES = ClassTable.from_names({1: "liver", 3: "tumour"})


class Seen(HTMLParser):
    """Text by tag, pictures, and whatever a page would fetch or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._in_style = self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in_style = tag == "style"
        about = dict(attrs)
        if tag == "img":
            self.images.append(about)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True
        self.links += [v or "" for k, v in attrs if k in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data


def read(folder: Path) -> Seen:
    return Seen((folder / "report.html").read_text("utf-8"))


def pixels(about: dict[str, str | None]) -> np.ndarray:
    raw = base64.b64decode((about["src"] or "").removeprefix("data:image/jpeg;base64,"))
    picture = Image.open(io.BytesIO(raw))
    assert not picture.getexif()
    return np.asarray(picture)


def measured(workspace: Workspace, store: ReviewStore) -> None:
    for i, key in enumerate(workspace.dataset.items):
        values = tuple(ScoreValue("nll_union", c, [0.2, 0.9, 0.5][i] + c / 100) for c in (0, 1, 2))
        flags = (Flag("slice_jump", 1, 0.8, "jumps between slices 2 and 3"),) if i == 1 else ()
        geometry = workspace.load_image(key.case_id).upright().geometry
        heat = np.zeros((1, *geometry.shape_zyx), np.float32)
        heat[0, 0, 0, 0] = 0.9
        spots = (HotSpot("label_risk", 1, (0, 0, 0), (0, 0)),)
        store.put_item_scores(
            ItemScores(key, values, flags, spots), fingerprint=workspace.fingerprint(*key), spec_digest="d"
        )
        write_map(workspace, key, "label_risk", heat, [1], geometry, {})


@pytest.fixture
def reviewed(workspace: Workspace) -> Workspace:
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        measured(workspace, store)
        key = ItemKey("case_1")
        label = current_label(workspace, store, key)
        data = label.data.copy()
        data[0, :2, :3] = 3
        saved = save_correction(
            workspace,
            store,
            key,
            LabelMap(data, label.geometry),
            reader="Zoë",
            prompts=[PromptUse("sam-small", 2, 1)],
        )
        about = {"case_id": "case_1", "reader": "Zoë"}
        store.decide(Decision(**about, verdict=Verdict.REJECTED, comment="by mistake"))
        store.undo(key, "Zoë")
        store.decide(
            Decision(
                **about,
                verdict=Verdict.CORRECTED,
                quality=2,
                comment="<b>肝臓 & edge</b>",
                correction_id=saved.correction_id,
            )
        )
        store.decide(Decision(case_id="case_2", reader="Ben", verdict=Verdict.ACCEPTED, quality=5))
    return workspace


def test_a_review_tells_what_was_decided_and_what_changed_without_any_case_id(reviewed: Workspace, tmp_path: Path):
    done = write_report(reviewed, ReportSpec(destination=str(tmp_path / "report")))
    assert done.files == ("report.html", "report.pdf", "report.json")
    assert (done.n_labels, done.n_pages) == (3, 3)
    for name in ("report.html", "report.json"):
        said = (done.destination / name).read_text("utf-8")
        assert "case_" not in said
        assert str(tmp_path) not in said
    seen = read(done.destination)
    assert "script" not in seen.tags
    assert "link" not in seen.tags
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in seen.links)
    assert "2 of 3labels decided" in seen.text
    table = [row for row in seen.rows if row[0] in ("1", "2", "3")]
    assert [(row[1], row[4]) for row in table] == [
        ("Case 2", "corrected"),
        ("Case 3", "accepted"),
        ("Case 1", "pending"),
    ]
    with ReviewStore.open(reviewed.store_url) as store:
        before = reviewed.load_label("case_1").data
        after = current_label(reviewed, store, ItemKey("case_1")).data
    ml = 1.5 * 2.0 * 3.0 / 1000
    change = (np.count_nonzero(after == 3) - np.count_nonzero(before == 3)) * ml
    assert f"tumour {change:+.3f} ml" in table[0][8]
    dice = 2 * np.sum((before == 3) & (after == 3)) / (np.sum(before == 3) + np.sum(after == 3))
    (tumour,) = [row for row in seen.rows if row[0] == "tumour" and row[-1] != f"{1:.3f}"]
    assert tumour[1:4] == [f"{np.sum(before == 3) * ml:.3f}", f"{np.sum(after == 3) * ml:.3f}", f"{change:+.3f}"]
    assert tumour[6] == f"{dice:.3f}"
    entries = [row for row in seen.rows if len(row) == 5 and row[1] == "Zoë"]
    assert [(row[2], row[3], row[4]) for row in entries] == [
        ("rejected (taken back)", "–", "by mistake"),
        ("corrected", "2 of 5", "<b>肝臓 & edge</b>"),
    ]
    assert "with prompts: sam-small; 2 boxes, 1 click" in seen.text
    assert "jumps between slices 2 and 3" in seen.text
    (zoe,) = [row for row in seen.rows if len(row) == 9 and row[0] == "Zoë"]
    assert zoe[1:8] == ["0", "1", "0", "0", "0", "1", "2.0 of 5"]


def test_pictures_show_outlines_before_and_after_and_the_heat(reviewed: Workspace, tmp_path: Path):
    spec = ReportSpec(destination=str(tmp_path / "report"), cases=("case_1",), places=1)
    seen = read(write_report(reviewed, spec).destination)
    names = [about["alt"] for about in seen.images]
    assert len(names) == 10  # 3 planes: as it was, now, heat; the colour bar
    assert [name.split(", ")[2] for name in names[:3]] == ["axial", "coronal", "sagittal"]
    before, now, heat = (pixels(seen.images[i]) for i in (0, 3, 6))
    assert before.shape == now.shape == heat.shape
    purple = np.abs(now.astype(int) - [0xE6, 0x9F, 0x00]).max(axis=2) < 40  # tumour is the second class
    there_before = np.abs(before.astype(int) - [0xE6, 0x9F, 0x00]).max(axis=2) < 40
    assert purple.sum() > there_before.sum() + 20
    assert "mm" in seen.text
    assert "Largest change of tumour, 6 voxels" in seen.text


def test_one_case_has_no_table_of_all(reviewed: Workspace, tmp_path: Path):
    seen = read(write_report(reviewed, ReportSpec(destination=str(tmp_path / "r"), cases=("case_2",))).destination)
    assert seen.text.count("Case 3") >= 2
    assert "Case 2" not in seen.text
    assert "Labels, worst first" not in seen.text


def test_ids_and_the_key_only_when_asked_for(reviewed: Workspace, tmp_path: Path):
    named = write_report(reviewed, ReportSpec(destination=str(tmp_path / "named"), identifiers=True, key_file=True))
    assert "case_1" in read(named.destination).text
    assert "key.csv" not in named.files
    kept = write_report(reviewed, ReportSpec(destination=str(tmp_path / "kept"), key_file=True))
    rows = list(csv.reader((kept.destination / "key.csv").read_text("utf-8").splitlines()))
    assert rows == [["number", "case"], ["1", "case_0"], ["2", "case_1"], ["3", "case_2"]]
    silent = write_report(reviewed, ReportSpec(destination=str(tmp_path / "silent"), comments=False))
    text = read(silent.destination).text
    assert "edge" not in text
    assert "a comment, left out" in text


def test_a_reader_is_shown_nothing_of_what_is_to_be_read_blinded(reviewed: Workspace, tmp_path: Path):
    with ReviewStore.open(reviewed.store_url) as store:
        store.follow(reviewed)
        assign(reviewed, store, AssignSpec(readers=("Ada",), by="chief", cases=("case_1",), rule="listed"))
    spec = ReportSpec(destination=str(tmp_path / "ada"), reader="Ada")
    done = write_report(reviewed, spec)
    seen = read(done.destination)
    assert done.n_labels == 2
    assert "1 case is left out: Ada is to read them without seeing others." in seen.text
    for secret in ("Zoë", "corrected", "肝臓", "jumps between", "Case 2"):
        assert secret not in re.sub("accepted.*?skipped", "", seen.text, flags=re.S)
    with pytest.raises(DataError, match="without seeing others"):
        write_report(reviewed, ReportSpec(destination=str(tmp_path / "one"), reader="Ada", cases=("case_1",)))
    assert "肝臓" in read(write_report(reviewed, ReportSpec(destination=str(tmp_path / "all"))).destination).text


def test_no_millimetres_where_the_size_of_a_voxel_is_unknown(
    make_workspace: Callable[..., Workspace], tmp_path: Path
):
    geometry = Geometry((4, 12, 16), spacing_known=False)
    workspace = make_workspace(2, geometry=geometry)
    object.__setattr__(workspace.dataset, "spacing_known", False)
    seen = read(write_report(workspace, ReportSpec(destination=str(tmp_path / "r"))).destination)
    assert "size of a voxel unknown" in seen.text
    assert " ml" not in seen.text.replace("no millilitres", "")
    assert any("original, voxels" in row for row in seen.rows)


def test_stopped_or_refused_nothing_is_left_behind(reviewed: Workspace, tmp_path: Path):
    with pytest.raises(Cancelled):
        write_report(
            reviewed, ReportSpec(destination=str(tmp_path / "r")), reporter=RecordingReporter(cancel_after=2)
        )
    with pytest.raises(NotFoundError, match="no case 'case_9'"):
        write_report(reviewed, ReportSpec(destination=str(tmp_path / "r"), cases=("case_9",)))
    with pytest.raises(WorkspaceError, match="lies in the data set"):
        write_report(reviewed, ReportSpec(destination=str(reviewed.dataset_root / "r")))
    assert not (tmp_path / "r").exists()
    write_report(reviewed, ReportSpec(destination=str(tmp_path / "r")))
    with pytest.raises(WorkspaceError, match="holds an earlier report"):
        write_report(reviewed, ReportSpec(destination=str(tmp_path / "r")))
    write_report(reviewed, ReportSpec(destination=str(tmp_path / "r"), replace=True, pages=1))
    assert json.loads((tmp_path / "r/report.json").read_text())["n_pages"] == 1
    assert "The 2 labels further down have no page" in read(tmp_path / "r").text


def test_a_case_that_cannot_be_read_says_so_and_keeps_its_secret(reviewed: Workspace, tmp_path: Path):
    (reviewed.dataset_root / "image_1.nii.gz").write_bytes(b"broken")
    done = write_report(reviewed, ReportSpec(destination=str(tmp_path / "r")))
    text = read(done.destination).text
    assert "Without pictures and volumes: its image or label could not be read" in text
    assert "image_1" not in text
    assert "case_1" not in text


def test_places_are_the_largest_change_then_the_hottest():
    before = np.zeros((10, 30, 30), np.uint8)
    after = before.copy()
    after[1, 2, 2] = 1
    after[8, 20:25, 20:25] = 3
    heat = np.zeros(before.shape, np.uint8)
    heat[1, 2, 28], heat[5, 28, 2], heat[8, 21, 21] = 100, 200, 255
    spots = [HotSpot("m", 1, at, (0, 0)) for at in ((1, 2, 28), (5, 28, 2), (8, 21, 21))]
    found = places_of(before, after, spots, heat, CLASSES, 4)
    assert [place.index_zyx for place in found] == [(8, 22, 22), (5, 28, 2), (1, 2, 28)]
    assert found[0].words == "largest change of tumour, 25 voxels"
    assert places_of(before, before, (), None, CLASSES, 2)[0].words.endswith("nothing is drawn")
    assert places_of(after, after, (), None, CLASSES, 2)[0].words == "middle of the label"


def test_outlines_are_inside_and_heat_covers_only_what_is_hot():
    picture = grey(np.full((20, 20), 50.0), (0.0, 100.0))
    assert picture[3, 3].tolist() == [128, 128, 128]
    classes = np.zeros((20, 20), np.uint16)
    classes[5:15, 5:15] = 1
    outlined = with_outlines(picture, classes)
    assert outlined[5, 5].tolist() == outlined[6, 10].tolist() == [0x56, 0xB4, 0xE9]
    assert outlined[7, 7].tolist() == outlined[4, 10].tolist() == [128, 128, 128]
    heat = np.zeros((20, 20))
    heat[0, 0] = 255
    warm = with_heat(picture, heat)
    assert warm[1, 1].tolist() == [128, 128, 128]
    assert warm[0, 0, 0] > 200 > warm[0, 0, 2]


@pytest.mark.parametrize(("most", "bar"), [(99.0, 50.0), (100.0, 100.0), (34.0, 20.0), (1.7, 1.0), (0.04, 0.02)])
def test_a_scale_bar_is_a_round_number(most: float, bar: float):
    assert bar_mm(most) == pytest.approx(bar)
