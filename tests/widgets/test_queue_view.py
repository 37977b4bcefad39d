"""The queue table keeps the case on the screen in sight, and names whole, whatever the queue does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import QRect, Qt
from qtpy.QtWidgets import QStyleOptionViewItem

from napari_aleatoric.model import ClassTable, ItemKey, ItemScores, ScoreValue
from napari_aleatoric.review import Queue, ReviewStore, build_queue
from napari_aleatoric.widgets.review._case_names import shortened
from napari_aleatoric.widgets.review._queue_view import QueueView

pytestmark = pytest.mark.gui

N = 60
CLASSES = ClassTable.from_names({1: "right kidney", 2: "left kidney"})
KEYS = [ItemKey(f"abdomen_{i:03d}", "reader_a" if i % 2 else "") for i in range(N)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewStore]:
    """Sixty labels: the last is the worst label, the first the most ambiguous."""
    database = tmp_path_factory.mktemp("queue") / "review.db"
    with ReviewStore.open(f"sqlite:///{database}") as opened:
        prints = {key: str(key) for key in KEYS}
        opened.sync_items(KEYS, prints)
        for i, key in enumerate(KEYS):
            values = [
                ScoreValue(m, c, v) for c in (0, 1) for m, v in (("nll_union", i / N), ("levelset", 1 - i / N))
            ]
            opened.put_item_scores(ItemScores(key, tuple(values)), fingerprint=prints[key], spec_digest="d")
        yield opened


@pytest.fixture
def view(qtbot: Any) -> QueueView:
    view = QueueView()
    qtbot.addWidget(view)
    view.resize(375, 300)
    view.show()
    return view


def ranked(store: ReviewStore, strategy: str = "label_risk") -> Queue:
    return build_queue(store, CLASSES, strategy=strategy)


def in_sight(view: QueueView, key: ItemKey) -> bool:
    """Whether the row of a case is selected and whole between the top and the bottom of the table."""
    (index,) = view.selectionModel().selectedRows(1)
    place = view.visualRect(index)
    whole = place.top() >= 0 and place.bottom() < view.viewport().height()
    return bool(index.data() == str(key) and whole)


def test_the_case_on_the_screen_stays_in_sight_when_the_order_changes(store: ReviewStore, view: QueueView) -> None:
    asked: list[ItemKey] = []
    view.item_requested.connect(asked.append)
    by_risk, by_ambiguity = ranked(store), ranked(store, "levelset")
    here = by_risk.key(2)
    assert by_ambiguity.find(here) == N - 3
    view.show_queue(by_risk, CLASSES, here)
    assert in_sight(view, here)
    view.show_queue(by_ambiguity, CLASSES, here)
    assert in_sight(view, here)
    middle = by_ambiguity.key(35)
    for queue in (by_ambiguity, by_risk):
        view.show_queue(queue, CLASSES, middle)
        assert in_sight(view, middle)
        rows = view.viewport().height() // view.rowHeight(0)
        above = queue.find(middle) - view.rowAt(0)
        assert rows // 4 < above < 3 * rows // 4, "its neighbours are seen on both sides"
    assert asked == [], "only a person asks for a case"


def test_the_case_on_the_screen_stays_in_sight_when_a_filter_goes(store: ReviewStore, view: QueueView) -> None:
    queue = ranked(store)
    here = queue.key(45)
    view.show_queue(queue, CLASSES, here)
    few = queue.filtered(keys=[here, queue.key(0), queue.key(1)])
    view.show_queue(few, CLASSES, here)
    assert view.model().rowCount() == 3
    assert in_sight(view, here)
    view.show_queue(queue, CLASSES, here)
    assert in_sight(view, here)
    top = view.rowAt(0)
    view.show_queue(queue.filtered(), CLASSES, here)  # a verdict: nothing moves
    assert view.rowAt(0) == top


def test_the_case_on_the_screen_stays_in_sight_when_the_words_below_grow(
    store: ReviewStore, view: QueueView, qtbot: Any
) -> None:
    queue = ranked(store)
    view.show_queue(queue, CLASSES, queue.key(0))
    last = queue.key(view.rowAt(0) + view.viewport().height() // view.rowHeight(0) - 1)
    view.show_queue(queue, CLASSES, last)
    view.resize(375, 180)
    qtbot.waitUntil(lambda: in_sight(view, last))
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())  # a person looks elsewhere
    view.resize(375, 300)
    assert not in_sight(view, last)


def test_names_with_readers_are_read_whole_and_a_status_is_its_mark(store: ReviewStore, view: QueueView) -> None:
    from napari_aleatoric.model import Decision, Verdict

    view.set_readers(("reader_a",))
    store.decide(Decision(case_id=KEYS[-1].case_id, label_reader="reader_a", reader="r", verdict=Verdict.ACCEPTED))
    view.show_queue(ranked(store), CLASSES, KEYS[-1])
    header, width = view.horizontalHeader(), view.fontMetrics().horizontalAdvance
    assert header.sectionSize(1) > width(str(KEYS[-1]))
    assert header.sectionSize(2) > width("right kidney")
    status = view.model().index(0, 4)
    assert status.data() == "✓"
    assert status.data(Qt.ItemDataRole.ToolTipRole) == "accepted"
    view.set_readers(())
    assert status.data() == "✓ accepted"


def test_a_name_that_is_too_long_keeps_its_case(store: ReviewStore, view: QueueView) -> None:
    view.show_queue(ranked(store), CLASSES, None)
    metrics, key = view.fontMetrics(), ItemKey("abdomen_017", "reader_number_one")
    width = metrics.horizontalAdvance
    assert shortened(key, metrics, 1000) == str(key)
    room = width("abdomen_017 (reader")
    words = shortened(key, metrics, room)
    assert words.startswith("abdomen_017 (r")
    assert words.endswith("…")
    assert width(words) <= room
    both_ends = shortened(key, metrics, width("abdomen_017") - 5)  # not even the case has room
    assert both_ends.startswith("ab")
    assert both_ends.endswith("e)")
    alone = ItemKey("a_case_whose_name_differs_at_its_end_17")
    assert shortened(alone, metrics, room).endswith("17")

    # and so it is drawn
    index = view.model().index(0, 1)
    option = QStyleOptionViewItem()
    view.initViewItemOption(option)
    option.rect = QRect(0, 0, width("abdomen_059 (reader"), 20)
    view.itemDelegateForColumn(1).initStyleOption(option, index)
    assert option.text.startswith(f"{KEYS[-1].case_id} (")
    assert option.text.endswith("…")
