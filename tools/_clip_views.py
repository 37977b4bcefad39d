"""Views of labelled slices, and sentences that are true, or surely not true, of what is in them.

A view is a random window of a slice; its facts are found anew from the labels in it, so that words stay tied to
places. Many labels are not whole (a spine is seen in an abdomen whose labels have none), so of every source it is
known which words may be true without a label; they are never taken for absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from napari_aleatoric.model import ClassTable
from napari_aleatoric.segmentation import PromptLibrary
from napari_aleatoric.segmentation._captions import Caption, _name, caption_facts
from napari_aleatoric.segmentation._slice_facts import SliceFact, facts_of

__all__ = [
    "GRID",
    "LABEL_SIDE",
    "SIDE",
    "Claim",
    "LabelledSlice",
    "Said",
    "View",
    "absent_words",
    "bare_name",
    "may_be_true",
    "may_be_unlabelled",
    "say",
    "sentence_about",
    "shows_none",
    "surely_absent",
    "view_of",
]

SIDE = 224  # pixels of a view
LABEL_SIDE = 112  # of its labels, and of the image that facts are found in
GRID = 14  # patches
_QUALIFIERS = ("left", "right", "anterior", "posterior")
_MAY_BE_THERE = {  # regions of the prompt library, and names, that a source's labels say nothing about
    "samples": {"abdomen", "trunk", "body", "chest", "lung"},
    "hippocampus": {"head", "body"},
    "nodules": {"chest", "trunk", "body"},
    "sarcomas": {"body", "trunk", "pelvis", "abdomen"},
    "bodies": {"body", "breast", "thyroid", "uterus", "lung nodule"},
}
_LABELLED = {  # … but for these, which are always labelled where they are seen
    "samples": {"liver", "spleen", "kidney", "tumour"},
    "hippocampus": {"hippocampus"},
    "nodules": {"lung nodule"},
    "sarcomas": {"tumour"},
    "bodies": set(),
}
_ALIKE = {"lung nodule": "tumour"}  # one may be called the other
_FROM_LIBRARY = 0.4  # of the captions are the library's own sentences
_WITHOUT_MODALITY = 0.25  # of the sentences do not know the modality, as images in files often do not
_WITHOUT_SIDES = 0.4  # of the views are spoken of without left and right
_KNOWS_SIDES_FROM = 0.5  # of a slice that is in view: below it nobody could tell the side
_SHIPPED = PromptLibrary.load()


class _QuickLibrary(PromptLibrary):
    """The library that comes with the program; each word is looked up once."""

    def find(self, text: str) -> Any:
        return _found(text)


@cache
def _found(text: str) -> Any:
    return _SHIPPED.find(text)


LIBRARY = _QuickLibrary(_SHIPPED.content)


@dataclass(frozen=True, eq=False)
class LabelledSlice:
    """One slice as it is shown, with its labels.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (Y, X)
        Grey.
    label : numpy.ndarray of uint8, shape (Y, X)
        Values of ``names``.
    names : dict of int to str
        What they mean.
    source, case_id, modality : str
        Where it comes from.
    axis : int
        0, 1, 2 = axial, coronal, sagittal.
    lps_x : tuple of float
        Position from the patient's right to left, mm: of the corner, for a column, for a row; empty where sides are
        not known.
    middle_lps_x, width_mm : float
        Of the body.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    names: dict[int, str]
    source: str
    case_id: str
    modality: str
    axis: int
    lps_x: tuple[float, ...] = ()
    middle_lps_x: float = 0.0
    width_mm: float = 0.0


@dataclass(frozen=True)
class Claim:
    """What a sentence says: that all these structures are there, and more about them if it does.

    Parameters
    ----------
    names : tuple of str
        With their side, if it is said.
    kind : str
        As of `Caption`.
    said : tuple of str
        Place, extent or look, by kind.
    modality, axis
        Of the slice that it was made for; the modality is "" where the sentence does not know it.
    """

    names: tuple[str, ...]
    kind: str
    said: tuple[str, ...]
    modality: str
    axis: int


