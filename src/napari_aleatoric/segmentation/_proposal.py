"""One case of a folder: several words → one label map of proposals, and what is known about it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from napari_aleatoric.foundation import PromptSegmenter, TextImageModel
from napari_aleatoric.io import write_label_map, write_whole
from napari_aleatoric.model import LabelMap, Reporter, Spec, SubReporter, Volume

from ._library import PromptLibrary
from ._limits import NotFoundLimits
from ._query import Query, QueryVectors, query_vectors
from ._segment_volume import VolumeSegmentation, segment_volume
from ._spec import VolumeSpec

__all__ = ["Proposal", "ProposedClass", "read_proposal", "segment_words", "write_proposal"]


class ProposedClass(Spec):
    """What one word gave in one case."""

    text: str = Field(description="The word.")
    found: bool = Field(description="Whether there is a mask.")
    sentence: str = Field(description="What was found, or why nothing.")
    score: float = Field(description="Similarity of the best three slices, −1 … 1.")
    presence: float = Field(description="Part of other words that suit the images less, 0 … 1.")
    agreement: float | None = Field(default=None, description="Mean Dice between key slices; none for one alone.")
    uncertainty: float = Field(description="1 − stability of the mask, 0 … 1.")
    n_voxels: int = Field(description="Size in the label map.")
    limits: NotFoundLimits | None = Field(
        default=None, description="Below which it counts as not found, and who chose them."
    )


class Proposal(Spec):
    """What is kept about one case, beside its label map."""

    case_id: str
    made_by: str = Field(description="Settings and models: with others, the case is done anew.")
    image: str = Field(description="Size and date of the image's file.")
    classes: tuple[ProposedClass, ...]

    @property
    def uncertainty(self) -> float:
        """Of the least sure mask, 0 … 1; 1 if nothing was found, which a person should see."""
        found = [each.uncertainty for each in self.classes if each.found]
        return max(found) if found else 1.0


def segment_words(
    volume: Volume,
    texts: tuple[str, ...],
    model: TextImageModel,
    segmenter: PromptSegmenter,
    spec: VolumeSpec,
    library: PromptLibrary,
    reporter: Reporter,
    known: dict[Query, QueryVectors] | None = None,
) -> tuple[LabelMap, tuple[ProposedClass, ...]]:
    """Look for several things in one image; ``known`` keeps the vectors of queries from one image to the next.

    Returns
    -------
    label : LabelMap
        Value n for the nth word, on exactly the grid of the image; where two masks meet, the one that is less
        uncertain stays.
    classes : tuple of ProposedClass
        One for each word.
    """
    results: list[VolumeSegmentation] = []
    for row, text in enumerate(texts):
        query = library.query(text, modality=volume.modality, kind=spec.sentence)
        part = SubReporter(reporter, row, row + 1, len(texts))
        vectors = _vectors(model, query, known, part)
        results.append(segment_volume(volume, query, model, segmenter, spec, vectors=vectors, reporter=part))
    data: NDArray[np.uint8] = np.zeros(volume.geometry.shape_zyx, dtype=np.uint8)
    for row in sorted(range(len(results)), key=lambda row: -results[row].uncertainty):
        data[results[row].label.data > 0] = row + 1
    sizes = np.bincount(data.ravel(), minlength=len(texts) + 1)
    classes = tuple(
        ProposedClass(
            text=text,
            found=bool(sizes[row + 1]),
            sentence=result.sentence,
            score=round(result.look.score, 6),
            presence=round(result.look.presence, 6),
            agreement=None if math.isnan(result.agreement) else round(result.agreement, 6),
            uncertainty=round(result.uncertainty, 6),
            n_voxels=int(sizes[row + 1]),
            limits=result.limits,
        )
        for row, (text, result) in enumerate(zip(texts, results, strict=True))
    )
    return LabelMap(data, volume.geometry), classes


def _vectors(
    model: TextImageModel, query: Query, known: dict[Query, QueryVectors] | None, reporter: Reporter
) -> QueryVectors:
    found = None if known is None else known.get(query)
    if found is None:
        found = query_vectors(model, query, lambda: reporter.step(0, 100, f"The words for '{query.text}' are read"))
    if known is not None:
        known[query] = found
    return found


def write_proposal(label_path: Path, record_path: Path, label: LabelMap, proposal: Proposal) -> None:
    """Write the label map, then the record that says that it is whole."""
    record_path.unlink(missing_ok=True)
    write_label_map(label_path, label)
    content: dict[str, Any] = proposal.model_dump(mode="json")
    write_whole(record_path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def read_proposal(label_path: Path, record_path: Path) -> Proposal | None:
    """Read what is kept about a case; None if it is not whole."""
    if not label_path.is_file():
        return None
    try:
        return Proposal.model_validate_json(record_path.read_bytes())
    except (OSError, ValidationError):
        return None
