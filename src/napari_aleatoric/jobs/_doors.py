"""Which doors may be opened by a job. A run folder can name one of these, never code of its own."""

from __future__ import annotations

import importlib
import inspect
import os
import typing
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import Spec

__all__ = ["DOORS", "carries_on", "door_callable", "door_target", "spec_type", "validated_spec"]

DOORS: Mapping[str, str] = MappingProxyType(
    {
        "filter": "napari_aleatoric.review:export_filtered",
        "report": "napari_aleatoric.review:write_report",
        "score": "napari_aleatoric.review:score_workspace",
        "spectra": "napari_aleatoric.review:measure_spectra",
        "calibrate": "napari_aleatoric.review:calibrate",
        "train": "napari_aleatoric.review:retrain",
        "predict": "napari_aleatoric.review:predict_all",
        "finetune-clip": "napari_aleatoric.training:finetune_clip_job",
        "segment": "napari_aleatoric.segmentation:segment_workspace",
    }
)
"""Door name → ``package.module:callable``, called as ``callable(workspace, spec, reporter=...)``."""

_ALL_OR_NOTHING = frozenset({"filter", "report"})
"""Doors that leave nothing behind unless they finish, so that there is nothing to go on from."""

_EXTRA_DOORS_VARIABLE = "ALEATORIC_TEST_DOORS"
"""Environment variable with further doors for tests, ``name=module:callable`` separated by commas.

It belongs to whoever starts the program; nothing that is read from a workspace can set it.
"""


def _extra_doors() -> dict[str, str]:
    pairs = (entry.partition("=") for entry in os.environ.get(_EXTRA_DOORS_VARIABLE, "").split(",") if entry)
    return {name.strip(): target.strip() for name, _, target in pairs}


def door_target(door: str) -> str:
    """Return ``package.module:callable`` of a door.

    Raises
    ------
    NotFoundError
        If there is no door of that name.
    """
    doors = {**_extra_doors(), **DOORS}
    if door not in doors:
        raise NotFoundError(f"There is no door '{door}' for jobs. Known doors: {', '.join(sorted(doors))}.")
    return doors[door]


def carries_on(door: str) -> bool:
    """Say whether a door that was stopped, and is opened again, goes on from what it had finished."""
    return door not in _ALL_OR_NOTHING


def door_callable(door: str) -> Callable[..., Any]:
    """Import the function behind a door."""
    module_name, _, attribute = door_target(door).partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module_name), attribute)
    return found


def spec_type(function: Callable[..., Any]) -> type[Spec]:
    """Find the spec class that a door takes: the default of its ``spec`` parameter, else its annotation."""
    parameter = inspect.signature(function).parameters.get("spec")
    if parameter is not None:
        if isinstance(parameter.default, Spec):
            return type(parameter.default)
        annotated = typing.get_type_hints(function).get("spec")
        if isinstance(annotated, type) and issubclass(annotated, Spec):
            return annotated
    raise DataError(
        f"The door {getattr(function, '__qualname__', function)!r} must take a parameter 'spec' that is a Spec; "
        "give it a default or an annotation."
    )


def validated_spec(door: str, spec: Spec | Mapping[str, Any]) -> Spec:
    """Return the spec as the door wants it.

    Parameters
    ----------
    door : str
        Name of the door.
    spec : Spec or mapping
        The door's own spec, or plain values for it (missing ones take their defaults).

    Raises
    ------
    DataError
        If it is the spec of something else, or a value is not allowed.
    """
    wanted = spec_type(door_callable(door))
    if isinstance(spec, Spec):
        if isinstance(spec, wanted):
            return spec
        raise DataError(f"The door '{door}' expects a {wanted.__name__}, got a {type(spec).__name__}.")
    try:
        return wanted.model_validate(dict(spec))
    except ValueError as error:
        raise DataError(f"These settings do not fit the door '{door}' ({wanted.__name__}): {error}") from error
