"""Label values become class indices, whatever the integers are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import ClassTable

values = st.integers(-2000, 70000).filter(lambda v: v != 0)


@given(
    st.lists(values, unique=True, max_size=8),
    hnp.arrays(np.int32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.integers(-3, 8)),
    st.data(),
)
def test_index_map_agrees_with_a_plain_loop(label_values, picks, data):
    table = ClassTable.from_values(label_values)
    pool = [0, 77777, *label_values]  # 77777 is in no class
    labels = np.array([pool[p % len(pool)] for p in picks.ravel()]).reshape(picks.shape)
    by_value = {c.label_value: c.class_index for c in table}
    expected = np.array([by_value.get(int(v), 0) for v in labels.ravel()]).reshape(labels.shape)
    result = table.index_map(labels)
    assert result.dtype == np.uint16
    assert (result == expected).all()
    del data


def test_rows_follow_the_values_not_the_order_given():
    table = ClassTable.from_names({7: "tumour", 0: "background", 2: "liver"})
    assert [(c.class_index, c.label_value, c.class_name) for c in table] == [(1, 2, "liver"), (2, 7, "tumour")]
    assert table.n_rows == 3
    assert table.name_of(0) == "background"
    assert table.name_of(2) == "tumour"
    assert table.by_name("LIVER").label_value == 2


def test_unsigned_and_large_values_are_found():
    table = ClassTable.from_values([11101, 3, 65535])
    labels = np.array([[[0, 3, 11101, 65535, 4]]], dtype=np.uint16)
    assert table.index_map(labels).ravel().tolist() == [0, 1, 2, 3, 0]


def test_empty_table_makes_everything_background():
    assert not ClassTable(()).index_map(np.array([[[1, 2]]])).any()


def test_wrong_names_are_refused():
    with pytest.raises(NotFoundError, match="from 0 to 1"):
        ClassTable.from_values([4]).name_of(2)
    with pytest.raises(NotFoundError, match="Known classes: label 4"):
        ClassTable.from_values([4]).by_name("liver")
    with pytest.raises(DataError, match="background"):
        ClassTable((_class(1, 0),))
    with pytest.raises(DataError, match="own label value"):
        ClassTable((_class(1, 5), _class(2, 5)))


def _class(index, value):
    from napari_aleatoric.model import ClassInfo

    return ClassInfo(index, value, f"class {value}")


def test_json_round_trip():
    table = ClassTable.from_names({255: "vessel", 3: "disc"})
    assert ClassTable.from_json(table.to_json()) == table


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int64])
def test_unknown_values_are_counted(kind: type) -> None:
    table = ClassTable.from_names({1: "liver", 200: "spleen"})
    data = np.zeros((3, 4, 5), kind)
    data[0, 0, :3], data[1] = 1, 200
    assert table.unknown_values(data) == {}
    data[2, 0, :4], data[2, 1, 0] = 7, 100
    assert table.unknown_values(data) == {7: 4, 100: 1}
    assert ClassTable(()).unknown_values(data) == {1: 3, 7: 4, 100: 1, 200: 20}
    if np.iinfo(kind).min < 0:
        data[2, 3] = -1
        assert table.unknown_values(data) == {-1: 5, 7: 4, 100: 1}


def test_a_class_that_the_type_cannot_hold_is_no_trouble() -> None:
    table = ClassTable.from_names({-1: "hole", 3: "liver", 70_000: "far"})
    assert table.unknown_values(np.array([0, 3, 255], np.uint8)) == {255: 1}


@given(hnp.arrays(np.int16, (3, 4), elements=st.integers(-3, 9)))
def test_unknown_is_what_becomes_background_without_being_zero(data: np.ndarray) -> None:
    table = ClassTable.from_names({2: "a", 5: "b"})
    lost = (table.index_map(data) == 0) & (data != 0)
    assert sum(table.unknown_values(data).values()) == np.count_nonzero(lost)
    assert set(table.unknown_values(data)) == set(data[lost].tolist())