@dataclass(frozen=True, eq=False)
class View:
    """A window of a slice and what is true of it.

    Parameters
    ----------
    pixels : torch.Tensor of float32, shape (SIDE, SIDE)
        0 … 1; empty once the frozen layers have seen it.
    label : numpy.ndarray, shape (LABEL_SIDE, LABEL_SIDE)
        Values of ``names``.
    names : dict of int to str
        With left and right.
    whole, merged : tuple of SliceFact
        What is true of it, with sides, and with left and right, front and back, or many parts as one.
    touched : frozenset of str
        Names of all that has a pixel in it, with and without sides.
    tells_sides : bool
        Whether left and right can be told in it.
    source, modality, axis
        Of its slice.
    """

    pixels: torch.Tensor
    label: NDArray[np.uint8]
    names: dict[int, str]
    whole: tuple[SliceFact, ...]
    merged: tuple[SliceFact, ...]
    touched: frozenset[str]
    tells_sides: bool
    source: str
    modality: str
    axis: int

    @property
    def facts(self) -> tuple[SliceFact, ...]:
        """All that is true, with and without sides."""
        return tuple(dict.fromkeys((*self.whole, *self.merged)))


@dataclass(frozen=True, eq=False)
class Said:
    """One sentence about a view.

    Parameters
    ----------
    text : str
        True of it.
    claim : Claim
        What it says.
    place : numpy.ndarray of float32, shape (GRID, GRID)
        Part of each patch that it speaks of.
    """

    text: str
    claim: Claim
    place: NDArray[np.float32]


@cache
def bare_name(name: str) -> str:
    """Return a name without its side, by the library's own word for it if it has one."""
    bare = " ".join(word for word in name.split() if word not in _QUALIFIERS)
    found = LIBRARY.find(bare)
    return found[0] if found else bare


@cache
def _own_name(name: str) -> str:
    """Return a name in the library's words, with its side."""
    sides = [word for word in name.split() if word in _QUALIFIERS]
    return " ".join([*sides, bare_name(name)])


def view_of(item: LabelledSlice, rng: np.random.Generator, *, strength: float = 1.0) -> View | None:
    """Look at a slice, or at a random window of it; None if nothing that is labelled is in it.

    Parameters
    ----------
    item : LabelledSlice
        The slice.
    rng : numpy.random.Generator
        Draws window and look.
    strength : float
        0 = the whole slice as it is; 1 = in half of the cases a window of a third to all of its sides, turned,
        stretched, with other contrast and noise. Never mirrored, so the patient's left stays left.
    """
    scale = float(rng.uniform(0.33, 1.0)) if rng.random() < 0.5 * strength else 1.0
    pixels, label, lps_x = _window(item, rng, scale, strength)
    step = SIDE // LABEL_SIDE
    grey = (pixels.numpy()[::step, ::step] * 255).astype(np.uint8)
    label = label[::step, ::step]
    lps_x = None if lps_x is None else lps_x[::step, ::step]
    with_sides = bool(item.lps_x) and scale >= _KNOWS_SIDES_FROM
    options: dict[str, Any] = {"lps_x": lps_x, "middle_lps_x": item.middle_lps_x, "width_mm": item.width_mm}
    options = options if with_sides else {}
    whole = _facts(grey, label, item.names, options)
    merged_label, merged_names = _merged(label, item.names)
    merged = _facts(grey, merged_label, merged_names, options)
    if not whole or not merged:
        return None
    names = [item.names[v] for v in np.unique(label) if v in item.names]
    touched = frozenset({_own_name(n) for n in names} | {bare_name(n) for n in names})
    looked = _look(pixels, rng, strength)
    tells = with_sides or not item.lps_x
    return View(looked, label, item.names, whole, merged, touched, tells, item.source, item.modality, item.axis)


