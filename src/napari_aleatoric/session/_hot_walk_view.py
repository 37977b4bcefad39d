"""What the list of hot regions shows: words and numbers, decided in one place. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_aleatoric.model import ClassTable, Geometry, Verdict

if TYPE_CHECKING:
    from napari_aleatoric.review import ReviewedRegions, SettledRegion
    from napari_aleatoric.uncertainty import HotRegion

    from ._item import ItemData
    from ._resolve import ViewState

__all__ = ["HotRow", "HotWalkView", "hot_rows", "proposal_of", "volume_in_words", "why_none"]

STATE_WORDS = {"accepted": "✓ right", "repainted": "✎ repainted", "excluded": "⊘ not learned"}
"""By kind of entry; a region of which nothing is said has none."""


@dataclass(frozen=True)
class HotRow:
    """One region.

    Parameters
    ----------
    number : int
        Its place by mass, from 1.
    class_index : int
        Whose map; for its colour.
    class_name, slices, place, size, heat, state : str
        In words; ``state`` is "" while it is open.
    kind, by : str
        What was said of it, and who said it; "" while it is open.
    tip : str
        All of it in full.
    centre_zyx : tuple of int
        A voxel of it, to find it again when regions are found anew.
    """

    number: int
    class_index: int
    class_name: str
    slices: str
    place: str
    size: str
    heat: str
    state: str
    kind: str
    by: str
    tip: str
    centre_zyx: tuple[int, int, int]


@dataclass(frozen=True)
class HotWalkView:
    """What is to be seen of the regions of the item on the screen.

    Parameters
    ----------
    rows : tuple of HotRow
        The heaviest first.
    row : int
        Which one is in question; −1 for none.
    is_busy : bool
        Whether they are being looked for.
    goes_on : bool
        Whether the walk goes on to the next case behind the last region.
    proposal : Verdict or None
        What the item could be recorded as, now that all is settled.
    smaller : str
        How many regions are not listed; "" for none.
    sentence : str
        Why there is no region; "" where there is one.
    """

    rows: tuple[HotRow, ...] = ()
    row: int = -1
    is_busy: bool = False
    goes_on: bool = False
    proposal: Verdict | None = None
    smaller: str = ""
    sentence: str = ""

    @property
    def n_open(self) -> int:
        """Regions of which nothing was said."""
        return sum(not row.kind for row in self.rows)

    @property
    def progress(self) -> str:
        """How far it is: "3 of 7 regions left"."""
        n = len(self.rows)
        if not n:
            return "Looking for regions …" if self.is_busy else self.sentence
        regions = f"{n} region{'' if n == 1 else 's'}"
        return f"{self.n_open} of {regions} left" if self.n_open else f"All {regions} settled"


def why_none(item: ItemData, view: ViewState | None) -> str:
    """Say why an item has no regions to look for; "" where it may have some."""
    if item.blinded:
        return "Blinded reading: nothing of the machine is shown."
    if view is None or item.heat is None or not view.heatmap_classes:
        return "" if view is None else view.legend
    return ""


def proposal_of(found: ReviewedRegions, *, is_unsaved: bool, has_version: bool) -> Verdict | None:
    """Say what a label could be recorded as: nothing while a region is open, or none was found.

    Parameters
    ----------
    found : ReviewedRegions
        What was said.
    is_unsaved : bool
        Whether the label has strokes that no version holds.
    has_version : bool
        Whether a corrected version of it is on the screen.
    """
    if not found.regions or found.n_open:
        return None
    kinds = {one.entry.kind for one in found.settled if one is not None}
    is_corrected = is_unsaved or ("repainted" in kinds and has_version)
    return Verdict.CORRECTED if is_corrected else Verdict.ACCEPTED


def volume_in_words(n_voxels: int, geometry: Geometry) -> str:
    """Say a size: in millilitres where the spacing is known, else in voxels."""
    if geometry.spacing_known:
        ml = n_voxels * geometry.voxel_volume_ml
        return f"{ml:,.0f} ml" if ml >= 9.95 else f"{ml:.2g} ml"
    return f"{n_voxels:,} vx"


def hot_rows(found: ReviewedRegions, classes: ClassTable) -> tuple[HotRow, ...]:
    """Say every region in words."""
    return tuple(
        _row(number, region, settled, found.geometry, classes)
        for number, (region, settled) in enumerate(zip(found.regions, found.settled, strict=True), start=1)
    )


def _row(
    number: int, region: HotRegion, settled: SettledRegion | None, geometry: Geometry, classes: ClassTable
) -> HotRow:
    from napari_aleatoric.uncertainty import side_in_words, slices_in_words

    first, last = (z + 1 for z in region.slices)
    name, place = classes.name_of(region.class_index), side_in_words(region.centre_zyx, geometry)
    kind = "" if settled is None else str(settled.entry.kind)
    by = "" if settled is None else settled.entry.reader
    said = "open" if settled is None else f"{STATE_WORDS[kind][2:]} ({by}), for {settled.part:.0%} of it"
    mass = f"{region.mass:.3g} {'ml' if geometry.spacing_known else 'voxels'}"
    tip = "\n".join(
        (
            f"{name} {slices_in_words(*region.slices)}{f', {place}' if place else ''}",
            f"{region.n_voxels:,} voxels; heat {region.mean:.2f} on average, {region.top:.2f} at most; mass {mass}",
            said,
        )
    )
    return HotRow(
        number=number,
        class_index=region.class_index,
        class_name=name,
        slices=str(first) if first == last else f"{first}–{last}",
        place=place,
        size=volume_in_words(region.n_voxels, geometry),
        heat=f"{region.mean:.2f}–{region.top:.2f}",
        state=STATE_WORDS.get(kind, ""),
        kind=kind,
        by=by,
        tip=tip,
        centre_zyx=region.centre_zyx,
    )
