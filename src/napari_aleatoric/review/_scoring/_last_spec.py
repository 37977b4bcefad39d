"""With which settings a workspace was scored last."""

from __future__ import annotations

import json

from napari_aleatoric.io import Workspace
from napari_aleatoric.uncertainty import ScoreSpec

__all__ = ["last_score_spec"]


def last_score_spec(ws: Workspace) -> ScoreSpec:
    """Return the settings that a workspace was scored with last; the defaults where it was not, or not readably."""
    try:
        found = json.loads((ws.maps_dir / "scoring.json").read_text("utf-8"))
        return ScoreSpec.model_validate(found["spec"])
    except (OSError, ValueError, KeyError, TypeError):
        return ScoreSpec()
