"""Which frozen models there are, as a person wants to read it; a pure look at the weights folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from napari_aleatoric.foundation import TEXT_IMAGE_WEIGHTS, WeightsStatus, WeightsStore

__all__ = ["NEEDED_WORDS", "ModelRow", "missing_parts", "model_rows", "scoring_model", "supply_sentence"]

_NEEDED = ("torch", "segment_anything")
_NEEDED_2 = ("torch", "transformers")  # by SAM 2
NEEDED_WORDS = ("torch", "open_clip")  # by text-image models


@dataclass(frozen=True)
class ModelRow:
    """One frozen model, and what can be done with it.

    Parameters
    ----------
    name : str
        As of `foundation.segmenter`.
    good_for : str
        What to use it for.
    size_bytes : int
        Of its file; 0 where that is not known.
    licence : str
        SPDX identifier, and whose terms they are.
    state : {"shipped", "here, verified", "here", "damaged", "not here"}
        ``shipped`` came with the program and is whole as far as its size says; ``here`` was not verified yet.
    sentence : str
        What the state means, and what to do.
    architecture : str
        The network that it belongs to.
    source : str
        The address that it is downloaded from; "" where it cannot be downloaded.
    path : Path
        Where the file lies, or will lie.
    why_not : str
        Why it cannot answer prompts now, and what to do; "" if it can.
    """

    name: str
    good_for: str
    size_bytes: int
    licence: str
    state: Literal["shipped", "here, verified", "here", "damaged", "not here"]
    sentence: str
    architecture: str
    source: str
    path: Path
    why_not: str

    @property
    def finds_words(self) -> bool:
        """Whether it is a text-image model: it says where words are seen, and answers no boxes."""
        return self.name in TEXT_IMAGE_WEIGHTS

    @property
    def can_download(self) -> bool:
        """Whether a download is possible and of use."""
        return bool(self.source) and self.state in ("not here", "damaged")

    @property
    def can_verify(self) -> bool:
        """Whether there is a file that can be read."""
        return self.state != "not here"

    @property
    def size(self) -> str:
        """The size for people: ``375 MB``."""
        megabytes = self.size_bytes / 1e6
        return f"{megabytes:,.0f} MB" if self.size_bytes else "?"


def missing_parts(names: Sequence[str] = _NEEDED) -> str:
    """Say what is not installed that frozen models need, and how to install it; "" if all is there.

    Parameters
    ----------
    names : sequence of str
        Packages to look for; none is imported.
    """
    missing = [name.replace("_", "-") for name in names if find_spec(name) is None]
    if not missing:
        return ""
    verb = "is" if len(missing) == 1 else "are"
    return f"{' and '.join(missing)} {verb} not installed. Run: pip install 'napari-aleatoric[ai]'"


def model_rows(store: WeightsStore) -> list[ModelRow]:
    """Return all models, known ones first, then the user's own; reads no weights and loads nothing heavy.

    Parameters
    ----------
    store : WeightsStore
        The folder of weights.
    """
    return [_row(store.status(name), store) for name in store.names()]


def _needed_by(architecture: str) -> tuple[str, ...]:
    if architecture == "open_clip":
        return NEEDED_WORDS
    return _NEEDED_2 if architecture.startswith("sam2") else _NEEDED


def _row(status: WeightsStatus, store: WeightsStore) -> ModelRow:
    weights = status.weights
    missing = missing_parts(_needed_by(weights.architecture))
    state = _STATES[status.state]
    if weights.origin == "shipped" and state in ("here", "here, verified"):
        state = "shipped"
    sentence = status.sentence or _WORDS[state]
    if state == "not here" and weights.origin == "published":
        sentence = f"Not on this computer yet. Download it, or import the file {weights.file_name}."
    sentence = sentence.replace(f"Run: aleatoric weights download {weights.name}", "Download it again.")
    source = weights.urls[0] if weights.urls else ""
    if source and store.mirror:
        source = f"{store.mirror.rstrip('/')}/{weights.file_name}"
    return ModelRow(
        name=weights.name,
        good_for=weights.good_for,
        size_bytes=weights.size_bytes,
        licence=weights.licence,
        state=state,
        sentence=sentence,
        architecture=weights.architecture,
        source=source,
        path=status.path,
        why_not=missing or ("" if state in ("shipped", "here", "here, verified") else sentence),
    )


_State = Literal["shipped", "here, verified", "here", "damaged", "not here"]
_STATES: dict[str, _State] = {
    "absent": "not here",
    "present": "here",
    "verified": "here, verified",
    "damaged": "damaged",
}
_WORDS = {
    "shipped": "Came with the program.",
    "here": "On this computer, not verified yet; that is done before it is used.",
    "here, verified": "On this computer, and found whole.",
    "damaged": "",
    "not here": "",
}


def scoring_model(rows: Sequence[ModelRow]) -> str:
    """Return the frozen model that scoring takes unless it is told otherwise.

    Parameters
    ----------
    rows : sequence of ModelRow
        As `model_rows` returns them.
    """
    small = next((row for row in rows if row.name == "sam-small"), None)
    return "sam-small" if small is not None and not small.why_not else "filter-bank"


def supply_sentence(store: WeightsStore) -> str:
    """Say where downloads come from, or why there are none."""
    if store.offline:
        return "Offline (ALEATORIC_OFFLINE is set): nothing is downloaded, but files can be imported."
    if store.mirror:
        host = urlsplit(store.mirror).hostname or "the mirror"
        return f"Downloads come from the mirror {host} and are checked against the published digest."
    return "Nothing is downloaded before you ask for it."
