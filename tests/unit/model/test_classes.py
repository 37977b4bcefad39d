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
