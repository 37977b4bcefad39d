"""What the difficulty of a workspace's scores is compared with: each other, or a reference."""

from __future__ import annotations

import json
from dataclasses import dataclass

from napari_aleatoric.model import ClassTable
from napari_aleatoric.uncertainty import BoundReference, Reference, read_reference

__all__ = ["Comparison"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What the difficulty of a workspace's scores is compared with; kept beside them.

    Parameters
    ----------
    reference : Reference, optional
        Cases of another data set; None = the scores are compared with each other.
    auv_percentiles : tuple of float, optional
        Percentiles that the range of the AUV lies between; None = minimum and maximum.
    """

    reference: Reference | None = None
    auv_percentiles: tuple[float, float] | None = None

    def to_text(self) -> str:
        """JSON that :meth:`from_text` takes back; "" where nothing was chosen."""
        if self.reference is None and self.auv_percentiles is None:
            return ""
        known = None if self.reference is None else self.reference.to_text()
        return json.dumps({"reference": known, "auv_percentiles": self.auv_percentiles})

    @classmethod
    def from_text(cls, text: str) -> Comparison:
        """Read what :meth:`to_text` wrote."""
        if not text:
            return cls()
        content = json.loads(text)
        known, limits = content["reference"], content["auv_percentiles"]
        return cls(
            None if known is None else read_reference(known),
            None if limits is None else (float(limits[0]), float(limits[1])),
        )

    def bound(self, classes: ClassTable) -> BoundReference | None:
        """Return the reference by class index of the data set."""
        return None if self.reference is None else self.reference.bound(classes)
