"""Windows that radiologists know by name, and those for intensities without a unit."""

from __future__ import annotations

from dataclasses import dataclass

from ._intensities import Intensities

__all__ = ["CT_PRESETS", "PERCENTILE_PRESETS", "WindowPreset", "presets_for"]


@dataclass(frozen=True)
class WindowPreset:
    """A window by name.

    Parameters
    ----------
    name : str
        Identifier that is kept.
    title : str
        For people.
    level, width : float
        Middle and width, in Hounsfield units, where ``percent`` is None.
    percent : tuple of float, optional
        Percentiles of the image that become black and white; (0, 100) is the full range.
    """

    name: str
    title: str
    level: float = 0.0
    width: float = 0.0
    percent: tuple[float, float] | None = None

    @property
    def words(self) -> str:
        """Title with its figures: "Lung · W 1500 L -600"."""
        return self.title if self.percent is not None else f"{self.title} · W {self.width:.0f} L {self.level:.0f}"

    def limits(self, seen: Intensities) -> tuple[float, float]:
        """Return the intensities shown as black and white in an image; strictly increasing.

        Level and width as in DICOM's LINEAR_EXACT (PS3.3 C.11.2.1.3.2): level ± width / 2.
        """
        if self.percent is None:
            return (self.level - self.width / 2, self.level + self.width / 2)
        low = seen.low if self.percent[0] == 0.0 else seen.percentiles[self.percent[0]]
        high = seen.high if self.percent[1] == 100.0 else seen.percentiles[self.percent[1]]
        return (low, high) if high > low else (low, low + 1.0)


CT_PRESETS: tuple[WindowPreset, ...] = (
    WindowPreset("brain", "Brain", 40, 80),
    WindowPreset("subdural", "Subdural", 75, 215),
    WindowPreset("stroke", "Stroke", 40, 40),
    WindowPreset("lung", "Lung", -600, 1500),
    WindowPreset("bone", "Bone", 400, 1800),
    WindowPreset("soft_tissue", "Soft tissue", 50, 400),
    WindowPreset("liver", "Liver", 30, 150),
    WindowPreset("mediastinum", "Mediastinum", 50, 350),
)
"""Usual CT windows, after "Windowing (CT)", Radiopaedia.org (rID 52108): of "subdural" (W 130–300, L 50–100) the
middle, of "stroke" (W 8 L 32, or W 40 L 40) the second."""

PERCENTILE_PRESETS: tuple[WindowPreset, ...] = (
    WindowPreset("p0.5", "0.5 – 99.5 %", percent=(0.5, 99.5)),
    WindowPreset("p1", "1 – 99 %", percent=(1.0, 99.0)),
    WindowPreset("p2", "2 – 98 %", percent=(2.0, 98.0)),
    WindowPreset("full", "Full range", percent=(0.0, 100.0)),
)
"""Windows for intensities that have no unit (MR) or whose unit is not known (PET); our proposal."""


def presets_for(seen: Intensities) -> tuple[WindowPreset, ...]:
    """Return the windows to choose from in an image; none for colours."""
    if seen.kind == "RGB":
        return ()
    return (*CT_PRESETS, PERCENTILE_PRESETS[-1]) if seen.is_hu else PERCENTILE_PRESETS
