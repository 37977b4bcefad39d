"""What scoring keeps of every case between runs. All files here are caches: safe to delete."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, write_whole
from napari_aleatoric.uncertainty import CaseSamples, LabelFacts

__all__ = ["FactsCache", "SampleCache", "scoring_folder"]


def scoring_folder(ws: Workspace) -> Path:
    """Return the folder of everything that is kept for scoring."""
    return ws.embeddings_dir / "label_risk"


class FactsCache:
    """Counts of cases, one small file per content.

    Parameters
    ----------
    folder : Path
        Made when something is put there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, digest: str) -> bool:
        """Whether the counts of that content are kept."""
        try:
            return "facts" in self.about(digest)
        except (OSError, ValueError, TypeError):
            return False

    def put(self, digest: str, facts: Mapping[str, LabelFacts], **more: Any) -> None:
        """Keep the facts of a case's labels by reader, and plain values beside them."""
        about = {**more, "facts": {reader: f.to_json() for reader, f in facts.items()}}
        write_whole(self._folder / f"{digest}.json", json.dumps(about).encode())

    def facts(self, digest: str) -> dict[str, LabelFacts]:
        """Read the facts of a case by reader; empty if they are absent or damaged."""
        try:
            return {r: LabelFacts.from_json(value) for r, value in self.about(digest)["facts"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def about(self, digest: str) -> dict[str, Any]:
        """Read everything that was put; `OSError` or `ValueError` if it is absent or damaged."""
        return dict(json.loads((self._folder / f"{digest}.json").read_text("utf-8")))

    def keep_only(self, digests: Sequence[str]) -> None:
        """Delete everything else, so that the cache stays as large as the data set."""
        wanted = set(digests)
        for path in self._folder.glob("*.*"):
            if path.stem not in wanted:
                path.unlink(missing_ok=True)


class SampleCache(FactsCache):
    """Samples beside the counts of cases."""

    def has(self, digest: str) -> bool:
        """Whether samples of that content are kept."""
        try:
            return self._samples_file(digest).stat().st_size == int(self.about(digest)["bytes"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def put_samples(self, digest: str, samples: CaseSamples, facts: Mapping[str, LabelFacts]) -> None:
        """Keep samples of a case, and the facts of its labels by reader."""
        packed = samples.to_bytes()
        write_whole(self._samples_file(digest), packed)
        self.put(digest, facts, bytes=len(packed))

    def samples(self, digest: str) -> CaseSamples:
        """Read samples; `DataError` if they are absent or damaged (and they are drawn anew by the next run)."""
        path = self._samples_file(digest)
        try:
            return CaseSamples.from_bytes(path.read_bytes())
        except (OSError, DataError) as error:
            path.unlink(missing_ok=True)
            raise DataError(
                "Kept samples of a case are damaged or missing. Score again to draw them anew."
            ) from error

    def _samples_file(self, digest: str) -> Path:
        return self._folder / f"{digest}.npz"
