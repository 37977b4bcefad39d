"""The voxel maps: their names, and what their values are in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from napari_aleatoric.model import Question

__all__ = [
    "AMBIGUITY_MAP",
    "CONSENSUS_ENTROPY_MAP",
    "DIFFICULTY_MAP",
    "EXPECTED_ENTROPY_MAP",
    "LABEL_RISK_MAP",
    "MAPS",
    "MUTUAL_INFORMATION_MAP",
    "OUTSIDE_SUBSPACE_MAP",
    "PREDICTIVE_ENTROPY_MAP",
    "PROMPT_SPREAD_MAP",
    "READER_DEPARTURE_MAP",
    "READER_SPREAD_MAP",
    "READER_UNCERTAINTY_MAP",
    "VoxelMapInfo",
]

LABEL_RISK_MAP = "label_risk"
"""Name of the voxel map 1 − p(given label)."""

OUTSIDE_SUBSPACE_MAP = "outside_subspace"
"""Name of the voxel map of features' energy outside the dominant subspace of their class."""

AMBIGUITY_MAP = "ambiguity"
"""Name of the voxel map entropy × nearness to the predicted border."""

PREDICTIVE_ENTROPY_MAP = "predictive_entropy"
"""Name of the voxel map of an ensemble's total entropy."""

EXPECTED_ENTROPY_MAP = "expected_entropy"
"""Name of the voxel map of its members' mean entropy."""

MUTUAL_INFORMATION_MAP = "mutual_information"
"""Name of the voxel map of what its members disagree about."""

READER_SPREAD_MAP = "reader_spread"
"""Name of the voxel map of how far the readers' labels differ."""

CONSENSUS_ENTROPY_MAP = "consensus_entropy"
"""Name of the voxel map of how unsure the readers' weighted mean is."""

READER_DEPARTURE_MAP = "reader_departure"
"""Name of the voxel map of how far one reader's label departs from the readers' weighted mean."""

READER_UNCERTAINTY_MAP = "reader_uncertainty"
"""Name of the voxel map of how unsure one reader's label is, by a network that learned from all readers."""

DIFFICULTY_MAP = "difficulty"
"""Name of the voxel map 1 − S of a sliding window over the decoded map."""

PROMPT_SPREAD_MAP = "prompt_spread"
"""Name of the voxel map of how far a segmenter's answer moves with its prompt."""


@dataclass(frozen=True)
class VoxelMapInfo:
    """What a voxel map shows, in words.

    Parameters
    ----------
    name : str
        As stored.
    question : Question
        The one question it answers.
    legend : str
        A few words: what the values are.
    low, high : str
        What 0 and 1 mean, a word each.
    sentence : str
        In full.
    missing : str
        What to do where a case has none, as a sentence.
    """

    name: str
    question: Question
    legend: str
    low: str
    high: str
    sentence: str
    missing: str


_SCALE_OF_ALL = "The colours mean the same in every case; values below the threshold are not drawn."
_SCORE_FIRST = "No map yet: score the data set first."
_ENSEMBLE = "No map; it needs several networks (--ensemble) or a model that was trained here."
_TWO_READERS = "No map; it needs labels of two readers."
_FROZEN = "No map; it needs a frozen model."

