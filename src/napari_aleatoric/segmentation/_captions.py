"""Slices with captions, from a labelled data set: what a small text-image model learns from.

Wordings come in two sets that share none: one to learn from, one held out for the question whether the model
understands words and paraphrases that it has not seen. Our own proposal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import GeometryMismatchError
from napari_aleatoric.model import ClassTable, LabelMap, Volume, describe

from ._library import PromptLibrary
from ._library_sentence import filled_in
from ._slice_facts import SliceFact, facts_of
from ._spec import Plane
from ._stack import SliceStack

__all__ = ["Caption", "CaptionedSlice", "caption_facts", "captioned_slices", "held_out_words"]

_LEARNT = {
    "noun": ("{it}", "the {it}", "a {it}"),
    "plain": (
        "A {plane} {modality} slice with the {it}.",
        "The {it} in a {modality} slice.",
        "{modality} image that shows the {it}.",
        "One can see the {it} in this {plane} slice.",
    ),
    "side": (
        "The {it} on the patient's {place} in a {modality} slice.",
        "A {plane} {modality} slice, the {it} lies on the {place}.",
    ),
    "size": ("A {extent} {it} in a {modality} slice.", "A {plane} slice that cuts a {extent} part of the {it}."),
    "look": ("The {it} is {look} in this {modality} slice.", "A {modality} slice with the {it}, {look}."),
    "all": ("A {plane} {modality} slice that shows {all}.", "{modality} slice with {all}."),
}
_HELD_OUT = {
    "noun": ("{it} region", "view of the {it}"),
    "plain": (
        "Cross-section ({modality}) in which the {it} is visible.",
        "Here the {it} appears on a {plane} {modality} picture.",
    ),
    "side": ("{modality} picture, {place} half of the body: {it} in view.",),
    "size": ("On this {modality} picture the {it} takes up a {extent} area.",),
    "look": ("Looking {look}, the {it} is seen on {modality}.",),
    "all": ("Visible structures on this {plane} {modality} picture: {all}.",),
}
_LOOKS = {"bright": "brighter than what is around it", "dark": "darker than what is around it", "similar": ""}
_PLANES = {0: "axial", 1: "coronal", 2: "sagittal"}


@dataclass(frozen=True)
class Caption:
    """One sentence about a slice.

    Parameters
    ----------
    text : str
        The sentence.
    class_indices : tuple of int
        The classes that it speaks of.
    kind : str
        noun, plain, side, size, look or all.
    """

    text: str
    class_indices: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class CaptionedSlice:
    """One slice and what may be said about it.

    Parameters
    ----------
    case_id : str
        Which case.
    axis : int
        Array axis of the upright image that the slice is cut across.
    number : int
        Which slice; its pixels are ``SliceStack.image(number)``.
    facts : tuple of SliceFact
        What is true.
    captions : tuple of Caption
        Sentences to learn from.
    held_out : tuple of Caption
        Sentences of the held-out wordings, with the held-out other words of a structure: never to be learnt from.
    """

    case_id: str
    axis: int
    number: int
    facts: tuple[SliceFact, ...]
    captions: tuple[Caption, ...]
    held_out: tuple[Caption, ...]


def captioned_slices(
    case_id: str,
    volume: Volume,
    label: LabelMap,
    classes: ClassTable,
    *,
    plane: Plane = "acquired",
    window: tuple[float, float] | None = None,
    every: int = 1,
    seed: int = 0,
    library: PromptLibrary | None = None,
) -> Iterator[tuple[CaptionedSlice, NDArray[np.uint8]]]:
    """Caption the slices of a labelled image; those without a labelled structure are left out.

    Parameters
    ----------
    case_id : str
        Name of the case; with the seed it decides the wording.
    volume, label : Volume, LabelMap
        In any axis order, on the same points.
    classes : ClassTable
        What the label values mean.
    plane, window
        As of `SliceStack.of`.
    every : int
        Take each so-many-th slice.
    seed : int
        Decides which wordings are drawn.
    library : PromptLibrary, optional
        Other words of structures.

    Yields
    ------
    captioned : CaptionedSlice
        What is true of the slice, and the sentences.
    image : numpy.ndarray of uint8, shape (Y, X) or (Y, X, 3)
        The slice as it is shown.

    Raises
    ------
    GeometryMismatchError
        If the label does not lie on the image's points.
    """
    library = library or PromptLibrary.load()
    stack = SliceStack.of(volume, plane, window)
    upright = label.upright() if volume.upright() is not volume else label
    if not upright.geometry.same_grid(stack.volume.geometry):
        raise GeometryMismatchError(
            f"Expected a label on the points of the image ({describe(volume.geometry)}), got "
            f"{describe(label.geometry)}. Resample it first."
        )
    index = classes.index_map(upright.data)
    middle = stack.middle_lps_x()
    for number in range(0, len(stack), every):
        plane_index = stack.take(number, index)
        if not plane_index.any():
            continue
        image = stack.image(number)
        grey = image.mean(axis=-1).astype(np.uint8) if image.ndim == 3 else image
        lps_x = stack.lps_x(number) if stack.knows_sides else None
        facts = facts_of(grey, plane_index, classes, lps_x=lps_x, middle_lps_x=middle)
        if not facts:
            continue
        rng = np.random.default_rng([seed, number, stack.axis, *case_id.encode()])
        learnt, held_out = (
            caption_facts(facts, volume.modality, stack.axis, rng, library, held_out=held) for held in (False, True)
        )
        yield CaptionedSlice(case_id, stack.axis, number, facts, learnt, held_out), image


def caption_facts(
    facts: Sequence[SliceFact],
    modality: str,
    axis: int,
    rng: np.random.Generator,
    library: PromptLibrary,
    *,
    held_out: bool = False,
) -> tuple[Caption, ...]:
    """Put facts into sentences.

    For every structure a noun, a plain sentence and what can be said of its side, size and look; one sentence about
    all of them.

    Parameters
    ----------
    facts : sequence of SliceFact
        What is true of one slice.
    modality : str
        "CT", "MR", …; "" where unknown.
    axis : int
        0, 1, 2 = axial, coronal, sagittal.
    rng : numpy.random.Generator
        Draws among wordings and other words.
    library : PromptLibrary
        Other words of structures.
    held_out : bool
        Use the held-out wordings, and the held-out word of structures that have one.
    """
    templates = _HELD_OUT if held_out else _LEARNT
    common = {"modality": library.modality_in_words(modality), "plane": _PLANES[axis]}
    found: list[Caption] = []

    def say(kind: str, fact_rows: Sequence[SliceFact], **values: str) -> None:
        template = templates[kind][int(rng.integers(len(templates[kind])))]
        text = filled_in(template, **common, **values)
        found.append(Caption(text[0].upper() + text[1:], tuple(f.class_index for f in fact_rows), kind))

    names = [_name(fact, rng, library, held_out) for fact in facts]
    for fact, it in zip(facts, names, strict=True):
        say("noun", (fact,), it=it)
        say("plain", (fact,), it=it)
        if fact.place in ("left", "right") and fact.place not in it.split():
            say("side", (fact,), it=it, place=fact.place)
        if fact.extent != "medium":
            say("size", (fact,), it=it, extent=fact.extent)
        look = " and ".join(w for w in (_LOOKS[fact.brightness], "homogeneous" if fact.even else "patchy") if w)
        say("look", (fact,), it=it, look=look)
    if len(facts) > 1:
        listed = [f"the {it}" for it in names]
        say("all", facts, all=f"{', '.join(listed[:-1])} and {listed[-1]}")
    return tuple(found)


def held_out_words(name: str, modality: str, library: PromptLibrary) -> tuple[str, ...]:
    """Return what a structure may be asked by that nothing is learnt from: another word, and a whole sentence.

    Parameters
    ----------
    name : str
        Of a class; with its side, if it has one.
    modality : str
        "CT", "MR", …; "" where unknown.
    library : PromptLibrary
        Other words of structures.

    Returns
    -------
    tuple of str
        The word is left out where the library knows no second one.
    """
    known = library.find(name)
    sentence = filled_in(_HELD_OUT["plain"][0], library.modality_in_words(modality), it=name)
    if known is None or len(known[1].words) < 2:
        return (sentence,)
    return f"{known[2]} {known[1].words[-1]}".strip(), sentence


def _name(fact: SliceFact, rng: np.random.Generator, library: PromptLibrary, held_out: bool) -> str:
    """Return a word for a structure. Its last other word in the library is held out, if it has two or more."""
    known = library.find(fact.name)
    if known is None:
        return fact.name
    name, structure, side = known
    words = structure.words
    if held_out:
        chosen = words[-1] if len(words) > 1 else name
    else:
        some = (name, *(words[:-1] if len(words) > 1 else words))
        chosen = name if rng.random() < 0.5 else some[int(rng.integers(len(some)))]
    return f"{side} {chosen}" if side else chosen
