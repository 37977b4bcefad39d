"""What may be chosen where several readers labelled a case."""

from __future__ import annotations

from ._training_choice import TrainingChoice

__all__ = ["READERS_CHOICES"]

READERS_CHOICES = (
    TrainingChoice("random", "One at random", "Of several readers' labels, one is drawn for every patch."),
    TrainingChoice("each", "All alike", "Every reader's label is learned from in every patch; all count alike."),
    TrainingChoice("vote", "Their vote", "One label is made of all: what most of the readers drew."),
    TrainingChoice("staple", "STAPLE", "One label is made of all, weighed by how well the readers agree."),
    TrainingChoice(
        "uma",
        "By reliability",
        "Learns how far each reader can be relied on in a patch (after UMA-Net, our formulas). Twice the time.",
    ),
)