MAPS: Mapping[str, VoxelMapInfo] = MappingProxyType(
    {
        info.name: info
        for info in (
            VoxelMapInfo(
                LABEL_RISK_MAP,
                Question.LABEL_RISK,
                "1 − p(given label)",
                "supported",
                "contradicted",
                "How little the rest of the data set supports what was drawn here: 0 = supported, 1 = "
                f"contradicted. Made by a judge that never saw this case. {_SCALE_OF_ALL}",
                _SCORE_FIRST,
            ),
            VoxelMapInfo(
                OUTSIDE_SUBSPACE_MAP,
                Question.LABEL_RISK,
                "features unlike their class",
                "typical",
                "unlike",
                "Part of the image features' energy that the dominant directions of the labelled class do not "
                f"explain. In measurements it was near chance in finding errors. {_SCALE_OF_ALL}",
                "No map; it is made from Python (score_subspace).",
            ),
            VoxelMapInfo(
                AMBIGUITY_MAP,
                Question.AMBIGUITY,
                "entropy near the border",
                "clear",
                "ambiguous",
                "Entropy of the model's probabilities (1 = both answers are equally likely), fading with the "
                "distance to the border it predicts, by a factor e in 3 voxels. It looks at the image and at no "
                f"label. {_SCALE_OF_ALL}",
                _SCORE_FIRST,
            ),
            VoxelMapInfo(
                PREDICTIVE_ENTROPY_MAP,
                Question.AMBIGUITY,
                "predictive entropy",
                "sure",
                "unsure",
                "Entropy of the mean of several networks, per class as part of its largest value, ln 2: what is "
                f"ambiguous in the image and what the networks disagree about, together. {_SCALE_OF_ALL}",
                _ENSEMBLE,
            ),
            VoxelMapInfo(
                EXPECTED_ENTROPY_MAP,
                Question.AMBIGUITY,
                "expected entropy",
                "sure",
                "unsure",
                "Mean entropy of several networks, as part of ln 2: what each of them finds ambiguous by itself, "
                f"the aleatoric part. {_SCALE_OF_ALL}",
                _ENSEMBLE,
            ),
            VoxelMapInfo(
                MUTUAL_INFORMATION_MAP,
                Question.AMBIGUITY,
                "mutual information",
                "agree",
                "disagree",
                "Predictive minus expected entropy of several networks, as part of ln 2: what they disagree about, "
                f"the epistemic part, which more training data would lessen. {_SCALE_OF_ALL}",
                _ENSEMBLE,
            ),
            VoxelMapInfo(
                READER_SPREAD_MAP,
                Question.DISAGREEMENT,
                "readers differ",
                "all alike",
                "half and half",
                "How far the readers' labels differ here: four times the variance of their yes and no, so that 1 "
                f"means that one half of them drew the class and the other did not. {_SCALE_OF_ALL}",
                _TWO_READERS,
            ),
            VoxelMapInfo(
                CONSENSUS_ENTROPY_MAP,
                Question.DISAGREEMENT,
                "entropy of the consensus",
                "settled",
                "open",
                "Entropy of the readers' weighted mean, in bits: 0 = all gave the same answer, 1 = the answers "
                f"weigh equally. Readers who agree with the others weigh more. {_SCALE_OF_ALL}",
                _TWO_READERS,
            ),
            VoxelMapInfo(
                READER_DEPARTURE_MAP,
                Question.DISAGREEMENT,
                "departure of this reader",
                "with the others",
                "alone",
                "How far this label departs from the readers' weighted mean: 0 = as all others, near 1 = against "
                f"all others. It does not say who is right. {_SCALE_OF_ALL}",
                _TWO_READERS,
            ),
            VoxelMapInfo(
                READER_UNCERTAINTY_MAP,
                Question.DISAGREEMENT,
                "uncertainty of this reader",
                "relied on",
                "not relied on",
                "How little a network that learned from all readers relies on this label here: high where it "
                f"contradicts what the network has learned from all of them. {_SCALE_OF_ALL}",
                "No map; train with --readers uma, then predict.",
            ),
            VoxelMapInfo(
                DIFFICULTY_MAP,
                Question.DIFFICULTY,
                "local difficulty",
                "easy",
                "hard",
                "1 − perception scale of a small window of the frozen model's decoded map, along the border it "
                f"drew. It is about the image and says nothing about the label. {_SCALE_OF_ALL}",
                _FROZEN,
            ),
            VoxelMapInfo(
                PROMPT_SPREAD_MAP,
                Question.DIFFICULTY,
                "spread of answers",
                "firm",
                "moves",
                "How far a frozen segmenter's answer moves here when its box is moved by a few voxels: twice the "
                f"standard deviation of its probabilities. It is about the image, not the label. {_SCALE_OF_ALL}",
                _FROZEN,
            ),
        )
    }
)
"""The voxel maps by name."""
