"""Medical Segmentation Decathlon and nnU-Net v2: a ``dataset.json`` says what there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import DataError
from napari_aleatoric.io._formats import is_image_file, stem_of
from napari_aleatoric.model import Problem

from ._finding import Findings, FoundCase, FoundLabel
from ._paired_folders import first_channels, pair_by_name

__all__ = ["find_dataset_json"]


def find_dataset_json(root: Path, tick: Callable[[str], None]) -> Findings | None:
    """Recognise a folder with a ``dataset.json`` of the Decathlon or of nnU-Net v2."""
    tick(root.name)
    path = root / "dataset.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError) as error:
        raise DataError(f"dataset.json is not valid JSON ({error}). Correct the file.") from error
    if not isinstance(content, dict) or "labels" not in content:
        return None
    channels = content.get("channel_names") or content.get("modality") or {}
    if isinstance(content.get("training"), list) and content["training"]:
        findings = _decathlon(root, content["training"])
    else:
        findings = _nnunet(root, content)
    findings.class_names = _class_names(content["labels"])
    if len(channels) > 1:
        first = channels.get("0") if isinstance(channels, dict) else channels[0]
        findings.sentence += f" Of {len(channels)} channels the first one ({first}) is shown."
    return findings


def _class_names(labels: Any) -> dict[int, str]:
    """Names by value from ``{"1": "liver"}`` (Decathlon), ``{"liver": 1}`` or regions ``{"whole": [1, 2]}``.

    A value that several regions hold takes the name of the smallest one; nnU-Net's "ignore" is no class.
    """
    names: dict[int, str] = {}
    sizes: dict[int, int] = {}
    try:
        for key, value in labels.items():
            if str(key).lstrip("-").isdigit() and not isinstance(value, int | list):
                names[int(key)] = str(value)
                continue
            values = [int(v) for v in value] if isinstance(value, list | tuple) else [int(value)]
            for number in values:
                if str(key).casefold() != "ignore" and len(values) <= sizes.get(number, len(values)):
                    names[number], sizes[number] = str(key), len(values)
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(
            'The labels of dataset.json are not understood. Expected {"1": "liver"} or {"liver": 1}.'
        ) from error
    names.pop(0, None)
    return names


def _decathlon(root: Path, training: list[Any]) -> Findings:
    findings = Findings(
        "decathlon",
        f"A Medical Segmentation Decathlon data set: dataset.json lists {len(training)} training cases.",
    )
    for entry in training:
        if not isinstance(entry, dict) or "image" not in entry:
            findings.problems.append(Problem(str(entry)[:60], "This entry of dataset.json names no image."))
            continue
        image = root / (entry["image"][0] if isinstance(entry["image"], list) else str(entry["image"]))
        case_id = str(entry.get("case") or stem_of(image))  # "case": as our own data lists name it
        if not entry.get("label"):
            findings.problems.append(Problem(case_id, "dataset.json names no label for this image."))
            continue
        label = root / str(entry["label"])
        missing = [p for p in (image, label) if not p.is_file()]
        if missing:
            names = " and ".join(f"{p.parent.name}/{p.name}" for p in missing)
            findings.problems.append(Problem(case_id, f"dataset.json lists {names}, which is not there."))
        else:
            findings.cases.append(FoundCase(case_id, image, (FoundLabel("", (label,)),)))
    return findings


def _nnunet(root: Path, content: dict[str, Any]) -> Findings:
    findings = Findings("nnunet", "An nnU-Net data set: dataset.json beside imagesTr/ and labelsTr/.")
    listed = content.get("dataset")
    if isinstance(listed, dict):  # nnU-Net's explicit list of files
        for case_id, entry in sorted(listed.items()):
            image, label = root / entry["images"][0], root / entry["label"]
            if image.is_file() and label.is_file():
                findings.cases.append(FoundCase(case_id, image, (FoundLabel("", (label,)),)))
            else:
                findings.problems.append(
                    Problem(case_id, "dataset.json lists files of this case that are not there.")
                )
        return findings
    folders = [root / "imagesTr", root / "labelsTr"]
    if not all(folder.is_dir() for folder in folders):
        raise DataError(
            "dataset.json lists no training cases, and imagesTr/ and labelsTr/ are not both beside it. "
            "Put the images there, or list the cases under 'training'."
        )
    files = [{stem_of(p): p for p in sorted(f.iterdir()) if p.is_file() and is_image_file(p)} for f in folders]
    images = first_channels(files[0])
    pairs, orphans = pair_by_name(images, files[1])
    for stem, path in sorted(images.items()):
        if stem in pairs:
            findings.cases.append(FoundCase(stem, path, (FoundLabel("", (pairs[stem],)),)))
        else:
            findings.problems.append(Problem(stem, f"The image {path.name} has no label of that name in labelsTr."))
    findings.problems += [
        Problem(stem, f"The label {stem} has no image of that name in imagesTr.") for stem in orphans
    ]
    return findings
