"""The ``dataset.json`` of the layouts that a kept set is written as, and its split. Pure: no file is touched.

Formats: nnU-Net v2 (documentation/dataset_format.md of MIC-DKFZ/nnUNet), Medical Segmentation Decathlon, and the
data list of MONAI, which is the Decathlon's list with paths wherever the files are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import ClassTable, ItemKey
from napari_aleatoric.uncertainty import assign_folds

__all__ = ["ExportedCase", "channel_names", "decathlon_json", "nnunet_json", "split_of", "value_gap_remark"]

_CARRIED = ("name", "description", "reference", "licence", "license", "release", "relase")
_NNUNET_SEED = 12345  # of nnU-Net's own split


@dataclass(frozen=True)
class ExportedCase:
    """One case of an export.

    Parameters
    ----------
    key : ItemKey
        Which label.
    images : tuple of str
        One file for each channel, relative to the export with "/", or as the data list names it.
    label : str
        The label, likewise.
    """

    key: ItemKey
    images: tuple[str, ...]
    label: str


def channel_names(source: Mapping[str, Any], modality: str, n_channels: int) -> dict[str, str]:
    """Return names of the channels by number: what was wished, what the data set says, or "image".

    Parameters
    ----------
    source : mapping
        The ``dataset.json`` of the data set; empty without one.
    modality : str
        Name of the first channel; "" = as the data set says.
    n_channels : int
        How many there are.
    """
    found = source.get("channel_names") or source.get("modality") or {}
    listed = dict(enumerate(found)) if isinstance(found, list) else {int(k): v for k, v in dict(found).items()}
    names = {str(i): str(listed.get(i, "image" if n_channels == 1 else f"channel {i}")) for i in range(n_channels)}
    if modality:
        names["0"] = modality
    return names


def nnunet_json(
    cases: Sequence[ExportedCase],
    classes: ClassTable,
    source: Mapping[str, Any],
    channels: Mapping[str, str],
    file_ending: str,
) -> dict[str, Any]:
    """Return the ``dataset.json`` of nnU-Net v2.

    Regions and an "ignore" label of a source in nnU-Net's own format are kept.
    """
    content = _carried(source)
    content["channel_names"] = dict(channels)
    if "channel_names" in source:
        content["labels"] = source["labels"]
        if "regions_class_order" in source:
            content["regions_class_order"] = source["regions_class_order"]
    else:
        content["labels"] = {"background": 0, **{name: value for value, name in _unique(classes).items()}}
    return content | {"numTraining": len(cases), "file_ending": file_ending}


def decathlon_json(
    cases: Sequence[ExportedCase],
    classes: ClassTable,
    source: Mapping[str, Any],
    channels: Mapping[str, str],
) -> dict[str, Any]:
    """Return the ``dataset.json`` of the Decathlon, which MONAI reads as a data list.

    Every entry also has its ``case``, so that cases keep their names wherever their files lie.
    """
    content = _carried(source)
    names = {str(value): name for value, name in _unique(classes).items()}
    training: list[dict[str, Any]] = [
        {
            "image": case.images[0] if len(case.images) == 1 else list(case.images),
            "label": case.label,
            "case": case.key.case_id,
        }
        for case in cases
    ]
    return content | {
        "tensorImageSize": source.get("tensorImageSize", "3D" if len(channels) == 1 else "4D"),
        "modality": dict(channels),
        "labels": {"0": "background", **names},
        "numTraining": len(cases),
        "numTest": 0,
        "training": training,
        "test": [],
    }


def split_of(
    names: Mapping[str, str], kept: Collection[str], unusable: Collection[str], n_folds: int
) -> tuple[list[dict[str, list[str]]], str]:
    """Return folds for nnU-Net's ``splits_final.json`` in which only kept cases are learned from.

    All cases are spread exactly as nnU-Net itself would spread them, then those that were dropped leave the
    training parts. They stay in the validation parts, so that figures compare with those of the whole data set;
    only the unusable ones leave these as well. Cases of one patient, where that is known, stay together.

    Parameters
    ----------
    names : mapping of str to str
        Patient by case name, of all cases; "" where unknown.
    kept : collection of str
        Cases to learn from.
    unusable : collection of str
        Cases that a reader took out.
    n_folds : int
        How many folds.

    Returns
    -------
    tuple of list of dict and str
        ``{"train": [...], "val": [...]}`` for each fold, and what the user should know.

    Raises
    ------
    DataError
        If there are fewer cases than folds, or a fold would have nothing to learn from.
    """
    ordered = sorted(names)
    if len(ordered) < n_folds:
        raise DataError(f"{len(ordered)} cases cannot be split into {n_folds} folds. Ask for fewer folds.")
    patients = [p for p in names.values() if p]
    remark = "Spread over folds as nnU-Net does by itself"
    if len(set(patients)) < len(patients) and len(set(patients)) > 1:
        folds = assign_folds(names, n_folds, seed=_NNUNET_SEED)
        parts = [[c for c in ordered if folds.of_case[c] == k] for k in range(folds.n_folds)]
        remark = "Cases of one patient are in the same fold"
    else:
        from sklearn.model_selection import KFold

        spread = KFold(n_splits=n_folds, shuffle=True, random_state=_NNUNET_SEED).split(ordered)
        parts = [[ordered[i] for i in rows] for _, rows in spread]
    splits = []
    for part in parts:
        held_out = set(part)
        train = [c for c in ordered if c in kept and c not in held_out]
        if not train:
            raise DataError("A fold would have no case to learn from: too few are kept. Keep more, or fewer folds.")
        splits.append({"train": train, "val": [c for c in part if c not in unusable]})
    return splits, (
        f"{remark}; dropped cases leave the training parts and stay in the validation parts, so that results "
        "compare with those of the whole data set."
    )


def value_gap_remark(classes: ClassTable) -> str:
    """Say that nnU-Net will not take these label values; "" where it will."""
    values = [c.label_value for c in classes]
    if values == list(range(1, len(values) + 1)):
        return ""
    return (
        f"nnU-Net wants label values 1, 2, 3, … without gaps, and these are {', '.join(map(str, values))}. They "
        "were left as they are: renumber them before planning."
    )


def _carried(source: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a data set says of itself and its licence."""
    return {key: source[key] for key in _CARRIED if isinstance(source.get(key), str)}


def _unique(classes: ClassTable) -> dict[int, str]:
    """Names by value, each once: formats that go from names to values need that."""
    names: dict[int, str] = {}
    for c in classes:
        taken = c.class_name in names.values() or c.class_name.casefold() == "background"
        names[c.label_value] = f"{c.class_name} ({c.label_value})" if taken else c.class_name
    return names
