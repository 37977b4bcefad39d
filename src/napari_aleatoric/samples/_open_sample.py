"""Sample data for napari's File > Open Sample: plain layer tuples, no import of napari."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs

from napari_aleatoric.model import LabelMap, Volume

from ._case import SampleCase, make_case
from ._files import is_complete, write_samples
from ._spec import SAMPLE_CLASSES, SampleSpec, plan_cases

__all__ = ["open_sample_case", "open_sample_readers", "open_sample_set", "sample_set_folder"]

LayerTuple = tuple[Any, dict[str, Any], str]

_ABDOMEN_WINDOW = (-160.0, 240.0)


def open_sample_case() -> list[LayerTuple]:
    """One abdomen whose given label has a known error: image, given label, truth (hidden)."""
    case = make_case(SampleSpec(), _first_wrong(SampleSpec()))
    return _case_layers(case)


def open_sample_readers() -> list[LayerTuple]:
    """One abdomen with a tumour as three readers drew it."""
    spec = SampleSpec()
    index = next(i for i, plan in enumerate(plan_cases(spec)) if plan.tumour_in and plan.error is None)
    case = make_case(spec, index)
    readers = [
        _label_layer(label, f"{case.case_id} · {reader}", visible=turn == 0)
        for turn, (reader, label) in enumerate(case.readers.items())
    ]
    return [_image_layer(case.image, case.case_id), *readers]


def open_sample_set() -> list[LayerTuple]:
    """Write the full set of 24 cases into the user's data folder (once) and open its first wrong case.

    The layers' metadata hold the folder under ``"dataset"``, ready for *Open dataset* in the Review dock.
    """
    spec = SampleSpec()
    folder = sample_set_folder(spec)
    if not is_complete(folder, spec):
        write_samples(folder, spec)
    layers = _case_layers(make_case(spec, _first_wrong(spec)))
    for _, options, _ in layers:
        options["metadata"]["dataset"] = str(folder)
    return layers


def sample_set_folder(spec: SampleSpec | None = None) -> Path:
    """Where `open_sample_set` keeps a set: one folder per spec in the user's data folder."""
    spec = spec or SampleSpec()
    return Path(platformdirs.user_data_path("napari-aleatoric")) / "samples" / spec.digest


def _first_wrong(spec: SampleSpec) -> int:
    return next(i for i, plan in enumerate(plan_cases(spec)) if plan.error is not None)


def _case_layers(case: SampleCase) -> list[LayerTuple]:
    wrong = case.error.sentence if case.error else "no planted error"
    layers = [
        _image_layer(case.image, case.case_id),
        _label_layer(case.truth, f"{case.case_id} · truth", visible=False),
        _label_layer(case.given, f"{case.case_id} · given label", visible=True),
    ]
    for _, options, _ in layers:
        options["metadata"]["planted_error"] = wrong
    return layers


def _place(volume: Volume | LabelMap) -> dict[str, Any]:
    return {"scale": volume.geometry.spacing_zyx_mm, "axis_labels": ("z", "y", "x"), "units": ("mm", "mm", "mm")}


def _image_layer(image: Volume, name: str) -> LayerTuple:
    upright = image.upright()
    options = {"name": name, "contrast_limits": _ABDOMEN_WINDOW, "colormap": "gray", "metadata": {}}
    return upright.data, {**options, **_place(upright)}, "image"


def _label_layer(label: LabelMap, name: str, *, visible: bool) -> LayerTuple:
    upright = label.upright()
    metadata = {"class_names": SAMPLE_CLASSES.names}
    options = {"name": name, "visible": visible, "opacity": 0.5, "metadata": metadata}
    return upright.data, {**options, **_place(upright)}, "labels"
