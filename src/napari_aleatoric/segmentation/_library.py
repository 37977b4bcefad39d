"""The prompt library: from a word to sentences, completions, what worked before, and a question for help."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from napari_aleatoric.errors import DataError

from ._library_file import OWN_FILE, LibraryFile, Structure, Worked, read_library_file, read_worked
from ._library_sentence import UNKNOWN_MODALITY, filled_in
from ._query import Query, Side
from ._spec import SentenceKind

__all__ = ["PromptLibrary"]

_WORDS = Path(__file__).with_name("words.yaml")
_ARTICLE = re.compile(r"^(?:the|a|an|my|his|her|this|that)\s+", re.IGNORECASE)
_SIDE = re.compile(r"\b(left|right)\b[\s-]*(sided\b)?", re.IGNORECASE)
_SENTENCE_WORDS = 5  # so many words are a sentence, and asked as it is
_MOST_SENTENCES = 12
_BESIDE = 3  # sentences of a structure's name that are asked beside other words for it
_OTHERS_SENTENCES = 2  # of each thing that a query is held against


@dataclass(frozen=True)
class PromptLibrary:
    """Words, sentences and what worked.

    Parameters
    ----------
    content : LibraryFile
        Templates and structures.
    worked : tuple of Worked
        Sentences that led to accepted masks in this project, the latest first.
    """

    content: LibraryFile
    worked: tuple[Worked, ...] = ()

    @classmethod
    def load(cls, workspace: Path | None = None) -> PromptLibrary:
        """Read the library that comes with the program and, over it, what a workspace has.

        Parameters
        ----------
        workspace : Path, optional
            May hold ``prompts.yaml`` (words of its own, of the form of ``words.yaml``) and ``prompts_worked.yaml``.

        Raises
        ------
        DataError
            If a file of the workspace is not understood.
        """
        content = _shipped()
        if workspace is None:
            return cls(content)
        own = workspace / OWN_FILE
        if own.is_file():
            content = read_library_file(own).over(content)
        return cls(content, read_worked(workspace))

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it knows by name, without synonyms."""
        return tuple(self.content.structures)

    def find(self, text: str) -> tuple[str, Structure, Side] | None:
        """Find a structure by its name or another word for it, and the side that is said of a pair."""
        text = _plain(text)
        bare, side = _without_side(text)
        for name, structure in self.content.structures.items():
            if any(_same(word, bare) or _same(word, text) for word in (name, *structure.words)):
                return name, structure, side if structure.paired else ""
        return None

    def named_in(self, text: str) -> tuple[tuple[str, Structure], ...]:
        """Find every structure that is named in a text, by any of its words, in the order of the text."""
        found: dict[str, tuple[int, Structure]] = {}
        for name, structure in self.content.structures.items():
            for word in (name, *structure.words):
                match = re.search(rf"(?<!\w){re.escape(word)}s?(?!\w)", text, re.IGNORECASE)
                if match and match.start() < found.get(name, (len(text), structure))[0]:
                    found[name] = (match.start(), structure)
        return tuple((name, s) for name, (_, s) in sorted(found.items(), key=lambda row: row[1][0]))

    def query(self, text: str, *, modality: str = "", kind: SentenceKind = "auto") -> Query:
        """Make a query from what a person typed.

        Sentences that worked in this project for the same words go first ("auto"); a whole sentence (five words or
        more) that names no structure is asked as it is; words become the sentences of their kind. Kinds after the
        paper's P0, P2 and P3 (arXiv 2409.19483): plain sentences for large organs, sentences that say how it looks
        for small lesions. Another word for a structure, or a sentence that names one, is asked once, beside the
        sentences of the structure's name (our own proposal): a model need not know every word. Of such a sentence
        the side holds that it says of one of a pair ("tumour in the left kidney"); what is looked for is what it
        names first; and it is not held against anything that it names.

        Parameters
        ----------
        text : str
            "liver", "left kidney", or a sentence.
        modality : str
            "CT", "MR", …; "" where unknown.
        kind : str
            Which sentences; see `SliceSpec.sentence`.

        Raises
        ------
        DataError
            If nothing was typed.
        """
        text = " ".join(text.split())
        if not text:
            raise DataError("Expected words that say what to look for, such as 'liver'; got none.")
        found = self.find(text)
        structure, side = (found[1], found[2]) if found else (Structure(), "")
        named = () if found else self.named_in(text)
        if named:
            side = self._side_in(text, named)
        counted = named[0][1] if named else structure
        pieces = 2 if counted.paired and not side else counted.pieces
        others = self._others({found[0]} if found else {name for name, _ in named}, modality)
        if kind == "as-written":
            return Query(text, (text,), others, side, pieces)
        before = self._before(text, modality) if kind == "auto" else ()
        if before:
            return Query(text, before, others, side, pieces)
        if named and kind == "auto":
            name, structure = named[0]
            found = name, structure, side if structure.paired else ""
        elif found is None and len(text.split()) >= _SENTENCE_WORDS:
            return Query(text, (text,), others, side, pieces)
        wanted = structure.prefers if kind == "auto" else kind
        plain = _plain(text)
        words = plain if found is None else f"{found[2]} {found[0]}".strip()
        sentences = self._sentences(words, structure, modality, wanted)
        if found is not None and not _same(words, plain) and not _same(found[0], _without_side(plain)[0]):
            own = (text,) if named else self._sentences(plain, structure, modality, wanted)[:1]
            sentences = (*own, *sentences[:_BESIDE])
        return Query(text, sentences, others, side, pieces)

    def modality_in_words(self, modality: str) -> str:
        """Return what a modality is called in sentences; "" where it is not known."""
        return next(iter(self.content.modalities.get(modality, ())), modality)

    def complete(self, prefix: str, *, most: int = 12) -> tuple[str, ...]:
        """Return what may be meant by the beginning of a word: what worked first, then names, then synonyms."""
        start = prefix.casefold().strip()
        names = [
            w for n, s in self.content.structures.items() for w in ((f"left {n}", f"right {n}") if s.paired else ())
        ]
        synonyms = [word for s in self.content.structures.values() for word in s.words]
        words = dict.fromkeys([*(w.text for w in self.worked), *self.names, *names, *synonyms])
        hits = [w for w in words if any(p.startswith(start) for p in (w.casefold(), *w.casefold().split()))]
        return tuple(sorted(hits, key=lambda w: not w.casefold().startswith(start))[:most])

    def question(self, text: str, *, modality: str = "") -> str:
        """Return a question that may be copied into a language model to get better sentences; nothing is sent."""
        found = self.find(text)
        region = f" of the {found[1].region}" if found and found[1].region != "body" else ""
        called = self.modality_in_words(modality)
        image = f"{called or UNKNOWN_MODALITY} images{region}"
        form = filled_in("A medical {modality} image showing ...", called)
        return (
            f"I look for '{text.strip()}' in {image} with a model that compares pictures with English sentences "
            f"(CLIP for medical images). Write five sentences of at most 25 words, each of the form '{form}', "
            "that say what it looks like there: shape, brightness against its surroundings, border, place and "
            "neighbours. One sentence in a line, no numbering, nothing about treatment or patients. Mark with "
            "(small) those that describe it when it is small or ill-defined."
        )

    # -- parts ------------------------------------------------------------------------------------------

    def _side_in(self, text: str, named: Iterable[tuple[str, Structure]]) -> Side:
        """Return the side that a sentence says of one of a pair: not that of a lobe, and "" if it says both.

        It stands before the structure, or at the end: "the left kidney", "the kidney on the left side".
        """
        side = _without_side(text)[1]
        words = [word for name, each in named if each.paired for word in (name, *each.words)]
        if not side or not words:
            return ""
        one = "|".join(re.escape(word) for word in words)
        before = rf"\b{side}\b(?:[\s-]*sided\b)?\s+(?:\w+\s+)?(?:{one})s?\b"
        behind = rf"\b(?:{one})s?\b.*\b{side}\b(?:[\s-]+(?:hand\s+)?side)?\s*[.,;]?$"
        said = any(re.search(each, text, re.IGNORECASE) for each in (before, behind))
        return side if said else ""

    def _before(self, text: str, modality: str) -> tuple[str, ...]:
        for each in self.worked:
            if _same(each.text, text) and each.modality in ("", modality):
                return each.sentences
        return ()

    def _sentences(self, words: str, structure: Structure, modality: str, kind: str) -> tuple[str, ...]:
        looks = structure.looks.get(modality) or structure.looks.get("any") or ()
        if kind == "specific" and not looks:
            kind = "generic"
        called = self.modality_in_words(modality)
        made = [
            filled_in(template, called, structure=words, region=structure.region, look=look)
            for template in self._templates(kind)
            for look in (looks if "{look}" in template else ("",))
        ]
        return tuple(dict.fromkeys(made))[:_MOST_SENTENCES]

    def _templates(self, kind: str) -> Iterable[str]:
        found = self.content.templates.get(kind)  # type: ignore[call-overload]
        if not found:
            raise DataError(f"The prompt library has no templates of the kind '{kind}'. Add some to {OWN_FILE}.")
        return tuple(found)

    def _others(self, without: set[str], modality: str) -> tuple[tuple[str, ...], ...]:
        """Sentences for everything else that it knows, of the plain kind: what a query is held against."""
        return tuple(
            self._sentences(other, structure, modality, "generic")[:_OTHERS_SENTENCES]
            for other, structure in self.content.structures.items()
            if other not in without
        )


@cache
def _shipped() -> LibraryFile:
    return read_library_file(_WORDS)


def _plain(text: str) -> str:
    """Return words without an article before them and a full stop behind them."""
    return _ARTICLE.sub("", text.strip().rstrip(".").strip())


def _without_side(text: str) -> tuple[str, Side]:
    found = {match.group(1).lower() for match in _SIDE.finditer(text)}
    if len(found) != 1:
        return text, ""
    return " ".join(_SIDE.sub(" ", text).split()), "left" if found == {"left"} else "right"


def _same(a: str, b: str) -> bool:
    return " ".join(a.casefold().split()) == " ".join(b.casefold().split())
