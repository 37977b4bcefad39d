"""What a person pointed at in some slices is carried through a volume, on its grid, however it is stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.model import Geometry, RecordingReporter, Reorientation, Volume
from napari_aleatoric.segmentation import Pointing, SliceStack, VolumeSpec, segment_from_pointings

SHAPE, SPACING = (20, 30, 40), (5.0, 2.0, 1.5)
OBLIQUE = ((0.96, -0.28, 0.0), (0.28, 0.96, 0.0), (0.0, 0.0, 1.0))
STORAGES = [
    Reorientation(),
    Reorientation((0, 1, 2), (False, True, True)),
    Reorientation((2, 0, 1), (True, True, False)),
]


def stored(storage: Reorientation) -> Volume:
    """Two long objects of the same grey value, side by side, in a dark body."""
    z, y, x = np.mgrid[tuple(slice(n) for n in SHAPE)]
    grey = np.full(SHAPE, 40, np.uint8)
    for middle, reach in ((10, 7), (28, 5)):
        inside = ((x - middle) / 5) ** 2 + ((y - 14) / 7) ** 2 < 1
        grey[inside & (np.abs(z - 9) <= reach)] = 150
    volume = Volume(grey, Geometry(SHAPE, SPACING, (3.0, -50.0, 20.0), OBLIQUE), "CT")
    data = np.ascontiguousarray(storage.apply(volume.data))
    return replace(volume, data=data, geometry=storage.apply_geometry(volume.geometry))


def boxes(volume: Volume, spec: VolumeSpec, where: dict[int, list[int]]) -> dict[int, list[tuple[Pointing, str]]]:
    """Round the objects of some middles (upright x), on some slices, as a person sees them."""
    stack = SliceStack.of(volume, spec.plane, spec.window)
    upright = stack.volume.data == 150
    found = {}
    for number, middles in where.items():
        found[number] = []
        for middle in middles:
            one = upright & (np.abs(np.arange(upright.shape[2]) - middle) <= 6)
            ys, xs = np.nonzero(stack.take(number, one))
            box = (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
            found[number].append((Pointing(box, (), (), 1.0), "box"))
    return found


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("plane", ["axial", "coronal"])
def test_one_of_two_objects_is_carried_on_the_stored_grid(grey_segmenter, storage, plane) -> None:
    volume, spec = stored(storage), VolumeSpec(plane=plane, window=(0, 255), most_growth=3.0, least_overlap=0.2)
    upright = stored(Reorientation()).upright().data == 150
    left = upright & (np.arange(SHAPE[2]) < 20)
    number = 9 if plane == "axial" else 14
    label = segment_from_pointings(volume, boxes(volume, spec, {number: [10]}), grey_segmenter, spec)
    assert label.geometry == volume.geometry
    found = label.upright().data > 0
    assert 2 * (found & left).sum() / (found.sum() + left.sum()) > 0.9
    assert not (found & upright & ~left).any()


def test_all_that_was_pointed_at_is_kept_and_the_slices_are_as_outlined(grey_segmenter) -> None:
    volume, spec = stored(Reorientation()), VolumeSpec(plane="axial", window=(0, 255))
    both = boxes(volume, spec, {9: [10, 28]})
    label = segment_from_pointings(volume, both, grey_segmenter, spec)
    truth = volume.data == 150
    assert 2 * ((label.data > 0) & truth).sum() / (label.data.sum() + truth.sum()) > 0.95
    # a person says that there is nothing of the second on slice 8 but its box on slice 12: slice 8 stays so
    some = {**boxes(volume, spec, {12: [28]}), 8: []}
    label = segment_from_pointings(volume, some, grey_segmenter, spec)
    assert label.data[12].any()
    assert not label.data[8].any()


def test_it_tells_and_can_be_stopped(grey_segmenter) -> None:
    volume, spec = stored(Reorientation()), VolumeSpec(plane="axial", window=(0, 255))
    some, heard = boxes(volume, spec, {9: [10]}), RecordingReporter()
    segment_from_pointings(volume, some, grey_segmenter, spec, reporter=heard)
    done = [step[0] / step[1] for step in heard.steps]
    assert done == sorted(done)
    assert len(done) > 10
    with pytest.raises(Cancelled):
        segment_from_pointings(volume, some, grey_segmenter, spec, reporter=RecordingReporter(cancel_after=3))
