"""The prompt library: from a word to sentences, completions, what worked before, and a question for help."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path

from napari_aleatoric.errors import DataError

from ._library_file import OWN_FILE, LibraryFile, Structure, Worked, read_library_file, read_worked
from ._query import Query, Side
from ._spec import SentenceKind

__all__ = ["PromptLibrary"]

_WORDS = Path(__file__).with_name("words.yaml")
_SIDE = re.compile(r"\b(left|right)\b[\s-]*(sided\b)?", re.IGNORECASE)
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeioAEIO]|MRI\b|X-ray|[Uu]ltra)")
_SENTENCE_WORDS = 5  # so many words are a sentence, and asked as it is
_MOST_SENTENCES = 12
_OTHERS_SENTENCES = 2  # of each thing that a query is held against
_FALLBACK = "medical"


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
        bare, side = _without_side(text)
        for name, structure in self.content.structures.items():
            if any(_same(word, bare) or _same(word, text) for word in (name, *structure.words)):
                return name, structure, side if structure.paired else ""
        return None

    def query(self, text: str, *, modality: str = "", kind: SentenceKind = "auto") -> Query:
        """Make a query from what a person typed.

        Sentences that worked in this project for the same words go first ("auto"); a whole sentence (five words or
        more that name no structure) is asked as it is; words become the sentences of their kind. Kinds after the
        paper's P0, P2 and P3 (arXiv 2409.19483): plain sentences for large organs, sentences that say how it looks
        for small lesions. Another word for a structure is asked together with the structure's name (our own
        proposal): a model need not know every word.

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
        pieces = 2 if structure.paired and not side else structure.pieces
        others = self._others(found[0] if found else "", modality)
        if kind == "as-written":
            return Query(text, (text,), others, side, pieces)
        before = self._before(text, modality) if kind == "auto" else ()
        if before:
            return Query(text, before, others, side, pieces)
        if found is None and len(text.split()) >= _SENTENCE_WORDS:
            return Query(text, (text,), others, side, pieces)
        wanted = structure.prefers if kind == "auto" else kind
        asked = [self._sentences(words, structure, modality, wanted) for words in _asked(text, found)]
        sentences = dict.fromkeys(each for some in zip_longest(*asked) for each in some if each)
        return Query(text, tuple(sentences)[:_MOST_SENTENCES], others, side, pieces)

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
        image = f"{self._modality(modality)} images{region}"
        return (
            f"I look for '{text.strip()}' in {image} with a model that compares pictures with English sentences "
            "(CLIP for medical images). Write five sentences of at most 25 words, each of the form 'A medical "
            f"{self._modality(modality)} image showing ...', that say what it looks like there: shape, brightness "
            "against its surroundings, border, place and neighbours. One sentence in a line, no numbering, nothing "
            "about treatment or patients. Mark with (small) those that describe it when it is small or ill-defined."
        )

    # -- parts ------------------------------------------------------------------------------------------

    def _before(self, text: str, modality: str) -> tuple[str, ...]:
        for each in self.worked:
            if _same(each.text, text) and each.modality in ("", modality):
                return each.sentences
        return ()

    def _modality(self, modality: str) -> str:
        return self.modality_in_words(modality) or _FALLBACK

    def _sentences(self, words: str, structure: Structure, modality: str, kind: str) -> tuple[str, ...]:
        looks = structure.looks.get(modality) or structure.looks.get("any") or ()
        if kind == "specific" and not looks:
            kind = "generic"
        made = [
            with_articles(
                template.format(
                    structure=words, modality=self._modality(modality), region=structure.region, look=look
                )
            )
            for template in self._templates(kind)
            for look in (looks if "{look}" in template else ("",))
        ]
        return tuple(dict.fromkeys(made))[:_MOST_SENTENCES]

    def _templates(self, kind: str) -> Iterable[str]:
        found = self.content.templates.get(kind)  # type: ignore[call-overload]
        if not found:
            raise DataError(f"The prompt library has no templates of the kind '{kind}'. Add some to {OWN_FILE}.")
        return tuple(found)

    def _others(self, name: str, modality: str) -> tuple[tuple[str, ...], ...]:
        """Sentences for everything else that it knows, of the plain kind: what a query is held against."""
        return tuple(
            self._sentences(other, structure, modality, "generic")[:_OTHERS_SENTENCES]
            for other, structure in self.content.structures.items()
            if other != name
        )


@cache
def _shipped() -> LibraryFile:
    return read_library_file(_WORDS)


def with_articles(text: str) -> str:
    """Put "an" for "a" before what sounds like a vowel: "a MRI slice" becomes "an MRI slice"."""
    return _ARTICLE.sub(r"\1n ", text)


def _asked(text: str, found: tuple[str, Structure, Side] | None) -> tuple[str, ...]:
    """Return what was typed and, where that is another word for a structure, the structure's name too."""
    if found is None or _same(found[0], text) or _same(found[0], _without_side(text)[0]):
        return (text,)
    return text, f"{found[2]} {found[0]}".strip()


def _without_side(text: str) -> tuple[str, Side]:
    found = {match.group(1).lower() for match in _SIDE.finditer(text)}
    if len(found) != 1:
        return text, ""
    return " ".join(_SIDE.sub(" ", text).split()), "left" if found == {"left"} else "right"


def _same(a: str, b: str) -> bool:
    return " ".join(a.casefold().split()) == " ".join(b.casefold().split())