def say(view: View, rng: np.random.Generator, n: int = 1, *, held_out: bool = False) -> list[Said]:
    """Draw sentences about a view, each about something else that is in it; fewer if there is less.

    Parameters
    ----------
    view : View
        What is spoken of.
    rng : numpy.random.Generator
        Draws structures and words: a structure by lot first, so that small ones are spoken of as often.
    n : int
        How many.
    held_out : bool
        Take the wordings that are never learnt from.
    """
    sides = view.tells_sides and rng.random() >= _WITHOUT_SIDES
    facts, label = (view.whole, view.label) if sides else (view.merged, _merged(view.label, view.names)[0])
    about = {f.class_index: f for f in facts}
    found = []
    for number in rng.permutation(len(facts))[:n]:
        modality = _modality(view, rng)
        caption = _draw(facts, facts[int(number)], view, modality, rng, held_out)
        rows = [about[index] for index in caption.class_indices]
        claim = Claim(
            tuple(_own_name(f.name) for f in rows),
            caption.kind,
            _said(caption.kind, rows),
            modality,
            view.axis,
        )
        block = LABEL_SIDE // GRID
        seen = np.isin(label, caption.class_indices).reshape(GRID, block, GRID, block)
        found.append(Said(caption.text, claim, seen.mean(axis=(1, 3), dtype=np.float32)))
    return found


def _window(
    item: LabelledSlice, rng: np.random.Generator, scale: float, strength: float
) -> tuple[torch.Tensor, NDArray[np.uint8], NDArray[np.float64] | None]:
    """Cut a window out: grey in 0 … 1, labels, and the position of its pixels from right to left."""
    height, width = item.image.shape
    angle = rng.normal(0, 0.12) * strength
    stretch = float(np.exp(rng.normal(0, 0.08 * strength)))
    half = 0.5 * scale * np.array([width * stretch, height / stretch])
    centre = np.array([width, height]) / 2.0
    if scale < 1.0:  # mostly round something that is labelled
        ys, xs = np.nonzero(item.label)
        k = int(rng.integers(len(ys)))
        centre = np.array([xs[k], ys[k]]) + rng.uniform(-0.6, 0.6, 2) * half
        centre = np.clip(centre, 0.8 * half, np.array([width, height]) - 0.8 * half)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]]) @ np.diag(half)  # from -1 … 1 to pixels of the slice
    steps = (np.arange(SIDE) + 0.5) * 2 / SIDE - 1
    x = turn[0, 0] * steps[None, :] + turn[0, 1] * steps[:, None] + centre[0] - 0.5
    y = turn[1, 0] * steps[None, :] + turn[1, 1] * steps[:, None] + centre[1] - 0.5
    grid = np.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], axis=-1).astype(np.float32)
    image = torch.from_numpy(item.image.astype(np.float32) / 255.0)[None, None]
    at = torch.from_numpy(grid)[None]
    pixels = F.grid_sample(image, at, mode="bilinear", padding_mode="zeros", align_corners=False)[0, 0]
    rows, columns = np.rint(y).astype(int), np.rint(x).astype(int)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    label = np.where(inside, item.label[rows.clip(0, height - 1), columns.clip(0, width - 1)], 0).astype(np.uint8)
    lps_x = item.lps_x[0] + item.lps_x[1] * x + item.lps_x[2] * y if item.lps_x else None
    return pixels, label, lps_x


def _look(image: torch.Tensor, rng: np.random.Generator, strength: float) -> torch.Tensor:
    """Other scanners, mildly: what is brighter than its surroundings stays so."""
    if rng.random() < 0.6 * strength:
        image = image.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.6 * strength:
        image = (image - 0.5) * float(np.exp(rng.normal(0, 0.2))) + 0.5 + float(rng.normal(0, 0.08))
    if rng.random() < 0.5 * strength:
        image = image + torch.from_numpy(rng.normal(0, rng.uniform(0.01, 0.05), image.shape).astype(np.float32))
    return image.clamp(0, 1)


def _facts(
    grey: NDArray[np.uint8], label: NDArray[np.uint8], names: dict[int, str], options: dict[str, Any]
) -> tuple[SliceFact, ...]:
    here = {value: names[value] for value in np.unique(label).tolist() if value in names}
    classes = ClassTable.from_names({v: here.get(v, "-") for v in range(1, max(here, default=0) + 1)})
    return facts_of(grey, label, classes, **options)


def _merged(label: NDArray[np.uint8], names: dict[int, str]) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Left and right, front and back, or many parts as one structure."""
    first: dict[str, int] = {}
    table = np.zeros(256, dtype=np.uint8)
    for value in sorted(names):
        table[value] = first.setdefault(bare_name(names[value]), value)
    return table[label], {value: name for name, value in first.items()}


def _modality(view: View, rng: np.random.Generator) -> str:
    """Return a view's modality, at times "" for one that is not known."""
    return view.modality if rng.random() >= _WITHOUT_MODALITY else ""


