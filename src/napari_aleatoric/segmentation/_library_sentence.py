"""From a template to a sentence that reads well, also where nobody knows what kind of image it is."""

from __future__ import annotations

import re

__all__ = ["UNKNOWN_MODALITY", "filled_in", "with_articles"]

UNKNOWN_MODALITY = "medical"
"""What stands for the modality where it is not known: "a medical image"."""

_PICTURE = r"(?:cross-sections?|images?|photos?|pictures?|scans?|sections?|slices?|views?|volumes?)\b"
_PUT_RIGHT = tuple(  # in a template that is filled in without a modality; in this order
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"\bmedical (?=\{modality\})", ""),
        (r" ?[(\[]\{modality\}[)\]]", ""),
        (rf"\{{modality\}}(?= {_PICTURE})", UNKNOWN_MODALITY),
        (r"\b(at|by|from|in|of|on|with) \{modality\}", rf"\1 a {UNKNOWN_MODALITY} image"),
        (r"\{modality\}", f"{UNKNOWN_MODALITY} image"),
    )
)
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeioAEIO]|MRI\b|X-ray|[Uu]ltra)")
_AT_THE_START = re.compile(rf"^{UNKNOWN_MODALITY} ")


def filled_in(template: str, modality: str, **values: str) -> str:
    """Return a template's sentence.

    Parameters
    ----------
    template : str
        With ``{modality}`` and the names of the values.
    modality : str
        In words; "" where it is not known. Then the template is put right, so that "A medical {modality} picture"
        does not say "medical" twice and "on {modality}" is "on a medical image".
    **values : str
        What else is filled in.
    """
    if not modality:
        for pattern, instead in _PUT_RIGHT:
            template = pattern.sub(instead, template)
        template = _AT_THE_START.sub(f"{UNKNOWN_MODALITY.capitalize()} ", template)
    return with_articles(template.format(modality=modality, **values))


def with_articles(text: str) -> str:
    """Put "an" for "a" before what sounds like a vowel: "a MRI slice" becomes "an MRI slice"."""
    return _ARTICLE.sub(r"\1n ", text)
