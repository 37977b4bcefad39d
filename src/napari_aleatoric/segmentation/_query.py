"""What is looked for: the words, the sentences that stand for them, and the words that it is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import TextImageModel

__all__ = ["Query", "QueryVectors", "Side", "mean_vector", "presence", "query_vectors"]

Side = Literal["", "left", "right"]
_THINGS_AT_ONCE = 8


@dataclass(frozen=True)
class Query:
    """What is looked for.

    Parameters
    ----------
    text : str
        As a person wrote it.
    sentences : tuple of str
        What the model is asked; their vectors are averaged.
    others : tuple of tuple of str
        Other things' sentences; it is found only where it suits the image better than most of them. A string
        stands for a lone sentence.
    side : {"", "left", "right"}
        Of the patient, where the words name one of a pair.
    pieces : int
        Parts that the object has, at most.
    """

    text: str
    sentences: tuple[str, ...]
    others: tuple[tuple[str, ...] | str, ...] = ()
    side: Side = ""
    pieces: int = 1

    def __post_init__(self) -> None:
        if not self.text.strip() or not self.sentences or not all(s.strip() for s in self.sentences):
            raise DataError("Expected words that say what to look for, such as 'liver'; got none.")

    @classmethod
    def plain(cls, text: str) -> Query:
        """Return a query that asks exactly what was written, against nothing."""
        return cls(text, (text,))


@dataclass(frozen=True, eq=False)
class QueryVectors:
    """A query in the space of a model.

    Parameters
    ----------
    wanted : numpy.ndarray of float32, shape (D,)
        Mean of the sentences, of length 1.
    others : numpy.ndarray of float32, shape (M, D)
        One for each other word.
    """

    wanted: NDArray[np.float32]
    others: NDArray[np.float32]


def query_vectors(model: TextImageModel, query: Query, tick: Callable[[], None] = lambda: None) -> QueryVectors:
    """Embed the sentences of a query and average them; embed what it is held against, likewise.

    ``tick`` is called after every few things, and may raise `Cancelled`.
    """
    wanted = mean_vector(model.embed_texts(query.sentences))
    things = [(each,) if isinstance(each, str) else each for each in query.others]
    if not things:
        return QueryVectors(wanted, np.zeros((0, len(wanted)), dtype=np.float32))
    means: list[NDArray[np.float32]] = []
    for first in range(0, len(things), _THINGS_AT_ONCE):
        tick()
        some = things[first : first + _THINGS_AT_ONCE]
        vectors = model.embed_texts([sentence for sentences in some for sentence in sentences])
        ends = np.cumsum([len(sentences) for sentences in some])[:-1]
        means += [mean_vector(each) for each in np.split(vectors, ends)]
    return QueryVectors(wanted, np.stack(means))


def mean_vector(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Average vectors of length 1, shape (N, D), and bring the mean to length 1 (several prompts as one).

    Raises
    ------
    DataError
        If they cancel each other, or there are none.
    """
    mean = np.asarray(vectors, dtype=np.float64).mean(axis=0) if len(vectors) else np.zeros(1)
    length = float(np.linalg.norm(mean))
    if not length > 1e-6:
        raise DataError("The sentences contradict each other: their mean says nothing. Use fewer sentences.")
    return np.asarray(mean / length, dtype=np.float32)


def presence(wanted: Sequence[float] | NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """Return the part of the other words that suit the images less than what is looked for: our proposal.

    Similarities of different models have different scales, and so have those of one model on different images;
    which word suits an image better can be compared.

    Parameters
    ----------
    wanted : array-like, shape (N,)
        Cosine similarity of each of N images.
    others : numpy.ndarray, shape (N, M)
        The same of M other words.

    Returns
    -------
    float
        0 … 1; of several images each word's best three count, in the mean. 1 where there is nothing to compare.
    """
    own, rest = np.asarray(wanted, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if rest.size == 0:
        return 1.0
    return float(np.mean(best_three(rest) < best_three(own[:, np.newaxis])[0]))


def best_three(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the three greatest of each column of (N, M); of all where there are fewer."""
    n = min(3, scores.shape[0])
    return np.asarray(np.sort(scores, axis=0)[-n:].mean(axis=0))
