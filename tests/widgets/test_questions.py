"""The four questions in the window: buttons, order box, class list and words stay together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ClassTable, ItemKey, ItemScores, Question, ScoreValue
from napari_aleatoric.review import ReviewStore
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import open_path, prepare
from napari_aleatoric.uncertainty import MAPS, QUESTIONS, STRATEGIES
from napari_aleatoric.widgets import hub_of, show_docks
from napari_aleatoric.widgets.review._case_card import CaseCard
from napari_aleatoric.widgets.review._order_box import OrderBox
from napari_aleatoric.widgets.uncertainty._class_list import ClassList
from napari_aleatoric.widgets.uncertainty._question_bar import QuestionBar

pytestmark = pytest.mark.gui

TOOL_TIP = int(Qt.ItemDataRole.ToolTipRole)


def test_buttons_ask_and_say_what_is_missing(qtbot: Any) -> None:
    bar = QuestionBar("Shift+Q")
    qtbot.addWidget(bar)
    bar.show_question(Question.LABEL_RISK, {Question.LABEL_RISK, Question.AMBIGUITY})
    assert bar.words.text() == "Is this label wrong?"
    with qtbot.waitSignal(bar.asked) as told:
        qtbot.mouseClick(bar.buttons[Question.DISAGREEMENT], Qt.MouseButton.LeftButton)
    assert told.args == [Question.DISAGREEMENT]
    bar.show_question(Question.DISAGREEMENT, {Question.LABEL_RISK})
    assert bar.words.text() == QUESTIONS[Question.DISAGREEMENT].missing
    assert [q for q, b in bar.buttons.items() if b.isChecked()] == [Question.DISAGREEMENT]
    assert QUESTIONS[Question.AMBIGUITY].missing in bar.buttons[Question.AMBIGUITY].toolTip()
    assert QUESTIONS[Question.LABEL_RISK].missing not in bar.buttons[Question.LABEL_RISK].toolTip()
    assert "Shift+Q" in bar.buttons[Question.LABEL_RISK].toolTip()


def test_buttons_stand_in_a_row_where_there_is_width(qtbot: Any) -> None:
    bar = QuestionBar()
    qtbot.addWidget(bar)
    bar.show()
    for width, rows in ((700, 1), (330, 2), (700, 1)):
        bar.setFixedSize(width, 80)  # against a late word of the screen about the size before
        qtbot.waitUntil(lambda n=rows: len({b.y() for b in bar.buttons.values()}) == n)
        assert bar.minimumSizeHint().width() <= width


def test_orders_stand_under_their_questions(qtbot: Any) -> None:
    box = OrderBox()
    qtbot.addWidget(box)
    texts = [box.itemText(row) for row in range(box.count())]
    headings = [texts.index(q.sentence) for q in Question]
    assert headings == sorted(headings)
    assert texts.index("Spread of level sets") > headings[1]
    assert texts[-1] == "Random"
    assert box.order == "label_risk"
    model = box.model()
    assert not model.item(headings[0]).isEnabled()
    box.set_measured({"label_risk", "nll_union", "levelset"})
    enabled = [t for row, t in enumerate(texts) if model.item(row).isEnabled()]
    own = ("label_risk", "worst_class", "diverse", "checked", "nll_union", "levelset", "random")
    assert enabled == [STRATEGIES[name].title for name in own]
    assert box.itemData(texts.index("Entropy"), TOOL_TIP).startswith("Not measured.")
    box.set_measured({"levelset", "predictive_entropy"})
    assert not box.itemData(texts.index("Entropy"), TOOL_TIP).startswith("Not measured.")


def test_an_order_that_is_not_listed_is_shown_as_well(qtbot: Any) -> None:
    box = OrderBox()
    qtbot.addWidget(box)
    count = box.count()
    for name in ("max:levelset,predictive_entropy", "outside_subspace", "max:levelset,predictive_entropy"):
        box.show_order(name)
        assert box.order == name
    assert box.count() == count + 2
    box.show_order("label_risk")
    assert box.currentText() == "Label risk"


def test_window_follows_the_question(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    _, dock = show_docks(viewer)
    hub = hub_of(viewer)
    hub.performers()["next_question"]()
    assert hub.session.options.question is Question.AMBIGUITY
    assert dock.questions.buttons[Question.AMBIGUITY].isChecked()
    assert dock.measure.currentData() == "levelset"
    assert [dock.measure.itemData(i) for i in range(2)] == ["levelset", "predictive_entropy"]
    assert hub.session.options.map_name == "ambiguity"
    dock.questions.asked.emit(Question.DIFFICULTY)
    assert dock.measure.currentData() == "auv"
    assert dock.questions.words.text() == QUESTIONS[Question.DIFFICULTY].missing  # nothing is open
    hub.close()


def test_scores_without_size_stand_behind_the_raw_ones(qtbot: Any) -> None:
    classes = ClassList()
    qtbot.addWidget(classes)
    table = ClassTable.from_names({4: "liver", 9: "tumour"})
    rest = int(Qt.ItemDataRole.UserRole) + 3
    model = classes.class_model
    classes.show_classes(table, {1: 0.5}, {}, {1: 0.25})
    assert model.data(model.index(0), rest) == 0.25
    classes.show_classes(table, {1: 0.5}, {})
    assert model.data(model.index(0), rest) is None
    classes.resize(220, 80)
    classes.show()
    classes.grab()  # is drawn either way


def test_a_long_sentence_is_never_cut_off(qtbot: Any) -> None:
    card = CaseCard()
    qtbot.addWidget(card)
    card.resize(300, 400)
    card.show()
    for text in ("short", "a sentence of many words " * 12, "a sentence of some words " * 5, "short"):
        card.show_case(ItemKey("a"), text, (), [])
        needed = card.reason.fontMetrics().boundingRect(0, 0, card.reason.width(), 999, 0x1000, text).height()
        qtbot.waitUntil(lambda n=needed: n <= card.reason.minimumHeight() < n + 20)
        qtbot.waitUntil(lambda n=needed: card.reason.height() >= n)


@pytest.fixture
def scored(tmp_path: Path) -> Workspace:
    """Four cases; the first is the worst label, the second the most ambiguous, the last the hardest."""
    write_samples(tmp_path / "data", SampleSpec(n_cases=4, seed=1, matrix=32))
    workspace = open_path(tmp_path / "data", tmp_path / "review")
    by_case = {
        "nll_union": (0.9, 0.1, 0.2, 0.3),
        "levelset": (0.1, 0.9, 0.3, 0.2),
        "perception_scale": (0.5, 0.4, 0.3, 0.1),
        "volume_voxels": (400.0, 300.0, 200.0, 100.0),
    }
    with ReviewStore.open(workspace.store_url) as store:
        prints = workspace.fingerprints()
        store.sync_items(workspace.dataset.items, prints)
        for i, key in enumerate(workspace.dataset.items):
            values = tuple(ScoreValue(m, c, v[i]) for m, v in by_case.items() for c in range(6))
            store.put_item_scores(ItemScores(key, values), fingerprint=prints[key], spec_digest="test")
    return workspace


def test_a_question_is_asked_from_button_to_sentence(
    scored: Workspace, make_napari_viewer: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    review, dock = show_docks(viewer)
    hub = hub_of(viewer)
    session = hub.session
    session.attach(prepare(scored))

    def first() -> str:
        return str(review.table.model().index(0, 1).data())

    assert first().endswith("1")
    assert dock.questions.words.text() == "Is this label wrong?"
    qtbot.mouseClick(dock.questions.buttons[Question.AMBIGUITY], Qt.MouseButton.LeftButton)
    assert first().endswith("2")
    assert review.filters.strategy.order == "levelset"
    assert dock.measure.currentData() == "levelset"
    assert dock.questions.words.text() == "Is this image ambiguous?"
    session.go(session.queue.key(0))
    qtbot.waitUntil(lambda: "most ambiguous of 4" in review.case.reason.text(), timeout=60_000)
    assert not dock.measure.model().item(dock.measure.findData("mutual_information")).isEnabled()
    # the order menu goes the other way: an order brings its question
    row = review.filters.strategy.findData("difficulty")
    review.filters.strategy.setCurrentIndex(row)
    review.filters.strategy.activated.emit(row)
    assert session.options.question is Question.DIFFICULTY
    assert first().endswith("4")
    assert dock.measure.currentData() == "auv"
    assert "third hardest of 4" in review.case.reason.text()  # the same case, of which other words were true before
    assert "ambiguous" not in review.case.reason.text()
    # one without an answer can be asked, and says what it needs
    qtbot.mouseClick(dock.questions.buttons[Question.DISAGREEMENT], Qt.MouseButton.LeftButton)
    assert dock.questions.words.text() == QUESTIONS[Question.DISAGREEMENT].missing
    assert "hardest" not in review.case.reason.text()
    qtbot.waitUntil(lambda: dock.legend.text() == MAPS["reader_spread"].missing, timeout=60_000)
    assert dock.bar.words == (MAPS["reader_spread"].low, MAPS["reader_spread"].high)
    hub.close()
