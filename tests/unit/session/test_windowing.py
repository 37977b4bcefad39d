"""Windows: by the kind of intensities, kept from case to case, and for the next start."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_aleatoric.model import Geometry, ItemKey, Volume
from napari_aleatoric.session import (
    CT_PRESETS,
    Habits,
    ItemData,
    Windowing,
    WindowWish,
    display_range,
    intensities_of,
    presets_for,
)

SHAPE = (6, 20, 20)


def volume(low: float, high: float, modality: str = "", dtype: Any = np.int16) -> Volume:
    values = np.linspace(low, high, int(np.prod(SHAPE))).reshape(SHAPE).astype(dtype)
    return Volume(values, Geometry(SHAPE), modality)


def ct(modality: str = "CT", high: float = 1200) -> Volume:
    return volume(-1000, high, modality)


def item(image: Volume, name: str = "case") -> ItemData:
    return ItemData(
        ItemKey(name), image, image.geometry, np.zeros(SHAPE, np.uint8), "", None, display_range(image),
        intensities=intensities_of(image),
    )  # fmt: skip


class Reading:
    """A session as far as windows are concerned."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.session: Any = SimpleNamespace(item=None)
        self.habits = Habits(path)
        self.windowing = Windowing(self.session, self.habits)

    def shows(self, image: Volume) -> tuple[float, float]:
        self.session.item = item(image)
        return self.windowing.limits(self.session.item)


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return Reading(tmp_path / "habits.json")


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (ct("CT"), "CT"),
        (ct(""), "CT"),  # nothing is said, but there is air and tissue
        (ct("MR"), "MR"),  # what is said counts
        (volume(0, 255, "CT"), ""),  # a CT that was scaled
        (volume(0, 1, "CT", np.float32), ""),
        (volume(-60, 180, "CT"), "CT"),  # cut out of soft tissue
        (volume(0, 3000), ""),
        (volume(-3, 3, "", np.float32), ""),
        (volume(0, 40000, "PET", np.float32), "PET"),
    ],
)
def test_kind_of_intensities(image: Volume, kind: str) -> None:
    assert intensities_of(image).kind == kind


def test_values_that_are_no_numbers_are_left_out() -> None:
    image = volume(0, 100, "MR", np.float32)
    image.data[0, 0, 0], image.data[0, 0, 1] = np.nan, np.inf
    seen = intensities_of(image)
    assert seen.low == pytest.approx(image.data[0, 0, 2])
    assert seen.high == 100.0


def test_usual_windows_of_ct() -> None:
    limits = {p.name: p.limits(intensities_of(ct())) for p in CT_PRESETS}
    assert limits == {
        "brain": (0, 80),
        "subdural": (-32.5, 182.5),
        "stroke": (20, 60),
        "lung": (-1350, 150),
        "bone": (-500, 1300),
        "soft_tissue": (-150, 250),
        "liver": (-45, 105),
        "mediastinum": (-125, 225),
    }


def test_windows_without_a_unit_are_percentiles_of_the_image() -> None:
    image = volume(0, 2399, "MR")
    seen = intensities_of(image)
    by_name = {p.name: p.limits(seen) for p in presets_for(seen)}
    for name, ends in {"p0.5": (0.5, 99.5), "p1": (1, 99), "p2": (2, 98), "full": (0, 100)}.items():
        assert by_name[name] == pytest.approx(np.percentile(image.data, ends), abs=1)


def test_a_constant_image_has_a_window() -> None:
    seen = intensities_of(volume(7, 7, "MR"))
    assert all(p.limits(seen)[0] < p.limits(seen)[1] for p in presets_for(seen))


def test_colours_have_no_windows(reading: Reading) -> None:
    image = Volume(np.zeros((1, 8, 8, 3), np.uint8), Geometry((1, 8, 8), spacing_known=False), "RGB")
    reading.session.item = ItemData(
        ItemKey("a"), image, image.geometry, np.zeros((1, 8, 8), np.uint8), "", None, (0.0, 255.0)
    )
    reading.windowing.choose(0)
    reading.windowing.set_by_hand((3.0, 9.0))
    assert reading.windowing.limits(reading.session.item) == (0.0, 255.0)
    assert reading.windowing.words(reading.session.item) == ""


def test_a_case_has_its_own_window_until_one_is_wished(reading: Reading) -> None:
    assert reading.shows(ct()) == display_range(ct())
    assert "automatic" in reading.windowing.words(reading.session.item)


def test_a_preset_stays_for_cases_of_the_same_kind(reading: Reading) -> None:
    reading.shows(ct())
    reading.windowing.choose(3)
    assert reading.shows(ct(high=3000)) == (-1350, 150)
    assert reading.windowing.words(reading.session.item) == "W 1500 L -600, Lung"
    mr = volume(0, 999, "MR")
    assert reading.shows(mr) == display_range(mr)
    reading.windowing.choose(3)
    assert reading.shows(mr) == (0, 999)
    assert reading.shows(ct()) == (-1350, 150)


def test_a_window_by_hand_stays_in_hounsfield_units(reading: Reading) -> None:
    reading.shows(ct())
    reading.windowing.set_by_hand((-20.0, 130.0))
    assert reading.shows(ct(high=2000)) == (-20.0, 130.0)
    assert reading.windowing.words(reading.session.item) == "W 150 L 55, by hand"


def test_a_window_by_hand_follows_the_scale_of_other_images(reading: Reading) -> None:
    """Where one case goes to 1000 and the next to 100, the same window would be all white or all black."""
    black, white = reading.shows(volume(0, 1000, "MR"))
    reading.windowing.set_by_hand((black + 0.25 * (white - black), black + 0.5 * (white - black)))
    other = volume(0, 100, "MR", np.float32)
    low, high = display_range(other)
    assert reading.shows(other) == pytest.approx((low + 0.25 * (high - low), low + 0.5 * (high - low)))


def test_what_is_shown_already_is_no_wish(reading: Reading) -> None:
    told: list[int] = []
    reading.windowing.changed.connect(lambda: told.append(1))
    reading.windowing.set_by_hand(reading.shows(ct()))
    assert not told
    assert not reading.habits.windows


def test_reset_gives_every_case_its_own_again(reading: Reading) -> None:
    reading.shows(ct())
    reading.windowing.choose(0)
    reading.windowing.reset()
    assert reading.shows(ct(high=500)) == display_range(ct(high=500))


def test_a_number_without_a_window_changes_nothing(reading: Reading) -> None:
    reading.shows(volume(0, 1000, "MR"))
    reading.windowing.choose(7)
    assert not reading.habits.windows


def test_habits_last(tmp_path: Path) -> None:
    habits = Habits(tmp_path / "h.json")
    assert habits.wheel_scrolls
    habits.wheel_scrolls = False
    habits.keep_window("CT", WindowWish(limits=(-10.0, 20.0)))
    habits.save()
    again = Habits(tmp_path / "h.json")
    assert not again.wheel_scrolls
    assert again.windows == {"CT": WindowWish(limits=(-10.0, 20.0))}


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"windows": {"CT": {"limits": 3}}}', b'{"another": 1}'])
def test_a_file_that_is_not_understood_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "h.json").write_bytes(content)
    assert Habits(tmp_path / "h.json").windows == {}


def test_habits_that_cannot_be_written_stop_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    habits = Habits(tmp_path / "file" / "h.json")
    habits.wheel_scrolls = False
    habits.save()
    assert not habits.wheel_scrolls
