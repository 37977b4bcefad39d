"""Wishes and facts in, one frozen picture out: why something is visible has one answer."""

from __future__ import annotations

from dataclasses import dataclass

from napari_aleatoric.model import ClassTable
from napari_aleatoric.uncertainty import MAPS

from ._barred import barred_in_words
from ._item import ItemData
from ._options import ViewOptions
from ._places import HotPlace

__all__ = ["ViewState", "resolve"]


@dataclass(frozen=True)
class ViewState:
    """What is to be seen.

    Parameters
    ----------
    title : str
        Short text for the canvas; the viewer adds the sides of the patient.
    has_sides : bool
        Whether the axes run along the patient's: x to the left, y to posterior, z to superior.
    heatmap_visible : bool
        Whether there is a map and it is wanted.
    heatmap_classes : tuple of int
        Classes whose maps are shown (their maximum).
    heatmap_opacity : float
        0..1.
    heatmap_limits : tuple of float
        Map values 0..255 drawn as coldest and hottest; the same for every case.
    legend, legend_help : str
        The map in a few words, and in full.
    label_visible, label_outline, original_visible : bool
        Label layers.
    places : tuple of HotPlace
        Places to jump to under the present choice, hottest first.
    barring : bool
        Whether what is not to be learned from is being painted, instead of the label.
    barred_visible : bool
        Whether it is shown.
    barred : str
        How much that is, in a sentence; "" for nothing.
    blinded : bool
        Whether this is a blinded reading: nothing of others or the machine is shown.
    """

    title: str
    has_sides: bool
    heatmap_visible: bool
    heatmap_classes: tuple[int, ...]
    heatmap_opacity: float
    heatmap_limits: tuple[float, float]
    legend: str
    legend_help: str
    label_visible: bool
    label_outline: bool
    original_visible: bool
    places: tuple[HotPlace, ...]
    barring: bool = False
    barred_visible: bool = False
    barred: str = ""
    blinded: bool = False

    @property
    def remark(self) -> str:
        """What is to be known while painting: a second line for the canvas."""
        if self.barring:
            return "Painting what is not to be learned from"
        return self.barred or (
            "BLINDED READING: neither others nor the machine until you answer" if self.blinded else ""
        )


def resolve(item: ItemData, options: ViewOptions, classes: ClassTable) -> ViewState:
    """Decide what is shown of an item.

    Parameters
    ----------
    item : ItemData
        The facts.
    options : ViewOptions
        The wishes.
    classes : ClassTable
        Names for the legend.

    Returns
    -------
    ViewState
        Frozen; two equal states look the same.
    """
    available = () if item.heat is None else item.heat.class_indices
    shown = tuple(c for c in available if c not in options.hidden_classes)
    visible = options.heatmap_on and bool(shown) and not item.blinded
    places = () if item.heat is None else item.heat.places(shown)
    n_barred = 0 if item.barred is None else item.barred.n_voxels
    barring = options.barring and item.barred is not None
    return ViewState(
        title=_title(item),
        has_sides=item.image.geometry.spacing_known,
        heatmap_visible=visible,
        heatmap_classes=shown,
        heatmap_opacity=options.heatmap_opacity,
        heatmap_limits=(255.0 * options.threshold, 255.0),
        legend=_legend(item, shown, available, classes),
        legend_help=MAPS[item.map_name].sentence if visible else "",
        label_visible=options.label_visible,
        label_outline=options.label_outline,
        original_visible=options.original_visible and item.original is not None and not item.blinded,
        places=tuple(p for p in places if p.value >= options.threshold),
        barring=barring,
        barred_visible=barring or bool(n_barred),
        barred=barred_in_words(n_barred, item.image.geometry),
        blinded=item.blinded,
    )


def _title(item: ItemData) -> str:
    parts = [str(item.key)]
    if item.reading == "open":
        parts.append("my reading")
    elif item.reading == "changed":
        parts.append("changed after the answer")
    elif item.label_version and not item.reading:
        parts.append("corrected label")
    geometry = item.image.geometry
    if geometry.spacing_known and geometry.obliquity_deg > 5.0:
        parts.append(f"scan axes are tilted by up to {geometry.obliquity_deg:.0f}°")
    return " · ".join(parts)


def _legend(item: ItemData, shown: tuple[int, ...], available: tuple[int, ...], classes: ClassTable) -> str:
    if item.blinded:
        return "Blinded reading: nothing of the machine is shown."
    if item.map_on_its_way:
        return f"Reading the map ({MAPS[item.map_name].legend}) …"
    if item.heat is None:
        return MAPS[item.map_name].missing
    if not shown:
        return "All classes are switched off."
    which = "all classes" if shown == available else ", ".join(classes.name_of(c) for c in shown)
    return f"{MAPS[item.map_name].legend}, {which}; one scale"