def _draw(
    facts: Sequence[SliceFact], fact: SliceFact, view: View, modality: str, rng: np.random.Generator, held_out: bool
) -> Caption:
    """Draw one sentence about a structure; at times about all of them."""
    if not held_out and rng.random() < _FROM_LIBRARY:
        text = sentence_for(_name(fact, rng, LIBRARY, False), modality, rng)
        return Caption(text, (fact.class_index,), "plain")
    captions = caption_facts(facts, modality, view.axis, rng, LIBRARY, held_out=held_out)
    several = [c for c in captions if c.kind == "all"]
    if several and rng.random() < 0.1:
        return several[0]
    about = [c for c in captions if c.class_indices == (fact.class_index,)]
    return about[int(rng.integers(len(about)))]


def sentence_for(words: str, modality: str, rng: np.random.Generator) -> str:
    """Draw one of the sentences that the prompt library would ask for some words."""
    kind = ("noun", "generic", "generic", "specific")[int(rng.integers(4))]
    sentences = _sentences(words, modality, kind)
    return sentences[int(rng.integers(len(sentences)))]


@cache
def _sentences(words: str, modality: str, kind: str) -> tuple[str, ...]:
    return LIBRARY.query(words, modality=modality, kind=kind).sentences  # type: ignore[arg-type]


def _said(kind: str, rows: Sequence[SliceFact]) -> tuple[str, ...]:
    if kind == "side":
        return (rows[0].place,)
    if kind == "size":
        return (rows[0].extent,)
    return (rows[0].brightness, str(rows[0].even)) if kind == "look" else ()


def may_be_true(claim: Claim, view: View) -> bool:
    """Tell whether a sentence may be true of a view; in doubt, yes: then it does not count against it."""
    if claim.kind not in ("noun", "size", "look") and claim.modality not in ("", view.modality):
        return False
    for name in claim.names:
        if name not in view.touched and not may_be_unlabelled(name, view.source):
            return False
    known = [f for f in view.facts if claim.said and _own_name(f.name) == claim.names[0]]
    return not known or any(_said(claim.kind, [f]) == claim.said for f in known)


def shows_none(claim: Claim, view: View) -> bool:
    """Tell whether a view surely shows nothing of what a sentence names."""
    return not any(name in view.touched or may_be_unlabelled(name, view.source) for name in claim.names)


@cache
def may_be_unlabelled(name: str, source: str) -> bool:
    """Whether something may be in the images of a source without being labelled."""
    bare = bare_name(name)
    if bare in _LABELLED[source]:
        return False
    structure = LIBRARY.content.structures.get(bare)
    doubtful = _MAY_BE_THERE[source]
    return (bare in doubtful or _ALIKE.get(bare) in _LABELLED[source]) or (
        structure is not None and structure.region in doubtful
    )


def surely_absent(view: View) -> list[str]:
    """Return what the library knows and a view surely does not show."""
    return [name for name in LIBRARY.names if name not in view.touched and not may_be_unlabelled(name, view.source)]


def absent_words(view: View, rng: np.random.Generator, n: int) -> list[Said]:
    """Draw sentences about structures of the library that are surely not in a view; fewer if there are fewer."""
    names = surely_absent(view)
    found = []
    for number in rng.permutation(len(names))[:n]:
        name = names[int(number)]
        modality = _modality(view, rng)
        text = sentence_for(_name(_spoken(name), rng, LIBRARY, False), modality, rng)
        nowhere = np.zeros((GRID, GRID), dtype=np.float32)
        found.append(Said(text, Claim((name,), "noun", (), modality, view.axis), nowhere))
    return found


def sentence_about(name: str, rng: np.random.Generator) -> str:
    """Draw a sentence, or a word, that names one structure, whatever the modality."""
    modality = ("CT", "MR", "")[int(rng.integers(3))]
    return sentence_for(_name(_spoken(name), rng, LIBRARY, False), modality, rng)


def _spoken(name: str) -> SliceFact:
    return SliceFact(0, name, 0.0, "", "medium", "similar", even=True)
