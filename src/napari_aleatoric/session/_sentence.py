"""What an error says to people."""

from __future__ import annotations

from napari_aleatoric.errors import AleatoricError

__all__ = ["sentence_of"]


def sentence_of(error: BaseException) -> str:
    """Return the sentence of one of our own errors; of any other its kind and its text."""
    return str(error) if isinstance(error, AleatoricError) else f"{type(error).__name__}: {error}"
