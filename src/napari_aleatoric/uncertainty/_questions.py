"""The four questions that are never mixed: their words, and where an answer to each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from napari_aleatoric.model import Measure, Question

from ._measures import AMBIGUITY_MAP, DIFFICULTY_MAP, LABEL_RISK_MAP, MEASURES, READER_SPREAD_MAP

__all__ = ["QUESTIONS", "QuestionInfo", "measures_of"]


@dataclass(frozen=True)
class QuestionInfo:
    """One question in words.

    Parameters
    ----------
    question : Question
        Which.
    title : str
        A word or two, for a button.
    superlative : str
        What the first of the queue is: "worst", "hardest".
    strategy, measure, map_name : str
        The order of the queue, the measure and the voxel map that answer it by default.
    help : str
        What an answer means, what it is no answer to, and what to do with it.
    missing : str
        What to do where a data set has no answer, as a sentence.
    """

    question: Question
    title: str
    superlative: str
    strategy: str
    measure: str
    map_name: str
    help: str
    missing: str

    @property
    def sentence(self) -> str:
        """The question as a person would ask it."""
        return self.question.sentence


QUESTIONS: Mapping[Question, QuestionInfo] = MappingProxyType(
    {
        info.question: info
        for info in (
            QuestionInfo(
                Question.LABEL_RISK,
                "Label risk",
                "worst",
                "label_risk",
                "label_risk",
                LABEL_RISK_MAP,
                "Labels that contradict what the other cases teach come first. Look, repaint or reject. They are "
                '"unlike the others", often but not always "wrong"; an error that all labels share is not seen.',
                "Nothing is scored yet: score the data set.",
            ),
            QuestionInfo(
                Question.AMBIGUITY,
                "Ambiguity",
                "most ambiguous",
                "levelset",
                "levelset",
                AMBIGUITY_MAP,
                "Images come first in which a model cannot say where the structure ends. It looks at no label: an "
                "ambiguous image may be labelled well. Ask a second reader, or weigh the case down in training.",
                "Nothing is measured yet: score the data set.",
            ),
            QuestionInfo(
                Question.DISAGREEMENT,
                "Disagreement",
                "most disputed",
                "reader_spread",
                "reader_spread",
                READER_SPREAD_MAP,
                "Cases come first whose readers drew different things. It does not say who is right: the label "
                "risk of each reader's label may, and where the image is ambiguous perhaps nobody is.",
                "No case has labels of two readers.",
            ),
            QuestionInfo(
                Question.DIFFICULTY,
                "Difficulty",
                "hardest",
                "difficulty",
                "auv",
                DIFFICULTY_MAP,
                "Images come first that a frozen foundation model finds hard. It is no sign of a wrong label, and "
                "follows the object's size: read it beside the volume.",
                "It needs a frozen model: the ai extra, then score.",
            ),
        )
    }
)
"""The four questions in the order in which the window shows them."""


def measures_of(question: Question, *, detail: bool = False) -> tuple[Measure, ...]:
    """Return the measures that answer a question, the short list or all of them."""
    return tuple(m for m in MEASURES.values() if m.question is question and (detail or not m.detail))
