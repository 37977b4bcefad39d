"""What is said of strokes that were made on another version of a label."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from napari_aleatoric.model import Geometry, ItemKey
from napari_aleatoric.review import Correction
from napari_aleatoric.session._recovery import _is_present, other_version_sentence

GRID = Geometry((2, 3, 4))
KEY = ItemKey("case_1")


def version(name: str, voxels: str, file: str = "a.nii.gz") -> Correction:
    created = datetime(2026, 3, 4, 12, tzinfo=UTC)
    return Correction(KEY, "Zoë", file, "", voxels, GRID, correction_id=name, created=created)


FIRST, SECOND = version("first", "hash 1"), version("second", "hash 2")
AGAIN, ORIGINAL = version("again", "hash 1"), version("back", "hash 0", file="")


@pytest.mark.parametrize(
    ("base", "history", "is_present"),
    [
        ("", [], True),
        ("first", [], False),
        ("first", [FIRST], True),
        ("hash 1", [FIRST], True),
        ("", [FIRST], False),
        ("first", [FIRST, SECOND], False),
        ("first", [FIRST, SECOND, AGAIN], True),  # the same voxels count again
        ("", [FIRST, ORIGINAL], True),
        ("back", [FIRST, ORIGINAL], True),
        ("first", [FIRST, ORIGINAL], False),
        ("gone", [FIRST], False),
    ],
)
def test_which_version_is_the_present_one(base: str, history: list[Correction], is_present: bool) -> None:
    assert _is_present(base, history) is is_present


def test_the_version_is_named() -> None:
    history = [FIRST, ORIGINAL, SECOND]
    assert "the version that Zoë saved on 04 Mar" in other_version_sentence("first", history)
    assert "the original label" in other_version_sentence("", history)
    assert "the original label" in other_version_sentence("back", history)
    assert "not in the history any more" in other_version_sentence("gone", history)
